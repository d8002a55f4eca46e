"""Simulates the recorded offences of data/sample and writes the truth beside them.

    python scripts/simulate_sample.py [--out FOLDER]

Everything follows from SEED and the numbers in this file: the same library versions give the
same rows. No real offence is read. The numbers were chosen so that volume and spread resemble real
borough figures; data/sample/README.md sets them side by side (scripts/measure_sample.py).
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from sample_simulation import exact, monthly, records

from hotspot.data.places import load_boroughs, load_lsoas
from hotspot.grid.cells import Grid

OUT = Path(__file__).resolve().parents[1] / "data" / "sample"
SEED = 20250101
MONTHS = [str(month) for month in pd.period_range("2021-01", "2024-12", freq="M")]
BOROUGHS = ["Camden", "City of London", "Hackney", "Islington", "Tower Hamlets"]
EXACT_BOROUGHS = ["Hackney", "Islington"]
EXACT_START = pd.Timestamp("2023-01-01", tz="UTC")
NOTE = "SIMULATED recorded offences; no row describes anything that happened."
# A sudden fall of everything by 30 % that fades away, such as a lockdown brings.
SHOCKS = {MONTHS.index("2022-02"): -0.35}

BURGLARY = monthly.Offence(
    name="Burglary",
    base_level={
        "Camden": 222.0, "City of London": 22.0, "Hackney": 236.0, "Islington": 204.0,
        "Tower Hamlets": 212.0,
    },
    area_spread=0.36,
    point_spread=0.55,
    branching=0.10,
    season=(0.05, 0.0, 0.02, -0.03, -0.03, -0.05, -0.03, -0.02, -0.03, 0.02, 0.06, 0.04),
)  # fmt: skip
# Kinds beside burglary are thinned to 13 to 27 % of real volumes, to keep the archive small.
ROBBERY = replace(
    BURGLARY, name="Robbery", branching=0.10, area_spread=0.8, point_spread=0.9, season=(0.0,) * 12,
    base_level={
        "Camden": 36.0, "City of London": 3.0, "Hackney": 32.0, "Islington": 33.0,
        "Tower Hamlets": 30.0,
    },
)  # fmt: skip
VEHICLE = replace(
    BURGLARY, name="Vehicle crime", branching=0.06, area_spread=0.35, point_spread=0.6,
    season=(0.0,) * 12,
    base_level={
        "Camden": 52.0, "City of London": 5.0, "Hackney": 48.0, "Islington": 46.0,
        "Tower Hamlets": 50.0,
    },
)  # fmt: skip
ANTISOCIAL = replace(
    BURGLARY, name="Anti-social behaviour", branching=0.2, area_spread=0.7, point_spread=1.0,
    season=(-0.15, -0.12, -0.05, 0.03, 0.08, 0.12, 0.16, 0.12, 0.04, 0.0, -0.08, -0.15),
    base_level={
        "Camden": 80.0, "City of London": 10.0, "Hackney": 75.0, "Islington": 70.0,
        "Tower Hamlets": 85.0,
    },
)  # fmt: skip
OFFENCES = (BURGLARY, ROBBERY, VEHICLE, ANTISOCIAL)


def main() -> None:
    """Simulate both samples and write them with their truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    write_all(out)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print(f"{path.relative_to(out)}: {path.stat().st_size:,} bytes")


def write_all(out: Path) -> None:
    """Write every simulated file under `out`."""
    (out / "police_uk").mkdir(parents=True, exist_ok=True)
    truth = {"note": NOTE, "made_by": "scripts/simulate_sample.py", "seed": SEED}
    truth["police_uk"] = write_monthly(out)
    truth["exact_times"] = write_exact(out)
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def write_monthly(out: Path) -> dict[str, object]:
    """The police.uk archive, the true maps beside it, and the part of truth.json they belong to."""
    lsoas, boroughs = load_lsoas(BOROUGHS), load_boroughs(BOROUGHS)
    points = monthly.snap_points(lsoas, boroughs, city_points=260, rng=stream(0))
    points = records.name_points(points, rng=stream(1))
    runs = {}
    for k, offence in enumerate(OFFENCES):
        runs[offence.name] = monthly.simulate(
            points, offence, months=len(MONTHS), shocks=SHOCKS, rng=stream(10 + k)
        )
    rows = pd.concat(
        [
            records.rows_of(
                runs[offence.name].counts, offence.name, points, MONTHS, rng=stream(20 + k)
            )
            for k, offence in enumerate(OFFENCES)
        ],
        ignore_index=True,
    )
    rows, flaws = records.with_flaws(rows, far_points(), rng=stream(2))
    records.write_archive(rows, out / "police_uk" / "archive.zip")
    write_maps(out, points, boroughs, runs["Burglary"])
    return {
        "model": " ".join(monthly.__doc__.split()),
        "offences": [asdict(offence) for offence in OFFENCES],
        "months": MONTHS,
        "shocks": {MONTHS[m]: size for m, size in SHOCKS.items()},
        "shares_of_flawed_rows": records.SHARES,
        "rows": len(rows),
        "flawed_rows": flaws,
        "snap_points": points.groupby("borough").size().to_dict(),
        "by_borough": {name: by_borough(run, points) for name, run in runs.items()},
    }


