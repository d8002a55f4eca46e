"""Repeated IDs and distinct places are found exactly, however the shortcuts fare."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.data import duplicates
from hotspot.data.snap_points import SnapPoints
from tests.reference import duplicates as reference

FIXED = [f"{i:064x}" for i in range(6)]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, *FIXED, "short", "é"]),
        st.integers(-1, 2),
        st.integers(0, 1),
        st.integers(0, 1),
    ),
    max_size=40,
)


def assert_same_as_reference(rows):
    ids = [one for one, *_ in rows]
    codes = np.array([row[1:] for row in rows], int).reshape(-1, 3).T
    half = len(ids) // 2
    chunks = pa.chunked_array([ids[:half], ids[half:]], pa.string())
    found, kind = duplicates.duplicates(duplicates.id_groups(chunks), *codes)
    assert (found.tolist(), kind.tolist()) == reference.duplicates(ids, *codes)


@given(ROWS)
def test_duplicates_match_the_plain_version(rows):
    assert_same_as_reference(rows)


@given(ROWS)
def test_duplicates_are_exact_even_if_all_ids_share_a_key(rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_id_keys", lambda ids: np.zeros(len(ids), np.uint64))
        assert_same_as_reference(rows)


def test_the_key_of_an_id_is_drawn_anew_each_time():
    ids = pa.chunked_array([FIXED])
    assert (duplicates._id_keys(ids) != duplicates._id_keys(ids)).all()


def test_places_closer_than_published_digits_stay_apart():
    longitude = np.array([-0.1, -0.1 + 1e-9, np.nan, -0.1])
    latitude = np.array([51.5, 51.5, np.nan, 51.5])
    points = SnapPoints.of(longitude, latitude)
    assert points.of_row.tolist() == [0, 1, -1, 0]
    assert points.x[1] > points.x[0]
    assert points.used_by(np.array([1])).tolist() == [False, True]
