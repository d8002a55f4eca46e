"""Records that no monthly model should be fitted to in silence: refused by type, or told."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from shapely.geometry import box

from hotspot import (
    EndemicEpidemic,
    EndemicEpidemicAreas,
    GeometricLags,
    HistoricalRate,
    LevelModel,
    LogLinear,
    WithLevels,
    calendar_table,
    count_in_areas,
    issue_forecast,
    make_periods,
)
from hotspot.errors import (
    ConvergenceError,
    DataQualityWarning,
    GridMismatchError,
    HotspotError,
    ParameterError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.models.endemic_epidemic.climb import _even_lags
from hotspot.models.endemic_epidemic.neighbours import KnownWeights
from hotspot.models.maximise import maximise

from .monthly_cases import CELL, coverage_without, record_of

pytestmark = pytest.mark.compiled  # fits climb for minutes in plain loops

SIDE = 6
HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]},
    geometry=[box(0, 0, 3 * CELL, 6 * CELL), box(3 * CELL, 0, 6 * CELL, 6 * CELL)],
    crs=27700,
)
PLAIN = EndemicEpidemic(own_lags=None, near_lags=None, harmonics=0)
NEXT = make_periods("2019-01", count=1)


def counts_of(months=60, seed=1):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(2.0, 1.0, 36), (months, 36))


def fit(model, counts, **how):
    return model.fit(*record_of(counts, side=SIDE, **how))


def test_levels_of_under_two_years_are_refused():
    with pytest.raises(TooFewEventsError, match=r"at least 24 months.*holds 20"):
        fit(WithLevels(HistoricalRate(), HALVES), counts_of(20))


def test_a_borough_with_under_30_events_is_refused_by_name():
    counts = counts_of()
    west = np.arange(36) % 6 < 3
    counts[:, west] = 0
    counts[::3, 0] = 1  # 20 in the west
    with pytest.raises(TooFewEventsError, match=r"\['west'\] hold fewer than 30"):
        fit(WithLevels(HistoricalRate(), HALVES), counts)


@pytest.mark.parametrize("missing", [[59], [57, 58, 59], list(range(12)), list(range(20, 32))])
def test_months_not_published_anywhere_in_the_window_leave_the_forecast_near_the_whole_ones(
    missing,
):
    counts = counts_of()
    holed = counts.copy()
    holed[missing] = 0
    whole = fit(PLAIN, counts).expected_count(NEXT).sum()
    fitted = fit(PLAIN, holed, coverage=coverage_without(holed, missing))
    assert float(fitted.expected_count(NEXT).sum() / whole) == pytest.approx(1.0, abs=0.1)
    assert any("met did not publish" in finding for finding in fitted.findings)


def test_months_that_were_empty_and_not_missing_are_a_break_that_is_told():
    counts = counts_of()
    counts[40:44] = 0
    findings = " ".join(fit(PLAIN, counts).findings)
    assert "crosses a break" in findings


def test_an_offence_where_nothing_could_be_recorded_before_is_possible():
    """A cell's first map point comes to light in the last month; before, it had none."""
    counts = counts_of()
    counts[:, 7] = 0
    counts[-1, 7] = 2
    with_points = fit(PLAIN, counts, place_resolution=30.0)
    assert np.isfinite(with_points.log_likelihood)
    known = counts.copy()
    known[-1, 7] = 0
    without = fit(PLAIN, known, place_resolution=30.0)
    row, column = divmod(7, SIDE)
    before, after = (
        float(one.expected_count(NEXT).isel(time=0, y=row, x=column))
        for one in (without, with_points)
    )
    assert 0 < before < after


def test_an_area_without_exposure_that_holds_offences_is_refused_by_name():
    events, _ = record_of(counts_of(), side=SIDE)
    counts = count_in_areas(events, HALVES)
    table = calendar_table(counts, homes={"west": 0.0, "east": 10.0})
    with pytest.raises(ParameterError, match="homes"):
        EndemicEpidemicAreas(LogLinear(exposure="homes")).fit(counts, table)


def test_a_formula_with_an_unknown_or_protected_column_is_refused():
    events, _ = record_of(counts_of(), side=SIDE)
    counts = count_in_areas(events, HALVES)
    with pytest.raises(UnknownNameError, match="shops"):
        EndemicEpidemicAreas(LogLinear(("shops",))).fit(counts, calendar_table(counts))
    with pytest.raises(HotspotError, match=r"protected|deprivation"):
        EndemicEpidemicAreas(LogLinear(("imd_score",)))


