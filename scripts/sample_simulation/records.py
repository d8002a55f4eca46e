"""Simulated records in the layout of a data.police.uk download, with the flaws such files have."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import Transformer

HEADER = [
    "Crime ID", "Month", "Reported by", "Falls within", "Longitude", "Latitude", "Location",
    "LSOA code", "LSOA name", "Crime type", "Last outcome category", "Context",
]  # fmt: skip
FORCES = {
    "metropolitan": "Metropolitan Police Service",
    "city-of-london": "City of London Police",
}
NO_ID = "Anti-social behaviour"  # published without Crime ID and outcome
SHARES = {
    "without_coordinates": {"metropolitan": 0.004, "city-of-london": 0.07},
    "published_twice": 0.009,  # the same row again, id and all, in the same file
    "revised_in_a_later_month": 0.002,  # the same id with another outcome one to three months on
    "placed_outside": 0.001,  # on a point in a borough that was not simulated
}
OUTCOMES = {
    "Investigation complete; no suspect identified": 0.50,
    "Status update unavailable": 0.40,
    "Under investigation": 0.04,
    "Court result unavailable": 0.03,
    "Awaiting court outcome": 0.01,
    "Offender sent to prison": 0.007,
    "Unable to prosecute suspect": 0.008,
    "Offender given a caution": 0.003,
    "Local resolution": 0.002,
}
FIRST_SYLLABLES = [
    "Ald", "Bram", "Cor", "Dun", "Elm", "Fen", "Gar", "Hal", "Ing", "Kel", "Lor", "Mar",
    "Nor", "Oak", "Pel", "Quen", "Ros", "Sil", "Thorn", "Ul", "Ves", "Wick", "Yar", "Zel",
]  # fmt: skip
LAST_SYLLABLES = [
    "bourne", "combe", "dale", "ere", "field", "gate", "ham", "ington", "ley", "mere", "ney",
    "over", "ridge", "sted", "ton", "wick",
]  # fmt: skip
STREET_ENDINGS = {
    "Road": 0.34, "Street": 0.24, "Close": 0.08, "Avenue": 0.04, "Gardens": 0.05, "Lane": 0.03,
    "Way": 0.03, "Place": 0.06, "Mews": 0.05, "Grove": 0.03, "Square": 0.05,
}  # fmt: skip
UNNAMED = {
    "Parking Area": 0.03,
    "Supermarket": 0.015,
    "Shopping Area": 0.01,
    "Petrol Station": 0.005,
}

# Spelt out, so that the published digits do not depend on the shift grids a machine happens to
# have: the seven-parameter shift from OSGB36 to WGS84, good to about 5 m.
TO_DEGREES = (
    "+proj=pipeline +step +inv +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 "
    "+y_0=-100000 +ellps=airy +step +proj=push +v_3 +step +proj=cart +ellps=airy "
    "+step +proj=helmert +x=446.448 +y=-125.157 +z=542.06 +rx=0.15 +ry=0.247 +rz=0.842 "
    "+s=-20.489 +convention=position_vector +step +inv +proj=cart +ellps=WGS84 "
    "+step +proj=pop +v_3 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
)


def name_points(points: pd.DataFrame, *, rng) -> pd.DataFrame:
    """Add made-up street names and the published longitude and latitude."""
    n = len(points)
    road = _joined(rng.choice(FIRST_SYLLABLES, n), rng.choice(LAST_SYLLABLES, n))
    ending = rng.choice(list(STREET_ENDINGS), n, p=list(STREET_ENDINGS.values()))
    street = pd.Series(road) + " " + ending
    place = rng.choice(list(UNNAMED), n)
    unnamed = rng.uniform(size=n) < sum(UNNAMED.values())
    longitude, latitude = Transformer.from_pipeline(TO_DEGREES).transform(
        points["x"].to_numpy(), points["y"].to_numpy()
    )
    return points.assign(
        location="On or near " + np.where(unnamed, place, street),
        longitude=[f"{value:.6f}" for value in longitude],
        latitude=[f"{value:.6f}" for value in latitude],
    )


def _joined(first, last):
    return [a + b for a, b in zip(first, last, strict=True)]


def rows_of(counts: np.ndarray, offence: str, points: pd.DataFrame, months: list[str], *, rng):
    """One row an offence, in the twelve published columns, plus ``force`` and ``file_month``."""
    month, point = np.nonzero(counts)
    times = counts[month, point]
    month, point = np.repeat(month, times), np.repeat(point, times)
    at = points.iloc[point].reset_index(drop=True)
    force = np.where(at["borough"] == "City of London", "city-of-london", "metropolitan")
    named = pd.Series(force).map(FORCES)
    has_id = offence != NO_ID
    when = np.array(months)[month]
    rows = pd.DataFrame(
        {
            "Crime ID": [rng.bytes(32).hex() for _ in when] if has_id else "",
            "Month": when,
            "Reported by": named,
            "Falls within": named,
            "Longitude": at["longitude"],
            "Latitude": at["latitude"],
            "Location": at["location"],
            "LSOA code": at["lsoa_code"],
            "LSOA name": at["lsoa_name"],
            "Crime type": offence,
            "Last outcome category": _outcomes(len(when), rng) if has_id else "",
            "Context": "",
            "force": force,
            "file_month": when,
        }
    )
    return rows


def _outcomes(number: int, rng) -> np.ndarray:
    return rng.choice(list(OUTCOMES), number, p=list(OUTCOMES.values()))


def with_flaws(
    rows: pd.DataFrame, far: pd.DataFrame, *, rng
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Lose some coordinates, misplace some rows, publish some twice or again later; count each.

    `far` are points outside the simulated boroughs.
    """
    rows = rows.copy()
    lost = rng.uniform(size=len(rows)) < rows["force"].map(SHARES["without_coordinates"])
    place = ["Longitude", "Latitude", "LSOA code", "LSOA name"]
    rows.loc[lost, place] = ""
    rows.loc[lost, "Location"] = "No Location"
    outside = ~lost & (rows["force"] == "metropolitan")
    outside &= rng.uniform(size=len(rows)) < SHARES["placed_outside"]
    there = far.iloc[rng.integers(len(far), size=outside.sum())]
    rows.loc[outside, [*place, "Location"]] = there[
        ["longitude", "latitude", "lsoa_code", "lsoa_name", "location"]
    ].to_numpy()
    has_id = rows["Crime ID"] != ""
    twice = rows[has_id & (rng.uniform(size=len(rows)) < SHARES["published_twice"])]
    revised = _revised(rows, has_id, rng)
    flaws = {
        "without_coordinates": int(lost.sum()),
        "placed_outside": int(outside.sum()),
        "published_twice": len(twice),
        "revised_in_a_later_month": len(revised),
    }
    return pd.concat([rows, twice, revised], ignore_index=True), flaws


