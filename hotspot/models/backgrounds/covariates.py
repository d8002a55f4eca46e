"""A background that covariates explain: census, land use, weather, season and trend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.backgrounds.base import LaidBackground, WindowEvents
from hotspot.models.backgrounds.poisson import poisson_coefficients
from hotspot.models.backgrounds.quarters import days_after
from hotspot.models.backgrounds.tiles import Covariates, TilePattern, Tiles
from hotspot.models.backgrounds.time_pattern import on_the_clock
from hotspot.models.log_linear import LogLinear


@dataclass(frozen=True, eq=False)
class CovariateBackground:
    r"""A rate for each tile and period that covariates multiply.

    .. math:: \mu(t, s) = e_{kp} \exp \Bigl( \beta_0 + z_{kp}^\top \beta + \text{season}(t)
       + \gamma\, t \Bigr), \qquad s \in \text{tile } k, \; t \in \text{period } p

    The coefficients are those of a Poisson regression of the events, each weighed by its chance
    to be background under the fitted model. That is the maximisation step of the EM algorithm,
    so that where declustering comes to rest, the likelihood of covariates and triggering together
    has its maximum.

    Attributes
    ----------
    tiles : GeoDataFrame
        Polygons that cover the region without overlaps, such as census areas.
    predictor : LogLinear
        Which columns enter, and the exposure that the rate is proportional to, such as residents
        per square kilometre.
    covariates : DataFrame or None
        A row for each tile, with the columns that `predictor` names. With columns ``start`` and
        ``end`` (half-open; local time unless they carry a zone), a row for each tile and period;
        the same periods for every tile, without gaps, over the likelihood's window and whatever is
        to be forecast. None takes the columns of `tiles`.
    by : str
        Column that names the tile, in both tables.
    harmonics : int
        Number of harmonics of the year, by calendar months; 0 for no season.
    trend : bool
        Whether the rate grows or shrinks by the same factor every year, by calendar months. In
        a forecast the trend stays where the window left it.

    Raises
    ------
    ParameterError
        If `harmonics` is not a number from 0 to 12, or `predictor` not a ``LogLinear``.

    See Also
    --------
    EndemicEpidemicPoints : fits covariates and triggering in one likelihood, with standard errors
        of the coefficients.

    Notes
    -----
    Each round of declustering is a regression with a row for each tile and step of time. What
    covariates do not explain, clusters that stay where they are, is left to triggering: compare
    with ``KernelBackground``. Without periods, season or trend the background is steady, and
    ``PeriodicBackground`` may give it hours.

    References
    ----------
    Reinhart, A., & Greenhouse, J. (2018). Self-exciting point processes with spatial covariates:
    modelling the dynamics of crime. Journal of the Royal Statistical Society: Series C, 67,
    1305-1329. https://doi.org/10.1111/rssc.12277

    Examples
    --------
    >>> from shapely import box
    >>> tiles = gpd.GeoDataFrame(
    ...     {"tile": ["west", "east"], "residents_per_km2": [4000.0, 9000.0]},
    ...     geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)],
    ...     crs=27700,
    ... )
    >>> CovariateBackground(tiles, LogLinear(exposure="residents_per_km2")).steady
    True
    """

    tiles: gpd.GeoDataFrame
    predictor: LogLinear
    covariates: pd.DataFrame | None = None
    by: str = "tile"
    harmonics: int = 0
    trend: bool = False
    follows_events: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.predictor, LogLinear):
            raise ParameterError(f"predictor must be a LogLinear, got {self.predictor!r}.")
        if isinstance(self.harmonics, bool) or self.harmonics not in range(13):
            raise ParameterError(
                f"harmonics must be a whole number, 0 to 12, got {self.harmonics!r}."
            )

    @property
    def steady(self) -> bool:
        """Whether nothing in it varies in time."""
        return not (self.harmonics or self.trend or "start" in self._table.columns)

    @property
    def _table(self) -> pd.DataFrame:
        if self.covariates is not None:
            return self.covariates
        return pd.DataFrame(self.tiles.drop(columns=self.tiles.geometry.name))

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """Regress the events, weighed by `chance`, on the covariates.

        Raises
        ------
        CoverageError
            If a tile or a period of the window has no covariates.
        RegionError
            If the tiles do not cover the region, or overlap.
        ParameterError
            If a covariate is missing or not finite, an exposure not positive, or a column a sum of
            multiples of others.
        UnknownNameError
            If there is no such column.
        ConvergenceError
            If a coefficient grows without end, such as that of a level without any event.
        """
        if self not in window.laid:
            window.laid[self] = self._arranged(window)
        blank, steps, tile, step = window.laid[self]
        design, log_exposure = blank.design(steps)
        counts = np.zeros(log_exposure.shape)
        np.add.at(counts, (step, tile), chance)
        low, high = days_after(pd.DatetimeIndex([window.start, window.end]), steps[0])
        width = np.diff(np.clip(days_after(steps, steps[0]), low, high))
        exposure = np.exp(log_exposure) * blank.tiles.area * width[:, None]
        coefficients = poisson_coefficients(
            design.reshape(counts.size, -1), counts.ravel(), exposure.ravel(), names=blank.names
        )
        return self._laid(replace(blank, coefficients=coefficients), window, steps, tile, step)

    def _arranged(self, window: WindowEvents):
        """What no chance changes: the pattern but for its coefficients, and where events lie."""
        tiles = Tiles.over(self.tiles, window.grid, by=self.by)
        zone = window.events.time_zone
        covariates = Covariates.of(self._table, self.predictor, tiles, by=self.by, time_zone=zone)
        blank = TilePattern(
            tiles,
            covariates,
            np.empty(0),
            window.grid.shape,
            zone,
            window.start,
            window.end,
            self.harmonics,
            self.trend,
        )
        steps = blank.steps(window.start, window.end)
        at = steps.searchsorted(on_the_clock(window.stamps), side="right") - 1
        return blank, steps, tiles.of(window.points), np.minimum(at, len(steps) - 2)

    def _laid(self, pattern: TilePattern, window: WindowEvents, steps, tile, step):
        """Scaled to a mean of one event a day over the window."""
        days = (window.end - window.start) / pd.Timedelta(days=1)
        told = dict(zip(pattern.names, np.round(pattern.coefficients, 6).tolist(), strict=True))
        scaled = pattern.coefficients.copy()
        scaled[0] -= np.log(pattern.days(window.start, window.end) / days)
        pattern = replace(pattern, coefficients=scaled)
        rates = pattern.rates(steps)
        last = (pattern.tiles.cell_area.T @ rates[-1]).reshape(pattern.shape)
        return LaidBackground(
            rates[step, tile],
            last / last.sum(),
            {"background": "covariates", "coefficients": told},
            None if self.steady else pattern,
        )
