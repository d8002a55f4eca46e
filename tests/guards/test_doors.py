"""Each guard at each door: the library's functions, the command line, the study file."""

import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box
from typer.testing import CliRunner

import hotspot as hs
from hotspot import errors
from hotspot.audit.result import AuditResult
from hotspot.audit.run import AuditPlan, _findings
from hotspot.cli.app import app
from hotspot.disclosure import require_safe
from hotspot.errors import (
    CoordinateError,
    CoverageError,
    EstimateOnBoundError,
    ForecastError,
    GridMismatchError,
    LeakError,
    ParameterError,
    RefusedError,
    ResolutionError,
    UnknownNameError,
)
from hotspot.guards import GUARDS
from hotspot.guards.record import PUBLISHED_BREAKS, of_areas
from hotspot.models.door import scope_of
from hotspot.models.self_exciting.resolution import require_exact_times
from hotspot.study import parse_study

REASON = "a test of what this software does"
SMALL = ["--borough", "City of London", "--cell-size", "500", "--size", "40"]


@pytest.fixture(scope="module")
def burglary():
    return hs.load_sample(offences="Burglary")


@pytest.fixture(scope="module")
def grid(burglary):
    return hs.Grid.over(burglary.region, cell_size=1000)


@pytest.fixture(scope="module")
def fitted(burglary, grid):
    return hs.HistoricalRate().fit(burglary, grid)


@pytest.fixture(scope="module")
def forecast(fitted):
    return issue(fitted)


def issue(fitted, start="2025-01", **periods):
    given = hs.make_periods(start, count=1, **periods)
    return hs.issue_forecast(fitted, given, rng=np.random.default_rng(1), size=40)


def called(events, name):
    """The same events under another offence's name."""
    return replace(events, table=events.table.assign(offence=name))


def findings(forecast, code):
    return [one for one in json.loads(forecast.attrs["scope"])["findings"] if one["code"] == code]


@pytest.fixture
def command(tmp_path):
    """Run a command on events of a file; what it said, and its exit code."""

    def run(*arguments, events=None, study="", ends_with=2):
        out = ["--out", tmp_path / "out", "--ledger", tmp_path / "ledger.jsonl"]
        if events is not None:
            events.to_parquet(tmp_path / "events.parquet")
        path = tmp_path / "study.toml"
        path.write_text(f"[data]\npath = 'events.parquet'\n{study}", encoding="utf-8")
        name, *flags = arguments
        given = [name, path, *SMALL, *flags, *out]
        result = CliRunner().invoke(app, [str(one) for one in given])
        assert result.exit_code == ends_with, result.output
        return " ".join(result.output.split())

    return run


def own_table(**columns):
    return gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2024-03-01"] * 2), "offence": "Burglary", **columns},
        geometry=gpd.points_from_xy([10.0, 60.0], [20.0, 30.0]),
        crs=27700,
    )


def own_events(table, **more):
    window = {"region": box(0, 0, 100, 100), "start": "2024-03-01", "end": "2024-03-04"}
    return hs.Events.from_geodataframe(table, time_resolution="day", **window, **more)


def test_the_catalogue_names_errors_that_there_are_and_none_where_it_only_remarks():
    for guard in GUARDS.values():
        assert all(issubclass(getattr(errors, name), errors.HotspotError) for name in guard.raises)
        assert bool(guard.raises) == (guard.level != "remark")


# G1 and G2: at every way in for a table. The commands read archives of police.uk, of which six
# columns are taken, and files that Events wrote.


@pytest.mark.parametrize(
    ("code", "more", "marks"),
    [("G1", {"victim_name": "x"}, ()), ("G1", {"mark": "AB 12 34 56 C"}, ("mark",)),
     ("G2", {"notes": "x"}, ("notes",))],
)  # fmt: skip
def test_persons_and_free_text_do_not_become_events(code, more, marks):
    with pytest.raises(RefusedError, match=rf"\[{code}\]") as caught:
        own_events(own_table(**more), marks=list(marks))
    assert not caught.value.may_be_overridden


