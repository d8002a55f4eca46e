"""The worked example after Lum and Isaac, on a simulated city whose truth is known."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "examples" / "patrolled_city.py"


@pytest.fixture(scope="module")
def found():
    spec = importlib.util.spec_from_file_location("patrolled_city", PATH)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.run(np.random.default_rng(2016))


def test_the_guard_stands_in_the_way(found):
    assert found["refusal"].code == "G7"
    assert found["refusal"].may_be_overridden


def test_the_map_follows_patrols_where_truth_is_even(found):
    """A quarter of the land has .2 / (.2 + 3 x .02) = 77 % of what is recorded, and all flags."""
    assert found["recorded_on_patrol"] == pytest.approx(0.2 / 0.26, abs=0.04)
    assert found["flags_on_patrol"] > 0.95
    # 12 of 256 cells are the most whole ones within 5 % of the land: even use gives no more.
    assert found["use_under_flags"] == pytest.approx(12 / 256)


def test_a_map_with_an_imposing_name_is_found_out_as_a_moving_mean(found):
    assert found["equivalence"].table["verdict"].tolist() == ["equivalent"]
    assert "no demonstrated benefit" in str(found["benefit"])


def test_the_loop_amplifies_itself_the_more_the_more_is_discovered(found):
    gains = [row["value"] for row in found["loop"].groups]
    assert gains[0] == 0.0
    assert gains[1] > 0.1
    assert gains[2] > gains[1]
