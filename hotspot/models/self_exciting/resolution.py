"""What times and places recorded only so finely allow to be estimated."""

from __future__ import annotations

import math

import numpy as np

from hotspot._checks import require_choice, require_generator
from hotspot._numba.exponential_memory import faded_counts_in_order
from hotspot._typing import FloatArray, TimeResolution
from hotspot.data.events import Events
from hotspot.errors import ParameterError, ResolutionError
from hotspot.guards.outcome import settle

RESOLUTION_DAYS = {"exact": 0.0, "hour": 1 / 24, "day": 1.0, "month": 30.4375}
_LEAST_DAYS = 1e-3  # a minute and a half: what calls itself exact is no exacter
_LEAST_METRES = 1.0
MOST_TIED = 0.05  # share of times called exact that several events may share
_FASTEST = 1e4  # per day; where the likelihood of tied times has no maximum it ends here


def require_exact_times(events: Events) -> None:
    """Refuse month data, and times called exact of which many are tied.

    Ties make triggering out of nothing, unless the model is told how coarse the times are.

    Raises
    ------
    ResolutionError
        Of month data.
    RefusedError
        G6: of times declared exact, more than 5 % are the time of another event too.
    """
    if events.time_resolution == "month":
        raise ResolutionError(
            "Times were recorded by the month, and a self-exciting model tells lags of days: a "
            "Poisson process whose times are floored to months fits a branching ratio near 1 (see "
            "branching_ratio_of_floored_poisson). Use HistoricalRate or KernelDensity for these."
        )
    if events.time_resolution != "exact" or not len(events):
        return
    tied = float(events.table["time"].duplicated(keep=False).mean())
    if tied > MOST_TIED:
        settle(
            "G6",
            f"{tied:.0%} of {len(events):,} times that are called exact are the time of another "
            f"event too, over {MOST_TIED:.0%}: they were rounded, or rows repeat.",
            remedy='Say how they were rounded, time_resolution="hour" or "day", and drop rows that '
            "repeat; or use HistoricalRate or KernelDensity.",
        )


def shortest_scales(events: Events) -> tuple[float, float]:
    """Shortest mean lag (days) and displacement (metres) that the record can tell.

    Two places known to squares of side a differ by an error of variance a² / 6 along each axis.
    """
    return (
        max(RESOLUTION_DAYS[events.time_resolution], _LEAST_DAYS),
        max(float(events.place_resolution) / math.sqrt(6), _LEAST_METRES),
    )


def branching_ratio_of_floored_poisson(
    resolution: TimeResolution,
    *,
    rng: np.random.Generator,
    rate: float = 1.0,
    days: float = 730.5,
    runs: int = 12,
) -> FloatArray:
    r"""The self-excitation that coarse times make out of nothing.

    Events come at random, none triggering another, and their times are then known only to the
    hour, day or month. To them the usual model is fitted, in which every earlier event, tied ones
    included, raises the rate,

    .. math:: \lambda(t_i) = \mu + \theta \sum_{j < i} \omega e^{-\omega (t_i - t_j)},

    as software does that is not told of the resolution. The true branching ratio is 0.

    Parameters
    ----------
    resolution : {"exact", "hour", "day", "month"}
        What times are floored to.
    rng : numpy.random.Generator
    rate : float
        Events per day.
    days : float
        Length of the record.
    runs : int
        Independent records.

    Returns
    -------
    (runs,) float64
        Fitted branching ratios, θ.

    Raises
    ------
    ParameterError
        If an option is unknown, a number is not positive, or fewer than 20 events are to be
        expected.

    Notes
    -----
    The rate ω is kept below 10,000 a day: with ties the likelihood grows without end in it.

    Examples
    --------
    >>> def median(resolution):
    ...     found = branching_ratio_of_floored_poisson(resolution, rng=np.random.default_rng(1))
    ...     return float(np.median(found).round(1))
    >>> median("exact"), median("day"), median("month")
    (0.1, 0.4, 1.0)
    """
    require_generator(rng)
    require_choice(resolution, "resolution", tuple(RESOLUTION_DAYS))
    if not (rate > 0 and days > 0 and runs >= 1 and rate * days >= 20):
        raise ParameterError(
            f"rate={rate}, days={days} and runs={runs} must be positive, with at least 20 events "
            "to be expected."
        )
    width = RESOLUTION_DAYS[resolution]
    found = np.empty(runs)
    for run in range(runs):
        t = np.sort(rng.uniform(0, days, rng.poisson(rate * days)))
        found[run] = _temporal_branching_ratio(np.floor(t / width) * width if width else t, days)
    return found


def _temporal_branching_ratio(t: FloatArray, days: float) -> float:
    """Maximum likelihood of the exponential model in time alone, ties taken one after another."""
    from scipy.optimize import minimize

    def loss(vector: FloatArray) -> float:
        mu, theta, omega = np.exp(vector)
        heard = faded_counts_in_order(t, omega)
        expected = mu * days + theta * (1 - np.exp(-omega * (days - t))).sum()
        return expected - np.log(mu + theta * omega * heard).sum()

    limits = [(-12, 12), (np.log(1e-4), np.log(0.999)), (np.log(1 / days), np.log(_FASTEST))]
    starts = [(np.log(t.size / days / 2), np.log(0.3), np.log(omega)) for omega in (0.1, 2.0, 50.0)]
    runs = (minimize(loss, start, method="L-BFGS-B", bounds=limits) for start in starts)
    return float(np.exp(min(runs, key=lambda run: run.fun).x[1]))
