r"""Points that covariates explain and points that earlier points explain, told apart by a fit.

.. math:: \lambda(t, s, k) = h_{\text{tile}, \text{period}}
   + \sum_{j \,:\, 0 < t - t_j \le \tau,\; \lVert s - s_j \rVert \le \delta,\; k_j \to k}
   \eta_j \, g(t - t_j) \, f(\lVert s - s_j \rVert)

The endemic rate h is log-linear in covariates of a tile × period grid; what an event triggers,
η, is log-linear in its marks; g and f are shapes that are not densities. This is the model that
R's ``surveillance::twinstim`` fits (Meyer, Elias & Höhle 2012), by its exact likelihood.

References
----------
Meyer, S., Elias, J., & Höhle, M. (2012). A space-time conditional intensity model for invasive
meningococcal disease occurrence. Biometrics, 68, 607-616.
https://doi.org/10.1111/j.1541-0420.2011.01684.x

Meyer, S., Held, L., & Höhle, M. (2017). Spatio-temporal analysis of epidemic phenomena using the R
package surveillance. Journal of Statistical Software, 77(11). https://doi.org/10.18637/jss.v077.i11
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, DataQualityWarning, ParameterError
from hotspot.models.endemic_epidemic.points_data import arrays_of
from hotspot.models.endemic_epidemic.points_likelihood import PointLikelihood
from hotspot.models.log_linear import LogLinear
from hotspot.models.maximise import Maximum, maximise
from hotspot.models.parts.polygon_mass import require_polygon
from hotspot.models.parts.shapes import ConstantLagShape, DisplacementShape, GaussianShape, LagShape

_UNSETTLED = 50.0  # standard error of a logarithm that is no estimate: a factor of 1e21 either way
_START_SHARE = 0.3  # offspring per event that a search begins from


@dataclass(frozen=True)
class EndemicEpidemicPoints:
    """Events that come by themselves, and events that earlier ones triggered: a specification.

    Attributes
    ----------
    endemic : LogLinear
        Rate per unit of area and time, from columns of the tiles (and `type_column`).
    epidemic : LogLinear or None
        What an event triggers, from columns of the events; None for no triggering.
    displacement, lag : shapes
        From :mod:`hotspot.models.parts.shapes`; their parameters are where the search begins.
    longest_lag, furthest : float
        Beyond which nothing is triggered; in the units of the events' times and places.
    type_column : str or None
        Column of the events with their type. Events of a type share the endemic rate.
    excites : tuple of (source, target) or None
        Which types trigger which; by default each type its own.
    disc_sides : int or None
        Take discs that the border cuts as regular polygons with this many sides, as
        R's surveillance does (32, but 16 in its data set imdepi), to repeat its numbers. By
        default a disc is a disc.

    Raises
    ------
    ParameterError
        If a reach is not positive, or `disc_sides` is below 3.

    See Also
    --------
    hotspot.models.parts.shapes : the shapes to choose from.

    Examples
    --------
    Two tiles over ten days; the second event follows close upon the first:

    >>> from shapely import box
    >>> tiles = pd.DataFrame({"tile": ["a", "b"], "start": 0.0, "stop": 10.0, "area": 50.0})
    >>> events = pd.DataFrame(
    ...     {"time": [1.0, 2.0, 8.0], "x": [1.0, 1.5, 9.0], "y": 5.0, "tile": ["a", "a", "b"]}
    ... )
    >>> model = EndemicEpidemicPoints(
    ...     endemic=LogLinear(), epidemic=LogLinear(), longest_lag=3.0, furthest=2.0
    ... )
    >>> likelihood = model.likelihood(events, tiles, region=box(0, 0, 10, 10))
    >>> likelihood.names
    ('endemic intercept', 'epidemic intercept', 'displacement log sd')
    >>> round(likelihood.log_likelihood([-6.0, -4.0, 0.0]), 4)
    -19.184
    """

    endemic: LogLinear
    epidemic: LogLinear | None = None
    displacement: DisplacementShape = field(default_factory=lambda: GaussianShape(sd=1.0))
    lag: LagShape = field(default_factory=ConstantLagShape)
    longest_lag: float = math.inf
    furthest: float = math.inf
    type_column: str | None = None
    excites: tuple[tuple[object, object], ...] | None = None
    disc_sides: int | None = None

    def __post_init__(self) -> None:
        for name in ("longest_lag", "furthest"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} must be positive, got {getattr(self, name)!r}.")
        if self.epidemic is not None and not math.isfinite(self.longest_lag * self.furthest):
            raise ParameterError(
                "longest_lag and furthest must be finite where events trigger others: the shapes "
                "have no norm and need not have an integral beyond."
            )
        if self.disc_sides is not None and self.disc_sides < 3:
            raise ParameterError(f"disc_sides must be at least 3, got {self.disc_sides!r}.")

    def likelihood(
        self, events: pd.DataFrame, tiles: pd.DataFrame, *, region: BaseGeometry
    ) -> PointLikelihood:
        """The log-likelihood of these data as a function of the parameters.

        Parameters
        ----------
        events : DataFrame
            ``time``, ``x``, ``y``, ``tile``, and the columns that the epidemic part names. Events
            at or before the first period trigger others and are not themselves explained.
        tiles : DataFrame
            One row a tile and period: ``tile``, ``start``, ``stop`` (an event at `stop` belongs to
            it), ``area``, and the columns that the endemic part names.
        region : Polygon or MultiPolygon
            Where events could have been recorded, in the units of ``x`` and ``y``.

        Raises
        ------
        UnknownNameError
            If a column is missing.
        CoordinateError, DateError
            If a place lies outside the region or is not finite; if a time is not finite.
        CoverageError
            If an event's tile has no covariates, an event comes after the last period, or a tile's
            periods overlap or leave a gap.
        ParameterError
            If a covariate is missing or not finite, or an exposure or area not positive.
        RegionError
            If the region is not a valid polygon.
        TooFewEventsError
            If fewer than two events lie in the window.

        Notes
        -----
        Memory and the cost of an evaluation grow with the pairs of events within reach and with
        the sides of the region within reach of each event.
        """
        require_polygon(region)
        return PointLikelihood(arrays_of(self, events, tiles, region), self.displacement, self.lag)

    def fit(
        self,
        events: pd.DataFrame,
        tiles: pd.DataFrame,
        *,
        region: BaseGeometry,
        information: Literal["expected", "observed"] = "expected",
    ) -> FittedEndemicEpidemicPoints:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        events, tiles, region
            As in :meth:`likelihood`.
        information : {"expected", "observed"}
            What standard errors are taken from; R's surveillance takes the expected.

        Raises
        ------
        ConvergenceError
            If no search converges, the curvature at the highest point is singular (a parameter
            that the data say nothing about), or the events would trigger without end.
        ParameterError
            If `information` is unknown; and as in :meth:`likelihood`.

        Warns
        -----
        DataQualityWarning
            If events lie exactly where earlier ones that may have triggered them do.

        Notes
        -----
        The endemic part is fitted first. With triggering, searches begin at the shapes as given and
        at displacements 4 times narrower and wider; the highest of those that converge is kept.
        """
        if information not in ("expected", "observed"):
            raise ParameterError(
                f'information must be "expected" or "observed", got {information!r}.'
            )
        likelihood = self.likelihood(events, tiles, region=region)
        _warn_of_one_place(likelihood)
        found = _highest(likelihood)
        ratio = branching_ratio(likelihood, found.theta)
        if ratio >= 1:
            raise ConvergenceError(
                f"The highest likelihood has each event trigger {ratio:.3g} others on average, and "
                "so the process grow without end. The endemic part is too poor, or the reach too "
                "long.",
                found.trace,
            )
        covariance = np.linalg.inv(found.observed if information == "observed" else found.expected)
        _require_settled(likelihood, found, covariance)
        return FittedEndemicEpidemicPoints(
            self, likelihood, found.theta, covariance, found.log_likelihood, information
        )


