"""Maps of a forecast: what is expected in each cell, and between which bounds."""

from __future__ import annotations

import re

import numpy as np
import shapely
import xarray as xr

from hotspot._checks import require_level
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.plot.style import (
    INK,
    MARGINS,
    PALE,
    caption_of,
    chosen,
    map_colours,
    new_axes,
    period_of,
    write_caption,
)

_LABELS = {
    "expected_count": "Expected recorded offences",
    "count_variance": "Predictive variance of the count",
    "count_quantile": "Recorded offences, quantile",
    "probability": "Chance of at least one recorded offence",
    "background_count": "Expected recorded offences, background",
    "triggered_count": "Expected recorded offences, triggered",
    "observed_count": "Recorded offences",
}
_SHOWN_SHARE = 0.999  # cells above this quantile share the darkest colour, and the bar says so


def plot_forecast(
    forecast: xr.Dataset,
    *,
    variable: str = "expected_count",
    time: int | str = 0,
    quantile: float | None = None,
    outline=None,
    names: str | None = None,
    vmax: float | None = None,
    title: str | None = None,
    caption: str | None = None,
    ax=None,
):
    """Map one variable of a forecast: the darker a cell, the more recorded offences expected.

    Light to dark in equal steps of lightness, so that colour-blind readers and printers
    lose nothing. Colours follow the square root of the count, as most cells hold little and few
    hold much; the bar says so. North is up.

    Parameters
    ----------
    forecast : Dataset
        A forecast, or one model and fold of a backtest.
    variable : str
        Which (y, x) variable to show.
    time : int or str
        Which period, by position or by the date on which it begins.
    quantile : float, optional
        Which one, for ``count_quantile``.
    outline : GeoDataFrame, optional
        Borders to draw, such as boroughs, in the forecast's CRS or any other that can be
        projected to it.
    names : str, optional
        Column of `outline` to write on the map.
    vmax : float, optional
        Top of the colour bar; default the value that 99.9 % of the cells do not exceed.
    title, caption : str, optional
        Default the period; and what is shown, the model and the data cut-off. "" for none.
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ForecastError
        If the forecast does not hold `variable`, or not that quantile.
    ParameterError
        If `time` is not a period of it, or several maps are left to choose from.

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [125.0, 375.0], "x": [125.0, 375.0, 625.0]}
    >>> expected = xr.DataArray([[0.1, 0.5, 2.0], [0.0, 0.2, 0.4]], cells, ["y", "x"])
    >>> ax = plot_forecast(xr.Dataset({"expected_count": expected}), title="A small town")
    >>> ax.get_title(loc="left")
    'A small town'
    """
    values = _one_map(forecast, variable, time, quantile)
    ax = new_axes(ax, figsize=(8.0, 6.6 * _height_over_width(values) + 0.75))
    top = _limits(values, variable, vmax)
    image = _draw_cells(ax, values, top, gamma=1.0 if variable == "probability" else 0.5)
    draw_outline(ax, outline, names, forecast)
    frame(ax, values)
    draw_scale_bar(ax, values)
    _draw_colour_bar(image, [ax], values, variable)
    ax.set_title(period_of(values) if title is None else title, loc="left", fontsize=11, color=INK)
    write_caption(ax, caption_of(forecast) if caption is None else caption)
    return ax


