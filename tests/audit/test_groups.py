"""People are spread over the land of their area, and none is lost."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import Grid
from hotspot.audit.groups import Groups, people_by_class
from hotspot.errors import ParameterError, UnknownNameError


def areas(*edges):
    codes = [f"E{k}" for k in range(len(edges) - 1)]
    strips = [box(a, 0, b, 200) for a, b in pairwise(edges)]
    return gpd.GeoDataFrame({"code": codes}, geometry=strips, crs=27700)


def groups(of, people, **more):
    grid = Grid.over(more.pop("region", of), cell_size=100)
    return Groups.from_areas(grid, of, people, by="code", name="side", **more)


def people(n, **columns):
    return pd.DataFrame(columns, index=[f"E{k}" for k in range(n)])


def test_residents_by_hand():
    """60 people on 150 m x 200 m: a cell of 100 m holds a third of them, half of it a sixth."""
    found = groups(areas(0, 150, 300), people(2, a=[60, 0], b=[20, 40])).residents
    one = found.sel(group="a").values
    np.testing.assert_allclose(one, [[20, 10, 0], [20, 10, 0]])
    np.testing.assert_allclose(found.sum("group").values[0], [80 / 3, 40 / 3 + 20 / 3, 40 / 3])


def test_totals_are_conserved_for_any_areas():
    rng = np.random.default_rng(3)
    edges = np.sort(rng.uniform(0, 2000, 12))
    many = people(11, a=rng.integers(0, 500, 11), b=rng.integers(0, 500, 11))
    found = groups(areas(*edges), many).residents
    np.testing.assert_allclose(found.sum(["y", "x"]).values, many.sum().values, rtol=1e-9)


def test_an_area_that_the_region_cuts_counts_by_the_part_inside():
    of = areas(0, 100, 300)
    found = groups(of, people(2, a=[10, 40]), region=box(0, 0, 200, 200)).residents
    np.testing.assert_allclose(found.sum(["y", "x"]).values, [10 + 20])


def test_only_people_of_cut_areas_are_split():
    """The first area is one cell; a line of the grid cuts the other in two."""
    of = gpd.GeoDataFrame(
        {"code": ["E0", "E1"]}, geometry=[box(0, 0, 100, 100), box(100, 0, 300, 100)], crs=27700
    )
    found = groups(of, people(2, a=[7, 10]))
    np.testing.assert_allclose(found.split.values, [[0, 5, 5]])


def test_codes_of_another_census_are_told():
    with pytest.raises(
        UnknownNameError, match="1 of 2 areas have no row in people, the first 'E1'"
    ):
        groups(areas(0, 100, 200), people(1, a=[5]))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_people_are_numbers_from_0_up(bad):
    with pytest.raises(ParameterError, match="0 or more in every area"):
        groups(areas(0, 100, 200), people(2, a=[5.0, bad]))


def test_groups_that_do_not_sum_are_told():
    total = pd.Series({"E0": 10, "E1": 12})
    groups(areas(0, 100, 200), people(2, a=[5, 6], b=[5, 6]), total=total)
    with pytest.raises(ParameterError, match="the first 'E1': 9 against 12"):
        groups(areas(0, 100, 200), people(2, a=[5, 6], b=[5, 3]), total=total)


def test_a_group_named_twice_and_an_unknown_reference_are_refused():
    twice = people(2, a=[5, 6], b=[1, 1]).set_axis(["a", "a"], axis=1)
    with pytest.raises(ParameterError, match="twice"):
        groups(areas(0, 100, 200), twice)
    with pytest.raises(UnknownNameError, match="no group 'c'"):
        groups(areas(0, 100, 200), people(2, a=[5, 6]), reference="c")


def test_classes_of_areas_become_groups():
    residents = pd.Series({"E0": 5, "E1": 7, "E2": 1})
    found = people_by_class(residents, pd.Series({"E0": 10, "E1": 2, "E2": 10}))
    assert found.columns.tolist() == ["2", "10"]
    assert found.to_numpy().tolist() == [[0, 5], [7, 0], [0, 1]]
    with pytest.raises(UnknownNameError, match="1 of 3 areas have no class"):
        people_by_class(residents, pd.Series({"E0": 10, "E1": 2}))