@dataclass(frozen=True, eq=False)
class FittedEndemicEpidemicPoints:
    """What :class:`EndemicEpidemicPoints` learned.

    Attributes
    ----------
    model : EndemicEpidemicPoints
    likelihood : PointLikelihood
    theta : (k,) float64
        Estimates in the order of ``likelihood.names``.
    covariance : (k, k) float64
        Inverse of the information.
    log_likelihood : float
    information : {"expected", "observed"}

    Examples
    --------
    Four events on 100 km² in 10 days are .004 a day and km², whose logarithm is -5.52 with a
    standard error of one half:

    >>> from shapely import box
    >>> tiles = pd.DataFrame({"tile": ["a"], "start": 0.0, "stop": 10.0, "area": 100.0})
    >>> events = pd.DataFrame({"time": [1.0, 2.0, 5.0, 8.0], "x": 1.0, "y": 5.0, "tile": "a"})
    >>> model = EndemicEpidemicPoints(endemic=LogLinear())
    >>> fit = model.fit(events, tiles, region=box(0, 0, 10, 10))
    >>> print(fit.summary())
    EndemicEpidemicPoints: 4 events, 1 parameters
      log-likelihood -26.0858   AIC 54.1717   branching ratio 0.000
      standard errors from the expected information
                           estimate  std. error        z   P(>|z|)
      endemic intercept    -5.52146     0.50000   -11.04   2.4e-28
    """

    model: EndemicEpidemicPoints
    likelihood: PointLikelihood
    theta: FloatArray
    covariance: FloatArray
    log_likelihood: float
    information: str

    @property
    def estimates(self) -> pd.Series:
        """Estimates by name."""
        return pd.Series(self.theta, self.likelihood.names, name="estimate")

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by name."""
        return pd.Series(
            np.sqrt(np.diag(self.covariance)), self.likelihood.names, name="standard error"
        )

    @property
    def aic(self) -> float:
        """Akaike's criterion; twice the parameters less twice the log-likelihood."""
        return 2 * self.theta.size - 2 * self.log_likelihood

    @property
    def displacement(self) -> DisplacementShape:
        """The shape of the displacement as estimated."""
        return self.likelihood.parts_at(self.theta)[0]

    @property
    def lag(self) -> LagShape:
        """The shape of the lag as estimated."""
        return self.likelihood.parts_at(self.theta)[1]

    @property
    def branching_ratio(self) -> float:
        """Mean number of events that an event triggers; 0 without an epidemic part.

        With several types the largest eigenvalue of the matrix of mean numbers. The border
        and the end of the window are left out of account.
        """
        return branching_ratio(self.likelihood, self.theta)

    @property
    def background_probability(self) -> FloatArray:
        """Chance that each event of the window, in order of time, was not triggered; (n,)."""
        return self.likelihood.endemic_share(self.theta)

    def summary(self) -> str:
        """The fit as a table."""
        from scipy.stats import norm

        z = self.estimates / self.standard_errors
        width = max(map(len, self.likelihood.names))
        n_events = len(self.likelihood.arrays.at_events.log_exposure)
        lines = [
            f"EndemicEpidemicPoints: {n_events} events, {self.theta.size} parameters",
            f"  log-likelihood {self.log_likelihood:.4f}   AIC {self.aic:.4f}"
            f"   branching ratio {self.branching_ratio:.3f}",
            f"  standard errors from the {self.information} information",
            f"  {'':<{width}} {'estimate':>11} {'std. error':>11} {'z':>8} {'P(>|z|)':>9}",
        ]
        for name, value in self.estimates.items():
            error, score = self.standard_errors[name], z[name]
            chance = 2 * norm.sf(abs(score))
            lines.append(
                f"  {name:<{width}} {value:>11.5f} {error:>11.5f} {score:>8.2f} {chance:>9.2g}"
            )
        return "\n".join(lines)


