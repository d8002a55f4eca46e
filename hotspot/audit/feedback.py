"""Does the loop feed itself? The user's own model flags, discovers, and learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from tqdm import tqdm

from hotspot._checks import require_generator, require_same_grid, require_share
from hotspot._typing import FloatArray
from hotspot.audit.result import AuditResult
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.evaluate._flagged import flags_of_one_map
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model
from hotspot.models.rate_map import rates_of

DISCOVERY = (0.0, 0.1, 0.3, 0.6, 1.0)
AMPLIFIES = 0.1
_START = pd.Period("2010-01", "M")


@dataclass(frozen=True)
class Loop:
    """How the loop is run.

    Attributes
    ----------
    area_share : float
        Share of the land flagged each month.
    reporting : float
        Share of offences that are reported wherever they happen, in (0, 1].
    warm_up, rounds : int
        Months of reported offences before the first flag; months with flags.
    repeats : int
        Cities; the interval is over them.
    keep_discovered : bool
        Whether the model learns from what was discovered under flags. False is the remedy.
    """

    area_share: float = 0.05
    reporting: float = 0.5
    warm_up: int = 24
    rounds: int = 24
    repeats: int = 5
    keep_discovered: bool = True

    def __post_init__(self) -> None:
        require_share(self.area_share, "area_share")
        require_share(self.reporting, "reporting")
        for name in ("warm_up", "rounds", "repeats"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1, got {getattr(self, name)}.")


def closed_loop_feedback(
    model: Model,
    rates: xr.DataArray,
    grid: Grid,
    *,
    rng: np.random.Generator,
    loop: Loop | None = None,
    discovery: Sequence[float] = DISCOVERY,
    judged_at: float = 0.3,
    level: float = 0.95,
    progress: bool = False,
) -> AuditResult:
    r"""If flags are searched and what is found is recorded, does the map chase itself? (A8)

    Month after month offences happen at true `rates`, some are reported, the model flags, a share
    η of the unreported ones under flags is discovered and recorded too, and the model learns from
    the whole record. C(η) is the share of flagged land-months that fell on the most flagged cells,
    as many as are flagged at once: 1 if flags never move. The loop amplifies itself by

    .. math:: G(\eta) = \frac{C(\eta) - C(0)}{1 - C(0)}.

    Parameters
    ----------
    model : Model
        Yours; refitted each month to the simulated record.
    rates : DataArray (y, x)
        True offences a month in each cell, taken as known: a fitted map, or equal rates, under
        which every concentration is the loop's own.
    grid : Grid
    rng : numpy.random.Generator
        Every η sees the same offences and reports.
    loop : Loop, optional
    discovery : sequence of float
        Values of η; 0 is always among them. η is not known, so the curve is the answer.
    judged_at : float
        The η whose gain is the value.
    level : float
        Of the interval over simulated cities, by Student's t.
    progress : bool
        Show a bar.

    Returns
    -------
    AuditResult
        ``groups`` hold C and G by η. It warns where the interval of G lies wholly above 0.1.

    Raises
    ------
    ParameterError
        If η is outside [0, 1] or `judged_at` is not among them.
    GridMismatchError
        If `rates` are not on `grid`.

    Notes
    -----
    Costs repeats x η's x rounds fits. True rates do not change, nobody is deterred, and offences
    are not displaced: it isolates what recording alone does.

    References
    ----------
    Ensign, D., et al. (2018). Runaway feedback loops in predictive policing. Proceedings of Machine
    Learning Research, 81, 160-171. https://doi.org/10.48550/arXiv.1706.09847

    Lum, K., & Isaac, W. (2016). To predict and serve? Significance, 13(5), 14-19.
    https://doi.org/10.1111/j.1740-9713.2016.00960.x

    Examples
    --------
    >>> from shapely import box
    >>> from hotspot import Grid, HistoricalRate
    >>> grid = Grid.over(box(0, 0, 1000, 1000), cell_size=100)
    >>> equal = xr.DataArray(np.full(grid.shape, 2.0), {"y": grid.y, "x": grid.x})
    >>> found = closed_loop_feedback(
    ...     HistoricalRate("12 months"), equal, grid, rng=np.random.default_rng(1),
    ...     discovery=(0.0, 0.3), loop=Loop(area_share=0.1, rounds=6, repeats=2))
    >>> [row["eta"] for row in found.groups]
    [0.0, 0.3]
    """
    require_generator(rng)
    loop = Loop() if loop is None else loop
    etas = sorted({0.0, *map(float, discovery)})
    if not 0 <= etas[0] <= etas[-1] <= 1 or judged_at not in etas or judged_at == 0:
        raise ParameterError(
            f"discovery must lie in [0, 1] and judged_at be one of them above 0, got "
            f"{list(discovery)} and {judged_at}."
        )
    blank = xr.DataArray(grid.inside_area, {"y": grid.y, "x": grid.x}, ["y", "x"])
    require_same_grid(rates, blank)
    truth = np.where(grid.inside, rates.transpose("y", "x").to_numpy(), 0.0)[grid.inside]
    jobs = [(child, eta) for child in rng.bit_generator.seed_seq.spawn(loop.repeats)
            for eta in etas]  # fmt: skip
    bar = tqdm(jobs, "loops", disable=not progress)
    curves = np.array(
        [_concentration(_flags(model, truth, grid, loop, eta, child)) for child, eta in bar]
    ).reshape(loop.repeats, len(etas))
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.where(curves[:, :1] < 1, (curves - curves[:, :1]) / (1 - curves[:, :1]), 0.0)
    rows = [
        {
            "group": f"discovery of {eta:.0%}",
            "eta": eta,
            "concentration": float(curves[:, k].mean()),
            "value": float(gains[:, k].mean()),
        }
        for k, eta in enumerate(etas)
    ]
    at = gains[:, etas.index(judged_at)]
    ends = _interval(at, level)
    amplifies = ends is not None and ends[0] > AMPLIFIES
    return AuditResult(
        "A8", "feedback gain", float(at.mean()), ends, n=loop.repeats, level=level,
        groups=tuple(rows), status="warn" if amplifies else "ok",
        reason=(
            f"With {judged_at:.0%} discovered under flags the loop amplifies itself by "
            f"{at.mean():.2f}." if amplifies
            else "" if ends is not None else "One simulated city has no interval; take repeats."
        ),
        reading=f"If {judged_at:.0%} of unreported offences under flags were discovered and "
        f"recorded, flags would go {at.mean():.0%} of the way from how they move now to never "
        "moving. True rates were held; the discovered share is not known, see the curve.",
    )  # fmt: skip


def _flags(model: Model, truth: FloatArray, grid: Grid, loop: Loop, eta: float, seed) -> FloatArray:
    """(rounds, cells): what the model flagged in each month of one simulated city."""
    chance, ties = (np.random.default_rng(one) for one in _children(seed))
    area = grid.inside_area[grid.inside]
    record = _Record(grid, np.random.default_rng(_children(seed)[1]))
    flags = np.zeros((loop.rounds, truth.size))
    for month in range(-loop.warm_up, loop.rounds):
        happened = chance.poisson(truth)
        reported = chance.binomial(happened, loop.reporting)
        # Drawn for every share discovered alike, so that the loops differ by nothing else.
        luck = chance.random(truth.size)
        discovered = np.zeros(truth.size, int)
        if month >= 0:
            rate, _ = rates_of(model, record.events(), grid)(record.cutoff)
            rate = rate[grid.inside] * (1 + 1e-9 * ties.random(truth.size))
            flags[month] = flags_of_one_map(
                rate[None], area[None], shares=np.array([loop.area_share])
            )[0, 0]
            hidden = happened - reported
            discovered = stats.binom.ppf(luck, hidden, eta * flags[month]).astype(int)
        record.add(reported + (discovered if loop.keep_discovered else 0))
    return flags


def _children(seed) -> list:
    # spawn() would give other children each time, and every share discovered needs the same.
    return [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k)) for k in range(2)]


class _Record:
    """The simulated record, growing by a month at a time."""

    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.grid, self.rng, self.months = grid, rng, 0
        y, x = np.nonzero(grid.inside)
        self.west, self.south = grid.x[x] - grid.cell_size / 2, grid.y[y] - grid.cell_size / 2
        self.tables: list[tuple[pd.Timestamp, FloatArray, FloatArray]] = []

    @property
    def cutoff(self) -> pd.Timestamp:
        return (_START + self.months).start_time.tz_localize("Europe/London")

    def add(self, counts: np.ndarray) -> None:
        cell = np.repeat(np.arange(counts.size), counts)
        x = self.west[cell] + self.grid.cell_size * self.rng.random(cell.size)
        y = self.south[cell] + self.grid.cell_size * self.rng.random(cell.size)
        self.tables.append((self.cutoff, x, y))
        self.months += 1

    def events(self) -> Events:
        times = [pd.DatetimeIndex([when] * len(x)) for when, x, _ in self.tables if len(x)]
        time = times[0].append(times[1:]).tz_convert("UTC") if times else pd.DatetimeIndex([])
        x = np.concatenate([x for _, x, _ in self.tables])
        y = np.concatenate([y for _, _, y in self.tables])
        table = gpd.GeoDataFrame(
            {"time": time.as_unit("us"), "offence": "simulated"},
            geometry=gpd.points_from_xy(x, y),
            crs=self.grid.crs,
        )
        begin = _START.start_time.tz_localize("Europe/London").tz_convert("UTC")
        return Events(
            table=table,
            region=self.grid.region,
            start=begin,
            end=self.cutoff.tz_convert("UTC"),
            time_resolution="month",
            place_resolution=0.0,
        )


def _concentration(flags: FloatArray) -> float:
    """Share of flagged cell-months on the cells flagged most, as many as are flagged at once."""
    by_cell = np.sort(flags.sum(axis=0))[::-1]
    k = max(round(flags[0].sum()), 1)
    return float(by_cell[:k].sum() / by_cell.sum())


def _interval(values: FloatArray, level: float) -> tuple[float, float] | None:
    n = values.size
    if n < 2:
        return None
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean() - half), float(values.mean() + half)