def plot_bounds(
    forecast: xr.Dataset,
    *,
    level: float = 0.9,
    time: int | str = 0,
    outline=None,
    caption: str | None = None,
    axes=None,
) -> FloatArray:
    """Three maps on one scale: the lower bound, what is expected, and the upper bound of each cell.

    Bounds are of one cell at a time: all cells at their upper bound at once is far beyond what is
    likely. Counts are whole, so with few offences expected the lower bound is 0 almost everywhere.

    Parameters
    ----------
    forecast : Dataset
        Holds ``expected_count`` and the quantiles of `level` in ``count_quantile``.
    level : float
        Nominal level of the interval, such as 0.9.
    time, outline, caption
        As for :func:`plot_forecast`.
    axes : sequence of three Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    (3,) array of Axes

    Raises
    ------
    ForecastError
        If the forecast does not hold those quantiles; the message names those it holds.
    ParameterError
        As :func:`plot_forecast`, or if not three axes are given.

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [125.0, 375.0], "x": [125.0, 375.0]}
    >>> expected = xr.DataArray([[0.1, 0.5], [0.0, 2.0]], cells, ["y", "x"])
    >>> bounds = xr.concat([0 * expected, expected.round() + 2], dim="quantile")
    >>> forecast = xr.Dataset({"expected_count": expected, "count_quantile": bounds})
    >>> axes = plot_bounds(forecast.assign_coords(quantile=[0.05, 0.95]), level=0.9)
    >>> axes[0].get_title(loc="left")
    'Lower bound (0.05 quantile): 0 everywhere'
    """
    require_level(level)
    ends = (1 - level) / 2, (1 + level) / 2
    maps = [
        _one_map(forecast, "count_quantile", time, ends[0]),
        _one_map(forecast, "expected_count", time, None),
        _one_map(forecast, "count_quantile", time, ends[1]),
    ]
    if axes is None:
        import matplotlib.pyplot as plt

        size = (12.0, 3.5 * _height_over_width(maps[1]) + 0.8)
        figure, axes = plt.subplots(1, 3, figsize=size, layout="constrained")
        figure.get_layout_engine().set(**MARGINS)
    axes = np.asarray(axes, dtype=object).ravel()
    if axes.size != 3:
        raise ParameterError(f"axes must be three, got {axes.size}.")
    top = max(_limits(values, "expected_count", None) for values in maps)
    titles = (
        f"Lower bound ({ends[0]:.3g} quantile)",
        "Expected",
        f"Upper bound ({ends[1]:.3g} quantile)",
    )
    for ax, values, title in zip(axes, maps, titles, strict=True):
        title += ": 0 everywhere" if (values.fillna(0) == 0).all() else ""
        image = _draw_cells(ax, values, top)
        draw_outline(ax, outline, None, forecast)
        frame(ax, values)
        ax.set_title(title, loc="left", fontsize=10, color=INK)
    draw_scale_bar(axes[0], maps[0])
    _draw_colour_bar(image, list(axes), maps[1], "observed_count", shown=maps[2])
    period = period_of(maps[1])
    note = caption_of(forecast) if caption is None else caption
    write_caption(axes[0], f"{period}. {note}" if period and caption is None else note)
    return axes


def _one_map(forecast, variable, time, quantile) -> xr.DataArray:
    if quantile is None:
        return chosen(forecast, variable, time, ("y", "x"))
    values = chosen(forecast, variable, time, ("quantile", "y", "x"))
    held = values["quantile"].values
    nearest = int(np.abs(held - quantile).argmin())
    if abs(held[nearest] - quantile) > 1e-9:
        raise ForecastError(
            f"'{variable}' does not hold the quantile {quantile:.4g}; it holds "
            f"{', '.join(f'{q:.4g}' for q in held)}."
        )
    return values.isel(quantile=nearest)


def _limits(values: xr.DataArray, variable: str, vmax: float | None) -> float:
    if vmax is not None:
        return vmax
    if variable == "probability":
        return 1.0
    finite = values.values[np.isfinite(values.values)]
    top = np.quantile(finite, _SHOWN_SHARE) if finite.size else 1.0
    return float(top) if top > 0 else float(finite.max(initial=0.0)) or 1.0


def _cell_size(values: xr.DataArray) -> float:
    for dim in ("x", "y"):
        if values.sizes[dim] > 1:
            return float(values[dim].values[1] - values[dim].values[0])
    return 1.0


def _draw_cells(ax, values: xr.DataArray, top: float, *, gamma: float = 0.5):
    from matplotlib.colors import PowerNorm

    half = _cell_size(values) / 2
    x, y = values["x"].values, values["y"].values
    return ax.imshow(
        np.ma.masked_invalid(values.values.astype(float)),
        origin="lower",
        extent=(x[0] - half, x[-1] + half, y[0] - half, y[-1] + half),
        cmap=map_colours(),
        norm=PowerNorm(gamma, vmin=0, vmax=top),
        interpolation="nearest",
    )


def draw_outline(ax, outline, names: str | None, forecast: xr.Dataset) -> None:
    """Borders of the areas, and their names."""
    if outline is None:
        if names is not None:
            raise ParameterError("names needs an outline to take them from.")
        return
    from matplotlib.collections import LineCollection

    if "crs" in forecast.attrs and outline.crs is not None:
        outline = outline.to_crs(forecast.attrs["crs"])
    parts = shapely.get_parts(shapely.boundary(np.asarray(outline.geometry.values)))
    lines = [shapely.get_coordinates(part) for part in shapely.get_parts(parts)]
    # A pale line under a dark one shows on dark and on light cells.
    ax.add_collection(LineCollection(lines, colors="white", linewidths=1.1), autolim=False)
    ax.add_collection(LineCollection(lines, colors="#444444", linewidths=0.5), autolim=False)
    if names is not None:
        _write_names(ax, outline, names)


