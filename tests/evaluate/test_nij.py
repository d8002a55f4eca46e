"""The rules of the NIJ challenge: what it scored is scored so, what it refused is refused."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS
from scipy import stats
from shapely import Polygon, box

from hotspot import (
    Events,
    prediction_efficiency_index_star,
    read_forecast,
    score_by_nij_rules,
)
from hotspot.errors import ForecastError, ParameterError
from hotspot.evaluate.judge import ordered
from hotspot.evaluate.nij import FOOT
from hotspot.evaluate.submitted import match_observed
from hotspot.forecast.submitted_places import projected

ZONE = "America/Los_Angeles"
SIDE = 600 * FOOT  # 360,000 square feet, the most that was allowed
N = 10
MONTH = {"start": "2016-03-01", "length": "month", "time_zone": ZONE}


def calls(cells, *, region=None, last="2016-07-01"):
    """One call a cell (column, row) on 15 March 2016, a third of a cell from its corner."""
    x, y = (np.array(cells, float).T + 1 / 3) * SIDE
    table = gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2016-03-15"] * len(x)), "offence": "Burglary"},
        geometry=gpd.points_from_xy(x, y),
        crs=2838,
    )
    region = box(0, 0, N * SIDE, N * SIDE) if region is None else region
    return Events.from_geodataframe(
        table, time_resolution="day", region=region, start="2016-03-01", end=last,
        time_zone=ZONE, place_resolution=0.0,
    )  # fmt: skip


def entry(tmp_path, *, side=SIDE, flagged=20, n=N, crs=2838, **options):
    """An n by n grid of which the first cells of the southernmost rows are flagged."""
    cell = np.arange(n * n)
    table = pd.DataFrame(
        {"x": (cell % n + 0.5) * side, "y": (cell // n + 0.5) * side, "hotspot": cell < flagged}
    )
    table.to_csv(tmp_path / "entry.csv", index=False)
    return read_forecast(tmp_path / "entry.csv", crs=crs, cell_size=side, **{**MONTH, **options})


def outlined(tmp_path, shapes, flagged, **options):
    table = gpd.GeoDataFrame({"hotspot": flagged}, geometry=shapes, crs=2838)
    table.to_file(tmp_path / "entry.shp")
    return read_forecast(tmp_path / "entry.shp", **{**MONTH, **options})


def test_pai_and_pei_star_by_hand(tmp_path):
    """20 of 100 cells hold 2 of 5 calls; the best 20 hold all: PAI .4 / .2, PEI* .4."""
    (row,) = score_by_nij_rules(
        entry(tmp_path), calls([(0, 0), (3, 1), (5, 5), (6, 6), (7, 7)])
    ).to_dict("records")
    assert (row["n"], row["N"], row["horizon"]) == (2, 5, "1 month")
    assert row["pai"] == pytest.approx(2.0)
    assert row["pei_star"] == pytest.approx(0.4)
    assert row["n_best"] == pytest.approx(5.0)
    assert row["flagged_sq_mi"] == pytest.approx(20 * 360_000 / 5280**2)
    assert row["region_sq_mi"] == pytest.approx(100 * 360_000 / 5280**2)
    exact = stats.binomtest(2, 5).proportion_ci(0.95, method="exact")
    assert row["pai_lower"] == pytest.approx(exact.low / 0.2)
    assert row["pai_upper"] == pytest.approx(exact.high / 0.2)


def test_a_grid_in_feet_scores_as_the_same_grid_in_metres(tmp_path):
    recorded = calls([(0, 0), (3, 1), (5, 5), (6, 6), (7, 7)])
    metres = score_by_nij_rules(entry(tmp_path), recorded)
    feet = score_by_nij_rules(entry(tmp_path, side=600, crs=2913), recorded)
    np.testing.assert_allclose(feet["pai"], metres["pai"], rtol=1e-6)
    np.testing.assert_allclose(feet["flagged_sq_mi"], metres["flagged_sq_mi"], rtol=1e-6)


def test_pei_star_is_the_public_function_at_the_flagged_share(tmp_path):
    """Over a region whose border trims cells, where the last of the best counts in part."""
    disc = box(0, 0, N * SIDE, N * SIDE).intersection(
        box(-SIDE / 2, 0.3 * SIDE, (N - 0.4) * SIDE, N * SIDE)
    )
    recorded = calls([(0, 1), (3, 1), (5, 5), (5, 5), (7, 7)], region=disc)
    submitted = entry(tmp_path, flagged=25)
    (row,) = score_by_nij_rules(submitted, recorded).to_dict("records")
    matched = match_observed(submitted, recorded)
    star = prediction_efficiency_index_star(
        ordered(matched),
        matched["observed_count"],
        area_share=row["flagged_sq_mi"] / row["region_sq_mi"],
    )
    assert row["pei_star"] == pytest.approx(float(star.item()), rel=1e-9)


def test_a_period_without_calls_has_no_score(tmp_path):
    submitted = entry(tmp_path, start="2016-04-01")
    (row,) = score_by_nij_rules(submitted, calls([(0, 0)])).to_dict("records")
    assert row["N"] == 0
    assert np.isnan([row[name] for name in ("hit_rate", "pai", "pai_lower", "pei_star")]).all()


@pytest.mark.parametrize(
    ("flagged", "words"),
    [(19, r"0\.245 square miles flagged, where 0\.25 to 0\.75"), (59, r"0\.762 square miles")],
)
def test_too_little_or_too_much_flagged_is_refused(tmp_path, flagged, words):
    with pytest.raises(ForecastError, match=words):
        score_by_nij_rules(entry(tmp_path, flagged=flagged), calls([(0, 0)]))


@pytest.mark.parametrize(
    ("feet", "flagged", "words"),
    [
        (249.99, 112, r"cells of 62,495\.00 square feet, where 62,500 is the least"),
        (600.1, 20, r"cells of 360,120\.01 square feet, where 360,000 is the most"),
    ],
)
def test_cells_of_another_size_are_refused(tmp_path, feet, flagged, words):
    n = int(np.ceil(N * 600 / feet))
    submitted = entry(tmp_path, side=feet * FOOT, flagged=flagged, n=n)
    with pytest.raises(ForecastError, match=words):
        score_by_nij_rules(submitted, calls([(0, 0)]))


def test_feet_are_international(tmp_path):
    """250 of them are just allowed. In US survey feet of 1200/3937 m they would not be."""
    n = int(np.ceil(N * 600 / 250))
    recorded = calls([(0, 0)])
    allowed = entry(tmp_path, side=250 * FOOT, flagged=112, n=n)
    assert score_by_nij_rules(allowed, recorded)["n"].item() == 1
    survey = (250 * FOOT) ** 2 / (1200 / 3937) ** 2
    assert survey == pytest.approx(62_499.75, abs=0.01)


@pytest.mark.parametrize(
    ("start", "end", "horizon"),
    [
        ("2016-03-01", "2016-03-08", "1 week"),
        ("2016-03-01", "2016-03-15", "2 weeks"),
        ("2016-03-01", "2016-04-01", "1 month"),
        ("2016-03-01", "2016-05-01", "2 months"),
        ("2016-03-01", "2016-06-01", "3 months"),
    ],
)
def test_the_five_horizons_are_known_across_the_change_of_clocks(tmp_path, start, end, horizon):
    submitted = entry(tmp_path, start=start, end=end, length=None)
    assert score_by_nij_rules(submitted, calls([(0, 0)]))["horizon"].item() == horizon


def test_another_horizon_is_refused(tmp_path):
    submitted = entry(tmp_path, start="2016-03-01", end="2016-03-31", length=None)
    with pytest.raises(ForecastError, match="from 2016-03-01 to 2016-03-31, where 1 week, 2 weeks"):
        score_by_nij_rules(submitted, calls([(0, 0)]))


def test_cells_that_leave_out_land_are_refused(tmp_path):
    whole = entry(tmp_path)
    part = whole.isel(y=slice(0, 8))
    with pytest.raises(ForecastError, match=r"leave out 20\.00% of the region"):
        score_by_nij_rules(part, calls([(0, 0)]))


def test_all_broken_rules_are_named_at_once(tmp_path):
    submitted = entry(tmp_path, side=700 * FOOT, n=6, flagged=1, start="2016-03-01", length="3D")
    with pytest.raises(ForecastError, match=r"490,000.*square miles.*leave out.*a period from"):
        score_by_nij_rules(submitted, calls([(0, 0)]))


def test_cells_trimmed_by_the_border_may_be_small(tmp_path):
    """A region 10.1 cells wide: the last column is trimmed to a tenth, 60 feet across."""
    region = box(0, 0, (N + 0.1) * SIDE, N * SIDE)
    shapes = [
        box(i * SIDE, j * SIDE, min(i + 1, N + 0.1) * SIDE, (j + 1) * SIDE)
        for j in range(N)
        for i in range(N + 1)
    ]
    submitted = outlined(tmp_path, shapes, [int(i < 22) for i in range(len(shapes))])
    assert submitted.attrs["places"] == "areas"
    found = score_by_nij_rules(submitted, calls([(0, 0), (5, 5)], region=region))
    assert found["pai"].item() == pytest.approx(0.5 / (20.2 / 101), rel=1e-6)


def test_thin_or_uneven_outlines_are_refused(tmp_path):
    region = box(0, 0, N * SIDE, N * SIDE)
    inner = [
        box(i * SIDE, j * SIDE, (i + 1) * SIDE, (j + 1) * SIDE) for j in range(N) for i in range(N)
    ]
    halved = [*inner[:55], *inner[56:]]
    cut = [5 * SIDE, 5 * SIDE, 5 * SIDE + 100 * FOOT, 6 * SIDE]
    thin = [*halved, box(*cut), box(cut[2], cut[1], 6 * SIDE, cut[3])]
    flagged = [int(i < 20) for i in range(len(thin))]
    with pytest.raises(ForecastError, match=r"60,000.*100\.0 feet across.*must be of one size"):
        score_by_nij_rules(outlined(tmp_path, thin, flagged), calls([(0, 0)], region=region))


def test_a_triangle_is_as_thin_as_its_narrowest_box():
    from hotspot.evaluate.nij import _outlined

    triangle = Polygon([(SIDE, SIDE), (SIDE + 4000 * FOOT, SIDE), (SIDE, SIDE + 100 * FOOT)])
    submitted = xr.Dataset(
        coords={"geometry": ("x", np.array([triangle], dtype=object))},
        attrs={"crs": gpd.GeoSeries([triangle], crs=2838).crs.to_wkt()},
    )
    area, across, trimmed = _outlined(submitted, calls([(0, 0)]))
    assert area == pytest.approx(200_000)
    assert across < 100.0
    assert not trimmed.any()


def test_only_flags_and_only_events_are_taken(tmp_path):
    submitted = entry(tmp_path)
    with pytest.raises(ForecastError, match="took flagged cells only"):
        score_by_nij_rules(submitted.assign_attrs(submission_kind="ranking"), calls([(0, 0)]))
    with pytest.raises(ParameterError, match="observed must be Events"):
        score_by_nij_rules(submitted, np.zeros((1, 2, 2)))


@pytest.mark.real
def test_portland_is_as_large_as_its_bureau_and_a_count_map_catches_thefts(real_data, tmp_path):
    """Four years of vehicle thefts on cells of 600 feet, handed in in feet, as entrants did."""
    folder = real_data / "portland_nij"
    if not folder.is_dir():
        pytest.skip("Portland's calls are not among the real data")
    districts = gpd.read_file(folder / "portland_police_districts.gpkg")
    assert districts.crs.axis_info[0].unit_conversion_factor == FOOT  # not the US survey foot
    bureau = districts.geometry.make_valid().union_all()
    assert bureau.area / 5280**2 == pytest.approx(147.70, abs=0.01)
    # In metres two of its corners fall together, which makes the outline invalid: it is mended.
    system = CRS.from_epsg(2838)
    moved = projected(np.array([bureau], dtype=object), CRS.from_epsg(2913), system)[0]
    assert not gpd.GeoSeries([bureau], crs=2913).to_crs(2838).is_valid.item()
    assert moved.is_valid
    assert moved.area / FOOT**2 == pytest.approx(bureau.area, rel=1e-9)
    table = pd.read_csv(next(folder.glob("dev_portland_vehicle_theft_*.csv")))
    points = gpd.points_from_xy(table["x_coordina"], table["y_coordina"], crs=2913)
    recorded = Events.from_geodataframe(
        gpd.GeoDataFrame(
            {"time": pd.to_datetime(table["occ_date"]), "offence": "theft"}, geometry=points
        ).to_crs(2838),
        time_resolution="day",
        region=moved,
        start="2012-03-01", end="2016-03-01", time_zone=ZONE, place_resolution=0.0,
    )  # fmt: skip
    assert len(recorded.table) == 6_450
    west, south, east, north = bureau.bounds
    column, row = (np.floor((v - low) / 600).astype(int) for v, low in
                   ((table["x_coordina"], west), (table["y_coordina"], south)))  # fmt: skip
    nx, ny = int((east - west) // 600) + 1, int((north - south) // 600) + 1
    before = (table["occ_date"] < "2016-02-01").to_numpy()
    counts = np.bincount((row * nx + column)[before], minlength=nx * ny)
    flat = np.arange(nx * ny)
    flagged = np.zeros(nx * ny, int)
    flagged[np.argsort(-counts, kind="stable")[:21]] = 1
    x, y = west + (flat % nx + 0.5) * 600, south + (flat // nx + 0.5) * 600
    path = tmp_path / "entry.csv"
    pd.DataFrame({"x": x, "y": y, "hotspot": flagged}).to_csv(path, index=False)
    month = {"start": "2016-02-01", "length": "month", "time_zone": ZONE}
    submitted = read_forecast(path, crs=2913, cell_size=600, **month)
    (found,) = score_by_nij_rules(submitted, recorded).to_dict("records")
    # The same by counting rows of the table alone.
    inside = flagged[(row * nx + column)[~before]]
    assert found["N"] == (~before).sum()
    assert found["n"] == inside.sum()
    assert found["region_sq_mi"] == pytest.approx(bureau.area / 5280**2, rel=1e-6)
    assert found["pai"] == pytest.approx(
        inside.mean() / (found["flagged_sq_mi"] / 147.7037), rel=1e-4
    )
    assert found["pai"] > 10
