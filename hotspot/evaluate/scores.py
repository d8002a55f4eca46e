r"""How good the expected counts and their spread are: proper scores of whole distributions.

True of every function here:

* A score compares, cell by cell, the count that was observed with the distribution that was
  forecast; its value for a map is the mean over the cells inside the region (``per="cell"``,
  each cell the same weight), or the sum over them divided by the number of events
  (``per="event"``; NaN where nothing was observed).
* **Log scores and information gain: larger is better. CRPS and Brier score: smaller is
  better.** The first sentence of each says so again.
* Proper means that nobody can gain by stating another distribution than they believe in.
* Observed counts that lack a dimension of the forecast, such as ``model``, are the same for
  all its labels. NaN marks cells outside the region. A map that was not observed at all scores NaN.
* **Nothing is floored.** Where a forecast gives an event no chance, its log score is ``-inf``.
  That is the score it deserves; forecasts that leave no cell at zero, such as a count map mixed
  with a little of a uniform one, do not meet it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from scipy import special

from hotspot._checks import require_choice, require_same_grid, require_variable
from hotspot._numba.count_scores import negative_binomial_crps
from hotspot._typing import FloatArray
from hotspot.evaluate._maps import inside_of, over_maps, require_whole_counts

Per = Literal["cell", "event"]


def poisson_log_score(
    forecast: xr.Dataset, observed: xr.DataArray, *, per: Per = "cell"
) -> xr.DataArray:
    r"""Log of the chance that a Poisson forecast gave to the counts observed; larger is better.

    .. math:: \log f(y) = y \log m - m - \log y!

    with :math:`m` the expected count of a cell and :math:`y` the observed one.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    per : {"cell", "event"}
        Mean over cells, or sum over cells divided by the number of events.

    Returns
    -------
    DataArray
        Nats over the remaining dimensions; at most 0. ``-inf`` where an event fell in a cell of
        expected count 0: give every cell some rate, as nothing is floored here.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ForecastError
        If ``expected_count`` is missing, negative or infinite.
    ParameterError
        If observed counts are not whole.

    See Also
    --------
    negative_binomial_log_score : For counts that vary more than chance alone.

    References
    ----------
    Czado, C., Gneiting, T., & Held, L. (2009). Predictive model assessment for count data.
    Biometrics, 65, 1254-1261. https://doi.org/10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    One event where one was expected: log(1) - 1 - log(1!) = -1.

    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[1.0]])})
    >>> float(poisson_log_score(forecast, xr.DataArray([[1]], dims=["y", "x"])))
    -1.0
    """
    expected = require_variable(forecast, "expected_count")
    score = _mean_score(_poisson_log_mass, [expected], observed, per)
    return score.rename("poisson_log_score").assign_attrs(
        long_name="Poisson log score", units="nat"
    )


def negative_binomial_log_score(
    forecast: xr.Dataset, observed: xr.DataArray, *, per: Per = "cell"
) -> xr.DataArray:
    r"""Log of the chance that a negative binomial forecast gave to the counts; larger is better.

    .. math:: \log f(y) = \log \binom{y + r - 1}{y} + r \log \frac{r}{r + m}
              + y \log \frac{m}{r + m}, \qquad r = \frac{m^2}{v - m}

    with :math:`m` and :math:`v` the predictive mean and variance of a cell. Where :math:`v \le
    m` the count is Poisson, to which the formula tends.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count`` and ``count_variance``.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    per : {"cell", "event"}
        Mean over cells, or sum over cells divided by the number of events.

    Returns
    -------
    DataArray
        Nats over the remaining dimensions; at most 0. ``-inf`` where an event fell in a cell of
        expected count 0: give every cell some rate, as nothing is floored here.

    Raises
    ------
    GridMismatchError, ForecastError, ParameterError
        As :func:`poisson_log_score`.

    References
    ----------
    Czado, C., Gneiting, T., & Held, L. (2009). Predictive model assessment for count data.
    Biometrics, 65, 1254-1261. https://doi.org/10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    Mean 1 and variance 2 is the geometric distribution with p = 1/2, so f(1) = 1/4.

    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[1.0]]),
    ...                        "count_variance": (("y", "x"), [[2.0]])})
    >>> score = negative_binomial_log_score(forecast, xr.DataArray([[1]], dims=["y", "x"]))
    >>> round(float(np.exp(score)), 12)
    0.25
    """
    score = _mean_score(negative_binomial_log_mass, _moments(forecast), observed, per)
    return score.rename("negative_binomial_log_score").assign_attrs(
        long_name="negative binomial log score", units="nat"
    )


def information_gain(
    forecast: xr.Dataset, observed: xr.DataArray, *, baseline: xr.Dataset
) -> xr.DataArray:
    r"""How much better a map places the events than a baseline map does; larger is better.

    .. math:: \frac{1}{N} \sum_c y_c \log \frac{p_c}{q_c}, \qquad
              p_c = \frac{m_c}{\sum_k m_k}

    with :math:`q` the baseline's expected counts, normalised likewise, and :math:`N = \sum_c
    y_c`. Only the shape of the maps is judged, not the volume. 0 for the baseline itself; a
    gain of 0.05 means that an event's place was given a chance larger by a factor of
    :math:`e^{0.05}`, about 5 %, in the geometric mean.

    Parameters
    ----------
    forecast, baseline : Dataset (..., y, x)
        Hold ``expected_count``, on one grid.
    observed : DataArray (..., y, x)
        Event counts on the same grid.

    Returns
    -------
    DataArray
        Nats per event over the remaining dimensions. NaN where nothing was observed; ``-inf``
        (``inf``) where an event fell in a cell to which the forecast (the baseline) gives no
        share; NaN where both did. Nothing is floored: mix either map with a little of a uniform
        one first.

    Raises
    ------
    GridMismatchError, ForecastError
        As :func:`poisson_log_score`.

    References
    ----------
    Rhoades, D. A., Schorlemmer, D., Gerstenberger, M. C., Christophersen, A., Zechar, J. D., &
    Imoto, M. (2011). Efficient testing of earthquake forecasting models. Acta Geophysica, 59,
    728-747. https://doi.org/10.2478/s11600-011-0013-5

    Examples
    --------
    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[3.0, 1.0]])})
    >>> flat = xr.Dataset({"expected_count": (("y", "x"), [[1.0, 1.0]])})
    >>> gain = information_gain(forecast, xr.DataArray([[2, 0]], dims=["y", "x"]), baseline=flat)
    >>> round(float(np.exp(gain)), 12)  # 3/4 against 1/2
    1.5
    """
    expected = require_variable(forecast, "expected_count")
    other = require_variable(baseline, "expected_count")
    require_same_grid(expected, observed)
    require_same_grid(expected, other)
    gain = over_maps(_gain_of_one_map, expected, observed, other)
    return gain.rename("information_gain").assign_attrs(
        long_name="information gain over the baseline", units="nat per event"
    )


def crps(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    distribution: Literal["moments", "members"] = "moments",
    per: Per = "cell",
) -> xr.DataArray:
    r"""Continuous ranked probability score: distance of forecast from count; smaller is better.

    .. math:: \sum_{k=0}^{\infty} \left(F(k) - 1\{y \le k\}\right)^2
              = E|N - y| - \tfrac{1}{2} E|N - N'|

    with :math:`F` the predictive distribution function and :math:`N, N'` independent draws from
    it. In events; for a forecast without spread it is the absolute error. Unlike a log score it
    is finite always, and far less hurt by a rare surprise.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count`` and ``count_variance``, or ``simulated_count`` (member, ..., y, x).
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    distribution : {"moments", "members"}
        The negative binomial of the forecast's mean and variance (Poisson where the variance
        is not larger), summed to within rounding; or the simulated members as they are.
    per : {"cell", "event"}
        Mean over cells, or sum over cells divided by the number of events.

    Returns
    -------
    DataArray
        Events over the remaining dimensions; at least 0.

    Raises
    ------
    GridMismatchError, ForecastError, ParameterError
        As :func:`poisson_log_score`; ForecastError also where members are asked for and were
        not kept.

    Notes
    -----
    With few members the score is too large by about :math:`E|N - N'| / 2M`: the members are
    taken as the forecast, not as a sample of one.

    References
    ----------
    Gneiting, T., & Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
    estimation. Journal of the American Statistical Association, 102, 359-378.
    https://doi.org/10.1198/016214506000001437

    Examples
    --------
    >>> import xarray as xr
    >>> members = xr.DataArray([[[2.0]], [[4.0]]], dims=["member", "y", "x"])
    >>> forecast = xr.Dataset({"simulated_count": members})
    >>> observed = xr.DataArray([[3]], dims=["y", "x"])
    >>> float(crps(forecast, observed, distribution="members"))  # 1 - 2 / 4
    0.5
    """
    require_choice(distribution, "distribution", ("moments", "members"))
    if distribution == "moments":
        score = _mean_score(negative_binomial_crps, _moments(forecast), observed, per)
    else:
        score = _member_crps(require_variable(forecast, "simulated_count"), observed, per)
    return score.rename("crps").assign_attrs(
        long_name="continuous ranked probability score", units="events"
    )


def brier_score(forecast: xr.Dataset, observed: xr.DataArray, *, per: Per = "cell") -> xr.DataArray:
    r"""Squared error of the chance of at least one event; smaller is better.

    .. math:: (p - 1\{y > 0\})^2

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``probability``, the chance of at least one event.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    per : {"cell", "event"}
        Mean over cells, or sum over cells divided by the number of events.

    Returns
    -------
    DataArray
        Unitless over the remaining dimensions; for ``per="cell"`` in [0, 1].

    Raises
    ------
    GridMismatchError, ForecastError, ParameterError
        As :func:`poisson_log_score`.

    References
    ----------
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly
    Weather Review, 78, 1-3. https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    Examples
    --------
    >>> import xarray as xr
    >>> forecast = xr.Dataset({"probability": (("y", "x"), [[0.5, 1.0]])})
    >>> float(brier_score(forecast, xr.DataArray([[3, 1]], dims=["y", "x"])))
    0.125
    """
    probability = require_variable(forecast, "probability")
    score = _mean_score(_brier, [probability], observed, per)
    return score.rename("brier_score").assign_attrs(long_name="Brier score", units="1")


def _moments(forecast: xr.Dataset) -> list[xr.DataArray]:
    return [require_variable(forecast, name) for name in ("expected_count", "count_variance")]


def _mean_score(function, parameters, observed, per) -> xr.DataArray:
    """Mean over cells of `function` of the distribution's parameters and the count observed."""
    require_choice(per, "per", ("cell", "event"))
    require_same_grid(parameters[0], observed)
    return over_maps(
        _score_of_one_map, parameters[0], observed, *parameters[1:], mass=function, per=per
    )


