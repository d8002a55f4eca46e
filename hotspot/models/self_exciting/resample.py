"""Records as a fitted model would have made them, and what fits to these say of the fit."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot._checks import require_generator
from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ConvergenceError, ExplosiveError, LeakError, ParameterError
from hotspot.models.self_exciting.fitted import FittedSelfExciting
from hotspot.models.self_exciting.model import SelfExciting

_DAY = pd.Timedelta(days=1)
_UNITS = {"hour": "h", "day": "D"}
_MOST_TRIES = 10_000


def simulate_record(
    fitted: FittedSelfExciting, events: Events, *, rng: np.random.Generator
) -> Events:
    """A record like the one that a model was fitted to, as the model itself would make it.

    What was recorded before the fit's window stays, and goes on triggering. In the window come
    background events where and when the background lets them, and cascades of what they and the
    history trigger. Marks, and the lengths of intervals of uncertain time, are drawn from those of
    the window's events of the same offence.

    Parameters
    ----------
    fitted : FittedSelfExciting
    events : Events
        Those it was fitted to.
    rng : numpy.random.Generator

    Returns
    -------
    Events
        With the window of `events` up to the fit's cut-off, and times as coarse as theirs.

    Raises
    ------
    ExplosiveError
        If the branching ratio is 1 or more.
    LeakError
        If the fit was updated, or `events` end before its cut-off.

    Notes
    -----
    A background whose map was fitted anew inside the window is simulated with its last map.

    Examples
    --------
    >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = SelfExciting(background=KernelBackground(150.0)).fit(events, grid)
    >>> again = simulate_record(fitted, events, rng=np.random.default_rng(1))
    >>> 0.7 * len(events) < len(again) < 1.3 * len(events)
    True
    """
    require_generator(rng)
    if fitted.branching_ratio >= 1:
        raise ExplosiveError(f"Records of branching ratio {fitted.branching_ratio:.2f} never end.")
    if fitted.later is not None or events.end < fitted.data_cutoff:
        raise LeakError(
            f"The events end at {events.end} and the fit knows them to {fitted.data_cutoff}: give "
            "the events that it was fitted to, and the fit before it was updated."
        )
    past = events.before(fitted.data_cutoff)
    if fitted.offences:
        kept = past.table["offence"].isin(fitted.offences)
        past = replace(past, table=past.table[kept].reset_index(drop=True))
    past = past.in_order()
    family = _Family(fitted, rng)
    rows = np.concatenate([_immigrants(fitted, rng), family.children_of_history()])
    found = []
    while len(rows):
        found.append(rows)
        rows = family.children(rows)
    simulated = np.concatenate(found) if found else rows
    return _as_events(simulated, fitted, past, rng)


class _Family:
    """Draws children: rows of days, x, y, offence, and the window's event whose marks they bear."""

    def __init__(self, fitted: FittedSelfExciting, rng: np.random.Generator) -> None:
        self.fitted, self.rng = fitted, rng
        self.parts, self.record = fitted.estimate.parts, fitted.record
        self.theta = np.atleast_2d(self.parts.productivity)
        self.factors = self.record.factors(self.parts)
        self.region = fitted.grid.region
        shapely.prepare(self.region)

    def children_of_history(self) -> FloatArray:
        """Of events before the window; those that came before it are in the history themselves."""
        n = self.record.first
        kind = np.zeros(n) if self.record.kind is None else self.record.kind[:n]
        rows = np.column_stack(
            [self.record.t[:n], self.record.x[:n], self.record.y[:n], kind, np.full(n, -1.0)]
        )
        rows[:, 1:3] += self.record.place_cell * (self.rng.random((n, 2)) - 0.5)
        return self._born(rows, self.factors[:n])

    def children(self, rows: FloatArray) -> FloatArray:
        return self._born(rows, self.factors[self.record.first + rows[:, 4].astype(int)])

    def _born(self, rows: FloatArray, factor: FloatArray) -> FloatArray:
        born = []
        for kind in range(len(self.theta)):
            mean = factor * self.theta[rows[:, 3].astype(int), kind]
            children = np.repeat(rows, self.rng.poisson(mean), axis=0)
            n = len(children)
            children[:, 0] += self.record.shortest_lag + self.parts.lag.sample(n, rng=self.rng)
            children[:, 1:3] += self.parts.displacement.sample(n, rng=self.rng)
            children[:, 3] = kind
            children[:, 4] = _alike(self.record.window_kind, kind, n, self.rng)
            born.append(children)
        rows = np.concatenate(born)
        seen = (rows[:, 0] >= 0) & (rows[:, 0] < self.record.end)
        return rows[seen & shapely.contains_xy(self.region, rows[:, 1], rows[:, 2])]


def _alike(kinds: IntArray, kind: int, n: int, rng: np.random.Generator) -> IntArray:
    """Events of the window of the same offence, to take marks and intervals from."""
    own = np.flatnonzero(kinds == kind)
    return own[rng.integers(own.size, size=n)]


def _immigrants(fitted: FittedSelfExciting, rng: np.random.Generator) -> FloatArray:
    laid_by_kind = fitted.background.laid if fitted.offences else (fitted.background,)
    rates = np.atleast_1d(fitted.estimate.parts.background_rate)
    rows = []
    for kind, (rate, laid) in enumerate(zip(rates, laid_by_kind, strict=True)):
        jumps = laid.breaks(fitted.window_start, fitted.data_cutoff)
        edges = pd.DatetimeIndex([fitted.window_start, *jumps, fitted.data_cutoff])
        days = ((edges - fitted.window_start) / _DAY).to_numpy(float)
        steady = not laid.map_moves
        maps = laid.cell_share[None] if steady else laid.cell_days(edges[:-1], edges[1:])
        weight = np.asarray(laid.days(edges[:-1], edges[1:]))
        counts = rng.poisson(rate * weight)
        stretch = np.repeat(np.arange(weight.size), counts)
        when = rng.uniform(days[stretch], days[stretch + 1])
        cell = np.concatenate(
            [_drawn(maps[0 if steady else k], n, rng) for k, n in enumerate(counts)]
        )
        x, y = _inside(fitted.grid, cell, rng)
        alike = _alike(fitted.record.window_kind, kind, when.size, rng)
        rows.append(np.column_stack([when, x, y, np.full(when.size, kind), alike]))
    return np.concatenate(rows)


