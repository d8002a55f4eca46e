"""The reference data of R's surveillance, read from beside the project; never part of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import shapely


def region(folder: Path) -> shapely.MultiPolygon:
    """Germany's outline as the package simplifies it; km."""
    corners = pd.read_csv(folder / "imdepi_surveillance" / "twinstim_fixture" / "W_polygon.csv")
    return shapely.MultiPolygon(
        [shapely.Polygon(ring[["x", "y"]].to_numpy()) for _, ring in corners.groupby("ring")]
    )


def tiles(folder: Path) -> pd.DataFrame:
    """Districts and months with population density, trend and season."""
    path = folder / "imdepi_surveillance" / "twinstim_fixture" / "stgrid.csv.gz"
    table = pd.read_csv(path, dtype={"tile": str})
    turn = 2 * np.pi * table["start"] / 365
    return table.assign(trend=table["start"] / 365 - 3.5, sin=np.sin(turn), cos=np.cos(turn))


def events(folder: Path, *, untied: bool = True) -> pd.DataFrame:
    """The cases; those whose age is known where `untied`, all as recorded otherwise."""
    name = "twinstim_fixture/events_untied.csv" if untied else "imdepi_events.csv"
    table = pd.read_csv(folder / "imdepi_surveillance" / name, dtype={"tile": str})
    ages = pd.CategoricalDtype(["[0,3)", "[3,19)", "[19,Inf)"])
    table["agegrp"] = table["agegrp"].astype(ages)
    return table.dropna(subset=["agegrp"]) if untied else table
