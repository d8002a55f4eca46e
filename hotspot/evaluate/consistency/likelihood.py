"""Whether the events could have fallen where they did: likelihoods against simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr
from scipy import special

from hotspot._checks import (
    require_choice,
    require_generator,
    require_same_grid,
    require_variable,
)
from hotspot._numba.simulated_likelihood import alias_table, simulated_log_likelihoods
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError
from hotspot.evaluate.consistency._outcome import (
    NO_EVENT,
    NOT_RECORDED,
    NOTHING_EXPECTED,
    OneMap,
    Outcome,
    each_map,
    expected_counts,
    laid_out,
    require_together,
)
from hotspot.evaluate.consistency.members import each_map_of_members, spatial_outcome_of_members
from hotspot.evaluate.consistency.number import number_outcome

TESTS = ("number", "likelihood", "conditional likelihood", "spatial")


def likelihood_test(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    rng: np.random.Generator,
    size: int = 1000,
    together: Sequence[str] = (),
    floor: float = 0.0,
) -> xr.Dataset:
    r"""Likelihood test (L-test): whether numbers and places at once could have come so.

    .. math:: L = \sum_c y_c \log m_c - m_c - \log y_c!

    held against the same for maps of Poisson counts with the forecast's means :math:`m`. It mixes
    number and place, so a forecast that is wrong in one may pass by the other; give it beside
    :func:`number_test` and :func:`spatial_test`.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    rng : Generator
        Draws the simulated maps; each map of the forecast from a child of its own, by position.
    size : int
        Simulated maps for each map of the forecast.
    together : sequence of str
        Dimensions whose maps are judged as one, such as ``["step"]``.
    floor : float
        Least number of events expected in a cell; see :mod:`hotspot.evaluate.consistency`.

    Returns
    -------
    Dataset
        As told in :mod:`hotspot.evaluate.consistency`; the statistic in nats.

    Raises
    ------
    ParameterError
        If `size` is under 1, `floor` is negative, counts are not whole, or `rng` is not a
        Generator.
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ForecastError
        If ``expected_count`` is missing, negative or infinite.

    Notes
    -----
    Time is O(size x (events + cells)) for each map.

    References
    ----------
    Zechar, J. D., Gerstenberger, M. C., & Rhoades, D. A. (2010). Likelihood-based tests for
    evaluating space-rate-magnitude earthquake forecasts. Bulletin of the Seismological Society of
    America, 100, 1184-1195. https://doi.org/10.1785/0120090192

    Examples
    --------
    Three events in the cell where a tenth of one was expected.

    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[2.9, 0.1]])})
    >>> observed = xr.DataArray([[0, 3]], dims=["y", "x"])
    >>> found = likelihood_test(forecast, observed, rng=np.random.default_rng(1))
    >>> round(float(found["statistic"]), 3), float(found["p_value"]) < 0.01
    (-11.7, True)
    """
    _require(rng, size)
    labels, maps = each_map(expected_counts(forecast), observed, together=together, floor=floor)
    children = rng.spawn(labels.size)
    outcomes = [_likelihood(one, child, size) for one, child in zip(maps, children, strict=True)]
    return laid_out(outcomes, labels, test="likelihood", attrs=_attrs(floor, size))


def conditional_likelihood_test(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    rng: np.random.Generator,
    size: int = 1000,
    together: Sequence[str] = (),
    floor: float = 0.0,
) -> xr.Dataset:
    r"""Conditional likelihood test (CL-test): the places, given how many events came.

    The statistic of :func:`likelihood_test`, held against maps of as many events as were observed,
    each placed at random in proportion to the expected counts. Over several maps judged
    `together`, such as the steps of a fold, events are placed in space and time. For one map it
    asks what :func:`spatial_test` asks, and its p-value is that of the same simulations.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    rng : Generator
        Draws the simulated maps; each map of the forecast from a child of its own, by position.
    size : int
        Simulated maps for each map of the forecast.
    together : sequence of str
        Dimensions whose maps are judged as one, such as ``["step"]``.
    floor : float
        Least number of events expected in a cell; see :mod:`hotspot.evaluate.consistency`.

    Returns
    -------
    Dataset
        As told in :mod:`hotspot.evaluate.consistency`; the statistic in nats. NaN where no event
        was observed, or none is expected anywhere; ``status`` says which.

    Raises
    ------
    ParameterError, GridMismatchError, ForecastError
        As :func:`likelihood_test`.

    References
    ----------
    Werner, M. J., Helmstetter, A., Jackson, D. D., & Kagan, Y. Y. (2011). High-resolution long-term
    and short-term earthquake forecasts for California. Bulletin of the Seismological Society of
    America, 101, 1630-1648. https://doi.org/10.1785/0120090340

    Examples
    --------
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[9.0, 1.0]])})
    >>> observed = xr.DataArray([[1, 1]], dims=["y", "x"])
    >>> found = conditional_likelihood_test(forecast, observed, rng=np.random.default_rng(1))
    >>> round(float(found["at_most"]), 2)  # two events in the second cell, or one in each: 0.19
    0.19
    """
    _require(rng, size)
    labels, maps = each_map(expected_counts(forecast), observed, together=together, floor=floor)
    children = rng.spawn(labels.size)
    outcomes = [_conditional(one, child, size) for one, child in zip(maps, children, strict=True)]
    return laid_out(outcomes, labels, test="conditional likelihood", attrs=_attrs(floor, size))


def spatial_test(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    rng: np.random.Generator,
    size: int = 1000,
    distribution: Literal["poisson", "members"] = "poisson",
    together: Sequence[str] = (),
    floor: float = 0.0,
) -> xr.Dataset:
    r"""Spatial test (S-test): whether the events could have fallen where they did.

    .. math:: S = \sum_c y_c \log m_c' - m_c' - \log y_c!, \qquad
              m_c' = m_c \frac{\sum_k y_k}{\sum_k m_k}

    held against maps of as many events as were observed, each placed at random in proportion to
    the expected counts :math:`m`. Maps judged `together` are summed first. Of simulated futures
    the statistic is the mean over events of :math:`\log(m_c / \sum_k m_k)`, with :math:`m` the
    mean of the futures, and it is held against that of each future.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``, or ``simulated_count`` (member, ..., y, x).
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    rng : Generator
        Draws the simulated maps; each map of the forecast from a child of its own, by position.
        The futures are what they are: of them nothing is drawn.
    size : int
        Simulated maps for each map of the forecast.
    distribution : {"poisson", "members"}
        Events placed one by one, or the forecast's simulated futures, in which they may cluster.
    together : sequence of str
        Dimensions whose maps are judged as one, such as ``["step"]``.
    floor : float
        Least number of events expected in a cell; see :mod:`hotspot.evaluate.consistency` and, for
        futures, :func:`pseudo_likelihood_test`.

    Returns
    -------
    Dataset
        As told in :mod:`hotspot.evaluate.consistency`; the statistic in nats (per event, for
        futures). NaN where no event was observed, or none is expected anywhere; ``status`` says
        which. Futures without events have no place and are left out; ``status`` counts them.

    Raises
    ------
    ParameterError, GridMismatchError, ForecastError
        As :func:`likelihood_test`.

    References
    ----------
    Zechar, J. D., Gerstenberger, M. C., & Rhoades, D. A. (2010). Likelihood-based tests for
    evaluating space-rate-magnitude earthquake forecasts. Bulletin of the Seismological Society of
    America, 100, 1184-1195. https://doi.org/10.1785/0120090192

    Examples
    --------
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[5.0, 4.0, 1.0]])})
    >>> observed = xr.DataArray([[1, 1, 6]], dims=["y", "x"])
    >>> found = spatial_test(forecast, observed, rng=np.random.default_rng(1))
    >>> float(found["p_value"]) < 0.01
    True
    """
    _require(rng, size)
    require_choice(distribution, "distribution", ("poisson", "members"))
    variable = "simulated_count" if distribution == "members" else "expected_count"
    each = require_variable(forecast, variable)
    require_same_grid(each, observed)
    require_together(each, together)
    summed = each.sum(together, skipna=False, dtype=float).to_dataset(name=variable)
    counts = observed.sum([dim for dim in together if dim in observed.dims], skipna=False)
    if distribution == "members":
        labels, maps = each_map_of_members(summed, counts, together=(), floor=floor)
        outcomes = [spatial_outcome_of_members(one, futures) for one, futures in maps]
        attrs = {"distribution": "members", "floor": floor, "sided": "low"}
        return laid_out(outcomes, labels, test="spatial", attrs=attrs)
    labels, maps = each_map(expected_counts(summed), counts, together=(), floor=floor)
    children = rng.spawn(labels.size)
    outcomes = [
        as_spatial(_conditional(one, child, size))
        for one, child in zip(maps, children, strict=True)
    ]
    return laid_out(outcomes, labels, test="spatial", attrs=_attrs(floor, size))


def consistency_tests(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    rng: np.random.Generator,
    size: int = 1000,
    tests: Sequence[str] = TESTS,
    floor: float = 0.0,
) -> xr.Dataset:
    """Number, likelihood, conditional likelihood and spatial test of every map, in one call.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    rng : Generator
        Draws the simulated maps; each map of the forecast from a child of its own, by position.
    size : int
        Simulated maps for each map of the forecast.
    tests : sequence of str
        Which: "number", "likelihood", "conditional likelihood", "spatial".
    floor : float
        Least number of events expected in a cell; see :mod:`hotspot.evaluate.consistency`.

    Returns
    -------
    Dataset (test, ...)
        As told in :mod:`hotspot.evaluate.consistency`, along ``test``. All are made from the same
        simulations: those of the conditional tests are the first events of those of the likelihood
        test, or the other way about.

    Raises
    ------
    ParameterError
        If a test is not known; and as :func:`likelihood_test`.
    GridMismatchError, ForecastError
        As :func:`likelihood_test`.

    References
    ----------
    Zechar, J. D., Gerstenberger, M. C., & Rhoades, D. A. (2010). Likelihood-based tests for
    evaluating space-rate-magnitude earthquake forecasts. Bulletin of the Seismological Society of
    America, 100, 1184-1195. https://doi.org/10.1785/0120090192

    Examples
    --------
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[5.0, 4.0, 1.0]])})
    >>> observed = xr.DataArray([[1, 1, 6]], dims=["y", "x"])
    >>> found = consistency_tests(forecast, observed, rng=np.random.default_rng(1))
    >>> (found["p_value"] < 0.01).to_series().to_dict()
    {'number': False, 'likelihood': True, 'conditional likelihood': True, 'spatial': True}
    """
    _require(rng, size)
    unknown = [name for name in tests if name not in TESTS]
    if unknown or not tests:
        raise ParameterError(f"tests must be some of {TESTS}, got {tests!r}.")
    labels, maps = each_map(expected_counts(forecast), observed, together=(), floor=floor)
    outcomes = {name: [] for name in tests}
    for one, child in zip(maps, rng.spawn(labels.size), strict=True):
        found = _some_tests(one, child, size, tests)
        for name in tests:
            outcomes[name].append(found[name])
    each = [laid_out(found, labels, test=name, attrs={}) for name, found in outcomes.items()]
    attrs = {"distribution": "poisson", "size": size, "floor": floor}
    named = xr.Variable("test", list(outcomes))
    return xr.concat(each, named, combine_attrs="drop", data_vars="all").assign_attrs(attrs)


def _some_tests(
    one: OneMap, rng: np.random.Generator, size: int, tests: Sequence[str]
) -> dict[str, Outcome]:
    found = {"number": number_outcome(one)} if "number" in tests else {}
    given = "conditional likelihood" in tests or "spatial" in tests
    if "likelihood" in tests and given and _placed(one) is None:
        found.update(_both(one, rng, size))
    elif "likelihood" in tests:
        found["likelihood"] = _likelihood(one, rng, size)
    if given and "conditional likelihood" not in found:
        found["conditional likelihood"] = _conditional(one, rng, size)
    if given:
        found["spatial"] = as_spatial(found["conditional likelihood"])
    return found


def as_spatial(outcome: Outcome) -> Outcome:
    """A conditional likelihood on the scale of the spatial test: rates that sum to the events."""
    if outcome.simulated is None:
        return outcome
    n, total = outcome.n_events, outcome.n_expected
    shift = n * np.log(n / total) + total - n
    return replace(
        outcome,
        statistic=outcome.statistic + shift,
        simulated=outcome.simulated + shift,
        distribution=outcome.distribution + shift,
    )


def _likelihood(one: OneMap, rng: np.random.Generator, size: int) -> Outcome:
    found = one.untested
    if one.rates.size == 0:
        return found
    numbers = rng.poisson(found.n_expected, size)
    return found.against(_observed(one), _simulated(one, numbers[:, None], rng)[:, 0])


def _conditional(one: OneMap, rng: np.random.Generator, size: int) -> Outcome:
    why_not = _placed(one)
    if why_not is not None:
        return replace(one.untested, status=why_not)
    numbers = np.full((size, 1), int(one.counts.sum()))
    return one.untested.against(_observed(one), _simulated(one, numbers, rng)[:, 0])


def _both(one: OneMap, rng: np.random.Generator, size: int) -> dict[str, Outcome]:
    """Likelihood and conditional likelihood of the same simulations, told after either number."""
    found = one.untested
    numbers, given = rng.poisson(found.n_expected, size), int(found.n_events)
    stops = np.sort(np.column_stack([numbers, np.full(size, given)]), axis=1)
    told = _simulated(one, stops, rng)
    fewer = (numbers <= given).astype(int)  # whether the drawn number was reached first
    row, observed = np.arange(size), _observed(one)
    return {
        "likelihood": found.against(observed, told[row, 1 - fewer]),
        "conditional likelihood": found.against(observed, told[row, fewer]),
    }


def _placed(one: OneMap) -> str | None:
    """Why events cannot be placed as many as were observed, or None."""
    if one.rates.size == 0:
        return NOT_RECORDED
    if one.counts.sum() == 0:
        return NO_EVENT
    return NOTHING_EXPECTED if one.rates.sum() == 0 else None


def _observed(one: OneMap) -> float:
    """Poisson log-likelihood of what was observed, in nats."""
    events = special.xlogy(one.counts, one.rates) - special.gammaln(one.counts + 1)
    return float(events.sum() - one.rates.sum())


def _simulated(one: OneMap, stops: IntArray, rng: np.random.Generator) -> FloatArray:
    """(size, k) Poisson log-likelihoods of simulated maps after so many events, (size, k)."""
    total = one.rates.sum()
    if total == 0:
        return np.zeros(stops.shape)
    seeds = rng.integers(0, 2**64, len(stops), dtype=np.uint64)
    table = alias_table(one.rates)
    with np.errstate(divide="ignore", over="ignore"):  # log(0) is never drawn; hashes wrap
        log_rate = np.log(one.rates)
        told = simulated_log_likelihoods(stops.astype(np.int64), seeds, table, log_rate)
    return told - total


def _require(rng: np.random.Generator, size: int) -> None:
    require_generator(rng)
    if size != int(size) or size < 1:
        raise ParameterError(f"size must be a whole number of simulations, got {size}.")


def _attrs(floor: float, size: int) -> dict[str, object]:
    return {"distribution": "poisson", "size": size, "floor": floor, "sided": "low"}