def _revised(rows: pd.DataFrame, has_id: pd.Series, rng) -> pd.DataFrame:
    """The same id again in the file of a later month, under that month, with a new outcome."""
    chance = rng.uniform(size=len(rows)) < SHARES["revised_in_a_later_month"]
    again = rows[has_id & chance & (rows["Last outcome category"] != "Offender sent to prison")]
    months = np.unique(rows["file_month"])
    later = np.searchsorted(months, again["file_month"]) + rng.integers(1, 4, len(again))
    again, later = again[later < months.size], later[later < months.size]
    return again.assign(
        **{"Month": months[later], "Last outcome category": "Offender sent to prison"},
        file_month=months[later],
    )


def write_archive(rows: pd.DataFrame, path: Path) -> None:
    """Write YYYY-MM/YYYY-MM-force-street.csv for every force and month into one zip.

    Rows are in the order of LSOA names, as published, those without a place last. Entries carry
    a fixed date, so the archive does not change with the day it is made.
    """
    comment = b"SIMULATED recorded offences; no row describes anything that happened."
    rows = rows.assign(unplaced=rows["LSOA name"] == "").sort_values(
        ["file_month", "force", "unplaced", "LSOA name", "Location", "Crime ID"], kind="stable"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.comment = comment
        for (month, force), part in rows.groupby(["file_month", "force"], sort=True):
            entry = zipfile.ZipInfo(f"{month}/{month}-{force}-street.csv", (2025, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            text = io.StringIO()
            part[HEADER].to_csv(text, index=False, lineterminator="\n")
            archive.writestr(entry, text.getvalue(), compresslevel=9)