def test_a_file_of_events_with_a_persons_column_is_refused_by_function_and_command(
    burglary, tmp_path, command
):
    bad = replace(burglary, table=burglary.table.assign(victim_name="x"))
    bad.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(RefusedError, match=r"\[G1\] Column 'victim_name'"):
        hs.Events.from_parquet(tmp_path / "bad.parquet")
    assert "[G1] Column 'victim_name'" in command("forecast", events=bad)


@pytest.mark.parametrize("code", ["G1", "G2", "G5", "G6", "G9", "G10", "G11", "G12"])
def test_no_study_overrides_what_is_always_refused(code):
    given = {"guard": code, "reason": REASON}
    with pytest.raises(errors.StudyError, match="cannot be overridden"):
        parse_study({"data": {"path": "x"}, "override": [given]})


# G3


def test_cells_below_the_spacing_of_map_points_are_refused_at_every_door(burglary, command):
    fine = hs.Grid.over(box(530000, 180000, 531000, 181000), cell_size=90)
    with pytest.raises(RefusedError, match=r"\[G3\] Cells of 90 m"):
        hs.HistoricalRate().fit(burglary, fine)
    said = command("forecast", "--cell-size", "90", events=burglary)
    assert "[G3] Cells of 90 m" in said
    override = f"[[override]]\nguard = 'G3'\nreason = '{REASON}'"
    said = command("forecast", "--cell-size", "90", events=burglary, study=override, ends_with=0)
    assert said.index("OVERRIDDEN G3: Cells of 90 m") < said.index("expected")
    assert REASON in said


# G4


def test_a_table_of_small_counts_is_not_published():
    index = ["N", "S", "total"]
    counts = pd.DataFrame({"May": [12, 3, 15], "total": [12, 3, 15]}, index=index)
    with pytest.raises(RefusedError, match=r"\[G4\]"):
        require_safe(counts)


# G5


@pytest.mark.parametrize("length", ["day", "week"])
def test_months_are_not_forecast_by_the_day_or_week_at_any_door(
    length, fitted, burglary, grid, command
):
    with pytest.raises(ResolutionError, match="recorded by the month"):
        issue(fitted, "2025-01-01", length=length)
    folds = hs.rolling_origin("2024-12-01", "2024-12-15", length=length)
    with pytest.raises(ResolutionError, match="recorded by the month"):
        hs.backtest({"a": hs.HistoricalRate()}, burglary, grid, folds,
                    rng=np.random.default_rng(1), size=40)  # fmt: skip
    study = f"[forecast]\nlength = '{length}'"
    assert "recorded by the month" in command("forecast", events=burglary, study=study)


# G6


def tied(share):
    """Exact times of the sample, this share of them moved onto another event's."""
    exact = hs.load_sample("exact")
    pairs = round(share * len(exact) / 2)
    time = exact.table["time"].to_numpy().copy()
    time[1 : 2 * pairs : 2] = time[0 : 2 * pairs : 2]
    return replace(exact, table=exact.table.assign(time=pd.to_datetime(time, utc=True)))


@pytest.mark.parametrize(("share", "refused"), [(0.04, False), (0.06, True), (1.0, True)])
def test_times_called_exact_of_which_over_5_in_100_are_tied_excite_nothing(share, refused):
    events = tied(share)
    if not refused:
        require_exact_times(events)
        return
    with pytest.raises(RefusedError, match=rf"\[G6\] {share:.0%} of .* called exact"):
        hs.SelfExciting().fit(events, hs.Grid.over(events.region, cell_size=1000))


def test_tied_times_that_are_called_days_are_taken_as_days():
    tied_times = tied(1.0)
    assert require_exact_times(replace(tied_times, time_resolution="day")) is None
    with pytest.raises(RefusedError, match=r"\[G6\]"):
        require_exact_times(tied_times)


def test_the_command_refuses_them_too_and_months_with_them(burglary, command):
    model = "[[models]]\nkind = 'SelfExciting'"
    said = command("forecast", events=burglary, study=model)
    assert "Times were recorded by the month" in said
    hackney = ["--borough", "Hackney"]
    assert "times that are called exact are" in command(
        "forecast", *hackney, events=tied(0.5), study=model
    )