def _require_settled(likelihood: PointLikelihood, found: Maximum, covariance: FloatArray) -> None:
    """Refuse logarithms in the triggering part that could be anything."""
    errors = np.sqrt(np.diag(covariance))
    errors[: len(likelihood.arrays.at_events.names)] = 0.0  # those have the covariates' units
    loose = int(np.argmax(errors))
    if errors[loose] > _UNSETTLED:
        raise ConvergenceError(
            f"The data do not settle '{likelihood.names[loose]}': {found.theta[loose]:.4g} with a "
            f"standard error of {errors[loose]:.2g}. There may be no triggering to describe, or "
            "none that changes within reach. Leave it out, or take a plainer shape.",
            found.trace,
        )


def _warn_of_one_place(likelihood: PointLikelihood) -> None:
    """Warn where the likelihood has no highest value, but rises as the displacement narrows."""
    narrows = any("scale" in name or "sd" in name for name in likelihood.displacement.names)
    if not (likelihood.triggers and narrows):
        return
    tied = int((likelihood.arrays.pairs.distance == 0).sum())
    if tied:
        warnings.warn(
            f"{tied} pairs of events within reach lie in one place, and the likelihood rises "
            "without end as the displacement narrows to nothing: what is found is a lower peak. "
            "Move places at random within their resolution, or take a StepShape.",
            DataQualityWarning,
            stacklevel=3,
        )


def branching_ratio(likelihood: PointLikelihood, theta: FloatArray) -> float:
    """Largest eigenvalue of the mean numbers that an event of one type triggers of another."""
    if not likelihood.triggers:
        return 0.0
    arrays = likelihood.arrays
    offspring = likelihood.offspring(theta)
    count = np.bincount(arrays.type_of_source)
    mean = np.bincount(arrays.type_of_source, offspring) / count
    return float(np.abs(np.linalg.eigvals(mean[:, None] * arrays.excites)).max())


def _highest(likelihood: PointLikelihood) -> Maximum:
    """The highest point of the log-likelihood that searches from several places come to."""
    endemic = likelihood.endemic_only
    begin = np.zeros(len(endemic.names))
    begin[0] = math.log(len(endemic.arrays.at_events.design) / endemic.expected_count(begin))
    alone = maximise(endemic, [begin])
    return maximise(likelihood, _starts(likelihood, alone.theta)) if likelihood.triggers else alone


def _starts(likelihood: PointLikelihood, endemic: FloatArray) -> list[FloatArray]:
    """Shapes as given, and displacements narrower and wider; a modest number of offspring each."""
    shape = likelihood.displacement
    scaled = [0.0]
    if any("log sd" in name or "log scale" in name for name in shape.names):
        scaled += [-math.log(4), math.log(4)]
    sources = likelihood.arrays.sources
    starts = []
    for shift in scaled:
        vector = shape.vector + shift * (np.arange(len(shape.names)) == 0)
        theta = np.concatenate(
            [endemic, np.zeros(len(sources.names)), vector, likelihood.lag.vector]
        )
        theta[endemic.size] = math.log(_START_SHARE / likelihood.offspring(theta).mean())
        theta[0] += math.log(1 - _START_SHARE)
        starts.append(theta)
    return starts
