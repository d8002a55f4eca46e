"""Whether what was recorded could be one of a forecast's own simulated futures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from hotspot._checks import require_variable
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError
from hotspot.evaluate._maps import MAP
from hotspot.evaluate.consistency._outcome import (
    NO_EVENT,
    TESTED,
    OneMap,
    Outcome,
    each_map,
    laid_out,
)


def pseudo_likelihood_test(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    together: Sequence[str] = (),
    floor: float = 0.0,
) -> xr.Dataset:
    r"""Pseudo-likelihood test: whether what came could be one of the forecast's own futures.

    .. math:: \sum_c y_c \log m_c - \sum_c m_c

    with :math:`m` the mean of the futures in each cell. The statistic of what was observed is held
    against that of every future, so that nothing is assumed of how counts vary or depend on one
    another: they vary as the futures do.

    Parameters
    ----------
    forecast : Dataset
        Holds ``simulated_count`` (member, ..., y, x): issue it with ``keep_members=True``.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    together : sequence of str
        Dimensions whose maps are judged as one, such as ``["step"]``.
    floor : float
        Least mean of a cell. Of a few hundred futures, many cells hold no event in any; an event
        there refutes the forecast unless a floor is declared, such as half an event in all the
        futures, ``0.5 / n_members``.

    Returns
    -------
    Dataset
        As told in :mod:`hotspot.evaluate.consistency`; ``simulated`` are the futures' statistics.

    Raises
    ------
    ForecastError
        If members were not kept, or are NaN, infinite or negative inside the region.
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ParameterError
        If `floor` is negative or counts are not whole.

    See Also
    --------
    number_test : With ``distribution="members"``, the number alone.
    spatial_test : With ``distribution="members"``, the places alone.

    References
    ----------
    Savran, W. H., Werner, M. J., Marzocchi, W., Rhoades, D. A., Jackson, D. D., Milner, K., Field,
    E., & Michael, A. (2020). Pseudoprospective evaluation of UCERF3-ETAS forecasts during the 2019
    Ridgecrest sequence. Bulletin of the Seismological Society of America, 110, 1799-1817.
    https://doi.org/10.1785/0120200026

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> members = xr.DataArray(rng.poisson([[2.0, 0.5]], (99, 1, 2)), dims=["member", "y", "x"])
    >>> forecast = xr.Dataset({"simulated_count": members})
    >>> found = pseudo_likelihood_test(forecast, xr.DataArray([[0, 4]], dims=["y", "x"]))
    >>> round(float(found["p_value"]), 2), str(found["status"].values)
    (0.01, 'tested')
    """
    labels, maps = each_map_of_members(forecast, observed, together=together, floor=floor)
    outcomes = [_pseudo_likelihood(one, futures) for one, futures in maps]
    attrs = {"distribution": "members", "floor": floor, "sided": "low"}
    return laid_out(outcomes, labels, test="pseudo-likelihood", attrs=attrs)


def each_map_of_members(
    forecast: xr.Dataset, observed: xr.DataArray, *, together: Sequence[str], floor: float
) -> tuple[xr.DataArray, Iterator[tuple[OneMap, FloatArray]]]:
    """Labels of the maps; each map, its rates the mean of the futures, and the futures.

    Futures are (member, cells inside).
    """
    members = require_variable(forecast, "simulated_count")
    mean = members.mean("member", skipna=False, dtype=float)
    labels, maps = each_map(mean, observed, together=together, floor=floor)
    core = ("member", *together, *MAP)
    lead = [dim for dim in labels.dims if dim in members.dims]
    futures = members.transpose(*lead, *core)
    return labels, _with_futures(maps, futures, labels, lead)


def _with_futures(
    maps: Iterator[OneMap], futures: xr.DataArray, labels: xr.DataArray, lead: list[str]
) -> Iterator[tuple[OneMap, FloatArray]]:
    for one, index in zip(maps, np.ndindex(labels.shape), strict=True):
        at = tuple(i for i, dim in zip(index, labels.dims, strict=True) if dim in lead)
        drawn = futures.values[at][:, one.inside].astype(float)
        if not (np.isfinite(drawn) & (drawn >= 0)).all():
            raise ForecastError("simulated_count is NaN, infinite or negative inside the region.")
        yield one, drawn


def spatial_outcome_of_members(one: OneMap, futures: FloatArray) -> Outcome:
    r"""Mean log share of the events' cells, held against that of each future that has events."""
    found = one.untested
    if one.rates.size == 0:
        return found
    if found.n_events == 0:
        return replace(found, status=NO_EVENT)
    log_share = _log(one.rates / one.rates.sum())
    numbers = futures.sum(axis=1)
    some = numbers > 0
    left_out = int((~some).sum())
    status = f"tested; {left_out} of {some.size} futures hold no event" if left_out else TESTED
    simulated = _summed(futures[some], log_share) / numbers[some]
    statistic = float(_summed(one.counts, log_share)) / found.n_events
    return replace(found, status=status).against(statistic, simulated)


def _pseudo_likelihood(one: OneMap, futures: FloatArray) -> Outcome:
    if one.rates.size == 0:
        return one.untested
    log_rate, total = _log(one.rates), one.rates.sum()
    simulated = _summed(futures, log_rate) - total
    return one.untested.against(float(_summed(one.counts, log_rate)) - total, simulated)


def _summed(counts: FloatArray, logs: FloatArray) -> FloatArray:
    """(...,): counts times logs, summed over cells; 0 times -inf is 0, as nothing fell there."""
    ruled_out = np.isneginf(logs)
    total = counts @ np.where(ruled_out, 0.0, logs)
    return np.where((counts[..., ruled_out] > 0).any(axis=-1), -np.inf, total)


def _log(rates: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(rates)