def by_borough(run: monthly.Truth, points: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Per borough: the level, the mean given the past, and what was drawn, month by month."""
    tables = {}
    for b, name in enumerate(sorted(BOROUGHS)):
        here = (points["borough"] == name).to_numpy()
        tables[name] = {
            "level": np.round(run.level[:, b], 3).tolist(),
            "expected": np.round(run.expected[:, here].sum(axis=1), 3).tolist(),
            "drawn": run.counts[:, here].sum(axis=1).tolist(),
            "next_month_expected": round(float(run.next_expected[here].sum()), 3),
        }
    return tables


def write_maps(out: Path, points, boroughs: gpd.GeoDataFrame, burglary: monthly.Truth) -> None:
    """The true map of burglary over snap points, and next month's expected counts at 250 m."""
    kept = points[["x", "y", "lsoa_code", "borough"]].assign(
        burglary_background_share=burglary.background.astype("float32")
    )
    kept.to_parquet(out / "truth_snap_points.parquet", compression="zstd", index=False)
    grid = Grid.over(boroughs, cell_size=250)
    cell = grid.cell_of(points["x"].to_numpy(), points["y"].to_numpy())
    flat = np.flatnonzero(grid.inside)
    row, column = np.divmod(flat, grid.x.size)
    cells = pd.DataFrame({"x": grid.x[column], "y": grid.y[row]})
    for name, values in (
        ("expected_count", burglary.next_expected),
        ("background_count", burglary.next_background),
    ):
        cells[name] = np.bincount(cell, values, minlength=grid.inside.size)[flat].astype("float32")
    cells.to_parquet(out / "truth_next_month_250m.parquet", compression="zstd", index=False)


def far_points() -> pd.DataFrame:
    """A few points of boroughs that were not simulated, for rows that landed there."""
    lsoas = load_lsoas(["Croydon", "Ealing", "Havering"]).iloc[::8].reset_index(drop=True)
    inside = lsoas.representative_point()
    points = pd.DataFrame({"x": inside.x.round(1), "y": inside.y.round(1)})
    points["lsoa_code"], points["lsoa_name"] = lsoas["code"], lsoas["name"]
    return records.name_points(points, rng=stream(3))


def write_exact(out: Path) -> dict[str, object]:
    """The self-exciting sample, the parents of its events, and its part of truth.json."""
    window = load_boroughs(EXACT_BOROUGHS).union_all()
    truth = exact.SelfExcitingTruth()
    table, background = exact.simulate(window, truth, rng=stream(4))
    time = EXACT_START + pd.to_timedelta((table["t"] * 86_400_000).round(), unit="ms")
    events = gpd.GeoDataFrame(
        {"time": time, "offence": "Burglary"},
        geometry=gpd.points_from_xy(table["x"].round(2), table["y"].round(2), crs=27700),
    )
    events.to_parquet(out / "exact_times.parquet", compression="zstd", index=False)
    parents = table[["parent"]].astype("int32")
    parents.to_parquet(out / "truth_exact_parents.parquet", compression="zstd", index=False)
    return {
        "model": " ".join(exact.__doc__.split()),
        "parameters": asdict(truth),
        "background": background,
        "boroughs": EXACT_BOROUGHS,
        "start": EXACT_START.isoformat(),
        "end": (EXACT_START + pd.Timedelta(days=truth.days)).isoformat(),
        "events": len(events),
        "immigrants": int((table["parent"] < 0).sum()),
    }


def stream(key: int) -> np.random.Generator:
    """The generator of one part, so that a change in one part leaves the others as they were."""
    return np.random.default_rng([SEED, key])


if __name__ == "__main__":
    main()
