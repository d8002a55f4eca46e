r"""K functions that allow for an intensity: how many more pairs are close than it lets expect.

True of every function here: pairs are weighed by one over both intensities, and by translation:
over the area that the region shares with itself moved by the pair's displacement, and over the
days of the window less its lag. The area is exact at 561 displacements and linear between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
import xarray as xr
from shapely.geometry.base import BaseGeometry

from hotspot._checks import require_generator, require_level
from hotspot._numba.close_pairs import weigh_pairs
from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.evaluate.residuals.pairs import deal
from hotspot.evaluate.residuals.super_thinning import SuperThinned, random_points

_NODES = 16  # displacements on either side of none, up to the longest distance
_PER_KM2 = 1e6


def space_time_k(
    points: Events | SuperThinned,
    *,
    distances: Sequence[float],
    lags: Sequence[float],
    intensity: FloatArray | None = None,
) -> xr.DataArray:
    r"""Inhomogeneous space-time K: later points near a point, in units of what is expected there.

    .. math:: \hat K(u, v) = \sum_{i} \sum_{j : t_j > t_i}
       \frac{1[\lVert s_i - s_j \rVert \le u,\ t_j - t_i \le v]}
       {\lambda_i \lambda_j \, |W \cap W_{s_i - s_j}| \, (T - (t_j - t_i))}

    If points are independent and :math:`\lambda` is right, its mean is
    :math:`\pi u^2 v`; larger means that points follow near points more often.

    Parameters
    ----------
    points : Events or SuperThinned
    distances : sequence of float
        u, ascending; metres.
    lags : sequence of float
        v, ascending; days.
    intensity : (n,) float64, optional
        :math:`\lambda` at each point, per day per km², in the order of ``points.coordinates()``.
        Default even: of super-thinned points their rate, of events their mean.

    Returns
    -------
    DataArray (distance, lag)
        In m² days. Divide by the coordinate ``poisson`` for its ratio to that of independent
        points.

    Raises
    ------
    ParameterError
        If distances or lags are not positive and ascending, or reach over half the region's width
        or the window, or an intensity is not positive.
    ResolutionError
        If events were recorded by the month.
    TooFewEventsError
        If there are fewer than 2 points.

    See Also
    --------
    space_time_k_test : With an envelope and a p-value.

    Notes
    -----
    The intensity must not have been smoothed out of the same points at the scales asked for: a
    kernel that follows the clusters explains them away. A tied pair counts once, whoever came
    first. Time O(pairs within the longest distance), and 561 cuts of the region.

    References
    ----------
    Gabriel, E., & Diggle, P. J. (2009). Second-order analysis of inhomogeneous spatio-temporal
    point process data. Statistica Neerlandica, 63, 43-51.
    https://doi.org/10.1111/j.1467-9574.2008.00407.x

    Examples
    --------
    >>> from hotspot import load_sample
    >>> events = load_sample("exact").select(start="2024-12-01")
    >>> k = space_time_k(events, distances=[100, 300], lags=[2, 7])
    >>> bool((k / k["poisson"] > 1).all())  # a clustered record, against an even intensity
    True
    """
    laid = _Window.of(points, distances, lags)
    where = points.coordinates()
    weight = _weights(points, where, intensity)
    return laid.labelled(laid.k(where, weight))


def space_time_k_test(
    points: SuperThinned,
    *,
    distances: Sequence[float],
    lags: Sequence[float],
    rng: np.random.Generator,
    size: int = 199,
    level: float = 0.95,
) -> xr.Dataset:
    r"""Whether super-thinned points are as independent as they should be, at all scales at once.

    K is held against that of `size` simulated homogeneous Poisson processes of the same rate
    in the same window. The p-value is that of the largest standardised difference,

    .. math:: \max_{u, v} \frac{|\hat K(u, v) - \bar K(u, v)|}{\mathrm{sd}(u, v)}

    so that no scale need be chosen beforehand.

    Parameters
    ----------
    points : SuperThinned
    distances, lags
        As for :func:`space_time_k`.
    rng : Generator
    size : int
        Simulations; the smallest p-value is 1 / (size + 1).
    level : float
        Of the envelope, which holds at each distance and lag by itself.

    Returns
    -------
    Dataset (distance, lag)
        ``k``, ``lower``, ``upper`` and the simulations' mean ``expected``; m² days. Attributes
        ``p_value``, ``points`` and ``expected_points``.

    Raises
    ------
    ParameterError
        As :func:`space_time_k`, or if `size` is below 19.
    TooFewEventsError
        If there are fewer than 2 points.

    Notes
    -----
    The number of points is part of the test: too many or too few move all of K. A fit is judged by
    its own events, so that p-values are too large rather than too small.

    References
    ----------
    Clements, R. A., Schoenberg, F. P., & Veen, A. (2012). Evaluation of space-time point process
    models using super-thinning. Environmetrics, 23, 606-616. https://doi.org/10.1002/env.2168

    Examples
    --------
    >>> from hotspot import load_sample
    >>> from hotspot.evaluate.residuals import super_thinned_residuals
    >>> events = load_sample("exact").select(start="2024-12-01")
    >>> mean = len(events) / events.region.area * 1e6 / 31
    >>> left = super_thinned_residuals(
    ...     lambda points: np.full(len(points), mean), events, rng=np.random.default_rng(1)
    ... )
    >>> found = space_time_k_test(
    ...     left, distances=[100, 300], lags=[2, 7], rng=np.random.default_rng(2), size=39
    ... )
    >>> found.attrs["p_value"]  # an even intensity does not explain this record
    0.025
    """
    require_generator(rng)
    require_level(level)
    if size < 19:
        raise ParameterError(f"size must be at least 19, for p-values down to .05; got {size}.")
    laid = _Window.of(points, distances, lags)
    observed = laid.k(points.coordinates(), np.full(len(points.table), 1 / points.rate))
    simulated = np.empty((size, *observed.shape))
    for k in range(size):
        even = random_points(points.region, points.length, rate=points.rate, rng=rng)
        simulated[k] = laid.k(even, np.full(len(even), 1 / points.rate))
    low, high = np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2], axis=0)
    values = {"k": observed, "expected": simulated.mean(axis=0), "lower": low, "upper": high}
    found = xr.Dataset({name: laid.labelled(one) for name, one in values.items()})
    return found.assign_attrs(
        p_value=global_p_value(observed, simulated),
        points=len(points.table),
        expected_points=points.expected,
        simulations=size,
        level=level,
    )


def inhomogeneous_k(
    points: Events | SuperThinned,
    *,
    distances: Sequence[float],
    intensity: FloatArray | None = None,
) -> xr.DataArray:
    r"""Inhomogeneous K in space: points near a point, in units of what is expected there.

    .. math:: \hat K(u) = \sum_{i \ne j} \frac{1[\lVert s_i - s_j \rVert \le u]}
       {\lambda_i \lambda_j \, |W \cap W_{s_i - s_j}|}

    If points are independent and :math:`\lambda` is right, its mean is :math:`\pi u^2`. For events
    of which the month alone is known, and for one map; when they happened is not looked at.

    Parameters
    ----------
    points : Events or SuperThinned
    distances : sequence of float
        u, ascending; metres.
    intensity : (n,) float64, optional
        :math:`\lambda` at each point, points per km² over the whole window, in the order of
        ``points.coordinates()``. Default even.

    Returns
    -------
    DataArray (distance)
        In m²; the coordinate ``poisson`` is that of independent points.

    Raises
    ------
    ParameterError, TooFewEventsError
        As :func:`space_time_k`.

    Notes
    -----
    spatstat's ``Kinhom(correction = "translate", renormalise = FALSE)`` is the same estimator.

    References
    ----------
    Baddeley, A., Møller, J., & Waagepetersen, R. (2000). Non- and semi-parametric estimation of
    interaction in inhomogeneous point patterns. Statistica Neerlandica, 54, 329-350.
    https://doi.org/10.1111/1467-9574.00144

    Examples
    --------
    >>> from hotspot import load_sample
    >>> k = inhomogeneous_k(load_sample("exact").select(start="2024-12-01"), distances=[200.0])
    >>> bool((k / k["poisson"] > 1).all())
    True
    """
    laid = _Window.of(points, distances, None)
    where = points.coordinates()
    weight = _weights(points, where, intensity, days=laid.length)
    at_once = np.column_stack([np.zeros(len(where)), where[:, 1:]])
    # Each pair counts from both its ends; all at one time, in a window of one day.
    return laid.labelled(2 * laid.k(at_once, weight, length=1.0)).isel(lag=0, drop=True)


def global_p_value(observed: FloatArray, simulated: FloatArray) -> float:
    """Chance of a largest standardised difference as large as that observed; both sides count."""
    every = np.concatenate([observed[None], simulated])
    spread = every.std(axis=0)
    moving = spread > 0
    away = np.abs(every - simulated.mean(axis=0))[:, moving] / spread[moving]
    largest = away.max(axis=1, initial=0.0)
    return float((largest >= largest[0] * (1 - 1e-12)).mean())


class _Window:
    """Where and when points were looked for, and up to which distances and lags."""

    def __init__(self, region: BaseGeometry, length: float, distances, lags) -> None:
        self.region, self.length = region, length
        self.distances = ascending(distances, "distances")
        self.spatial = lags is None
        self.lags = np.array([1.0]) if lags is None else ascending(lags, "lags")
        west, south, east, north = region.bounds
        if self.distances[-1] > 0.5 * min(east - west, north - south):
            raise ParameterError(
                f"The longest distance is {self.distances[-1]:g} m, more than half of what the "
                "region is wide: few pairs could be so far apart. Ask for shorter distances."
            )
        if not self.spatial and self.lags[-1] > 0.5 * length:
            raise ParameterError(
                f"The longest lag is {self.lags[-1]:g} days, more than half of the window of "
                f"{length:g} days. Ask for shorter lags."
            )
        self.step = self.distances[-1] / _NODES
        self.overlap = shared_areas(region, self.step)

    @classmethod
    def of(cls, points: Events | SuperThinned, distances, lags) -> _Window:
        if isinstance(points, SuperThinned):
            return cls(points.region, points.length, distances, lags)
        if lags is not None and points.time_resolution == "month":
            raise ResolutionError(
                "The events were recorded by the month: lags within one are not known. Use "
                "inhomogeneous_k, which looks at places alone."
            )
        length = (points.end - points.start).total_seconds() / 86_400
        return cls(points.region, length, distances, lags)

    def k(self, points: FloatArray, weight: FloatArray, *, length: float | None = None):
        """(distances, lags) of points (n, 3) whose weights are km² days, or km²; m² days, or m²."""
        out = np.zeros((self.distances.size, self.lags.size))
        if len(points) < 2:
            return out
        places = points[:, 1:]
        dealt = deal(places, self.distances[-1] * (1 + 1e-12))
        rows = np.stack([*places.T, points[:, 0], weight * _PER_KM2])[:, dealt.order]
        weigh_pairs(
            np.ascontiguousarray(rows),
            dealt.begins,
            dealt.columns,
            self.distances,
            self.lags,
            self.overlap,
            np.array([self.step, self.length if length is None else length]),
            out,
        )
        return out.cumsum(axis=0).cumsum(axis=1)

    def labelled(self, k: FloatArray) -> xr.DataArray:
        coords = {"distance": self.distances, "lag": self.lags}
        disc = np.pi * self.distances**2
        poisson = np.outer(disc, self.lags)
        unit = "m2" if self.spatial else "m2 days"
        return xr.DataArray(k, coords, ["distance", "lag"], attrs={"units": unit}).assign_coords(
            poisson=(("distance", "lag"), poisson)
        )


def shared_areas(region: BaseGeometry, step: float) -> FloatArray:
    """Area that a region shares with itself moved by whole steps; (k + 1, 2 k + 1), m².

    Rows are steps north, columns steps east from -k on.
    """
    out = np.empty((_NODES + 1, 2 * _NODES + 1))
    for row in range(_NODES + 1):
        for column in range(2 * _NODES + 1):
            shift = np.array([(column - _NODES) * step, row * step])
            moved = shapely.transform(region, lambda at, by=shift: at + by)
            out[row, column] = region.intersection(moved).area
    return out


def ascending(values: Sequence[float], name: str) -> FloatArray:
    """Distances or lags as an array, or a refusal."""
    found = np.atleast_1d(np.asarray(values, float))
    rising = found.ndim == 1 and found.size and found[0] > 0 and (np.diff(found) > 0).all()
    if not (rising and np.isfinite(found).all()):
        raise ParameterError(f"{name} must be positive, finite and ascending, got {list(found)}.")
    return found


def _weights(points, where, intensity, *, days: float | None = None) -> FloatArray:
    """One over the intensity at each point: km² days, or over the window's `days`, km²."""
    if len(where) < 2:
        raise TooFewEventsError(f"K needs at least 2 points, got {len(where)}.")
    if intensity is None:
        if isinstance(points, SuperThinned):
            rate = points.rate * (1.0 if days is None else days)
        else:
            length = (points.end - points.start).total_seconds() / 86_400
            rate = len(where) / (points.region.area / _PER_KM2 * (length if days is None else 1.0))
        return np.full(len(where), 1 / rate)
    intensity = np.asarray(intensity, float)
    if intensity.shape != (len(where),):
        raise ParameterError(
            f"There are {len(where)} points and intensities of shape {intensity.shape}. Give one "
            "for each, in the order of points.coordinates()."
        )
    if not (np.isfinite(intensity) & (intensity > 0)).all():
        raise ParameterError(
            "Every intensity must be positive and finite: a point where none was expected weighs "
            "without bound."
        )
    return 1 / intensity
