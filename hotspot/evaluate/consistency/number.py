"""Whether so many events could have come, wherever they fell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr
from scipy import stats

from hotspot._checks import require_choice
from hotspot.errors import ParameterError
from hotspot.evaluate.consistency._outcome import (
    LEVELS,
    OneMap,
    Outcome,
    each_map,
    expected_counts,
    laid_out,
)
from hotspot.evaluate.consistency.members import each_map_of_members


def number_test(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    distribution: Literal["poisson", "negative_binomial", "members"] = "poisson",
    variance: float | xr.DataArray | None = None,
    together: Sequence[str] = (),
    floor: float = 0.0,
) -> xr.Dataset:
    r"""Number test (N-test): whether so many events could have come, wherever they fell.

    .. math:: \delta_1 = P(N \ge n), \qquad \delta_2 = P(N \le n), \qquad
              p = \min(1, 2 \min(\delta_1, \delta_2))

    with :math:`n` the events observed and :math:`N` the number that the forecast gives: Poisson
    with the sum of its expected counts; negative binomial with that mean and a variance of yours;
    or the totals of its simulated futures.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``, or ``simulated_count`` (member, ..., y, x).
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    distribution : {"poisson", "negative_binomial", "members"}
        How the total varies.
    variance : float or DataArray (...), optional
        Of the total, for the negative binomial: such as the past forecasts' squared errors had on
        average. The sum of ``count_variance`` is too small, as cells rise and fall together.
    together : sequence of str
        Dimensions whose maps are judged as one, such as ``["step"]``.
    floor : float
        Least number of events expected in a cell; see :mod:`hotspot.evaluate.consistency`.

    Returns
    -------
    Dataset
        As told in :mod:`hotspot.evaluate.consistency`; ``at_least`` is :math:`\delta_1`,
        ``at_most`` :math:`\delta_2`, ``statistic`` :math:`n`. No chance is drawn; ``simulated`` are
        the totals of the futures.

    Raises
    ------
    ParameterError
        If `variance` is missing, or not larger than the number expected; if `floor` is negative or
        counts are not whole.
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ForecastError
        If the variable needed is missing, negative or infinite.

    References
    ----------
    Zechar, J. D., Gerstenberger, M. C., & Rhoades, D. A. (2010). Likelihood-based tests for
    evaluating space-rate-magnitude earthquake forecasts. Bulletin of the Seismological Society of
    America, 100, 1184-1195. https://doi.org/10.1785/0120090192

    Examples
    --------
    4 events where 2 were expected: P(N >= 4) = 0.143, twice that is 0.286.

    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[1.5, 0.5]])})
    >>> found = number_test(forecast, xr.DataArray([[3, 1]], dims=["y", "x"]))
    >>> [round(float(found[name]), 3) for name in ("at_least", "at_most", "p_value")]
    [0.143, 0.947, 0.286]
    """
    require_choice(distribution, "distribution", ("poisson", "negative_binomial", "members"))
    attrs = {"distribution": distribution, "floor": floor, "sided": "two-sided"}
    if distribution == "members":
        labels, maps = each_map_of_members(forecast, observed, together=together, floor=floor)
        outcomes = [
            one.untested.against(one.counts.sum(), futures.sum(axis=1), two_sided=True)
            if one.rates.size
            else one.untested
            for one, futures in maps
        ]
        return laid_out(outcomes, labels, test="number", attrs=attrs)
    labels, maps = each_map(expected_counts(forecast), observed, together=together, floor=floor)
    if distribution == "poisson":
        outcomes = [number_outcome(one) for one in maps]
    else:
        spread = _variances(variance, labels)
        outcomes = [number_outcome(one, v) for one, v in zip(maps, spread, strict=True)]
    return laid_out(outcomes, labels, test="number", attrs=attrs)


def _variances(variance: float | xr.DataArray | None, labels: xr.DataArray) -> Iterator[float]:
    if variance is None:
        raise ParameterError(
            'distribution="negative_binomial" needs the variance of the total, such as the mean '
            "squared error of past totals."
        )
    if isinstance(variance, xr.DataArray):
        variance = variance.broadcast_like(labels).transpose(*labels.dims).values
    return iter(np.broadcast_to(np.asarray(variance, float), labels.shape).ravel())


def number_outcome(one: OneMap, variance: float | None = None) -> Outcome:
    """The number of one map against the Poisson law, or the negative binomial of a variance."""
    found = one.untested
    if one.rates.size == 0:
        return found
    n, mean = found.n_events, found.n_expected
    if variance is None:
        law, given = stats.poisson, (mean,)
    elif variance > mean > 0:
        law, given = stats.nbinom, (mean**2 / (variance - mean), mean / variance)
    else:
        raise ParameterError(
            f"variance must exceed the number expected, {mean:g}, and that 0; got {variance:g}. "
            'Where it does not, the total varies no more than distribution="poisson" has it.'
        )
    at_least, at_most = float(law.sf(n - 1, *given)), float(law.cdf(n, *given))
    return replace(
        found,
        statistic=n,
        at_least=at_least,
        at_most=at_most,
        p_value=min(1.0, 2 * min(at_least, at_most)),
        distribution=law.ppf(LEVELS, *given),
    )
