"""How widely to smooth: bandwidths chosen from the events themselves.

Five rules, one question each:

==============  ====================================================================================
``scott``       What would be best if the events were one normal cloud? (Scott 1992)
``lscv``        Which density is nearest the true one in squared error? (Bowman 1984)
``likelihood``  Under which density is each event likeliest, judged by the others? (Loader 1999)
``isj``         What would be best, judged by the events' own roughness? (Botev 2010, by axis)
``diggle``      Which intensity has the least squared error in a clustered process? (Berman 1989)
==============  ====================================================================================

Recorded places are snapped to points that many events share. Two events in one place look to
cross-validation like infinitely sharp detail, so its criterion improves without end as the
bandwidth goes to 0, and the search must be bounded below by the resolution of the places. A choice
that ends on a bound warns: it is the bound that spoke, not the events.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import DataQualityWarning, ParameterError, TooFewEventsError
from hotspot.models.smoothing.berman_diggle import berman_diggle_curve
from hotspot.models.smoothing.cross_validation import CrossValidation
from hotspot.models.smoothing.density import checked_bandwidth, checked_points, distinct_places
from hotspot.models.smoothing.sheather_jones import sheather_jones

SelectionMethod = Literal["scott", "lscv", "likelihood", "isj", "diggle"]
METHODS = ("scott", "lscv", "likelihood", "isj", "diggle")

_N_CANDIDATES = 20
_REFINEMENTS = 12


@dataclass(frozen=True, eq=False)
class BandwidthChoice:
    """A chosen bandwidth, and the curve it was chosen on.

    Attributes
    ----------
    bandwidth : float
        Metres; also ``float(choice)``.
    method : str
        The rule that chose it.
    candidates, criterion : (k,) float64
        Every bandwidth looked at, ascending, and the criterion there. Empty for ``scott`` and
        ``isj``, which calculate the answer.
    sense : str
        Whether the "lowest" or the "highest" criterion is best; "" where there is none.
    bound : str
        "lower" or "upper" where the best lies on that end of the search; "" elsewhere.
    by_axis : (float, float) or None
        For ``scott`` and ``isj``: the bandwidths along x and y of which it is the geometric mean.

    Examples
    --------
    >>> from shapely import box
    >>> points = np.random.default_rng(7).normal(5_000, 800, (400, 2))
    >>> choice = select_bandwidth(points, method="lscv", region=box(0, 0, 10_000, 10_000))
    >>> choice.sense, bool(choice.candidates[choice.criterion.argmin()] == float(choice))
    ('lowest', True)
    """

    bandwidth: float
    method: str
    candidates: FloatArray
    criterion: FloatArray
    sense: str = ""
    bound: str = ""
    by_axis: tuple[float, float] | None = None

    def __float__(self) -> float:
        return self.bandwidth


def select_bandwidth(
    points: Events | FloatArray,
    *,
    method: SelectionMethod = "likelihood",
    region: BaseGeometry | None = None,
    place_resolution: float | None = None,
    candidates: FloatArray | None = None,
) -> BandwidthChoice:
    r"""Choose how widely to smooth, from the events themselves.

    Parameters
    ----------
    points : Events or (n, 2) float64
        What is to be smoothed; metres.
    method : {"scott", "lscv", "likelihood", "isj", "diggle"}
        See Notes.
    region : Polygon or MultiPolygon, optional
        Where points could be; from Events by default. Needed by all but ``scott`` and ``isj``.
    place_resolution : float, optional
        Metres within which places are not known; from Events by default, else 0. The smallest
        bandwidth that the search may return.
    candidates : (k,) float64, optional
        Look at these bandwidths only, and refine no further (not for ``scott`` and ``isj``). By
        default 20 from `place_resolution`, or 1/512 of the region's extent if that is larger,
        up to 1/4 of the extent, then a golden-section search round the best.

    Returns
    -------
    BandwidthChoice

    Raises
    ------
    ParameterError
        If `method` is unknown, `region` is missing, or a candidate is not positive.
    TooFewEventsError
        If there are fewer than 3 events or distinct places, or all lie on one line.
    ConvergenceError
        If the fixed point of ``isj`` has no solution.

    Warns
    -----
    DataQualityWarning
        If the best bandwidth lies on an end of the search.

    Notes
    -----
    With n events at :math:`s_i`, :math:`\hat\lambda_h` the edge-corrected ("uniform") intensity in
    the region W and :math:`\hat\lambda_{h,-i}` the same with event i left out:

    * ``scott``: :math:`\sqrt{\sigma_x \sigma_y} \; n^{-1/6}`, from the standard deviations.
    * ``lscv`` minimises :math:`\int_W \hat f_h^2 - \frac{2}{n} \sum_i \hat f_{h,-i}(s_i)`, with
      :math:`\hat f_h = \hat\lambda_h / \int_W \hat\lambda_h` and
      :math:`\hat f_{h,-i} = \frac{n}{n - 1} \hat\lambda_{h,-i} / \int_W \hat\lambda_h`.
    * ``likelihood`` maximises
      :math:`\sum_i \log \hat\lambda_{h,-i}(s_i) - \int_W \hat\lambda_h`.
    * ``isj``: the improved Sheather-Jones bandwidth of each coordinate alone, geometric mean,
      times :math:`(3/4)^{1/5} n^{1/5 - 1/6}`, which turns the best bandwidth of a normal cloud
      on a line into that on a plane: on normal data it agrees with Scott's.
    * ``diggle`` minimises the mean squared error of a Cox process's intensity,
      :math:`\frac{\lambda^{-1} - 2 K(r)}{\pi r^2}
      + \frac{1}{(\pi r^2)^2} \int_0^{2r} \gamma_r(t) \, dK(t)`
      over r = 2h, with K Ripley's function (rigid-motion corrected) and :math:`\gamma_r(t)` the
      area that two discs of radius r have in common at distance t.

    Events in one place are summed once, and pairs beyond eight bandwidths not at all; where
    pairs are too many, places are moved to a lattice of an eighth of the bandwidth and summed
    by FFT. 300,000 events take seconds.

    References
    ----------
    Scott, D. W. (1992). Multivariate Density Estimation. Wiley.
    https://doi.org/10.1002/9780470316849

    Bowman, A. W. (1984). An alternative method of cross-validation for the smoothing of density
    estimates. Biometrika, 71, 353-360. https://doi.org/10.1093/biomet/71.2.353

    Loader, C. (1999). Local Regression and Likelihood. Springer. https://doi.org/10.1007/b98858

    Botev, Z. I., Grotowski, J. F., & Kroese, D. P. (2010). Kernel density estimation via
    diffusion. Annals of Statistics, 38, 2916-2957. https://doi.org/10.1214/10-AOS799

    Berman, M., & Diggle, P. (1989). Estimating weighted integrals of the second-order intensity
    of a spatial point process. Journal of the Royal Statistical Society B, 51, 81-92.
    https://doi.org/10.1111/j.2517-6161.1989.tb01750.x

    Examples
    --------
    >>> points = np.random.default_rng(7).normal(5_000, 800, (400, 2))
    >>> choice = select_bandwidth(points, method="scott")
    >>> round(float(choice))
    278
    """
    points, region, resolution = _unpacked(points, region, place_resolution)
    if method not in METHODS:
        raise ParameterError(f"method must be one of {METHODS}, got {method!r}.")
    places = _enough_places(points)
    if method in ("scott", "isj"):
        return _calculated(points, places, method, resolution)
    if region is None:
        raise ParameterError(f'method="{method}" needs the region: pass region=grid.region.')
    if candidates is not None:
        candidates = np.unique([checked_bandwidth(h) for h in np.atleast_1d(candidates)])
    if method == "diggle":
        found = _from_curve(*berman_diggle_curve(points, region), resolution, candidates)
    else:
        found = _cross_validated(points, region, resolution, candidates, method)
    _warn_if_on_a_bound(found, resolution)
    return found


def _calculated(points, places, method, resolution) -> BandwidthChoice:
    n = len(points)
    if method == "scott":
        x, y = (float(np.std(axis, ddof=1)) * n ** (-1 / 6) for axis in points.T)
    else:
        to_a_plane = 0.75**0.2 * len(places) ** (1 / 5 - 1 / 6)
        x, y = (to_a_plane * sheather_jones(axis, resolution) for axis in points.T)
    nothing = np.empty(0)
    return BandwidthChoice((x * y) ** 0.5, method, nothing, nothing, by_axis=(x, y))


def _cross_validated(points, region, resolution, candidates, method) -> BandwidthChoice:
    west, south, east, north = region.bounds
    extent = max(east - west, north - south)
    lowest = max(resolution, extent / 512)
    if lowest >= extent / 4:
        raise ParameterError(
            f"place_resolution={resolution:g} m is over a quarter of the region's extent, "
            f"{extent:.0f} m: no bandwidth lies between them."
        )
    searched = np.geomspace(lowest, extent / 4, _N_CANDIDATES) if candidates is None else candidates
    validation = CrossValidation.over(points, region, finest=searched[0])
    sign, sense = (1.0, "lowest") if method == "lscv" else (-1.0, "highest")
    criterion = validation.least_squares if method == "lscv" else validation.log_likelihood

    def cost(h):
        return sign * criterion(h)

    values = np.array([cost(h) for h in searched])
    if candidates is None:
        searched, values = _refined(cost, searched, values)
    return _best_of(searched, sign * values, method, sense)


def _refined(cost: Callable[[float], float], h: FloatArray, values: FloatArray):
    """The curve with a golden-section search, in log bandwidth, between the best's neighbours."""
    best = int(np.argmin(values))
    low, high = np.log(h[max(best - 1, 0)]), np.log(h[min(best + 1, h.size - 1)])
    golden = (5**0.5 - 1) / 2
    tried = {}

    def at(u):
        tried[np.exp(u)] = value = cost(float(np.exp(u)))
        return value

    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = at(left), at(right)
    for _ in range(_REFINEMENTS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = at(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = at(right)
    h = np.concatenate([h, list(tried)])
    values = np.concatenate([values, list(tried.values())])
    order = np.argsort(h)
    return h[order], values[order]


def _from_curve(h, values, resolution, candidates) -> BandwidthChoice:
    if candidates is not None:
        h, values = candidates, np.interp(candidates, h, values, left=np.nan, right=np.nan)
    allowed = (h >= resolution) & np.isfinite(values)
    if not allowed.any():
        raise ParameterError(
            f"No bandwidth of at least place_resolution={resolution:g} m is within the reach of "
            "Berman and Diggle's criterion. Use another method."
        )
    return _best_of(h[allowed], values[allowed], "diggle", "lowest")


def _best_of(h: FloatArray, values: FloatArray, method: str, sense: str) -> BandwidthChoice:
    best = int(np.argmin(values) if sense == "lowest" else np.argmax(values))
    bound = {0: "lower", h.size - 1: "upper"}.get(best, "") if h.size > 1 else ""
    return BandwidthChoice(float(h[best]), method, h, values, sense, bound)


def _warn_if_on_a_bound(choice: BandwidthChoice, resolution: float) -> None:
    if choice.bound == "lower":
        what = (
            "the place resolution" if choice.bandwidth <= resolution else "the search's lower end"
        )
        why = "Events that share a place look like infinitely sharp detail"
    elif choice.bound == "upper":
        what, why = "the search's upper end", "The events show no clustering to smooth"
    else:
        return
    warnings.warn(
        f'method="{choice.method}" ended on {what}, {choice.bandwidth:.4g} m: it is that bound, '
        f"not the events, that set the bandwidth. {why}; give a bandwidth in metres, or use "
        'method="scott" or "isj".',
        DataQualityWarning,
        stacklevel=3,
    )


def _unpacked(points, region, place_resolution):
    if isinstance(points, Events):
        region = points.region if region is None else region
        if place_resolution is None:
            place_resolution = points.place_resolution
        points = points.coordinates()[:, 1:]
    resolution = 0.0 if place_resolution is None else float(place_resolution)
    if not (np.isfinite(resolution) and resolution >= 0):
        raise ParameterError(
            f"place_resolution must be 0 or more metres, got {place_resolution!r}."
        )
    return checked_points(points), region, resolution


def _enough_places(points: FloatArray) -> FloatArray:
    """The distinct places, if a bandwidth can be had from them."""
    places = distinct_places(points, np.ones(len(points)))[0] if len(points) else points
    if len(places) < 3:
        raise TooFewEventsError(
            f"{len(points)} events in {len(places)} distinct places cannot choose a bandwidth; at "
            "least 3 places are needed. Give a bandwidth in metres."
        )
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    if spread[1] <= 1e-9 * spread[0]:
        raise TooFewEventsError(
            f"All {len(points)} events lie on one line, so they cannot choose a bandwidth for the "
            "plane. Give one in metres."
        )
    return places