def test_a_parameter_on_its_bound_is_an_error_and_no_estimate():
    assert "EstimateOnBoundError" in GUARDS["G6"].raises
    assert issubclass(EstimateOnBoundError, errors.ConvergenceError)


# G7


@pytest.mark.parametrize("verb", ["forecast", "backtest"])
def test_no_command_forecasts_drugs_without_a_reason(verb, burglary, command):
    months = ["--start", "2024-12", "--end", "2025-01"] if verb == "backtest" else []
    said = command(verb, *months, events=called(burglary, "Drugs"))
    assert "[G7] 'Drugs' is recorded where police look" in said


def test_with_a_reason_the_command_says_it_before_any_number(burglary, command):
    study = f"[[override]]\nguard = 'G7'\nreason = '{REASON}'\nrole = 'evaluation team'"
    said = command("forecast", events=called(burglary, "Drugs"), study=study, ends_with=0)
    assert said.index(f"evaluation team: {REASON}") < said.index("expected")


# G8


def test_an_area_with_few_events_is_named_and_one_with_30_is_not():
    (found,) = of_areas({"A": 29, "B": 30, "C": 0})
    assert found.code == "G8"
    assert "A (29), C (0):" in found.message
    assert list(of_areas({"B": 30})) == []


@pytest.mark.parametrize("verb", ["forecast", "backtest"])
def test_the_command_names_boroughs_with_few_events(verb, burglary, command, tmp_path):
    boroughs = hs.load_boroughs(["City of London", "Islington"])
    inside = burglary.table.intersects(boroughs.set_index("name").loc["City of London", "geometry"])
    keep = ~inside | (inside.cumsum() <= 12)
    thin = replace(burglary, table=burglary.table[keep.to_numpy()].reset_index(drop=True))
    months = ["--start", "2024-12", "--end", "2025-01"] if verb == "backtest" else []
    said = command(verb, "--borough", "Islington", *months, events=thin, ends_with=0)
    assert "Finding G8: Fewer than 30 events were recorded in City of London (12)" in said
    if verb == "forecast":
        kept = hs.load_forecast(tmp_path / "out" / "forecast.nc")
        assert "City of London (12)" in findings(kept, "G8")[0]["message"]


def test_too_few_events_are_no_forecast_by_the_command_either(burglary, command):
    table = burglary.select(region=hs.load_boroughs("City of London")).table.tail(29)
    few = replace(burglary, table=table)
    assert "[G8] 29 events are too few" in command("forecast", events=few)


# G9


def test_a_forecast_whose_bounds_were_dropped_is_none_and_is_not_written(forecast, tmp_path):
    bare = forecast.drop_vars("count_quantile")
    empty = forecast.assign(count_quantile=forecast["count_quantile"] * np.nan)
    for broken in (bare, empty):
        with pytest.raises(ForecastError):
            hs.check_forecast(broken)
    for suffix in ("nc", "zarr", "tif", "parquet", "geojson"):
        path = tmp_path / f"f.{suffix}"
        with pytest.raises(ForecastError, match="must hold 'count_quantile'"):
            hs.save_forecast(bare, path)
        assert not path.exists()


# G10


def test_deprivation_explains_nothing_in_a_library_call_or_a_study():
    with pytest.raises(RefusedError, match=r"\[G10\] 'imd_decile'"):
        hs.LogLinear(("imd_decile",))


# G11


def test_a_forecast_that_saw_its_future_is_refused(fitted, forecast):
    with pytest.raises(LeakError, match="has seen what it is asked to forecast"):
        issue(fitted, "2024-12")
    late = forecast.assign_attrs(data_cutoff="2025-01-15T00:00:00+00:00",
                                 issued_at="2025-01-20T00:00:00+00:00")  # fmt: skip
    with pytest.raises(LeakError, match="later than the first period"):
        hs.check_forecast(late)


# G12