def _score_of_one_map(first, observed, *more, mass, per) -> float:
    inside = inside_of(first, observed)
    count = observed[inside]
    require_whole_counts(count)
    return _averaged(mass(first[inside], *(other[inside] for other in more), count), count, per)


def _averaged(score: FloatArray, observed: FloatArray, per: Per) -> float:
    weight = score.size if per == "cell" else observed.sum()
    return score.sum() / weight if weight > 0 else np.nan


def _poisson_log_mass(mean: FloatArray, observed: FloatArray) -> FloatArray:
    return special.xlogy(observed, mean) - mean - special.gammaln(observed + 1)


def negative_binomial_log_mass(
    mean: FloatArray, variance: FloatArray, observed: FloatArray
) -> FloatArray:
    """Log of the chance of each count; all (n,) float64. Poisson where variance <= mean."""
    score = _poisson_log_mass(mean, observed)
    # Below this the two agree to rounding, and r would be too large to compute with.
    spread = (variance - mean > 1e-9 * mean) & (mean > 0)
    m, y = mean[spread], observed[spread]
    extra = (variance[spread] - m) / m
    r = m / extra
    # log of the binomial coefficient through the beta function: differences of log-gammas
    # of a large r would lose every digit.
    score[spread] = (
        -np.log(y + r)
        - special.betaln(r, y + 1)
        - r * np.log1p(extra)
        + special.xlogy(y, extra / (1 + extra))
    )
    return score


