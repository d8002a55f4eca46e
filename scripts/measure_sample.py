"""Sets the simulated burglaries beside the real ones: the table in data/sample/README.md.

    python scripts/measure_sample.py --real dev_met_burglary_2010-12_2021-12.parquet

The real table has a row an offence with `month`, `easting`, `northing` and `borough_spatial`. Only
aggregate figures are printed. Both sides cover 48 months of the same four boroughs.
"""

import argparse
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from hotspot.data.places import load_boroughs
from hotspot.data.sample import sample_path
from hotspot.grid.cells import Grid

BOROUGHS = ["Camden", "Hackney", "Islington", "Tower Hamlets"]


def main() -> None:
    """Measure both and print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--sample", type=Path, default=None)
    options = parser.parse_args()
    real = measures(read_real(options.real))
    archive = options.sample or sample_path("police_uk/archive.zip")
    simulated = measures(read_simulated(archive))
    print("| measure | real 2018–2021 | simulated 2021–2024 |\n|---|---|---|")
    for name, value in real.items():
        print(f"| {name} | {value} | {simulated[name]} |")


def read_real(path: Path) -> pd.DataFrame:
    """Month, borough and place of the real burglaries, 2018 to 2021."""
    columns = ["month", "easting", "northing", "borough_spatial"]
    table = pd.read_parquet(path, columns=columns).astype({"month": str, "borough_spatial": str})
    table = table.set_axis(["month", "x", "y", "borough"], axis=1)
    return table[(table["month"] >= "2018-01") & table["borough"].isin(BOROUGHS)]


def read_simulated(path: Path) -> pd.DataFrame:
    """The same of the simulated burglaries, through the published file layout."""
    with zipfile.ZipFile(path) as archive:
        parts = [pd.read_csv(archive.open(name), dtype=str) for name in archive.namelist()]
    rows = pd.concat(parts).query("`Crime type` == 'Burglary'").dropna(subset="Longitude")
    places = gpd.points_from_xy(rows["Longitude"].astype(float), rows["Latitude"].astype(float))
    places = gpd.GeoSeries(places, crs=4326).to_crs(27700)
    table = pd.DataFrame(
        {"month": rows["Month"].to_numpy(), "x": places.x.round(1), "y": places.y.round(1)}
    )
    table["borough"] = rows["LSOA name"].str.rsplit(n=1).str[0].to_numpy()
    return table[table["borough"].isin(BOROUGHS)]


def measures(table: pd.DataFrame) -> dict[str, str]:
    """Every row of the table, as text."""
    return {**of_totals(table), **of_maps(table), **of_points(table)}


def of_totals(table: pd.DataFrame) -> dict[str, str]:
    """Volume, month-to-month change, and season of borough totals."""
    total = table.groupby(["month", "borough"]).size().unstack()
    change = np.log(total).diff()
    together = change.corr().to_numpy()[np.triu_indices(len(BOROUGHS), 1)].mean()
    month = total.index.str[5:]
    winter = total[month.isin(["11", "12", "01"])].to_numpy().mean()
    summer = total[month.isin(["05", "06", "07"])].to_numpy().mean()
    found = {f"burglaries a month, {name}": f"{total[name].mean():.0f}" for name in BOROUGHS}
    found["lowest and highest borough month"] = f"{total.min().min()} and {total.max().max()}"
    found["sd of month-to-month log change of a borough"] = f"{change.std().mean():.3f}"
    found["the same if only chance were at work"] = f"{np.sqrt(2 / total.mean()).mean():.3f}"
    found["correlation of that change between boroughs"] = f"{together:.2f}"
    found["sd of month-to-month log change of all four"] = (
        f"{np.log(total.sum(axis=1)).diff().std():.3f}"
    )
    found["November–January over May–July"] = f"{winter / summer:.2f}"
    return found


def of_maps(table: pd.DataFrame) -> dict[str, str]:
    """Concentration over 250 m cells, and how well one year's map serves another."""
    grid = Grid.over(load_boroughs(BOROUGHS), cell_size=250)
    cell = grid.cell_of(table["x"].to_numpy(), table["y"].to_numpy())
    years, year = np.unique(table["month"].str[:4].to_numpy(str), return_inverse=True)
    count = np.zeros((years.size, grid.inside.size))
    inside = cell >= 0
    np.add.at(count, (year[inside], cell[inside]), 1)
    count = count[:, grid.inside.ravel()]
    found = {}
    for share in (0.01, 0.05, 0.10):
        n = int(share * count.shape[1])
        caught = np.sort(count.sum(axis=0))[::-1][:n].sum() / count.sum()
        found[f"events in the top {share:.0%} of 250 m cells, 48 months"] = f"{caught:.3f}"
    for apart in (1, 3):
        pairs = [(count[k], count[k + apart]) for k in range(years.size - apart)]
        found[f"events in the top 5% of cells of {apart} year(s) before"] = (
            f"{np.mean([_caught(before, after, 0.05) for before, after in pairs]):.3f}"
        )
        correlation = np.mean([np.corrcoef(before, after)[0, 1] for before, after in pairs])
        found[f"correlation of yearly cell counts {apart} year(s) apart"] = f"{correlation:.2f}"
    found["cells without any event, 48 months"] = f"{(count.sum(axis=0) == 0).mean():.2f}"
    return found


def _caught(before, after, share):
    n = int(share * before.size)
    return after[np.argsort(-before, kind="stable")[:n]].sum() / after.sum()


def of_points(table: pd.DataFrame) -> dict[str, str]:
    """Snap points, repeats at a point, and what follows a burglary a month later."""
    place, point = np.unique(table[["x", "y"]].to_numpy(), axis=0, return_inverse=True)
    months, month = np.unique(table["month"].to_numpy(str), return_inverse=True)
    count = csr_array((np.ones(len(table)), (month, point)), shape=(months.size, len(place)))
    count.sum_duplicates()
    distance = cKDTree(place).query(place, k=2)[0][:, 1]
    per_point = np.asarray(count.sum(axis=0)).ravel()
    found = {
        "snap points in use": f"{len(place)}",
        "distance to the nearest other point, quartiles (m)": " / ".join(
            f"{q:.0f}" for q in np.quantile(distance, [0.25, 0.5, 0.75])
        ),
        "variance over mean of events a point": f"{per_point.var() / per_point.mean():.1f}",
        "events that repeat a point in its month": f"{(count.data - 1).sum() / count.sum():.3f}",
    }
    near = _neighbours(place, 250.0)
    for name, matrix in (("same point", None), ("other points within 250 m", near)):
        follows = [_pairs(count, matrix, lag) for lag in range(1, 13)]
        later = np.mean(follows[9:])
        found[f"{name}: pairs 1 / 2 / 3 months apart over 10–12 apart"] = " / ".join(
            f"{follows[k] / later:.2f}" for k in range(3)
        )
    return found


def _neighbours(place: np.ndarray, reach: float) -> csr_array:
    pairs = cKDTree(place).query_pairs(reach, output_type="ndarray")
    here, there = np.vstack([pairs, pairs[:, ::-1]]).T
    return csr_array((np.ones(here.size), (here, there)), shape=(len(place),) * 2)


def _pairs(count: csr_array, near: csr_array | None, lag: int) -> float:
    """Pairs of events `lag` months apart as a share of all pairs of those months."""
    before, after = count[:-lag], count[lag:]
    moved = before if near is None else before @ near
    total = np.asarray(before.sum(axis=1)).ravel() @ np.asarray(after.sum(axis=1)).ravel()
    return float(moved.multiply(after).sum() / total)


if __name__ == "__main__":
    main()