def _drawn(share: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    ends = np.cumsum(share.ravel())
    cell = np.searchsorted(ends, ends[-1] * rng.random(n), side="right")
    return np.minimum(cell, share.size - 1)


def _inside(grid, cell: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A place somewhere in each cell, inside the region."""
    row, column = np.divmod(cell, grid.x.size)
    place = np.empty((cell.size, 2))
    wanted = np.arange(cell.size)
    for _ in range(_MOST_TRIES):
        if not wanted.size:
            return place[:, 0], place[:, 1]
        within = (rng.random((wanted.size, 2)) - 0.5) * grid.cell_size
        place[wanted] = np.column_stack([grid.x[column[wanted]], grid.y[row[wanted]]]) + within
        wanted = wanted[~shapely.contains_xy(grid.region, *place[wanted].T)]
    raise ConvergenceError(
        f"{wanted.size} events fell into cells of which hardly anything lies inside the region. "
        "Use smaller cells."
    )


def _as_events(
    rows: FloatArray, fitted: FittedSelfExciting, past: Events, rng: np.random.Generator
) -> Events:
    first = fitted.record.first
    times = fitted.window_start + pd.to_timedelta(rows[:, 0], unit="D")
    like = past.table.iloc[first + rows[:, 4].astype(int)].reset_index(drop=True)
    stamps = pd.Series(times.tz_convert("UTC")).dt.as_unit("us")
    if "earliest_time" in like:
        length = (like["time"] - like["earliest_time"]).reset_index(drop=True)
        since = rng.random(len(rows)) * length
        like["earliest_time"] = (stamps - since).dt.as_unit("us")
        stamps = (stamps - since + length).dt.as_unit("us")
    if past.time_resolution in _UNITS:
        local = stamps.dt.tz_convert(past.time_zone)
        floored = local.dt.floor(_UNITS[past.time_resolution], ambiguous=True)
        stamps = floored.dt.tz_convert("UTC")
    kinds = rows[:, 3].astype(int)
    names = np.array(fitted.offences)[kinds] if fitted.offences else like["offence"].to_numpy()
    table = gpd.GeoDataFrame(
        like.drop(columns="geometry").assign(time=stamps, offence=names),
        geometry=gpd.points_from_xy(rows[:, 1], rows[:, 2]),
        crs=past.table.crs,
    )
    # An interval that reaches over the cut-off is not known before it.
    table = table[(stamps < fitted.data_cutoff).to_numpy()]
    whole = pd.concat([past.table.iloc[:first], table[past.table.columns]], ignore_index=True)
    made = replace(past.source, name=f"simulated from {past.source.name}")
    return replace(past, table=whole, source=made, report=None).in_order()


def parametric_bootstrap(
    model: SelfExciting,
    fitted: FittedSelfExciting,
    events: Events,
    *,
    rng: np.random.Generator,
    size: int = 50,
    progress: bool = True,
) -> pd.DataFrame:
    """Estimates from records that the fitted model itself made, each fitted as the first was.

    How they scatter is how sure the estimates are if the model is right, background and all: unlike
    the observed information it counts that the background had to be learned too. How far their
    mean lies from the fit is the bias of the whole procedure.

    Parameters
    ----------
    model : SelfExciting
        As it was fitted.
    fitted : FittedSelfExciting
    events : Events
        Those it was fitted to.
    rng : numpy.random.Generator
    size : int
        Records.
    progress : bool
        Whether to show it.

    Returns
    -------
    DataFrame
        One row a record, one column a parameter, in natural units, and ``branching ratio``; NaN
        where the fit was refused, with the reason in ``refused``.

    Raises
    ------
    ParameterError
        If `size` is below 1.
    ExplosiveError, LeakError
        As :func:`simulate_record`.

    Notes
    -----
    `size` fits.

    References
    ----------
    Efron, B., & Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman & Hall.
    https://doi.org/10.1007/978-1-4899-4541-9

    Examples
    --------
    >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> model = SelfExciting(background=KernelBackground(150.0))
    >>> fitted = model.fit(events, grid)
    >>> draws = parametric_bootstrap(
    ...     model, fitted, events, rng=np.random.default_rng(1), size=3, progress=False
    ... )
    >>> len(draws), bool(draws["branching ratio"].between(0.1, 0.6).all())
    (3, True)
    """
    require_generator(rng)
    if size < 1:
        raise ParameterError(f"size must be at least 1, got {size}.")
    from tqdm import tqdm

    rows = [
        _refitted(model, simulate_record(fitted, events, rng=child), fitted)
        for child in tqdm(rng.spawn(size), "records", disable=not progress, leave=False)
    ]
    columns = [one.label for one in fitted.estimates] + ["branching ratio", "refused"]
    return pd.DataFrame(rows, columns=columns)


def _refitted(model: SelfExciting, record: Events, fitted: FittedSelfExciting) -> dict:
    try:
        again = model.fit(record, fitted.grid, end=fitted.data_cutoff)
    except ConvergenceError as refusal:
        return {"refused": str(refusal)}
    found = {one.label: one.natural(one.value) for one in again.estimates}
    return {**found, "branching ratio": again.branching_ratio, "refused": ""}
