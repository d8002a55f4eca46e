"""Knox's test: whether offences close in place are also close in time more often than by chance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import shapely
import xarray as xr

from hotspot._checks import require_choice, require_generator, require_level
from hotspot._numba.close_pairs import count_lags
from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.evaluate.residuals.pairs import ClosePairs, close_pairs

_DAY = 86_400_000_000  # microseconds: whole numbers, so that an edge is an edge
_FINEST = {"day": 1.0, "hour": 1 / 24, "exact": 0.0}
_SAME_PLACE = 1.0  # metres: the Near Repeat Calculator's "same location"
_NOTE = (
    "The Near Repeat Calculator's labels are one too high: what it calls '101 to 200 meters' holds "
    "distances from 100 m up to but not including 200 m, and '8 to 14 days' lags of 7 to 13 days. "
    "Its 'Same location' is the same place once coordinates are rounded to 0.1 m. The true bands "
    "stand in the coordinates distance_interval and time_interval."
)


def knox_test(
    events: Events,
    *,
    distances: Sequence[float],
    days: Sequence[float],
    rng: np.random.Generator,
    size: int = 999,
    metric: Literal["euclidean", "manhattan"] = "euclidean",
    level: float = 0.95,
    near_repeat_labels: bool = False,
) -> xr.Dataset:
    r"""Near repeats: pairs of offences by how far apart in place and time, against chance (Knox).

    .. math:: O_{kl} = \#\{i < j : d_{ij} \in [r_k, r_{k+1}),\ |t_i - t_j| \in [\tau_l, \tau_{l+1})
       \}, \qquad E_{kl} = \frac{O_{k \cdot} \, O_{\cdot l}}{n (n - 1) / 2}

    Chance is that places and times have nothing to do with each other: times are dealt out
    to places anew `size` times. E is the exact mean under all such dealings, not the mean over
    those that were drawn.

    Parameters
    ----------
    events : Events
        Recorded by the day or finer. Lags between days are differences of local dates.
    distances : sequence of float
        Edges of the bands of distance, ascending from 0; metres. The last may be ``inf``.
        A band such as [0, 1) holds repeats at the same place.
    days : sequence of float
        Edges of the bands of time, ascending from 0; days. The last may be ``inf``.
    rng : Generator
    size : int
        Dealings of the times. The smallest p-value that can come out is 1 / (size + 1).
    metric : {"euclidean", "manhattan"}
        As the crow flies, or along the axes, as the Near Repeat Calculator may be told.
    level : float
        Of the interval in which the count lies by chance.
    near_repeat_labels : bool
        Name the bands as the Near Repeat Calculator would ("1 to 100 meters"), for comparison
        with what it printed. Its labels are one too high throughout; the attribute ``note`` says
        how, and the true bands stand beside them in ``distance_interval`` and ``time_interval``.

    Returns
    -------
    Dataset (distance_band, time_band)
        ``observed`` pairs; ``expected``; their ``ratio``, NaN where nothing is expected;
        ``lower`` and ``upper``, between which chance alone puts the count; ``p_value``, one-sided,
        :math:`(1 + \#\{O^* \ge O\}) / (1 + \mathrm{size})`. Bands are printed as half-open
        intervals, "[0, 100) m" and "[0, 7) days". The attribute ``p_any_band`` is the chance that
        the largest standardised excess over all finite bands is as large as the one observed: the
        one p-value to report where no band was chosen beforehand.

    Raises
    ------
    ResolutionError
        If events were recorded by the month, or a band of time is narrower than their resolution.
    ParameterError
        If edges do not ascend from 0, `size` is below 19, `metric` is unknown, or labels of the
        Near Repeat Calculator are asked for bands that it cannot have.
    TooFewEventsError
        If there are fewer than 3 events.

    See Also
    --------
    space_time_k : Clustering beyond what a model expects; Knox's test knows of no model.

    Notes
    -----
    A place that grew more dangerous during the window makes close pairs close in time too: the test
    does not tell repeats from a change of the map (Kulldorff & Hjalmars 1999), so use short
    windows. Snapped places make far too many pairs in the first band, in O and E alike.
    Duplicate records look like repeats on the same day.

    Time O(pairs closer than the last finite distance) for each dealing, memory 12 bytes a pair.

    References
    ----------
    Knox, E. G. (1964). The detection of space-time interactions. Applied Statistics, 13, 25-29.
    https://doi.org/10.2307/2985220

    Kulldorff, M., & Hjalmars, U. (1999). The Knox method and other tests for space-time
    interaction. Biometrics, 55, 544-552. https://doi.org/10.1111/j.0006-341X.1999.00544.x

    Ratcliffe, J. H., & Rengert, G. F. (2008). Near-repeat patterns in Philadelphia shootings.
    Security Journal, 21, 58-76. https://doi.org/10.1057/palgrave.sj.8350068

    Examples
    --------
    >>> from hotspot import load_sample
    >>> autumn = load_sample("exact").select(start="2024-09-01")
    >>> found = knox_test(
    ...     autumn,
    ...     distances=[0, 200, 400, np.inf],
    ...     days=[0, 7, 14, np.inf],
    ...     rng=np.random.default_rng(1),
    ...     size=99,
    ... )
    >>> found["ratio"].to_pandas().round(2).iloc[0].index.tolist()
    ['[0, 7) days', '[7, 14) days', '[14, inf) days']
    >>> bool(found["p_value"].sel(distance_band="[0, 200) m", time_band="[0, 7) days") == 0.01)
    True
    """
    require_generator(rng)
    require_level(level)
    require_choice(metric, "metric", ("euclidean", "manhattan"))
    if size < 19:
        raise ParameterError(f"size must be at least 19, for p-values down to .05; got {size}.")
    if len(events) < 3:
        raise TooFewEventsError(f"Knox's test needs at least 3 events, got {len(events)}.")
    bands = _Bands.of(distances, days)
    coords = bands.labels(near_repeat_labels)
    # Which time goes to which place must hang on the seed, and not on the order of the rows.
    events = events.in_order()
    times = _whole_times(events, bands.lags)
    pairs = close_pairs(_points(events), bands.near, blocks=metric == "manhattan")
    table = _Table.of(times, pairs, bands)
    observed = table.count(times)
    dealt = np.stack([table.count(rng.permutation(times)) for _ in range(size)])
    return _labelled(observed, table.expected(), dealt, coords, level=level).assign_attrs(
        events=len(events),
        pairs=table.n_pairs,
        dealings=size,
        metric=metric,
        p_any_band=_chance_of_any(observed, table.expected(), dealt, bands),
        place_resolution=events.place_resolution,
        time_resolution=events.time_resolution,
        note=_NOTE if near_repeat_labels else "",
    )


class _Bands(NamedTuple):
    """Edges as they were given; those in whole units of time end at the largest integer."""

    distances: FloatArray
    days: FloatArray

    @classmethod
    def of(cls, distances: Sequence[float], days: Sequence[float]) -> _Bands:
        found = cls(np.asarray(distances, float), np.asarray(days, float))
        for name, edges in zip(("distances", "days"), found, strict=True):
            rises = edges.ndim == 1 and edges.size > 1 and edges[0] == 0
            if not (rises and (np.diff(edges) > 0).all()) or not np.isfinite(edges[1]):
                raise ParameterError(
                    f"{name} must be the edges of bands, ascending from 0, such as [0, 100, 200], "
                    f"of which only the last may be inf; got {list(edges)}."
                )
        return found

    @property
    def near(self) -> FloatArray:
        """The finite edges of distance."""
        return self.distances[np.isfinite(self.distances)]

    @property
    def lags(self) -> IntArray:
        """The finite edges of time; microseconds."""
        return np.round(self.days[np.isfinite(self.days)] * _DAY).astype(np.int64)

    def labels(self, near_repeat_labels: bool) -> dict:
        """Names of the bands, and true ones beside those of the Near Repeat Calculator."""
        place, time = _intervals(self.distances, "m"), _intervals(self.days, "days")
        if not near_repeat_labels:
            return {"distance_band": place, "time_band": time}
        return {
            "distance_band": _calculators_distances(self.distances),
            "time_band": _calculators_days(self.days),
            "distance_interval": ("distance_band", place),
            "time_interval": ("time_band", time),
        }


def _intervals(edges: FloatArray, unit: str) -> list[str]:
    return [f"[{a:g}, {b:g}) {unit}" for a, b in itertools.pairwise(edges)]


def _calculators_distances(edges: FloatArray) -> list[str]:
    if not (edges.size > 2 and edges[1] <= _SAME_PLACE):
        raise ParameterError(
            "The Near Repeat Calculator has a band for the same location, which is [0, 1) m: give "
            f"distances such as [0, 1, 100, 200]; got {list(edges)}."
        )
    return ["Same location", *_calculators(np.append(0.0, edges[2:]), "meters", lowest=1)]


def _calculators_days(edges: FloatArray) -> list[str]:
    return _calculators(edges, "days", lowest=0)


def _calculators(edges: FloatArray, unit: str, *, lowest: int) -> list[str]:
    """What it prints: from one above where the band begins to where it ends."""
    whole = edges[np.isfinite(edges)]
    if (whole != np.round(whole)).any():
        raise ParameterError(
            f"The Near Repeat Calculator knows bands of whole {unit} only; got {list(edges)}."
        )
    named = []
    for begin, end in itertools.pairwise(edges):
        first = f"{begin + 1 if begin else lowest:g}"
        named.append(
            f"{first} to {end:g} {unit}" if np.isfinite(end) else f"More than {begin:g} {unit}"
        )
    return named


def _points(events: Events) -> FloatArray:
    return shapely.get_coordinates(events.table.geometry.to_numpy())


def _whole_times(events: Events, lags: IntArray) -> IntArray:
    """Microseconds; by the day, whole local days, which a change of the clock leaves whole."""
    if events.time_resolution == "month":
        raise ResolutionError(
            "The events were recorded by the month: all lags within one are 0, and Knox's test "
            "would find nothing but months. It needs events by the day, the hour or exactly."
        )
    finest = _FINEST[events.time_resolution]
    if lags.size > 1 and np.diff(lags).min() < finest * _DAY - 1:
        raise ResolutionError(
            f"A band of time is {np.diff(lags).min() / _DAY:.3g} days wide, and the events were "
            f"recorded by the {events.time_resolution}. Give bands at least that wide."
        )
    time = events.table["time"].dt
    if events.time_resolution == "day":
        time = time.tz_convert(events.time_zone).dt.tz_localize(None).dt.floor("D").dt
    else:
        time = time.tz_localize(None).dt
    return time.as_unit("us").to_numpy().astype(np.int64)


class _Table(NamedTuple):
    """Pairs listed by band of distance; what no dealing of the times can change."""

    pairs: ClosePairs
    bands: _Bands
    by_distance: IntArray
    """(b,) pairs in each band of distance."""
    by_time: IntArray
    """(l,) and of time."""
    n_pairs: int

    @classmethod
    def of(cls, times: IntArray, pairs: ClosePairs, bands: _Bands) -> _Table:
        total = times.size * (times.size - 1) // 2
        near = np.bincount(pairs.band, minlength=bands.near.size - 1)
        soon = np.diff(_pairs_sooner_than(np.sort(times), bands.lags))
        return cls(
            pairs,
            bands,
            np.append(near, total - near.sum()) if np.isinf(bands.distances[-1]) else near,
            np.append(soon, total - soon.sum()) if np.isinf(bands.days[-1]) else soon,
            total,
        )

    def count(self, times: IntArray) -> IntArray:
        """Pairs by band, were these the times; (b, l)."""
        lags = self.bands.lags
        found = np.zeros((self.bands.near.size - 1, lags.size - 1), np.int64)
        count_lags(times, self.pairs.pairs, self.pairs.band, lags, found)
        if np.isinf(self.bands.days[-1]):
            later = self.by_distance[: len(found)] - found.sum(axis=1)
            found = np.column_stack([found, later])
        if np.isinf(self.bands.distances[-1]):
            found = np.vstack([found, self.by_time - found.sum(axis=0)])
        return found

    def expected(self) -> FloatArray:
        """Mean over all dealings; (b, l)."""
        return np.outer(self.by_distance, self.by_time / self.n_pairs)


def _pairs_sooner_than(ordered: IntArray, lags: IntArray) -> IntArray:
    """Pairs of ascending times that lie less than each lag apart."""
    upto = [np.searchsorted(ordered, ordered + lag) for lag in lags]
    after = np.arange(ordered.size) + 1
    return np.array([np.maximum(end - after, 0).sum() for end in upto])


def _labelled(observed, expected, dealt, coords, *, level) -> xr.Dataset:
    dims = ("distance_band", "time_band")
    low, high = np.quantile(dealt, [(1 - level) / 2, (1 + level) / 2], axis=0)
    known = expected > 0
    ratio = np.divide(observed, expected, out=np.full(expected.shape, np.nan), where=known)
    p_value = (1 + (dealt >= observed).sum(axis=0)) / (1 + len(dealt))
    return xr.Dataset(
        {
            "observed": (dims, observed),
            "expected": (dims, expected),
            "ratio": (dims, ratio),
            "lower": (dims, low),
            "upper": (dims, high),
            "p_value": (dims, p_value),
        },
        coords,
    )


def _chance_of_any(observed, expected, dealt, bands: _Bands) -> float:
    """Of an excess as large as the largest observed, in any band that ends somewhere."""
    finite = (slice(None), slice(bands.near.size - 1), slice(bands.lags.size - 1))
    every = np.concatenate([observed[None], dealt])[finite]
    spread = every.std(axis=0)
    moving = spread > 0
    if not moving.any():
        return 1.0
    excess = ((every - expected[finite[1:]])[:, moving] / spread[moving]).max(axis=1)
    return float((excess >= excess[0] * (1 - 1e-12)).mean()) if excess[0] > 0 else 1.0
