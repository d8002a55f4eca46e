r"""Power laws as sums of exponentials and of Gaussians, which can be summed in linear time.

A lag density that falls ever more slowly is a sum of exponentials,
:math:`g(u) \approx \sum_k a_k e^{-\omega_k u}`, and a displacement density whose value is such a
function of the squared distance is a sum of Gaussians,
:math:`h(r) \approx \sum_l b_l e^{-r^2 / 2 \sigma_l^2}`. With rates and scales spaced evenly in the
logarithm, the weights are fitted by non-negative least squares to the relative error; and the
largest relative error is then *measured*, on a range and between the points of the fit. Of one
exponential with one Gaussian the linear-time sum of :mod:`hotspot.models.triggering.grid` is
taken, and these are added up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, ParameterError
from hotspot.models.parts.displacement import Displacement
from hotspot.models.parts.lag import Lag
from hotspot.models.parts.shapes import DisplacementShape, LagShape
from hotspot.models.triggering.grid import lattice_sums
from hotspot.models.triggering.sums import Triggered, checked_events

_FIT_POINTS = 400
_CHECK_POINTS = 4001
_MOST_TERMS = 40
_RIDGE = 1e-10  # of the largest singular value: derivatives are fitted without huge weights


@dataclass(frozen=True)
class Mixture:
    r"""A sum of exponentials or Gaussians that stands for a density.

    Attributes
    ----------
    scales : (k,) float64
        Mean lags in days, or standard deviations in metres.
    weights : (k,) float64
        Value of each term at 0; none negative.
    derivative_weights : (v, k) float64
        Of the same terms, for the density's derivatives by its ``vector``; of either sign.
    error : float
        Largest error of the sum relative to the density, measured over the range.
    derivative_error : float
        Largest error of a derivative, relative to the density.
    """

    scales: FloatArray
    weights: FloatArray
    derivative_weights: FloatArray
    error: float
    derivative_error: float


def exponential_mixture(
    lag: Lag | LagShape, *, shortest: float, longest: float, tolerance: float = 1e-4
) -> Mixture:
    """A lag density as the shortest sum of exponentials found that is within `tolerance` of it.

    Parameters
    ----------
    lag : Lag or LagShape
        One that falls ever more slowly, such as a power law.
    shortest, longest : float
        Range of lags over which the error is measured; days. At shorter lags the sum goes on
        smoothly, at longer ones it falls off too soon.
    tolerance : float
        Largest error relative to the density.

    Returns
    -------
    Mixture

    Raises
    ------
    ParameterError
        If the range is empty or the tolerance not positive.
    ConvergenceError
        If 40 terms do not do.

    Examples
    --------
    >>> from hotspot.models.parts.lag import PowerLawLag
    >>> found = exponential_mixture(PowerLawLag(c=1.0, p=1.5), shortest=0.01, longest=1000.0)
    >>> found.error < 1e-4, found.weights.size < 20
    (True, True)
    """
    return _fitted(lag, (shortest, longest), tolerance, 1)


def gaussian_mixture(
    displacement: Displacement | DisplacementShape,
    *,
    nearest: float,
    farthest: float,
    tolerance: float = 1e-4,
) -> Mixture:
    """A displacement density as the shortest sum of Gaussians found within `tolerance` of it.

    Parameters
    ----------
    displacement : Displacement or DisplacementShape
        A power law, Student or exponential.
    nearest, farthest : float
        Range of distances over which the error is measured; metres. A power law or exponential
        has a point at 0 that no sum of Gaussians has.
    tolerance : float
        Largest error relative to the density.

    Returns
    -------
    Mixture

    Raises
    ------
    ParameterError, ConvergenceError
        As in :func:`exponential_mixture`.

    Examples
    --------
    >>> from hotspot.models.parts.displacement import StudentDisplacement
    >>> part = StudentDisplacement(scale=100.0, exponent=2.0)
    >>> found = gaussian_mixture(part, nearest=1.0, farthest=5000.0)
    >>> found.error < 1e-4, found.weights.size < 20
    (True, True)
    """
    return _fitted(displacement, (nearest, farthest), tolerance, 2)


def _fitted(part, span: tuple[float, float], tolerance: float, power: int) -> Mixture:
    """Terms ``exp(-rate u**power / power)``, as few as do, rates even in the logarithm."""
    if not 0 < span[0] < span[1] < math.inf:
        raise ParameterError(f"The range must be 0 < least < most < infinity, got {span}.")
    if not tolerance > 0:
        raise ParameterError(f"tolerance must be above 0, got {tolerance}.")
    least, most = np.power(span, power) / power
    trace = []
    for terms in range(4, _MOST_TERMS + 1, 2):
        # Slower than the range is long, quicker than it begins: the ends need terms beyond them.
        rates = np.geomspace(0.1 / most, 10.0 / least, terms)
        mixture = _with_rates(part, span, rates, power)
        trace.append((terms, mixture.error))
        if mixture.error <= tolerance:
            return mixture
    raise ConvergenceError(
        f"{part!r} is not within {tolerance:g} of a sum of {_MOST_TERMS} terms over {span}: the "
        f"least error was {min(error for _, error in trace):.2g}. Take a shorter range, a larger "
        'tolerance, or method="pairs".',
        trace,
    )


def _with_rates(part, span, rates, power) -> Mixture:
    from scipy.optimize import nnls

    def terms(at):
        return np.exp(-rates * at[:, None] ** power / power) / part.value(at)[:, None]

    at, between = np.geomspace(*span, _FIT_POINTS), np.geomspace(*span, _CHECK_POINTS)
    design = terms(at)
    size = np.linalg.norm(design, axis=0)
    weights = nnls(design / size, np.ones(at.size))[0] / size
    held = weights > 0
    design, size = design[:, held], size[held]
    slopes = (part.value_derivatives(at) / part.value(at)).T
    by_vector = np.linalg.lstsq(design / size, slopes, rcond=_RIDGE)[0].T / size
    check = terms(between)[:, held]
    expected = part.value_derivatives(between) / part.value(between)
    return Mixture(
        scales=rates[held] ** (-1.0 / power),
        weights=weights[held],
        derivative_weights=by_vector,
        error=float(np.abs(check @ weights[held] - 1).max()),
        derivative_error=float(np.abs(by_vector @ check.T - expected).max(initial=0.0)),
    )


def triggered_by_mixture(
    times: FloatArray,
    x: FloatArray,
    y: FloatArray,
    *,
    productivity: FloatArray | float,
    lag: Mixture,
    displacement: Mixture,
    derivatives: bool = False,
    workers: int = 1,
) -> Triggered:
    r"""What earlier events add to the intensity, for sums of exponentials and of Gaussians.

    .. math:: S_i = \sum_{k, l} a_k b_l \sum_{j : t_j < t_i} \theta_j
       e^{-\omega_k (t_i - t_j)} e^{-\lVert s_i - s_j \rVert^2 / 2 \sigma_l^2}

    Parameters
    ----------
    times, x, y, productivity, derivatives, workers
        As in :func:`hotspot.models.triggering.sums.triggered_intensity`.
    lag : Mixture
        From :func:`exponential_mixture`.
    displacement : Mixture
        From :func:`gaussian_mixture`.

    Returns
    -------
    Triggered
        Derivatives are by the ``vector`` of the parts that the mixtures stand for.

    Raises
    ------
    DateError, CoordinateError, ParameterError
        As in :func:`hotspot.models.triggering.sums.triggered_intensity`.

    Notes
    -----
    One sum in linear time for every exponential with every Gaussian.
    """
    events = checked_events(times, x, y, productivity)
    n_lag = lag.derivative_weights.shape[0] if derivatives else 0
    n_displacement = displacement.derivative_weights.shape[0] if derivatives else 0
    total = np.zeros((1 + n_lag + n_displacement, events.shape[1]))
    if events.shape[1] == 0:
        return Triggered(total[0], total[1:] if derivatives else None, "grid")
    for k, mean_lag in enumerate(lag.scales):
        for m, sd in enumerate(displacement.scales):
            term = lattice_sums(
                events, decay=1.0 / mean_lag, sigma=sd, moments=False, workers=workers
            )[0]
            total[0] += lag.weights[k] * displacement.weights[m] * term
            for v in range(n_lag):
                factor = lag.derivative_weights[v, k] * displacement.weights[m]
                total[1 + v] += factor * term
            for v in range(n_displacement):
                factor = lag.weights[k] * displacement.derivative_weights[v, m]
                total[1 + n_lag + v] += factor * term
    return Triggered(total[0], total[1:] if derivatives else None, "grid")
