r"""Tests of earthquake forecasting on recorded offences: is the gain per event more than chance?

With :math:`m_i` and :math:`b_i` the expected counts of forecast and baseline in the cell and period
where event i fell, and :math:`M` and :math:`B` their sums over all cells and periods, both
tests look at :math:`d_i = \log m_i - \log b_i` less :math:`(M - B) / N`. Place *and* volume are
judged: :func:`hotspot.information_gain` judges place alone.

Both take the N events as independent. Recorded offences are not: a month that surprises one
model surprises it in many places at once, so these tests find differences too easily.
:func:`hotspot.added_value` and :func:`hotspot.diebold_mariano` take the period as the unit; of the
tests here read mainly what they do *not* find. Nothing is floored: where a forecast gives an
event no chance, the gain is ``-inf`` and no test is defined.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from hotspot._checks import require_level, require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.evaluate._maps import inside_of, require_whole_counts


def paired_t_test(
    forecast: xr.Dataset, observed: xr.DataArray, *, baseline: xr.Dataset, level: float = 0.95
) -> xr.Dataset:
    r"""T test: how much better an event was foretold than by a baseline, on average, with bounds.

    .. math:: G = \frac{1}{N} \left[ \sum_{i=1}^N d_i - (M - B) \right], \qquad
              t = \frac{G}{s / \sqrt{N}}, \qquad
              s^2 = \frac{\sum d_i^2}{N - 1} - \frac{(\sum d_i)^2}{N^2 - N}

    with :math:`d_i = \log (m_i / b_i)`; see the module for its notation and for when not to trust
    it. Equations 17 and 18 of Rhoades et al.

    Parameters
    ----------
    forecast, baseline : Dataset (..., y, x)
        Hold ``expected_count``, on one grid.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers. The events of all its cells and periods are
        pooled; what the forecast has besides (``model``) is kept.
    level : float
        Of the interval, in (0, 1).

    Returns
    -------
    Dataset
        ``gain`` (nats per event; larger is better) with ``lower`` and ``upper``,
        ``t_statistic``, two-sided ``p_value``, and ``n_events``. NaN where no event was observed;
        but for the gain also with a single event, where all differ by the same, and where the
        gain is infinite.

    Raises
    ------
    GridMismatchError, ForecastError, ParameterError
        As :func:`hotspot.poisson_log_score`.

    See Also
    --------
    paired_w_test : Judges the median, so that a few events cannot decide.
    diebold_mariano : Takes periods, not events, as independent or nearly so.

    References
    ----------
    Rhoades, D. A., Schorlemmer, D., Gerstenberger, M. C., Christophersen, A., Zechar, J. D., &
    Imoto, M. (2011). Efficient testing of earthquake forecasting models. Acta Geophysica, 59,
    728-747. https://doi.org/10.2478/s11600-011-0013-5

    Examples
    --------
    Two events where 3 were expected instead of 2, one where 1 was instead of 2: the sums agree,
    and the gain is (2 log 1.5 - log 2) / 3.

    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[3.0, 1.0]])})
    >>> even = xr.Dataset({"expected_count": (("y", "x"), [[2.0, 2.0]])})
    >>> found = paired_t_test(forecast, xr.DataArray([[2, 1]], dims=["y", "x"]), baseline=even)
    >>> round(float(found["gain"]), 4), int(found["n_events"])
    (0.0393, 3)
    """
    require_level(level)
    names = ("gain", "lower", "upper", "t_statistic", "p_value", "n_events")
    return _pooled(_t_test, names, forecast, observed, baseline, level=level)


def paired_w_test(
    forecast: xr.Dataset, observed: xr.DataArray, *, baseline: xr.Dataset
) -> xr.Dataset:
    r"""W test: was the typical event better foretold than by a baseline?

    Wilcoxon's signed-rank test of :math:`d_i - (M - B) / N`, with :math:`d_i = \log (m_i / b_i)`;
    see the module for its notation and for when not to trust it. It asks whether these are
    symmetric about 0, by their ranks, so that a few events which one model foretold far better
    cannot decide. The normal approximation is used, with its correction for ties and without one
    for continuity; differences of 0 are left out.

    Parameters
    ----------
    forecast, baseline : Dataset (..., y, x)
        Hold ``expected_count``, on one grid.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers. The events of all its cells and periods are
        pooled; what the forecast has besides (``model``) is kept.

    Returns
    -------
    Dataset
        ``z_statistic``, above 0 where the forecast's ranks are the better; two-sided
        ``p_value``; ``n_events``. NaN where no event was observed, or none differs. The
        approximation is poor below some 10 events.

    Raises
    ------
    GridMismatchError, ForecastError, ParameterError
        As :func:`hotspot.poisson_log_score`.

    References
    ----------
    Rhoades, D. A., Schorlemmer, D., Gerstenberger, M. C., Christophersen, A., Zechar, J. D., &
    Imoto, M. (2011). Efficient testing of earthquake forecasting models. Acta Geophysica, 59,
    728-747. https://doi.org/10.2478/s11600-011-0013-5

    Examples
    --------
    Of 21 events, 18 were given 1.5 times the chance and 3 half of it. The latter differ most, and
    have the ranks 19 to 21: their sum is 60, that of the others 171.

    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[15.0, 5.0]])})
    >>> even = xr.Dataset({"expected_count": (("y", "x"), [[10.0, 10.0]])})
    >>> found = paired_w_test(forecast, xr.DataArray([[18, 3]], dims=["y", "x"]), baseline=even)
    >>> float(found["z_statistic"].round(2)), float(found["p_value"].round(4))
    (2.09, 0.0367)
    """
    names = ("z_statistic", "p_value", "n_events")
    return _pooled(_w_test, names, forecast, observed, baseline)


def _pooled(function, names, forecast, observed, baseline, **options) -> xr.Dataset:
    """`function` of all events' differences, over every dimension of `observed`, as a Dataset."""
    expected = require_variable(forecast, "expected_count").reset_coords(drop=True)
    other = require_variable(baseline, "expected_count").reset_coords(drop=True)
    observed = observed.reset_coords(drop=True)
    require_same_grid(expected, observed)
    require_same_grid(expected, other)
    within = tuple(observed.dims)
    expected, other = (one.broadcast_like(observed.astype(float)) for one in (expected, other))
    values = xr.apply_ufunc(
        lambda *maps: function(*_event_differences(*maps), **options),
        *(expected, other, observed.astype(float)),
        input_core_dims=[within] * 3,
        output_core_dims=[["statistic"]],
        vectorize=True,
        output_dtypes=[float],
    )
    found = {name: values.isel(statistic=number) for number, name in enumerate(names)}
    return xr.Dataset(found).assign_attrs(units="nat per event")


