"""A simulated city whose drug use is even, and whose recorded drug offences follow patrols.

After Lum, K., & Isaac, W. (2016). To predict and serve? Significance, 13(5), 14-19.
https://doi.org/10.1111/j.1740-9713.2016.00960.x

Everything here is SIMULATED: the city, its people and every offence. Run it with
``python examples/patrolled_city.py``; it takes a few seconds.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from shapely import box

import hotspot as hs
from hotspot.audit.feedback import Loop, closed_loop_feedback
from hotspot.errors import RefusedError

SIDE, CELL = 4000.0, 250.0  # metres
USE = 2.0  # true offences a month in every cell, the same everywhere
SEEN, SEEN_ON_PATROL = 0.02, 0.2  # share that is recorded, elsewhere and in the patrolled quarter
REASON = "a simulated example of what patrols do to records"
ETAS = "ETAS, as sold"


def city(rng: np.random.Generator) -> tuple[hs.Events, hs.Grid, np.ndarray]:
    """Recorded drug offences of three years, the grid, and which of its cells are patrolled."""
    region = gpd.GeoSeries([box(0, 0, SIDE, SIDE)], crs=27700)
    grid = hs.Grid.over(region, cell_size=CELL)
    patrolled = (grid.x[None, :] < SIDE / 2) & (grid.y[:, None] < SIDE / 2)
    months = pd.date_range("2021-01-01", periods=36, freq="MS")
    recorded = rng.poisson(USE * np.where(patrolled, SEEN_ON_PATROL, SEEN), (36, *grid.shape))
    month, row, column = (index.repeat(recorded[recorded > 0]) for index in np.nonzero(recorded))
    x, y = (
        centre[at] + rng.uniform(-CELL / 2, CELL / 2, at.size)
        for centre, at in ((grid.x, column), (grid.y, row))
    )
    table = gpd.GeoDataFrame(
        {"time": months[month], "offence": "Drugs"}, geometry=gpd.points_from_xy(x, y), crs=27700
    )
    events = hs.Events.from_geodataframe(
        table, time_resolution="month", place_resolution=0.0, region=region,
        start="2021-01-01", end="2024-01-01",
    )  # fmt: skip
    return events, grid, patrolled


def models() -> dict[str, hs.HistoricalRate]:
    """The second has, in each cell, the intensity of a self-exciting process with a slow decay: a
    level, and for each recorded offence a bump that halves every two years. That is a fading mean.
    """
    return {
        "count": hs.HistoricalRate("24 months"),
        ETAS: hs.HistoricalRate("24 months", half_life=730.0),
    }


def run(rng: np.random.Generator) -> dict[str, object]:
    """What guard, map, comparison and loop have to say of such a city."""
    events, grid, patrolled = city(rng)
    try:
        hs.HistoricalRate().fit(events, grid)
        refusal = None
    except RefusedError as error:
        refusal = error
    allowed = events.overriding("G7", reason=REASON)
    result = hs.backtest(
        models(), allowed, grid, hs.rolling_origin("2023-01", "2024-01"), rng=rng, size=40
    )
    flags = hs.flag_cells(result.sel(model=ETAS), area_share=0.05)
    where = xr.DataArray(patrolled, {"y": grid.y, "x": grid.x}, ["y", "x"])
    even = xr.DataArray(np.full(grid.shape, USE), where.coords, where.dims)
    return {
        "refusal": refusal,
        "recorded_on_patrol": float(
            np.mean([point.x < SIDE / 2 and point.y < SIDE / 2 for point in events.table.geometry])
        ),
        "flags_on_patrol": float((flags * where).sum() / flags.sum()),
        "use_under_flags": float((flags * even).sum() / (even.sum() * flags.sizes["fold"])),
        "equivalence": hs.baseline_equivalence(result, model=ETAS, baselines=["count"]),
        "benefit": hs.added_value(result, model=ETAS, baselines=["count"], rng=rng),
        "loop": closed_loop_feedback(
            hs.HistoricalRate("12 months"), even, grid, rng=rng, discovery=(0.0, 0.3, 1.0),
            loop=Loop(area_share=0.05, reporting=0.1, warm_up=12, rounds=8, repeats=3),
        ),
    }  # fmt: skip


def main() -> None:
    """Print it."""
    found = run(np.random.default_rng(2016))
    print("A SIMULATED city: drug use is the same in every cell, patrols go to one quarter.")
    print(f"1. Refused: {found['refusal']}")
    print(f"2. Overridden, for a reason: {REASON}.")
    print(
        f"   {found['recorded_on_patrol']:.0%} of recorded offences and "
        f"{found['flags_on_patrol']:.0%} of flags lie in the patrolled quarter; under flags is "
        f"{found['use_under_flags']:.1%} of true use, as much as of the land."
    )
    print(f"3. {found['equivalence']}")
    print(f"   {found['benefit']}")
    print(f"4. {found['loop'].reading}")
    for row in found["loop"].groups:
        print(f"   {row['group']}: concentration {row['concentration']:.2f}, {row['value']:+.2f}")


if __name__ == "__main__":
    main()
