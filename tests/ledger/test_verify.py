"""No change to a ledger goes unseen, given a checkpoint; and what a chain alone cannot see."""

import hashlib
from datetime import UTC, datetime

import pytest

from hotspot.errors import LedgerError
from hotspot.ledger import Ledger, checkpoint, read_checkpoint, verify_ledger
from hotspot.ledger.chain import GENESIS, linked, read_line
from hotspot.ledger.checkpoint import leaf_hash, merkle_root

# The eight leaves of Certificate Transparency's published test vectors.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
             "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
CT_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_tree_agrees_with_certificate_transparency():
    assert merkle_root([]).hex() == hashlib.sha256().hexdigest()
    assert merkle_root([leaf_hash(bytes.fromhex(one)) for one in CT_LEAVES]).hex() == CT_ROOT


def root_by_definition(leaves):
    """RFC 9162, section 2.1.1, as it stands: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    left, right = root_by_definition(leaves[:k]), root_by_definition(leaves[k:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("n", range(1, 20))
def test_the_root_is_that_of_the_recursive_definition(n):
    leaves = [leaf_hash(bytes([k])) for k in range(n)]
    assert merkle_root(leaves) == root_by_definition(leaves)


def test_a_whole_ledger_is_whole_and_says_what_a_chain_cannot_see(ledger):
    alone = verify_ledger(ledger.path)
    assert alone.whole
    assert "cannot be seen" in str(alone)
    kept = checkpoint(ledger)
    ledger.append("score", role="analyst")  # a checkpoint holds for all that comes later
    assert verify_ledger(ledger.path, against=kept).whole
    assert "cannot be seen" not in str(verify_ledger(ledger.path, against=kept))


def seen(content, ledger, kept):
    ledger.path.write_bytes(content)
    return not verify_ledger(ledger.path, against=kept).whole


def test_not_one_of_18000_mutations_goes_unseen(tmp_path):
    """Flips of every bit, swaps, deletions and duplications, of lines and of bytes."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for number in range(4):
        line = _short(ledger, number).line + b"\n"
        with ledger.path.open("ab") as file:
            file.write(line)
    kept = checkpoint(ledger)
    whole = ledger.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    mutants = set()
    for at in range(len(whole)):
        mutants |= {
            whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for bit in range(8)
        }
        mutants |= {whole[:at] + whole[at + 1 :], whole[:at] + whole[at : at + 1] + whole[at:]}
        mutants |= {whole[:at], whole[:at] + b"\0" + whole[at:]}
        mutants |= {whole[:at] + b"\n" + whole[at:], whole[:at] + b" " + whole[at:]}
        mutants |= {whole[:at] + whole[at : at + 2][::-1] + whole[at + 2 :]}
        mutants |= {whole[:at] + whole[at + size :] for size in (2, 3, 5, 8)}
    for a in range(4):
        for b in range(4):
            swapped = list(lines)
            swapped[a], swapped[b] = lines[b], lines[a]
            mutants |= {b"".join(swapped), b"".join([*lines[:a], lines[b], *lines[a:]])}
            mutants |= {b"".join([*lines[:a], *lines[b:]])}
    mutants |= {whole + b"x", whole + b"\n"}
    mutants.discard(whole)
    assert len(mutants) >= 18_000
    assert [one for one in mutants if not seen(one, ledger, kept)] == []


def _short(ledger, number):
    """An entry without its environment, so that every bit of four can be flipped in seconds."""
    before = list(ledger.entries()) if ledger.path.exists() else []
    prev = before[-1].hash if before else GENESIS
    body = {"format": "hotspot.audit.v1", "kind": "fit", "role": "analyst", "n": number,
            "at": f"2025-01-0{number + 1}T00:00:00.000000+00:00"}  # fmt: skip
    return linked(number, prev, body)


def test_a_cut_end_and_a_ledger_written_anew_are_seen_only_with_a_checkpoint(ledger):
    kept = checkpoint(ledger)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:-1]))
    assert verify_ledger(ledger.path).whole
    assert "the end was cut off" in str(verify_ledger(ledger.path, against=kept))

    anew, prev = [], GENESIS
    for number, line in enumerate(lines):
        body = {**read_line(line[:-1]).body, "role": "somebody else"}
        entry = linked(number, prev, body)
        anew, prev = [*anew, entry.line + b"\n"], entry.hash
    ledger.path.write_bytes(b"".join(anew))
    assert verify_ledger(ledger.path).whole
    assert "not those of the checkpoint" in str(verify_ledger(ledger.path, against=kept))


def test_each_problem_is_told_with_its_line(ledger):
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    del lines[10]
    lines[3] = lines[3].replace(b"forecast-3.nc", b"forecast-4.nc")
    ledger.path.write_bytes(b"".join(lines) + b"{")
    told = verify_ledger(ledger.path).problems
    assert told[0] == "line 4 was changed: its hash is not that of what it says"
    assert told[1] == "line 11 says that it is number 11, not 10"
    assert told[2] == "line 11 does not follow the line before it"
    assert told[-1] == "the end is torn: 1 bytes after the last whole line"


def test_a_clock_that_went_back_is_a_remark_and_not_a_problem(ledger):
    ledger.append("score", role="analyst", at=datetime(2024, 12, 31, tzinfo=UTC))
    found = verify_ledger(ledger.path)
    assert found.whole
    assert found.remarks == (
        "line 31 is dated 2024-12-31T00:00:00.000000+00:00, before the line above it: a clock went "
        "back",
    )


def test_a_checkpoint_is_read_back_from_its_text(ledger, tmp_path):
    kept = checkpoint(ledger, origin="example.org/london")
    assert read_checkpoint(str(kept)) == kept
    file = tmp_path / "checkpoint.txt"
    file.write_text(str(kept) + "\n— example.org/london signature\n", encoding="utf-8")
    assert read_checkpoint(file) == kept


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", "a\n1\n!!!\n", "a\n١\n" + "A" * 43 + "=\n"],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(LedgerError, match="not a checkpoint"):
        read_checkpoint(text)


def test_an_origin_is_one_line(ledger):
    with pytest.raises(LedgerError, match="one line"):
        checkpoint(ledger, origin="a\nb")
