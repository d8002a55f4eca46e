"""Where the record is not one record: levels that shifted, other map points, months not published.

A model that is trained across such a month takes two different things for one. Nothing is done
about it here; it is found, with how sure that is, and said.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot._checks import require_share
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.breaks.level_shifts import FEWEST_A_MONTH, FEWEST_MONTHS, Shift, level_shifts
from hotspot.breaks.map_points import point_changes
from hotspot.data.events import Events
from hotspot.data.snap_points import factorized
from hotspot.errors import DataQualityWarning
from hotspot.grid.area_counts import count_in_areas, month_of_days, months_of
from hotspot.grid.counts import covered_periods

FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class RegimeBreak:
    """One row of what :func:`find_breaks` finds; its table has these columns.

    Attributes
    ----------
    month : str
        The first month of the new regime, such as "2020-04".
    kind : {"level", "single month", "map points", "missing"}
    where : str
        "whole" for all areas together, else the area or the force.
    size : float
        Of a level or single month: the factor on the count. Of map points: by how much the share of
        the month's offences on points of its own exceeds the usual one. Of what is missing: the
        number of months in a row.
    lower, upper : float
        95 % interval of the size; NaN of what is missing.
    p_value : float
        Chance of a finding as sure as this one anywhere in an unbroken record, at most; NaN of what
        is missing.
    finding : str
        The same in words.
    """

    month: str
    kind: str
    where: str
    size: float
    lower: float
    upper: float
    p_value: float
    finding: str


def find_breaks(
    events: Events,
    *,
    areas: gpd.GeoDataFrame | None = None,
    by: str = "name",
    end: pd.Timestamp | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> pd.DataFrame:
    """Months in which the record changed: its level, the places it is snapped to, or a gap in it.

    - **level**: the number of offences went up or down and stayed there, beyond season, chance and
      the drift that this record shows anyhow; **single month**: it strayed for one month, as when
      part of a month was lost.
    - **map points**: most offences suddenly lie on points that the year before did not use, as when
      the source draws a new list. Not looked for where places are exact.
    - **missing**: months that a force did not publish.

    Parameters
    ----------
    events : Events
        Of two whole months at least; levels are looked for from 24 months and 20 offences a month
        on.
    areas : GeoDataFrame, optional
        Look for levels of each of these too, beside those of the whole.
    by : str
        Column of `areas` that names them.
    end : Timestamp, optional
        Look at what was recorded before it only.
    false_alarms : float
        Highest chance that an unbroken record is said to have a break; shared out among levels of
        the whole, levels of areas, and map points.

    Returns
    -------
    DataFrame
        One row a break, by month; columns as in
        :class:`~hotspot.breaks.find.RegimeBreak`. Empty if none was found.

    Raises
    ------
    TooFewEventsError
        If no whole month was recorded.
    ParameterError
        If `false_alarms` is not in (0, 1].
    RegionError, UnknownNameError
        If `areas` do not fit; see :func:`count_in_areas`.

    Warns
    -----
    DataQualityWarning
        If the record is too short or too thin for one of these to be looked for.

    Notes
    -----
    What moves the whole moves its areas, and stands in the table for each where it can be seen.
    Steps cannot be told from strong drift: a record whose level moves by a twentieth from month to
    month anyhow hides most steps by three tenths.

    How often breaks are found in simulated cities without and with one is measured in
    ``benchmarks/breaks.py``. Cost: a second for London's 133 months of burglary, and 30 ms an area.

    References
    ----------
    Chen, C., & Liu, L.-M. (1993). Joint estimation of model parameters and outlier effects in time
    series. Journal of the American Statistical Association, 88, 284-297.
    https://doi.org/10.1080/01621459.1993.10594321

    Examples
    --------
    The sample is of one regime; half of its last two years are taken out here:

    >>> from dataclasses import replace
    >>> from hotspot import load_sample
    >>> events = load_sample(offences="Burglary")
    >>> len(find_breaks(events))
    0
    >>> late = (events.table["time"] >= "2023-01-01").to_numpy()
    >>> kept = ~late | (np.arange(len(late)) % 2 == 0)
    >>> find_breaks(replace(events, table=events.table[kept]))[["month", "kind", "where"]]
         month   kind  where
    0  2023-01  level  whole
    """
    require_share(false_alarms, "false_alarms")
    months = months_of(events, end)
    past = events.before(months.right[-1])
    published = covered_periods(past, months)
    days, x, y = past.coordinates().T
    row = month_of_days(days, past, months)
    at = (row >= 0) & published[np.maximum(row, 0)]
    shares = 1 + (areas is not None) + (past.place_resolution > 0)
    record = Record(months, published, np.bincount(row[at], minlength=len(months)), shares)
    found = list(missing_months(past, months))
    found += record.levels(false_alarms)
    if past.place_resolution > 0:
        point, _ = factorized((x + 1j * y)[at])
        found += record.map_points(point, row[at], false_alarms)
    if areas is not None:
        counts = count_in_areas(past, areas, by=by)
        found += record.levels_of_areas(counts, false_alarms)
    for doubt in record.doubts(None if areas is None else counts):
        warnings.warn(doubt, DataQualityWarning, stacklevel=2)
    return as_table(found)


def as_table(found: Iterable[RegimeBreak]) -> pd.DataFrame:
    """Breaks by month, one row each."""
    columns = [field.name for field in fields(RegimeBreak)]
    rows = sorted(map(asdict, found), key=lambda one: (one["month"], one["kind"], one["where"]))
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True, eq=False)
class Record:
    """Whole months, what was recorded in each, and among how many searches alarms are shared."""

    months: pd.IntervalIndex
    published: BoolArray
    totals: IntArray
    searches: int = 2

    def levels(self, false_alarms: float = FALSE_ALARMS) -> list[RegimeBreak]:
        """Shifts of the total."""
        if self.doubts():
            return []
        return [self._named(one, "whole") for one in self._shifts(self.totals, false_alarms)]

    def levels_of_areas(self, counts: pd.DataFrame, false_alarms: float) -> list[RegimeBreak]:
        """Shifts of each area that holds enough."""
        looked_at = [name for name in counts if not self._too_thin(counts[name].to_numpy())]
        return [
            self._named(one, str(name))
            for name in looked_at
            for one in self._shifts(counts[name].to_numpy(), false_alarms, looks=len(looked_at))
        ]

    def map_points(
        self, point: IntArray, month: IntArray, false_alarms: float = FALSE_ALARMS
    ) -> list[RegimeBreak]:
        """Changes of the points that are used."""
        changes = point_changes(
            point, month, len(self.months), false_alarms=false_alarms / self.searches
        )
        return [
            RegimeBreak(
                month=name_of(self.months[one.row]),
                kind="map points",
                where="whole",
                size=one.size,
                lower=one.lower,
                upper=one.upper,
                p_value=min(1.0, one.p_value * self.searches),
                finding=(
                    f"From {name_of(self.months[one.row])} on the source uses other map points: "
                    f"{one.share:.0%} of that month's offences lie on points that the months of "
                    f"the year before did not use, where {one.expected:.0%} is usual; the years "
                    f"before and after have {one.jaccard:.0%} of their points in common."
                ),
            )
            for one in changes
        ]

    def doubts(self, counts: pd.DataFrame | None = None) -> list[str]:
        """What could not be looked for, and why."""
        if self.published.sum() < FEWEST_MONTHS:
            return [
                f"Breaks of level are not looked for in {self.published.sum()} published months; "
                f"{FEWEST_MONTHS} are needed to tell them from the season."
            ]
        told = []
        if self._too_thin(self.totals):
            told.append(
                f"Breaks of level are not looked for: {self.totals[self.published].mean():.3g} "
                f"offences a month are too few, and {FEWEST_A_MONTH} are needed."
            )
        thin = [] if counts is None else [n for n in counts if self._too_thin(counts[n].to_numpy())]
        if thin:
            told.append(
                f"Breaks of level are not looked for in {len(thin)} areas with fewer than "
                f"{FEWEST_A_MONTH} offences a month: {', '.join(map(str, thin[:5]))}"
                + (", ..." if len(thin) > 5 else ".")
            )
        return told

    def _too_thin(self, counts: FloatArray) -> bool:
        return bool(counts[self.published].mean() < FEWEST_A_MONTH)

    def _shifts(self, counts: FloatArray, false_alarms: float, *, looks: int = 1) -> list[Shift]:
        kept = np.flatnonzero(self.published)
        begin = self.months[kept].left.tz_localize(None)
        shifts = level_shifts(
            np.asarray(counts, float)[kept],
            begin.days_in_month.to_numpy(float),
            (begin.year * 12 + begin.month).to_numpy(),
            false_alarms=false_alarms,
            looks=looks * self.searches,
        )
        return [one.at(int(kept[one.row])) for one in shifts]

    def _named(self, shift: Shift, where: str) -> RegimeBreak:
        name = name_of(self.months[shift.row])
        last = shift.row == np.flatnonzero(self.published)[-1]
        what = "recorded offences" if where == "whole" else f"recorded offences in {where}"
        size = f"{shift.size:.2f} times ({shift.lower:.2f} to {shift.upper:.2f})"
        if shift.lasts:
            words = f"From {name} on {what} ran at {size} their level before."
        elif last:
            words = f"In {name}, the last month, {what} were {size} what was usual; it cannot be "
            words += "known yet whether that stays."
        else:
            words = f"In {name} alone {what} were {size} what was usual."
        return RegimeBreak(
            month=name,
            kind="level" if shift.lasts else "single month",
            where=where,
            size=shift.size,
            lower=shift.lower,
            upper=shift.upper,
            p_value=shift.p_value,
            finding=words,
        )

    def crossed(self, found: Iterable[RegimeBreak]) -> tuple[str, ...]:
        """What a fit to these months must say: the breaks in it, and what was not looked for."""
        breaks = [f"The training window crosses a break. {one.finding}" for one in found]
        return (*breaks, *self.doubts())


def missing_months(events: Events, months: pd.IntervalIndex) -> list[RegimeBreak]:
    """Months of the window that a force did not publish, one row for months on end."""
    if events.coverage is None:
        return []
    names = [name_of(month) for month in months]
    found = []
    for force, rows in events.coverage.groupby("force"):
        gone = np.array([name not in set(rows["month"]) for name in names])
        begins = np.flatnonzero(gone & ~np.concatenate([[False], gone[:-1]]))
        ends = np.flatnonzero(gone & ~np.concatenate([gone[1:], [False]]))
        for first, last in zip(begins, ends, strict=True):
            until = "" if first == last else f" to {names[last]}"
            found.append(
                RegimeBreak(
                    month=names[first],
                    kind="missing",
                    where=str(force),
                    size=float(last - first + 1),
                    lower=np.nan,
                    upper=np.nan,
                    p_value=np.nan,
                    finding=f"{force} did not publish {names[first]}{until}; missing is not zero.",
                )
            )
    return found


def name_of(month: pd.Interval) -> str:
    """A month in figures, such as "2020-04"."""
    return f"{month.left:%Y-%m}"
