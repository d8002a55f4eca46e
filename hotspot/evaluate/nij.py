"""The rules of the NIJ Real-Time Crime Forecasting Challenge, as a protocol to score by.

Portland's Police Bureau, 2017: contestants handed in cells that covered the bureau, each flagged or
not, and were scored by PAI and PEI*. What the challenge would not have taken is refused here:

* cells of 62,500 to 360,000 square feet, at least 125 feet across, except where the border of the
  bureau trims them;
* 0.25 to 0.75 square miles flagged in all;
* cells that cover the whole region without overlaps, all of one size (a regular tessellation);
* a horizon of one week, two weeks, or one, two or three months.

Feet are *international* feet of 0.3048 m, as in the reference system of the challenge's files,
EPSG:2913. A cell of 250 feet has 62,500 square feet in those and 62,499.75 in US survey feet, which
would be too small. EPSG:2838 is the same projection in metres.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS
from scipy import stats

from hotspot._checks import require_level
from hotspot._typing import BoolArray, FloatArray
from hotspot.data.events import Events
from hotspot.errors import ForecastError, ParameterError
from hotspot.evaluate.ranking import hit_rate
from hotspot.evaluate.submitted import match_observed
from hotspot.forecast.submitted_periods import periods_of
from hotspot.forecast.submitted_places import projected

FOOT = 0.3048
MILE = 5280 * FOOT
CELL_SQUARE_FEET = (62_500.0, 360_000.0)
FLAGGED_SQUARE_MILES = (0.25, 0.75)
LEAST_DIMENSION_FEET = 125.0
HORIZONS = {"1 week": (7, 0), "2 weeks": (14, 0)} | {
    f"{n} month{'s' * (n > 1)}": (0, n) for n in (1, 2, 3)
}
# Relative; what rounding to a file and projecting may change.
_SAME = 1e-6
_UNEVEN = 1e-3  # relative difference in area up to which cells are of one size
_GAPS = 1e-3  # share of the region that inexact outlines may leave open


def score_by_nij_rules(
    submitted: xr.Dataset, observed: Events, *, level: float = 0.95
) -> pd.DataFrame:
    r"""Score flagged cells as the NIJ forecasting challenge did, and refuse what it would have.

    .. math:: \mathrm{PAI} = \frac{n / N}{a / A}, \qquad
              \mathrm{PEI}^{*} = \frac{\mathrm{PAI}}{\mathrm{PAI}^{*}} = \frac{n}{n^{*}}

    where :math:`n` of :math:`N` events fall in the flagged area :math:`a` of a region of area
    :math:`A`, and :math:`n^{*}` is the most that an area of that size could have held, of the
    submission's own cells.

    Parameters
    ----------
    submitted : Dataset (time, y, x)
        Of flagged cells or areas, as :func:`hotspot.read_forecast` gives it, in any CRS.
    observed : Events
        Their region is what must be covered: the bureau's.
    level : float
        Of the interval of PAI, in (0, 1).

    Returns
    -------
    DataFrame
        One row a period: ``start``, ``end``, ``horizon``, ``n``, ``N``, ``flagged_sq_mi``,
        ``region_sq_mi``, ``hit_rate``, ``pai``, ``pai_lower``, ``pai_upper``, ``n_best``,
        ``pei_star``. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If the submission breaks a rule; all that it breaks are named.
    ParameterError
        If `observed` are not Events, or `level` makes no sense.
    RegionError, CoverageError, LeakError
        As :func:`hotspot.match_observed`.

    Notes
    -----
    The interval is exact binomial and takes events as independent; repeats at one place make it
    too narrow. :math:`n^{*}` fills the flagged area exactly, the last cell in part, which differs
    from whole cells only where the border trims cells. Entrants chose cell size, origin and
    rotation to raise PAI: compare forecasts on one grid, or see how far a grid alone moves it.

    References
    ----------
    National Institute of Justice (2017). Real-Time Crime Forecasting Challenge: posting, and
    winners, notes 1 and 2. https://nij.ojp.gov/real-time-crime-forecasting-challenge-winners

    Mohler, G., Porter, M., Carter, J., & LaFree, G. (2020). Learning to rank spatio-temporal event
    hotspots. Crime Science, 9, 3. https://doi.org/10.1186/s40163-020-00112-x

    Examples
    --------
    Eight cells of 600 feet, of which the challenge would have wanted 20 or more flagged.

    >>> import pathlib, tempfile
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> from hotspot import Events, read_forecast
    >>> side = 600 * FOOT
    >>> table = gpd.GeoDataFrame({"time": pd.to_datetime(["2016-03-02"]), "offence": "Burglary"},
    ...                          geometry=gpd.points_from_xy([10], [20]), crs=2838)
    >>> events = Events.from_geodataframe(table, time_resolution="day", start="2016-03-01",
    ...     end="2016-04-01", time_zone="America/Los_Angeles", place_resolution=0.0,
    ...     region=box(0, 0, 4 * side, 4 * side))
    >>> rows = [f"{300 + 600 * i},{300 + 600 * j},{int(i < 2)}" for i in range(4) for j in range(4)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "entry.csv")
    ...     _ = path.write_text("\n".join(["x,y,hotspot", *rows]))
    ...     entry = read_forecast(path, crs=2913, cell_size=600, start="2016-03-01",
    ...                           length="month", time_zone="America/Los_Angeles")
    >>> score_by_nij_rules(entry, events)
    Traceback (most recent call last):
    hotspot.errors.ForecastError: The challenge would not have taken this: 0.103 square miles ...
    """
    require_level(level)
    if not isinstance(observed, Events):
        raise ParameterError(
            f"observed must be Events, whose region is the bureau's, got {type(observed).__name__}."
        )
    if submitted.attrs.get("submission_kind") != "flagged":
        raise ForecastError(
            "The challenge took flagged cells only; this submission is of kind "
            f"{submitted.attrs.get('submission_kind')!r}. Flag its hottest cells first."
        )
    matched = match_observed(submitted, observed)
    unit = _metres_per_unit(submitted)
    area = matched["inside_area"].to_numpy() * unit**2
    flagged = matched["flagged"].to_numpy() > 0
    flagged_area = (flagged * area).sum(axis=(1, 2))
    broken = [
        *_broken_by_cells(submitted, observed),
        *_broken_by_area(flagged_area / MILE**2),
        *_broken_by_cover(matched),
        *_broken_by_horizon(periods_of(submitted)),
    ]
    if broken:
        raise ForecastError(f"The challenge would not have taken this: {'; '.join(broken)}.")
    return _scored(matched, submitted, flagged, flagged_area, area.sum(), level=level)


def _scored(matched, submitted, flagged, flagged_area, region, *, level: float) -> pd.DataFrame:
    counts = np.nan_to_num(matched["observed_count"].to_numpy())
    caught, total = (counts * flagged).sum(axis=(1, 2)), counts.sum(axis=(1, 2))
    some = np.where(total > 0, total, np.nan)
    share = flagged_area / region
    tail = (1 - level) / 2
    low = np.where(caught > 0, stats.beta.ppf(tail, np.maximum(caught, 1), total - caught + 1), 0)
    missed = np.maximum(total - caught, 1)
    high = np.where(caught < total, stats.beta.ppf(1 - tail, caught + 1, missed), 1)
    best = some * _most_to_be_had(matched, share)
    periods = periods_of(submitted)
    return pd.DataFrame(
        {
            "start": periods.left,
            "end": periods.right,
            "horizon": [_horizon(one) for one in periods],
            "n": caught,
            "N": total,
            "flagged_sq_mi": flagged_area / MILE**2,
            "region_sq_mi": region / MILE**2,
            "hit_rate": caught / some,
            "pai": caught / some / share,
            "pai_lower": np.where(total > 0, low / share, np.nan),
            "pai_upper": np.where(total > 0, high / share, np.nan),
            "n_best": best,
            "pei_star": caught / best,
        }
    )


def _most_to_be_had(matched: xr.Dataset, share: FloatArray) -> FloatArray:
    """The largest share of each period's events that as much area as was flagged could hold."""
    observed = matched["observed_count"].reset_coords(drop=True)
    area = matched["inside_area"].reset_coords(drop=True)
    hindsight = xr.Dataset({"expected_count": observed, "inside_area": area})
    return np.array(
        [
            float(hit_rate(hindsight.isel(time=i), observed.isel(time=i), area_share=one))
            for i, one in enumerate(share)
        ]
    )


