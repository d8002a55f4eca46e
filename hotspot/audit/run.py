"""All audits of a backtest, by a plan that was written before anybody saw its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from hotspot._checks import require_generator, require_share
from hotspot.audit.breaks import breaks_in_training
from hotspot.audit.concentration import LONG_STREAK, concentration, persistence
from hotspot.audit.counterfactual import counterfactual_reporting
from hotspot.audit.exposure import exposure_disparity, flag_share_against_records
from hotspot.audit.feedback import DISCOVERY, Loop, closed_loop_feedback
from hotspot.audit.geometry import pai_over_snap_null
from hotspot.audit.groups import Groups
from hotspot.audit.interpolation import interpolated_share
from hotspot.audit.parity import price_of_parity
from hotspot.audit.precision import precision_of_flags
from hotspot.audit.recording import (
    ReportingRates,
    police_initiated_share,
    reporting_sensitivity,
)
from hotspot.audit.result import AuditResult, not_computable
from hotspot.audit.skill import skill_over_baselines
from hotspot.audit.stability import ARTEFACT, grid_stability
from hotspot.audit.within_groups import (
    calibration_by_group,
    error_against_allocation,
    hit_rate_gap,
)
from hotspot.backtesting.folds import Fold
from hotspot.data.events import Events
from hotspot.errors import UnknownNameError
from hotspot.evaluate.comparison.added_value import BASELINES
from hotspot.evaluate.flags import flag_cells
from hotspot.grid.cells import Grid
from hotspot.guards import Finding
from hotspot.models.protocol import Model

LARGEST_FLAG = 0.05  # of the land; more is remarked


@dataclass(frozen=True)
class Scenario:
    """Assumed shares reported in each of a division's groups, for A7b.

    Attributes
    ----------
    groups : str
        Name of the division, as of :class:`~hotspot.audit.Groups`.
    rates : mapping
        Share reported by group.
    source : str
        A survey, or "assumption".
    """

    groups: str
    rates: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class AuditPlan:
    """What is to be audited and how, fixed before the scores are seen.

    Attributes
    ----------
    model : str
        Name of the model in the backtest.
    baselines : tuple of str
        Names of simple models in it.
    area_share : float
        Share of the land that is flagged.
    level : float
        Of intervals.
    block : int
        Windows in a row that are drawn together.
    training_months : int or None
        How far back the model learns; None for the whole record.
    reporting : ReportingRates or None
        From a survey, for A7.
    scenarios : tuple of Scenario
        For A7b.
    loop : Loop
        For A8; its `area_share` is the plan's.
    discovery, judged_at
        For A8.
    null_records : int
        For A10.
    """

    model: str
    baselines: tuple[str, ...] = BASELINES
    area_share: float = 0.05
    level: float = 0.95
    block: int = 3
    training_months: int | None = None
    reporting: ReportingRates | None = None
    scenarios: tuple[Scenario, ...] = ()
    loop: Loop = field(default_factory=Loop)
    discovery: tuple[float, ...] = DISCOVERY
    judged_at: float = 0.3
    null_records: int = 9

    def __post_init__(self) -> None:
        require_share(self.area_share, "area_share")
        object.__setattr__(self, "loop", replace(self.loop, area_share=self.area_share))


@dataclass(frozen=True)
class Audit:
    """What all audits found.

    Attributes
    ----------
    results : tuple of AuditResult
    findings : tuple of Finding
        What the guards G15 and G16 remark of it.
    """

    results: tuple[AuditResult, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        marks = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL", "not_computable": "n/a "}
        lines = [f"{marks[one.status]}  {one.code:<4} {one.reading}" for one in self.results]
        return "\n".join([*lines, *(f"{one.code}: {one.message}" for one in self.findings)])


def run_audit(
    backtest: xr.Dataset,
    plan: AuditPlan,
    *,
    events: Events,
    grid: Grid,
    rng: np.random.Generator,
    groups: Sequence[Groups] = (),
    model: Model | None = None,
    progress: bool = False,
) -> Audit:
    """Every audit that the plan and the data allow; the others say why they could not be made.

    Parameters
    ----------
    backtest : Dataset
        From :func:`hotspot.backtest`, on `grid`.
    plan : AuditPlan
    events : Events
        What the backtest was made of.
    grid : Grid
    rng : numpy.random.Generator
        Each audit draws from a child of its own, so one more changes no other.
    groups : sequence of Groups
        Divisions of residents: by deprivation, by ethnic group.
    model : Model, optional
        The specification, for the audits that fit it anew (A8, A10, A16).
    progress : bool
        Show a bar.

    Returns
    -------
    Audit

    Raises
    ------
    UnknownNameError
        If the plan's model is not in the backtest, or a scenario names no division.

    Notes
    -----
    Costs some seconds without `model`; with it, the fits of A8 (repeats x etas x rounds), A10
    (records x folds) and A16 (11 maps).

    Examples
    --------
    >>> import hotspot as hs
    >>> events = hs.load_sample(offences="Burglary")
    >>> grid = hs.Grid.over(events.region, cell_size=1000)
    >>> result = hs.backtest({"count": hs.HistoricalRate()}, events, grid,
    ...                      hs.rolling_origin("2024-07", "2025-01"),
    ...                      rng=np.random.default_rng(1), size=100)
    >>> audit = run_audit(result, AuditPlan("count", area_share=0.1), events=events, grid=grid,
    ...                   rng=np.random.default_rng(1))
    >>> [one.code for one in audit.results if one.status == "not_computable"]
    ['A2', 'A8', 'A10', 'A16']
    """
    require_generator(rng)
    if plan.model not in backtest["model"].to_numpy():
        raise UnknownNameError(
            f"The backtest holds no model {plan.model!r}; it holds "
            f"{backtest['model'].to_numpy().tolist()}."
        )
    divisions = {one.name: one for one in groups}
    for scenario in plan.scenarios:
        if scenario.groups not in divisions:
            raise UnknownNameError(
                f"A scenario names {scenario.groups!r}; the divisions are {list(divisions)}."
            )
    made = _Made(backtest, plan, events, grid, rng, divisions, model)
    steps = list(made.steps())
    results = [step() for step in tqdm(steps, "audits", disable=not progress)]
    return Audit(tuple(results), tuple(_findings(results, plan)))


def labels_of(groups: Groups) -> xr.DataArray:
    """The group that most residents of each cell are of; missing where nobody lives. (y, x)"""
    people = groups.residents.fillna(0.0)
    names = groups.residents["group"].to_numpy().astype(object)
    most = names[people.argmax("group").to_numpy()]
    lived_in = (people.sum("group") > 0).to_numpy()
    return people.isel(group=0, drop=True).copy(data=np.where(lived_in, most, None).astype(object))


class _Made:
    """The audits of one backtest, ready to be called one after another."""

    def __init__(self, backtest, plan, events, grid, rng, divisions, model) -> None:
        self.plan, self.events, self.grid, self.rng = plan, events, grid, rng
        self.divisions, self.model, self.backtest = divisions, model, backtest
        mine = backtest.sel(model=plan.model)
        self.expected = mine["expected_count"].reset_coords(drop=True)
        self.observed = backtest["observed_count"].reset_coords(drop=True)
        self.flags = flag_cells(mine, area_share=plan.area_share).reset_coords(drop=True)
        self.area = xr.DataArray(grid.inside_area, {"y": grid.y, "x": grid.x}, ["y", "x"])

    def steps(self) -> Iterator:
        plan, given = self.plan, {"level": self.plan.level, "block": self.plan.block}

        def step(function, *arguments, **more):
            (child,) = self.rng.spawn(1)
            return lambda: function(*arguments, rng=child, **more)

        yield step(precision_of_flags, self.flags, self.observed, self.area, **given)
        yield step(
            skill_over_baselines, self.backtest, model=plan.model, baselines=plan.baselines,
            area_share=plan.area_share, level=plan.level,
        )  # fmt: skip
        for division in self.divisions.values():
            yield step(exposure_disparity, self.flags, division, **given)
            yield step(flag_share_against_records, self.flags, self.observed, division, **given)
        yield step(concentration, self.flags, self.area, **given)
        yield step(persistence, self.flags, self.observed, self.expected, **given)
        yield lambda: reporting_sensitivity(
            self.expected, self.flags, self.area, plausible=plan.reporting, level=plan.level
        )
        for scenario in plan.scenarios:
            yield step(
                counterfactual_reporting, self.expected,
                labels_of(self.divisions[scenario.groups]), self.area, rates=scenario.rates,
                source=scenario.source, area_share=plan.area_share, **given,
            )  # fmt: skip
        yield self._feedback(step)
        yield lambda: police_initiated_share(self.events, level=plan.level)
        yield self._geometry(step)
        yield lambda: breaks_in_training(
            self.events, window=plan.training_months, end=self._last_cutoff()
        )
        for division in self.divisions.values():
            labels = labels_of(division)
            yield step(calibration_by_group, self.expected, self.observed, labels, **given)
            yield step(hit_rate_gap, self.flags, self.observed, labels, **given)
            yield step(
                error_against_allocation, self.flags, self.expected, self.observed, labels, **given
            )
            yield self._parity(division)
        yield self._stability()
        for division in self.divisions.values():
            yield lambda division=division: interpolated_share(self.flags, division)

    def _feedback(self, step):
        name = "feedback gain"
        if self.model is None:
            return lambda: not_computable("A8", name, "the model's specification was not given.")
        # What is expected of a month, as if true and all of it reported alike.
        rates = self.expected.mean([d for d in self.expected.dims if d not in ("y", "x")])
        return step(
            closed_loop_feedback, self.model, rates / self.plan.loop.reporting, self.grid,
            loop=self.plan.loop, discovery=self.plan.discovery, judged_at=self.plan.judged_at,
            level=self.plan.level,
        )  # fmt: skip

    def _geometry(self, step):
        name = "PAI over that of a record without hotspots"
        if self.model is None:
            return lambda: not_computable("A10", name, "the model's specification was not given.")
        return step(
            pai_over_snap_null, self.model, self.events, self.grid, self._folds(),
            area_share=self.plan.area_share, n_records=self.plan.null_records,
            surfaces=self._residents(),
        )  # fmt: skip

    def _residents(self) -> dict[str, xr.DataArray]:
        """Where people live: a second measure of what a record without a hotspot would hold."""
        divisions = list(self.divisions.values())
        return {"resident": divisions[0].residents.sum("group")} if divisions else {}

    def _parity(self, division: Groups):
        last = {dim: -1 for dim in self.expected.dims if dim not in ("y", "x")}
        return lambda: price_of_parity(
            self.expected.isel(last), division, self.area, area_share=self.plan.area_share
        )

    def _stability(self):
        name = "overlap of flagged land with that on other grids"
        if self.model is None:
            return lambda: not_computable("A16", name, "the model's specification was not given.")
        return lambda: grid_stability(
            self.model, self.events, cell_size=self.grid.cell_size,
            area_share=self.plan.area_share, end=self._last_cutoff(),
        )  # fmt: skip

    def _last_cutoff(self) -> pd.Timestamp:
        return pd.Timestamp(str(self.backtest["data_cutoff"].to_numpy()[-1]))

    def _folds(self) -> list[Fold]:
        zone = self.events.time_zone
        left, right = (
            self.backtest[name].transpose("fold", "step").to_numpy()
            for name in ("time", "time_end")
        )
        folds = []
        for k, cutoff in enumerate(self.backtest["data_cutoff"].to_numpy()):
            edges = [
                pd.DatetimeIndex(one[k]).tz_localize(zone, nonexistent="shift_forward")
                for one in (left, right)
            ]
            periods = pd.IntervalIndex.from_arrays(*edges, closed="left")
            folds.append(Fold(pd.Timestamp(str(cutoff)), periods))
        return folds


def _findings(results: Sequence[AuditResult], plan: AuditPlan) -> Iterator[Finding]:
    by_code: dict[str, AuditResult] = {}
    for one in results:
        by_code.setdefault(one.code, one)
    if plan.area_share > LARGEST_FLAG + 1e-12:
        yield Finding("G15", f"{plan.area_share:.0%} of the land is flagged, over 5%.")
    for row in by_code["A6"].groups:
        if row["group"].startswith(f"cells flagged more than {LONG_STREAK}") and row["value"] > 0:
            yield Finding("G15", f"{row['value']:,} {row['group']}: look at each (A6).")
    unstable = by_code["A16"]
    if unstable.value is not None and unstable.value < ARTEFACT:
        yield Finding("G16", unstable.reason)
    if by_code["A7"].status == "warn":
        yield Finding("G16", by_code["A7"].reason)