def test_weights_that_do_not_fit_the_areas_are_refused():
    events, _ = record_of(counts_of(), side=SIDE)
    counts = count_in_areas(events, HALVES)
    near = KnownWeights(csr_array(np.ones((3, 3)) - np.eye(3)))
    with pytest.raises(GridMismatchError, match="3 by 3 areas, the counts of 2"):
        EndemicEpidemicAreas(near=LogLinear()).fit(counts, calendar_table(counts), neighbours=near)


def test_a_month_of_500_offences_in_one_cell_does_not_stop_the_climb():
    counts = counts_of()
    counts[-1] = 0
    counts[-1, 3] = 500
    fitted = fit(EndemicEpidemic(), counts)
    assert np.isfinite(fitted.standard_errors).all()
    assert np.isfinite(fitted.expected_count(NEXT).to_numpy()).all()
    assert "In 2018-12, the last month" in " ".join(fitted.findings)


def test_counts_that_double_every_nine_months_are_fitted_or_refused_by_type():
    counts = (counts_of() * np.exp(0.08 * np.arange(60))[:, None]).astype(int)
    try:
        found = fit(EndemicEpidemic(), counts)
    except ConvergenceError as refusal:
        found = refusal
    if isinstance(found, ConvergenceError):
        assert len(found.trace) > 0
    else:
        assert np.isfinite(found.expected_count(NEXT).to_numpy()).all()


def test_more_seasons_than_the_record_can_tell_are_refused_with_their_name():
    empty_summers = counts_of(30)
    empty_summers[np.arange(30) % 12 >= 3] = 0
    with pytest.raises(ConvergenceError, match=r"(sin|cos) \d/year"):
        fit(EndemicEpidemic(own_lags=None, near_lags=None, harmonics=6), empty_summers)


def test_a_forecast_beyond_the_reach_of_its_levels_is_refused():
    model = WithLevels(HistoricalRate(), HALVES, level=LevelModel(leads=2, error_half_life=None))
    fitted = fit(model, counts_of())
    with pytest.raises(ParameterError, match=r"lies 3 ahead.*up to 2.*LevelModel\(leads="):
        issue_forecast(
            fitted, make_periods("2019-01", count=3), rng=np.random.default_rng(1), size=40
        )


def test_a_new_list_too_late_to_learn_from_is_refused_and_told():
    """Fourteen months of the new list are left, and the model needs 24."""
    counts = counts_of()
    events, grid = record_of(counts, side=SIDE, place_resolution=30.0)
    late = (events.table["time"] >= pd.Timestamp("2017-10-15", tz="UTC")).to_numpy()
    moved = gpd.points_from_xy(
        events.table.geometry.x + 40.0 * late, events.table.geometry.y, crs=27700
    )
    other = replace(events, table=events.table.set_geometry(moved))
    with (
        pytest.warns(DataQualityWarning, match="another list of map points in 2017-11"),
        pytest.raises(TooFewEventsError, match="14 published months can be used"),
    ):
        PLAIN.fit(other, grid)


class _Cliff:
    """Rises without end, by slopes that overflow."""

    names = ("height",)

    def log_likelihood(self, theta):
        return float(theta[0])

    def score(self, theta):
        return np.full(theta.size, np.inf)

    def expected_information(self, theta):
        return np.eye(theta.size)

    observed_information = expected_information


def test_a_climb_whose_slopes_overflow_ends_in_a_typed_refusal():
    with pytest.raises(ConvergenceError, match="'height'"):
        maximise(_Cliff(), [np.zeros(1)])


def test_lags_that_ran_to_even_shares_are_held_there_and_others_go_on():
    """A geometric ratio of 1 is the other end of its law: all lags count alike."""
    lags = GeometricLags(3)
    held = _even_lags(lags, np.array([0.0, 25.0]))
    assert held.names == ()
    np.testing.assert_allclose(held.shares(), [1 / 3] * 3, rtol=1e-6)
    assert _even_lags(lags, np.array([0.0, 2.0])) is None
    assert _even_lags(held, np.array([0.0])) is None
