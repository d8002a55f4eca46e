"""How sure the estimates are, by other ways than the observed information."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._checks import require_generator, require_level
from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, ParameterError, UnknownNameError
from hotspot.models.self_exciting.climb import maximise
from hotspot.models.self_exciting.fitted import FittedSelfExciting
from hotspot.models.self_exciting.likelihood import Likelihood, Parts, summed, triggered_sums
from hotspot.models.weights import window_offset

_STRIDE = 0.5  # standard errors between the points of a profile
_MOST_STRIDES = 16
_LEAST_BLOCKS = 8


@dataclass(frozen=True, eq=False)
class Profile:
    """The highest log-likelihood that each value of one parameter allows.

    Attributes
    ----------
    name : str
        The parameter, in natural units.
    table : DataFrame
        ``value`` ascending and ``log_likelihood``; the estimate among them.
    low, high : float
        Bounds at `level`; an infinity or 0 where the likelihood does not fall far enough before
        the parameter's limit.
    level : float
    """

    name: str
    table: pd.DataFrame
    low: float
    high: float
    level: float


def profile_likelihood(fitted: FittedSelfExciting, name: str, *, level: float = 0.9) -> Profile:
    r"""Bounds of one parameter from the likelihood itself, all others being climbed anew.

    .. math:: \{ \psi : 2 [\ell(\hat\psi) - \max_\lambda \ell(\psi, \lambda)]
       \le \chi^2_1(\text{level}) \}

    They need not lie evenly about the estimate, and hold better than those from the standard error
    where the likelihood is lopsided. The background stays as the fit laid it.

    Parameters
    ----------
    fitted : FittedSelfExciting
    name : str
        As in the index of ``fitted.covariance``.
    level : float

    Returns
    -------
    Profile

    Raises
    ------
    UnknownNameError
        If there is no such parameter.
    ParameterError
        If `level` is outside (0, 1), or the parameter was held.

    Notes
    -----
    Some ten climbs of three to ten evaluations each.

    References
    ----------
    Venzon, D. J., & Moolgavkar, S. H. (1988). A method for computing profile-likelihood-based
    confidence intervals. Applied Statistics, 37, 87-94. https://doi.org/10.2307/2347496

    Examples
    --------
    >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = SelfExciting(background=KernelBackground(150.0)).fit(events, grid)
    >>> profile = profile_likelihood(fitted, "log lag rate")
    >>> profile.low < fitted.estimate.parts.lag.rate < profile.high
    True
    """
    require_level(level)
    from scipy.special import chdtri

    one = _estimate_called(fitted, name)
    number = [estimate.name for estimate in fitted.estimates].index(name)
    drop = chdtri(1, 1 - level) / 2
    found = {one.value: fitted.log_likelihood}
    ends = []
    for sign in (-1.0, 1.0):
        climbed = _descend(fitted, number, sign * _STRIDE * one.error, drop)
        found |= dict(climbed)
        ends.append(_crossing([(one.value, fitted.log_likelihood), *climbed], drop))
    values = np.array(sorted(found))
    natural = [one.natural(value) for value in values]
    table = pd.DataFrame({"value": natural, "log_likelihood": [found[v] for v in values]})
    low, high = (float(one.natural(end)) for end in ends)
    return Profile(one.label, table, low, high, level)


def _estimate_called(fitted: FittedSelfExciting, name: str):
    known = {one.name: one for one in fitted.estimates}
    if name not in known:
        raise UnknownNameError(f"There is no parameter {name!r}; there are {list(known)}.")
    if known[name].error == 0:
        raise ParameterError(f"{name!r} was held and has no profile.")
    return known[name]


def _descend(fitted, number: int, stride: float, drop: float) -> list[tuple[float, float]]:
    """From the estimate outwards: values and the highest log-likelihood at each."""
    start, limits = fitted.estimate.parts, fitted.limits
    value, path = start.vector[number], []
    for _ in range(_MOST_STRIDES):
        value += stride
        if not limits.low[number] < value < limits.high[number]:
            break
        try:
            best = maximise(fitted.likelihood, [start], limits.holding(number, value), runs=1)
        except ConvergenceError:
            break
        path.append((float(value), best.log_likelihood))
        if fitted.log_likelihood - best.log_likelihood > drop:
            break
        start = best.parts
    return path


def _crossing(path: list[tuple[float, float]], drop: float) -> float:
    """Where the log-likelihood has fallen by `drop`; an infinity where it never does."""
    values, heights = np.array(path).T
    fallen = heights[0] - heights
    if fallen[-1] <= drop:
        return -np.inf if values.size == 1 or values[-1] < values[0] else np.inf
    # The root of the fall is nearly linear in the value.
    return float(np.interp(np.sqrt(drop), np.sqrt(np.maximum(fallen, 0.0)), values))


def block_bootstrap(
    fitted: FittedSelfExciting,
    *,
    rng: np.random.Generator,
    block: str = "28 days",
    size: int = 2000,
) -> pd.DataFrame:
    r"""Estimates as they would vary if stretches of time were drawn again.

    The standard errors of a fit take the model to be right. Here blocks of the window, of a
    length over which what the model misses may hang together, are drawn with replacement, and the
    estimate is moved by one Newton step for each draw,

    .. math:: \hat\psi + I^{-1} \sum_b n_b \, s_b

    with :math:`s_b` the derivative of block b's part of the log-likelihood given all that came
    before it, and :math:`n_b` how often it was drawn. As blocks become many its covariance is the
    sandwich :math:`I^{-1} (\sum_b s_b s_b^T) I^{-1}`. The background stays as the fit laid it.

    Parameters
    ----------
    fitted : FittedSelfExciting
    rng : numpy.random.Generator
    block : str
        Such as "28 days" or "3 months".
    size : int
        Draws.

    Returns
    -------
    DataFrame
        One row a draw, one column a parameter, in natural units, and ``branching ratio``.

    Raises
    ------
    ParameterError
        If fewer than 8 blocks fit into the window, `size` is below 1 or `block` not understood.

    References
    ----------
    Künsch, H. R. (1989). The jackknife and the bootstrap for general stationary observations.
    Annals of Statistics, 17, 1217-1241. https://doi.org/10.1214/aos/1176347265

    Examples
    --------
    >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = SelfExciting(background=KernelBackground(150.0)).fit(events, grid)
    >>> draws = block_bootstrap(fitted, rng=np.random.default_rng(1))
    >>> low, high = draws["branching ratio"].quantile([0.05, 0.95])
    >>> bool(low < fitted.branching_ratio < high)
    True
    """
    require_generator(rng)
    if size < 1:
        raise ParameterError(f"size must be at least 1, got {size}.")
    edges = _block_edges(fitted, block)
    scores = block_scores(fitted, edges)
    blocks = len(scores)
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=size)
    moved = (drawn - 1.0) @ scores @ fitted.estimate.covariance
    vectors = fitted.estimate.parts.vector + moved
    table = pd.DataFrame(
        {
            one.label: one.natural(column)
            for one, column in zip(fitted.estimates, vectors.T, strict=True)
        }
    )
    table["branching ratio"] = [
        fitted.likelihood.branching_ratio(fitted.estimate.parts.with_vector(vector))
        for vector in vectors
    ]
    return table


def _block_edges(fitted: FittedSelfExciting, block: str) -> list[pd.Timestamp]:
    """Instants from the begin of the window to the cut-off; a short last block joins the one
    before it.
    """
    step, edges = window_offset(block), [fitted.window_start]
    while fitted.window_start + step * len(edges) <= fitted.fitted_until:
        edges.append(fitted.window_start + step * len(edges))
    if len(edges) - 1 < _LEAST_BLOCKS:
        raise ParameterError(
            f"Only {len(edges) - 1} blocks of {block} fit into the window from "
            f"{fitted.window_start:%Y-%m-%d} to {fitted.fitted_until:%Y-%m-%d}; at least "
            f"{_LEAST_BLOCKS} are needed. Give a shorter block, or fit a longer window."
        )
    edges[-1] = fitted.fitted_until
    return edges


def block_scores(fitted: FittedSelfExciting, edges: list[pd.Timestamp]) -> FloatArray:
    """Derivatives of each block's part of the log-likelihood by ``parts.vector``; (b, p).

    They sum to the gradient: nearly 0 at the estimate.
    """
    likelihood, parts = fitted.likelihood, fitted.estimate.parts
    record = likelihood.record
    days = np.array([(edge - fitted.window_start) / pd.Timedelta(days=1) for edge in edges])
    block = np.clip(np.searchsorted(days, record.t[record.first :], side="right") - 1, 0, None)
    block = np.minimum(block, len(edges) - 2)
    seen = np.stack(
        [np.bincount(block, row, len(edges) - 1) for row in _event_scores(likelihood, parts)]
    ).T
    rate, theta = np.atleast_1d(parts.background_rate), np.atleast_2d(parts.productivity)
    weights = record.weights_by_kind(parts)
    mass, mass_slopes = record.mass.at(parts.displacement)
    expected = []
    for k, (begin, end) in enumerate(itertools.pairwise(days)):
        share, lag_slopes = _share_between(record, parts.lag, begin, end)
        background = rate * fitted.background.days(edges[k], edges[k + 1])
        totals = np.array([summed(weight, mass * share) for weight in weights])
        by_parts = sum(
            row.sum()
            * np.concatenate([summed(lag_slopes, w * mass), summed(mass_slopes, w * share)])
            for row, w in zip(theta, weights, strict=True)
        )
        by_marks = []
        if record.design is not None:
            own = sum(row.sum() * w for row, w in zip(theta, weights, strict=True))
            by_marks = summed(record.design.T, own * mass * share)
        expected.append(
            np.concatenate([background, np.ravel(theta * totals[:, None]), by_parts, by_marks])
        )
    return seen - np.array(expected)


def _event_scores(likelihood: Likelihood, parts: Parts) -> list[FloatArray]:
    """Derivatives of each event's log intensity by ``parts.vector``; p arrays (n,)."""
    record, kind = likelihood.record, likelihood.record.window_kind
    theta = np.atleast_2d(parts.productivity)
    weights = record.weights_by_kind(parts)
    found = [triggered_sums(record, parts, weight) for weight in weights]
    background, triggered = likelihood.intensities(parts)
    share = 1 / (background + triggered)
    rows = [background * share * (kind == k) for k in range(parts.kinds)]
    rows += [
        row[k] * sums * share * (kind == k)
        for row, (sums, _) in zip(theta, found, strict=True)
        for k in range(parts.kinds)
    ]
    slopes = sum(row[kind] * one[1] for row, one in zip(theta, found, strict=True))
    rows += list(slopes * share)
    for column in [] if record.design is None else record.design.T:
        # Sums take weights of one sign.
        up, down = (
            sum(
                row[kind] * triggered_sums(record, parts, weight * part, slopes=False)[0]
                for row, weight in zip(theta, weights, strict=True)
            )
            for part in (np.maximum(column, 0.0), np.maximum(-column, 0.0))
        )
        rows.append((up - down) * share)
    return rows


def _share_between(record, lag, begin: float, end: float) -> tuple[FloatArray, FloatArray]:
    """Share of what each event triggers that comes between two days; by the lag's vector too."""
    times, _, _ = record.roll.sources()
    shares, slopes = [], []
    for until in (begin, end):
        passed = np.maximum(until - times - record.shortest_lag, 0.0)
        shares.append(lag.integral(passed))
        slopes.append(lag.integral_derivatives(passed))
    back = record.roll.by_event
    return back(shares[1] - shares[0]), np.stack([back(row) for row in slopes[1] - slopes[0]])