def _gain_of_one_map(expected, observed, baseline) -> float:
    inside = inside_of(expected, observed) & inside_of(baseline, observed)
    hit = inside & (observed > 0)
    if not hit.any():
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.log(expected[hit] / expected[inside].sum())
        q = np.log(baseline[hit] / baseline[inside].sum())
        return float(observed[hit] @ (p - q) / observed[hit].sum())


def _member_crps(members: xr.DataArray, observed: xr.DataArray, per: Per) -> xr.DataArray:
    require_choice(per, "per", ("cell", "event"))
    require_same_grid(members, observed)
    return xr.apply_ufunc(
        _member_crps_of_one_map,
        members,
        observed.astype(float),
        input_core_dims=[["member", "y", "x"], ["y", "x"]],
        vectorize=True,
        output_dtypes=[float],
        kwargs={"per": per},
    )


def _member_crps_of_one_map(members, observed, *, per) -> float:
    inside = inside_of(members[0].astype(float), observed)
    count = observed[inside]
    require_whole_counts(count)
    drawn = np.sort(members[:, inside].astype(float), axis=0)
    size = drawn.shape[0]
    # The sorted members turn E|N - N'| into one weighted sum.
    weight = (2 * np.arange(1, size + 1) - size - 1) / size**2
    return _averaged(np.abs(drawn - count).mean(axis=0) - weight @ drawn, count, per)


def _brier(probability: FloatArray, observed: FloatArray) -> FloatArray:
    return (probability - (observed > 0)) ** 2