def _metres_per_unit(submitted: xr.Dataset) -> float:
    """Areas are in the events' metres; cells stay in the units of their own system."""
    if submitted.attrs["places"] == "areas":
        return 1.0
    return CRS.from_wkt(submitted.attrs["crs"]).axis_info[0].unit_conversion_factor


def _broken_by_cells(submitted: xr.Dataset, events: Events) -> list[str]:
    least, most = CELL_SQUARE_FEET
    if submitted.attrs["places"] == "cells":
        side = submitted.attrs["cell_size"] * _metres_per_unit(submitted) / FOOT
        area, across, trimmed = np.array([side**2]), np.array([side]), np.array([False])
    else:
        area, across, trimmed = _outlined(submitted, events)
    broken = []
    small = ~trimmed & (area < least * (1 - _SAME))
    large = area > most * (1 + _SAME)
    thin = ~trimmed & (across < LEAST_DIMENSION_FEET * (1 - _SAME))
    if small.any():
        broken.append(
            f"cells of {area[small].min():,.2f} square feet, where {least:,.0f} is the least"
        )
    if large.any():
        broken.append(
            f"cells of {area[large].max():,.2f} square feet, where {most:,.0f} is the most"
        )
    if thin.any():
        broken.append(
            f"cells {across[thin].min():,.1f} feet across, where {LEAST_DIMENSION_FEET:g} is the "
            "least"
        )
    whole = area[~trimmed]
    if whole.size and np.ptp(whole) > _UNEVEN * whole.max():
        broken.append(
            f"cells of {whole.min():,.0f} to {whole.max():,.0f} square feet, where all must be of "
            "one size but those that the border trims"
        )
    return broken