def _write_names(ax, outline, names: str) -> None:
    from matplotlib.patheffects import withStroke

    shapes = np.asarray(outline.geometry.values)
    radii = shapely.maximum_inscribed_circle(shapes, tolerance=50.0)  # from a centre to the border
    centres = shapely.get_coordinates(shapely.get_point(radii, 0))
    for name, (x, y) in zip(outline[names], centres, strict=True):
        ax.text(
            x,
            y,
            _in_short_lines(str(name)),
            fontsize=5.5,
            color=INK,
            ha="center",
            va="center",
            linespacing=1.0,
            clip_on=True,
            path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )


def _in_short_lines(name: str) -> str:
    """A word a line, small words with the one that follows: "Kensington", "& Chelsea"."""
    return re.sub(r"(?<! &)(?<! of)(?<! upon) ", "\n", name.replace(" and ", " & "))


def _extent(values: xr.DataArray) -> tuple[float, float, float, float]:
    """West, east, south and north edge of the cells inside the region."""
    inside = np.isfinite(values.values)
    if not inside.any():
        inside = np.ones_like(inside)
    half = _cell_size(values) / 2
    x = values["x"].values[inside.any(axis=0)]
    y = values["y"].values[inside.any(axis=1)]
    return x[0] - half, x[-1] + half, y[0] - half, y[-1] + half


def _height_over_width(values: xr.DataArray) -> float:
    west, east, south, north = _extent(values)
    return float(np.clip((north - south) / (east - west), 0.3, 1.6))


def frame(ax, values: xr.DataArray) -> None:
    """No axes of eastings: the scale bar says how large things are. The region fills the frame."""
    west, east, south, north = _extent(values)
    pad = 0.01 * (east - west)
    ax.set_xlim(west - pad, east + pad)
    ax.set_ylim(south - pad, north + pad)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def round_length(width: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that fills at most a quarter of `width`."""
    longest = width / 4
    power = 10.0 ** np.floor(np.log10(longest))
    return power * max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def draw_scale_bar(ax, values: xr.DataArray) -> None:
    """A bar of round length in the lower corner where there is least map under it."""
    west, east = ax.get_xlim()
    south, north = ax.get_ylim()
    width, height = east - west, north - south
    length = round_length(width)
    inside = np.isfinite(values.values)
    x, y = values["x"].values, values["y"].values
    low = y < south + 0.12 * height
    left = inside[np.ix_(low, x < west + length)].sum()
    right = inside[np.ix_(low, x > east - length)].sum()
    start = west + 0.01 * width if left <= right else east - length - 0.01 * width
    base = south + 0.02 * height
    ax.plot([start, start + length], [base, base], color=INK, linewidth=2.5, solid_capstyle="butt")
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    ax.annotate(
        text,
        (start + length / 2, base),
        (0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
    )


def _draw_colour_bar(image, axes, values: xr.DataArray, variable: str, shown=None) -> None:
    shown = values if shown is None else shown
    top = image.norm.vmax
    over = bool((shown > top * (1 + 1e-9)).any())
    bar = axes[0].figure.colorbar(
        image, ax=axes, shrink=0.75, aspect=28, pad=0.015, extend="max" if over else "neither"
    )
    label = f"{_LABELS.get(variable, variable)}, {_cell_size(values):g} m cells"
    if image.norm.gamma != 1:
        label += "\n(colours follow the square root)"
        bar.set_ticks(square_root_ticks(top))
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.set_label(label, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, length=3)
    bar.outline.set_edgecolor(PALE)
    bar.outline.set_linewidth(0.5)


def square_root_ticks(top: float) -> list[float]:
    """0 and round numbers up to `top` that lie well apart on a square-root scale."""
    power = np.floor(np.log10(top))
    round_numbers = [step * 10.0**k for k in (power, power - 1, power - 2) for step in (5, 2, 1)]
    ticks: list[float] = []
    for number in round_numbers:
        place = np.sqrt(number / top)
        if 0.07 < place <= 1 and all(abs(place - np.sqrt(t / top)) > 0.07 for t in ticks):
            ticks.append(float(f"{number:g}"))
    return [0.0, *sorted(ticks)]
