"""The pictures that the commands leave: maps, bounds, capture curve, calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hotspot._files import replaced
from hotspot.cli.output import file_in

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

MAPS = ("map.png", "bounds.png", "boroughs.png")
CURVES = ("capture.png", "calibration.png")
DOTS_PER_INCH = 150
LONGEST_NAME = 30
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
DRAWS = 2000  # of months, for the band around the calibration curve


def draw_maps(forecast: xr.Dataset, areas: gpd.GeoDataFrame, folder: Path, *, note: str) -> None:
    """map.png, bounds.png and boroughs.png of the first period."""
    from hotspot.plot import plot_area_bounds, plot_bounds, plot_forecast

    names = "name" if len(areas) <= 40 else None
    _save(
        plot_forecast(forecast, outline=areas, names=names).figure, file_in(folder, "map.png"), note
    )
    _save(plot_bounds(forecast, outline=areas)[0].figure, file_in(folder, "bounds.png"), note)
    _save(plot_area_bounds(forecast).figure, file_in(folder, "boroughs.png"), note)


def draw_curves(result: xr.Dataset, folder: Path, *, rng: np.random.Generator, note: str) -> None:
    """capture.png and calibration.png of a backtest, read fold by fold."""
    from hotspot.evaluate import score_by_fold
    from hotspot.evaluate.calibration import coverage_table
    from hotspot.plot import plot_calibration, plot_capture_curve

    names = [_short(str(name), i) for i, name in enumerate(result["model"].to_numpy(), 1)]
    result = result.assign_coords(model=names)
    axes = plot_capture_curve(
        score_by_fold(result, _capture_curve), best=score_by_fold(result, _best_curve)
    )
    _save(axes.figure, file_in(folder, "capture.png"), note)
    if result.sizes["fold"] >= 2:  # one period alone says nothing of how often
        # All steps ahead together; folds that share months are drawn together.
        actual = score_by_fold(result, lambda fold: _coverage(fold, rng)).mean("step")
        block = max(1, min(max(3, result.sizes["step"]), result.sizes["fold"] // 2))
        options = {"block": block, "size": DRAWS}
        table = coverage_table(actual, rng=rng, dim="fold", confidence=0.95, **options)
        _save(plot_calibration(table).figure, file_in(folder, "calibration.png"), note)


def _capture_curve(fold: xr.Dataset) -> xr.DataArray:
    from hotspot.evaluate import capture_curve

    return capture_curve(fold, fold["observed_count"])


def _best_curve(fold: xr.Dataset) -> xr.DataArray:
    import xarray as xr

    from hotspot.evaluate import capture_curve

    hindsight = xr.Dataset({"expected_count": fold["observed_count"]})
    hindsight = hindsight.assign_coords(inside_area=fold["inside_area"])
    return capture_curve(hindsight, fold["observed_count"])


def _coverage(fold: xr.Dataset, rng: np.random.Generator) -> xr.DataArray:
    from hotspot.evaluate import pit_coverage, randomised_pit

    return pit_coverage(randomised_pit(fold, fold["observed_count"], rng=rng), level=LEVELS)


def _short(name: str, number: int) -> str:
    """A name that a legend has room for; its number keeps two long names apart."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 4]}… {number}"


def _save(figure, path: Path, note: str) -> None:
    """Write a picture whole, with what must be said about its data on top, and let it go."""
    import matplotlib.pyplot as plt

    if note:
        figure.suptitle(note, fontsize=8, color="#a00000")
    try:
        with replaced(path) as temporary:
            figure.savefig(temporary, dpi=DOTS_PER_INCH)
    finally:
        plt.close(figure)