def _outlined(submitted: xr.Dataset, events: Events) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Area and least dimension of outlines in feet, and which of them the border trims."""
    own = CRS.from_user_input(events.table.crs)
    system = CRS.from_wkt(submitted.attrs["crs"])
    outlines = submitted["geometry"].to_numpy()
    if not system.equals(own, ignore_axis_order=True):
        outlines = projected(outlines, system, own)
    shapely.prepare(events.region)
    known = shapely.intersects(events.region, outlines)
    outlines = outlines[known]
    boxes = shapely.oriented_envelope(outlines)
    corners = [shapely.get_point(shapely.get_exterior_ring(boxes), i) for i in range(3)]
    sides = [shapely.distance(corners[i], corners[i + 1]) for i in range(2)]
    inner = events.region.buffer(-FOOT)
    shapely.prepare(inner)
    trimmed = ~shapely.contains(inner, outlines)
    return shapely.area(outlines) / FOOT**2, np.minimum(*sides) / FOOT, trimmed


def _broken_by_area(square_miles: FloatArray) -> list[str]:
    least, most = FLAGGED_SQUARE_MILES
    outside = (square_miles < least * (1 - _SAME)) | (square_miles > most * (1 + _SAME))
    if not outside.any():
        return []
    worst = square_miles[outside][0]
    return [f"{worst:.3f} square miles flagged, where {least:g} to {most:g} are asked for"]


def _broken_by_cover(matched: xr.Dataset) -> list[str]:
    share = matched.attrs["share_unlisted"]
    if share <= _GAPS:
        return []
    return [f"cells that leave out {share:.2%} of the region, where all of it is to be covered"]


def _broken_by_horizon(periods: pd.IntervalIndex) -> list[str]:
    wrong = [period for period in periods if _horizon(period) is None]
    if not wrong:
        return []
    return [
        f"a period from {wrong[0].left:%Y-%m-%d} to {wrong[0].right:%Y-%m-%d}, where "
        f"{', '.join(HORIZONS)} are asked for"
    ]


def _horizon(period: pd.Interval) -> str | None:
    left, right = (edge.tz_localize(None) for edge in (period.left, period.right))
    for name, (days, months) in HORIZONS.items():
        if left + pd.DateOffset(days=days, months=months) == right:
            return name
    return None
