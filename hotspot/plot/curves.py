"""Curves of how wrong it was: share of events captured, calibration, PIT histogram."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot.errors import ParameterError
from hotspot.plot.style import FAINT, INK, PALE, clear_spines, line_style, new_axes


def plot_capture_curve(
    curves: xr.DataArray,
    *,
    best: xr.DataArray | None = None,
    max_share: float = 1.0,
    ax=None,
):
    """Share of recorded offences caught in the hottest share of area, one line for each model.

    Between two marks: the diagonal that a flat map gives, and the best that any map could have
    done.

    Parameters
    ----------
    curves : DataArray (..., area_share)
        From :func:`hotspot.capture_curve`; one line for each ``model``, averaged over all other
        dimensions (folds).
    best : DataArray (..., area_share), optional
        The curve of hindsight:
        ``capture_curve(xr.Dataset({"expected_count": observed}), observed)``.
    max_share : float
        Show the hottest share of area only, in (0, 1].
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If `curves` has no ``area_share``.

    Examples
    --------
    >>> import xarray as xr
    >>> share = [0.0, 0.1, 0.5, 1.0]
    >>> curve = xr.DataArray([0.0, 0.4, 0.9, 1.0], {"area_share": share}, ["area_share"])
    >>> ax = plot_capture_curve(curve)
    >>> ax.get_xlabel()
    'Share of area flagged, hottest first'
    """
    lines = _lines(curves, "area_share")
    ax = new_axes(ax, figsize=(5.6, 4.6))
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=0.8, linestyle=(0, (1, 2)), label="flat map")
    if best is not None:
        ideal = _lines(best, "area_share")[0][1]
        ax.plot(ideal["area_share"], ideal, color=INK, linewidth=0.9, label="best in hindsight")
    for position, (name, line) in enumerate(lines):
        ax.plot(
            line["area_share"],
            line,
            linewidth=1.8,
            label=name or "forecast",
            **line_style(position),
        )
    shown = [line.get_ydata()[line.get_xdata() <= max_share] for line in ax.lines[1:]]
    ax.set_xlim(0, max_share)
    ax.set_ylim(0, min(1.0, 1.05 * max(float(np.max(line, initial=0)) for line in shown)))
    _finish(ax, "Share of area flagged, hottest first", "Share of recorded offences in it")
    _per_cent(ax)
    _legend(ax, "lower left", bbox_to_anchor=(0, 1), ncols=3)  # above: lines fill the square
    return ax


def plot_calibration(table: xr.Dataset, *, ax=None):
    """How often intervals held against how often they should have; on the diagonal they are right.

    Below the diagonal the bounds are too narrow, above it too wide. The band is the bootstrap
    interval over periods.

    Parameters
    ----------
    table : Dataset (..., level)
        From :func:`hotspot.calibration_table`; one line for each ``model``.
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If `table` is not such a table, or several of them.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from hotspot import calibration_table
    >>> rng = np.random.default_rng(3)
    >>> pit = xr.DataArray(rng.uniform(size=(12, 20, 20)), dims=["fold", "y", "x"])
    >>> ax = plot_calibration(calibration_table(pit, rng=rng))
    >>> ax.get_ylabel()
    'Share of counts inside it'
    """
    missing = {"actual", "lower", "upper"} - set(table.data_vars)
    if missing:
        raise ParameterError(
            f"table lacks {sorted(missing)}; make it with calibration_table(pit, rng=...)."
        )
    table = table.squeeze([dim for dim, n in table.sizes.items() if n == 1 and dim != "level"])
    spare = sorted(set(table.dims) - {"level", "model"})
    if spare:
        raise ParameterError(f"table holds several values along {spare}; select one of them.")
    ax = new_axes(ax, figsize=(5.0, 4.8))
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=0.8, linestyle=(0, (1, 2)), label="as stated")
    for position, (name, actual) in enumerate(_lines(table["actual"], "level")):
        one = table.sel(model=actual["model"]) if "model" in table.dims else table
        style = line_style(position)
        ax.fill_between(
            one["level"], one["lower"], one["upper"], color=style["color"], alpha=0.18, linewidth=0
        )
        ax.plot(
            actual["level"],
            actual,
            marker="o",
            markersize=3.5,
            linewidth=1.4,
            label=name or "forecast",
            **style,
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")
    _finish(ax, "Nominal level of the interval", "Share of counts inside it")
    _per_cent(ax)
    _legend(ax, "upper left")
    return ax


def plot_pit(pit: xr.DataArray, *, bins: int = 20, ax=None):
    """Histogram of the randomised PIT: flat if the forecast is right.

    Heaped at both ends, the bounds are too narrow; in the middle, too wide; at one end, the
    level is off.

    Parameters
    ----------
    pit : DataArray
        From :func:`hotspot.randomised_pit`; one outline for each ``model``, NaN left out.
    bins : int
        Number of bars.
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If all of `pit` is NaN or `bins` is under 2.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> pit = xr.DataArray(np.random.default_rng(3).uniform(size=(20, 20)), dims=["y", "x"])
    >>> ax = plot_pit(pit, bins=10)
    >>> ax.get_xlabel()
    'Randomised PIT of each count'
    """
    if bins < 2:
        raise ParameterError(f"bins must be at least 2, got {bins}.")
    models = pit["model"].values if "model" in pit.dims else [None]
    ax = new_axes(ax, figsize=(5.6, 3.6))
    ax.axhline(1, color=PALE, linewidth=0.8, linestyle=(0, (1, 2)), label="calibrated")
    top = 1.0
    for position, name in enumerate(models):
        values = (pit if name is None else pit.sel(model=name)).values
        values = values[np.isfinite(values)]
        if values.size == 0:
            raise ParameterError("pit holds no number: nothing was observed inside the region.")
        density, edges = np.histogram(values, bins=bins, range=(0, 1), density=True)
        top = max(top, density.max())
        ax.stairs(
            density,
            edges,
            baseline=None,
            linewidth=1.5,
            label="forecast" if name is None else str(name),
            **line_style(position),
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.25 * top)
    _finish(ax, "Randomised PIT of each count", "Density")
    _legend(ax, "upper center", ncols=min(len(models) + 1, 4))
    return ax


def _lines(values: xr.DataArray, along: str) -> list[tuple[str, xr.DataArray]]:
    """Name and values of each model's line, averaged over all other dimensions."""
    if along not in values.dims:
        raise ParameterError(f"This needs the dimension '{along}'; there are {values.dims}.")
    mean = values.mean([dim for dim in values.dims if dim not in (along, "model")])
    if "model" not in mean.dims:
        return [("", mean)]
    return [(str(name), mean.sel(model=name)) for name in mean["model"].values]


def _finish(ax, xlabel: str, ylabel: str) -> None:
    ax.set_xlabel(xlabel, fontsize=9, color=INK)
    ax.set_ylabel(ylabel, fontsize=9, color=INK)
    ax.grid(color=FAINT, linewidth=0.4)
    ax.set_axisbelow(True)
    clear_spines(ax, "left", "bottom")


def _legend(ax, where: str, **options) -> None:
    ax.legend(
        loc=where, fontsize=8, facecolor="white", edgecolor="none", framealpha=0.85, **options
    )


def _per_cent(ax) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
