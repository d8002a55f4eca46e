"""Time-rescaled residuals: by the clock that runs as fast as events are expected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.residuals.intensity import GriddedIntensity

_DAY = pd.Timedelta(days=1)
_UNIT = {"exact": 0.0, "hour": 1 / 24, "day": 1.0}
_FEWEST = 10


def time_rescaled_residuals(
    model: object, events: Events | None = None, *, rng: np.random.Generator | None = None
) -> FloatArray:
    r"""Expected number of events between each event and the one before, all over the region.

    .. math:: \Lambda(t_i) - \Lambda(t_{i-1}), \qquad \Lambda(t) = \int_0^t \int_W \lambda

    If the model is right they are independent and exponential with mean 1: long where it
    expected events that did not come, short where more came than expected.

    Parameters
    ----------
    model : fitted point process or Dataset
        A fit with a method ``time_rescaled_residuals``, such as of :class:`hotspot.SelfExciting`,
        judged on the events of its own window; or a forecast, or one model of a backtest, whose
        periods follow one another. A forecast of counts is taken as even within each period.
    events : Events, optional
        For forecasts: what was recorded. Those outside the forecast's cells are left out.
    rng : Generator, optional
        For forecasts, if events were recorded by the hour, day or month: each is put at a
        random instant of it, since as many at one time would look like none and then many.

    Returns
    -------
    (n,) float64
        In order of time; the first counts from the begin of the window.

    Raises
    ------
    ParameterError
        If the model has no intensity, `events` or `rng` are missing where they are needed, or
        given where they are not.
    ForecastError
        If the forecast lacks periods or areas.

    See Also
    --------
    residual_tests : Whether they are as they should be.
    super_thinned_residuals : Residuals that know of places.

    Notes
    -----
    All of the region is thrown together: a model may put every event in the wrong place and have
    perfect residuals of this kind.

    References
    ----------
    Ogata, Y. (1988). Statistical models for earthquake occurrences and residual analysis for
    point processes. Journal of the American Statistical Association, 83, 9-27.
    https://doi.org/10.1080/01621459.1988.10478560

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, issue_forecast, load_sample, make_periods
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = HistoricalRate().fit(events, grid, end="2024-12-01")
    >>> days = make_periods("2024-12-01", count=31, length="day")
    >>> forecast = issue_forecast(fitted, days, rng=np.random.default_rng(1), size=40)
    >>> december = events.select(start="2024-12-01")
    >>> len(time_rescaled_residuals(forecast, december)) == len(december)
    True
    """
    if isinstance(model, xr.Dataset):
        if events is None:
            raise ParameterError("Give the events that the forecast is to be judged by.")
        return _of_forecast(model, events, rng)
    own = getattr(model, "time_rescaled_residuals", None)
    if own is None:
        raise ParameterError(
            f"{type(model).__name__} has no intensity in continuous time. Judge its forecasts: "
            "issue_forecast(model.fit(events, grid), periods, ...), or a backtest of one model."
        )
    if events is not None:
        raise ParameterError(
            "A fit is judged by the events of its own window; leave events out. For later events "
            "judge its forecasts."
        )
    return own()


def _of_forecast(
    forecast: xr.Dataset, events: Events, rng: np.random.Generator | None
) -> FloatArray:
    cells = GriddedIntensity.of(forecast, events.time_zone)
    if events.time_resolution != "exact" and rng is None:
        raise ParameterError(
            f"The events were recorded by the {events.time_resolution}; give rng, to put each at "
            "a random instant of it."
        )
    edges = ((cells.edges - cells.edges[0]) / _DAY).to_numpy(float)
    points = events.coordinates()
    points[:, 0] += (events.start - cells.edges[0]) / _DAY
    points = points[(points[:, 0] >= 0) & (points[:, 0] < edges[-1])]
    points = points[np.isfinite(cells.at(points))]
    t = points[:, 0]
    if events.time_resolution != "exact":
        latest = edges[np.searchsorted(edges, t, side="right")]
        if events.time_resolution != "month":
            latest = np.minimum(t + _UNIT[events.time_resolution], latest)
        t = np.sort(t + (latest - t) * rng.random(t.size))
    per_period = np.nansum(cells.rate * _area_days(forecast, edges), axis=(1, 2))
    so_far = np.concatenate([[0.0], np.cumsum(per_period)])
    return np.diff(np.interp(t, edges, so_far), prepend=0.0)


def _area_days(forecast: xr.Dataset, edges: FloatArray) -> FloatArray:
    area = forecast["inside_area"].transpose("y", "x").to_numpy() / 1e6
    return np.diff(edges)[:, None, None] * area


def residual_tests(residuals: FloatArray, *, lags: int = 10) -> pd.DataFrame:
    r"""Whether time-rescaled residuals are exponential with mean 1, and independent.

    Parameters
    ----------
    residuals : (n,) float64
        From :func:`time_rescaled_residuals`.
    lags : int
        Over how many lags the autocorrelation is summed.

    Returns
    -------
    DataFrame
        Rows: ``mean`` (number of events against the number expected, by the Poisson
        distribution), ``exponential`` (Kolmogorov-Smirnov), ``uncorrelated`` (Ljung-Box, of
        :math:`\Phi^{-1}(1 - e^{-r})`, so that no long residual rules the sum). Columns
        ``statistic``, ``p_value`` and ``cannot_see``, what passes each test undetected. The
        attribute ``tied`` is the number of residuals that are 0, events at the same time: where
        there are some the last two tests say little.

    Raises
    ------
    TooFewEventsError
        If there are fewer than 10 residuals, or not three times as many as `lags`.
    ParameterError
        If a residual is negative or not finite.

    Notes
    -----
    After a fit to the same events the p-values are too large: the parameters have been chosen to
    make residuals look well, and the mean is 1 by construction.

    References
    ----------
    Ljung, G. M., & Box, G. E. P. (1978). On a measure of lack of fit in time series models.
    Biometrika, 65, 297-303. https://doi.org/10.1093/biomet/65.2.297

    Schoenberg, F. P. (2002). On rescaled Poisson processes and the Brownian bridge. Annals of the
    Institute of Statistical Mathematics, 54, 445-457. https://doi.org/10.1023/A:1022494523519

    Examples
    --------
    >>> right = np.random.default_rng(1).exponential(size=500)
    >>> bool((residual_tests(right)["p_value"] > 0.01).all())
    True
    >>> residual_tests(2 * right)["p_value"].round(3).tolist()[:2]
    [0.0, 0.0]
    """
    from scipy import stats
    from statsmodels.stats.diagnostic import acorr_ljungbox

    r = np.asarray(residuals, float)
    if r.ndim != 1 or not (np.isfinite(r) & (r >= 0)).all():
        raise ParameterError("Residuals must be a flat array of finite numbers, 0 or more.")
    if r.size < max(_FEWEST, 3 * lags):
        raise TooFewEventsError(
            f"There are {r.size} residuals; these tests need at least {max(_FEWEST, 3 * lags)}."
        )
    n, expected = r.size, float(r.sum())
    # Of a window that ends with an event, what came before has a gamma distributed expectation.
    below = stats.gamma.cdf(expected, n)
    fit = stats.kstest(r, "expon")
    scores = stats.norm.ppf(np.clip(-np.expm1(-r), 1e-12, 1 - 1e-12))
    box = acorr_ljungbox(scores, lags=[lags], return_df=True).iloc[0]
    found = pd.DataFrame(
        {
            "statistic": [n / expected if expected else np.inf, fit.statistic, box["lb_stat"]],
            "p_value": [2 * min(below, 1 - below), fit.pvalue, box["lb_pvalue"]],
            "cannot_see": [
                "a model right in total only; after a fit, anything",
                "places; the order of the residuals; after a fit, a wrong level",
                "places; dependence that is not monotone; a wrong level",
            ],
        },
        index=pd.Index(["mean", "exponential", "uncorrelated"], name="test"),
    )
    found.attrs["tied"] = int((r == 0).sum())
    return found