def _event_differences(expected, other, observed) -> tuple[FloatArray, float]:
    """Log ratio at each event, and by how much the forecasts' volumes differ."""
    inside = inside_of(expected, observed) & inside_of(other, observed)
    count = observed[inside]
    require_whole_counts(count)
    hit = count > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(expected[inside][hit]) - np.log(other[inside][hit])
    volume = expected[inside].sum() - other[inside].sum()
    return np.repeat(ratio, count[hit].astype(np.int64)), float(volume)


def _t_test(difference: FloatArray, volume: float, *, level: float) -> FloatArray:
    n = difference.size
    if n == 0:
        return np.array([np.nan] * 5 + [0.0])
    gain = difference.mean() - volume / n
    if n == 1 or not np.isfinite(gain) or np.ptp(difference) == 0:
        return np.array([gain, *[np.nan] * 4, n])
    error = difference.std(ddof=1) / np.sqrt(n)
    reach = stats.t.ppf((1 + level) / 2, n - 1) * error
    statistic = gain / error
    p_value = 2 * stats.t.sf(abs(statistic), n - 1)
    return np.array([gain, gain - reach, gain + reach, statistic, p_value, n])


def _w_test(difference: FloatArray, volume: float) -> FloatArray:
    n = difference.size
    shifted = difference - volume / n if n else difference
    shifted = shifted[shifted != 0]
    if shifted.size == 0 or not np.isfinite(shifted).all():
        return np.array([np.nan, np.nan, n])
    found = stats.wilcoxon(shifted, zero_method="wilcox", correction=False, method="asymptotic")
    # The smaller rank sum is what SciPy hands back; the sign says whose ranks are the better.
    better = stats.rankdata(np.abs(shifted)) @ np.sign(shifted)
    return np.array([np.copysign(found.zstatistic, better), found.pvalue, n])
