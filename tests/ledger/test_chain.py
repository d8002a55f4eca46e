"""A line means one thing, is written one way, and its hash can be worked out by hand."""

import hashlib
import json

import numpy as np
import pytest

from hotspot.errors import LedgerError
from hotspot.ledger.chain import GENESIS, canonical, linked, plain_json, read_line


def test_the_hash_is_that_of_the_documented_recipe():
    entry = linked(0, GENESIS, {"format": "hotspot.audit.v1", "kind": "seal"})
    said = '{"body":{"format":"hotspot.audit.v1","kind":"seal"},"prev":"%s","seq":0}' % ("0" * 64)
    assert entry.hash == hashlib.sha256(b"hotspot.audit.v1\x00" + said.encode()).hexdigest()


def test_numbers_are_written_as_rfc_8785_writes_them():
    """The examples of RFC 8785, section 3.2.2."""
    numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]
    assert canonical(numbers) == b"[333333333.3333333,1e+30,4.5,0.002,1e-27]"


def test_a_line_is_read_back_as_it_was_written(ledger):
    for entry in ledger.entries():
        assert read_line(entry.line) == entry


def test_whole_numbers_that_readers_would_round_become_text():
    assert plain_json({"entropy": 2**127 + 1}) == {"entropy": str(2**127 + 1)}
    assert plain_json([2**53 - 1, np.int64(7), np.float32(0.5), True]) == [2**53 - 1, 7, 0.5, True]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_write_is_refused(value):
    with pytest.raises(LedgerError, match="canonical JSON"):
        linked(0, GENESIS, {"value": value})


def test_a_value_that_is_not_json_is_refused():
    with pytest.raises(LedgerError, match="got a set"):
        plain_json({"roles": {"analyst"}})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda line: line + b" ", "canonical form"),
        (lambda line: line.replace(b'"fit"', b'"fix"'), "was changed"),
        (lambda line: line.replace(b'"kind"', b'"kind2"'), "was changed"),
        (lambda line: b"{" + line[1:].replace(b"{", b"["), "not JSON"),
        (lambda _: b"[1]", "not an entry"),
        (lambda line: line.replace(b"audit.v1", b"audit.v2"), "another format, 'hotspot.audit.v2'"),
    ],
)
def test_a_line_that_was_changed_is_refused_by_name(ledger, change, match):
    second = list(ledger.entries())[1].line
    with pytest.raises(LedgerError, match=match):
        read_line(change(second))


def test_the_same_meaning_written_otherwise_is_refused(ledger):
    line = next(ledger.entries()).line
    with pytest.raises(LedgerError, match="canonical form"):
        read_line(json.dumps(json.loads(line), indent=1).encode())