def test_another_reference_system_country_or_borough_is_refused(burglary, command):
    elsewhere = own_table().to_crs(4326)
    with pytest.raises(CoordinateError, match="need metres"):
        own_events(elsewhere)
    other = hs.Grid.over(gpd.GeoSeries([box(4e5, 5e6, 4.1e5, 5.01e6)], crs=32631), cell_size=1000)
    with pytest.raises(GridMismatchError, match="The events are in"):
        hs.HistoricalRate().fit(burglary, other)
    with pytest.raises(UnknownNameError, match="'Manchester' is not a London borough"):
        hs.load_boroughs("Manchester")
    said = command("forecast", "--borough", "Manchester", events=burglary)
    assert "'Manchester' is not a London borough" in said


def test_a_month_that_was_not_published_is_not_counted_as_zero(burglary, grid, command):
    coverage = burglary.coverage[burglary.coverage["month"] != "2024-11"]
    gap = replace(burglary, coverage=coverage)
    with pytest.raises(CoverageError, match="2024-11"):
        hs.count_events(gap, grid, hs.make_periods("2024-10", count=3))
    said = command("backtest", "--start", "2024-11", "--end", "2025-01", events=gap)
    assert "2024-11" in said


# G13 to G16 remark.


def test_a_record_across_a_published_break_is_remarked_and_one_after_it_is_not(burglary, grid):
    source = replace(burglary.source, name="data.police.uk")
    real = replace(burglary, source=source)
    crossed = [one.message for one in scope_of(real, grid).findings if one.code == "G13"]
    assert len(crossed) == 1
    assert PUBLISHED_BREAKS[2][1] in crossed[0]
    before = pd.Timestamp("2024-02-01", tz="Europe/London")
    assert not [one for one in scope_of(real, grid, end=before).findings if one.code == "G13"]
    # The sample is simulated: no force moved its records.
    assert not [one for one in scope_of(burglary, grid).findings if one.code == "G13"]


def test_old_data_are_remarked_in_the_forecast_and_by_the_command(fitted, burglary, command):
    assert findings(issue(fitted, "2025-04"), "G14") == []
    (found,) = findings(issue(fitted, "2025-05"), "G14")
    assert "The data end on 2025-01-01" in found["message"]
    said = command("forecast", "--start", "2025-05", events=burglary, ends_with=0)
    assert "Finding G14: The data end on 2025-01-01" in said


def result(code, value, status="ok", groups=()):
    return AuditResult(code, "name", value, None, n=1, status=status, reason="the reason",
                       reading="", groups=groups)  # fmt: skip


def test_a_large_flag_and_the_same_cells_every_time_are_remarked():
    row = {"group": "cells flagged more than 12 windows on end", "value": 3}
    steady = [result("A6", 1.0, groups=(row,)), result("A16", 0.9), result("A7", 2.0)]
    found = list(_findings(steady, AuditPlan("m", area_share=0.1)))
    assert [one.code for one in found] == ["G15", "G15"]
    assert "10% of the land is flagged" in found[0].message
    assert "3 cells flagged more than 12" in found[1].message
    assert list(_findings([replace_rows(steady[0]), *steady[1:]], AuditPlan("m"))) == []


def replace_rows(one):
    return replace(one, groups=())


@pytest.mark.parametrize(
    ("overlap", "gamma", "codes"),
    [(0.69, "ok", ["G16"]), (0.7, "ok", []), (0.9, "warn", ["G16"]), (0.5, "warn", ["G16"] * 2)],
)
def test_an_unstable_map_is_remarked(overlap, gamma, codes):
    given = [result("A6", 1.0), result("A16", overlap), result("A7", 1.05, status=gamma)]
    assert [one.code for one in _findings(given, AuditPlan("m"))] == codes


def test_a_reason_is_asked_of_every_guard_that_may_be_overridden(burglary):
    for guard in GUARDS.values():
        if guard.level == "override":
            with pytest.raises(ParameterError, match="needs a reason"):
                burglary.overriding(guard.code, reason="")
        else:
            with pytest.raises(ParameterError, match=r"cannot be overridden|refuses nothing"):
                burglary.overriding(guard.code, reason=REASON)
