"""Pictures of what a model left unexplained: maps of residuals, points, K and Knox's table."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.evaluate.residuals.super_thinning import SuperThinned
from hotspot.plot.maps import draw_outline, draw_scale_bar, frame
from hotspot.plot.style import (
    FAINT,
    INK,
    LINE_COLOURS,
    MARGINS,
    PALE,
    clear_spines,
    new_axes,
    residual_colours,
    write_caption,
)

_SHOWN_SHARE = 0.995  # residuals further from 0 than this quantile share the darkest colours


def plot_residuals(
    residuals: xr.DataArray | gpd.GeoDataFrame,
    *,
    column: str = "residual",
    outline=None,
    vmax: float | None = None,
    title: str | None = None,
    ax=None,
):
    """Map residuals: orange where more was recorded than expected, purple where less.

    White is 0, and both ends are equally far from it. The two colours differ in hue as the common
    kinds of colour blindness see it, and both darken away from 0.

    Parameters
    ----------
    residuals : DataArray (y, x) or GeoDataFrame
        From :func:`hotspot.cell_residuals`, one map; or from :func:`hotspot.voronoi_residuals`.
    column : str
        Which column of a GeoDataFrame.
    outline : GeoDataFrame, optional
        Borders to draw, in the CRS of the map.
    vmax : float, optional
        Where the darkest colours begin; default the 99.5 % quantile of the distances from 0.
    title : str, optional
    ax : Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If there are several maps, or no finite residual.

    Examples
    --------
    >>> cells = {"y": [125.0, 375.0], "x": [125.0, 375.0]}
    >>> ax = plot_residuals(xr.DataArray([[0.5, -1.0], [2.0, 0.0]], cells, ["y", "x"]))
    >>> [float(end) for end in ax.images[0].get_clim()]
    [-2.0, 2.0]
    """
    by_cells = isinstance(residuals, xr.DataArray)
    if by_cells and (residuals.ndim != 2 or set(residuals.dims) != {"y", "x"}):
        raise ParameterError(
            f"residuals have dimensions {residuals.dims}; draw one map, such as "
            "residuals.isel(time=0)."
        )
    values = (residuals if by_cells else residuals[column]).to_numpy().astype(float)
    top = _farthest(values) if vmax is None else vmax
    ax = new_axes(ax, figsize=(7.5, 5.6))
    if by_cells:
        shaded = _draw_cells(ax, residuals.transpose("y", "x"), top)
        frame(ax, residuals.transpose("y", "x"))
        draw_scale_bar(ax, residuals.transpose("y", "x"))
        said = residuals.attrs.get("long_name", "residual")
    else:
        shaded = _draw_polygons(ax, residuals.geometry.to_numpy(), values, top)
        said = f"{column} of Voronoi cells"
    draw_outline(ax, outline, None, xr.Dataset())
    bar = ax.figure.colorbar(shaded, ax=ax, shrink=0.75, aspect=28, pad=0.015, extend="both")
    bar.set_label(
        f"{said[0].upper()}{said[1:]}\n(above 0: more recorded than expected)",
        fontsize=8,
        color=INK,
    )
    bar.ax.tick_params(labelsize=8, colors=INK, length=3)
    bar.outline.set_visible(False)
    ax.set_title(title or "", loc="left", fontsize=11, color=INK)
    return ax


def plot_super_thinned(points: SuperThinned, *, title: str | None = None, ax=None):
    """The points that super-thinning left: dots are events that were kept, rings were added.

    If the model is right they are even over the region; clusters of dots are where it expected too
    little, and patches of rings or nothing where it expected too much.

    Parameters
    ----------
    points : SuperThinned
    title : str, optional
    ax : Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from hotspot import load_sample, super_thinned_residuals
    >>> events = load_sample("exact").select(start="2024-12-01")
    >>> left = super_thinned_residuals(
    ...     lambda at: np.full(len(at), 0.2), events, rng=np.random.default_rng(1)
    ... )
    >>> ax = plot_super_thinned(left)
    >>> len(ax.collections)  # kept, added, and the outline
    3
    """
    ax = new_axes(ax, figsize=(7.0, 6.0))
    places = points.coordinates()[:, 1:]
    added = points.table["added"].to_numpy(bool)
    size = float(np.clip(9000 / max(len(places), 1), 3, 22))
    ax.scatter(*places[~added].T, s=size, color=LINE_COLOURS[1], linewidths=0, label="event kept")
    ax.scatter(
        *places[added].T,
        s=size,
        facecolors="none",
        edgecolors=LINE_COLOURS[0],
        linewidths=0.7,
        label="point added",
    )
    _draw_region(ax, points.region)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.01), ncols=2)
    said = f"{len(places):,} points, {points.expected:,.0f} expected"
    ax.set_title(said if title is None else title, loc="left", fontsize=11, color=INK)
    return ax


def plot_space_time_k(found: xr.Dataset, *, lags: int = 3, axes=None) -> FloatArray:
    """K of residual points over that of independent ones, with its envelope; a panel for each lag.

    A line above the band: points follow near points more often than the model explains. The
    band holds at each distance by itself; the p-value in the title is of all at once.

    Parameters
    ----------
    found : Dataset (distance, lag)
        From :func:`hotspot.space_time_k_test`.
    lags : int
        How many lags to show, evenly chosen among those there are.
    axes : sequence of Axes, optional

    Returns
    -------
    array of Axes

    Raises
    ------
    ParameterError
        If fewer axes are given than lags are shown.

    Examples
    --------
    >>> scales = {"distance": [100.0, 200.0], "lag": [7.0]}
    >>> poisson = xr.DataArray([[1.0], [4.0]], scales, ["distance", "lag"])
    >>> found = xr.Dataset({"k": 2 * poisson, "lower": 0.5 * poisson, "upper": 1.5 * poisson})
    >>> axes = plot_space_time_k(found.assign_coords(poisson=poisson).assign_attrs(p_value=0.01))
    >>> axes[0].get_title(loc="left")
    'up to 7 days later'
    """
    chosen = np.unique(np.linspace(0, found.sizes["lag"] - 1, lags).round().astype(int))
    if axes is None:
        import matplotlib.pyplot as plt

        width = 2.9 * len(chosen) + 0.7
        figure, axes = plt.subplots(
            1, len(chosen), figsize=(width, 3.3), sharey=True, layout="constrained", squeeze=False
        )
        figure.get_layout_engine().set(**MARGINS)
    axes = np.asarray(axes, dtype=object).ravel()
    if axes.size < len(chosen):
        raise ParameterError(f"{len(chosen)} lags are shown, and there are {axes.size} axes.")
    ratio = {name: found[name] / found["poisson"] for name in ("k", "lower", "upper")}
    distance = found["distance"].to_numpy()
    for ax, which in zip(axes, chosen, strict=False):
        at = {name: one.isel(lag=which).to_numpy() for name, one in ratio.items()}
        ax.fill_between(distance, at["lower"], at["upper"], color=FAINT, alpha=0.5, linewidth=0)
        ax.plot(distance, at["k"], color=LINE_COLOURS[1], marker="o", markersize=3, linewidth=1.4)
        ax.axhline(1.0, color=PALE, linewidth=0.8, linestyle="--")
        lag = float(found["lag"][which])
        unit = "day" if lag == 1 else "days"
        ax.set_title(f"up to {lag:g} {unit} later", loc="left", fontsize=9, color=INK)
        clear_spines(ax, "left", "bottom")
        ax.set_xlabel("Distance, m", fontsize=8, color=INK)
    axes[0].set_ylabel("K over that of independent points", fontsize=8, color=INK)
    said = f"p = {found.attrs['p_value']:.3g} over all distances and lags"
    if "points" in found.attrs:
        said += (
            f"; {found.attrs['points']:,} points, {found.attrs['expected_points']:,.0f} expected"
        )
    axes[0].figure.suptitle(said, x=0.01, ha="left", fontsize=10, color=INK)
    return axes


def plot_knox(found: xr.Dataset, *, p_below: float = 0.05, title: str | None = None, ax=None):
    """Knox's table as a map of colours: how many times as many pairs as chance would make.

    Each field holds the ratio, and below it the pairs observed and expected; bold where the
    p-value is at most `p_below`. Orange is more than expected, purple less, on a scale on which
    twice and half are equally far from 1.

    Parameters
    ----------
    found : Dataset (distance_band, time_band)
        From :func:`hotspot.knox_test`.
    p_below : float
        P-values to print bold.
    title : str, optional
    ax : Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from hotspot import knox_test, load_sample
    >>> found = knox_test(
    ...     load_sample("exact").select(start="2024-12-01"),
    ...     distances=[0, 200, 400],
    ...     days=[0, 7, 14],
    ...     rng=np.random.default_rng(1),
    ...     size=19,
    ... )
    >>> ax = plot_knox(found)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['[0, 200) m', '[200, 400) m']
    """
    ratio = found["ratio"].to_numpy()
    rows, columns = ratio.shape
    ax = new_axes(ax, figsize=(1.25 * columns + 2.2, 0.62 * rows + 1.3))
    with np.errstate(divide="ignore"):
        logs = np.log2(ratio)
    ax.imshow(np.clip(logs, -3, 3), cmap=residual_colours(), vmin=-3.0, vmax=3.0, aspect="auto")
    for row, column in np.ndindex(rows, columns):
        _write_field(ax, found.isel(distance_band=row, time_band=column), row, column, p_below)
    ax.set_xticks(range(columns), found["time_band"].to_numpy())
    ax.set_yticks(range(rows), found["distance_band"].to_numpy())
    ax.xaxis.tick_top()
    clear_spines(ax)
    ax.tick_params(length=0)
    said = f"{found.attrs['events']:,} offences: pairs observed over expected"
    ax.set_title(said if title is None else title, loc="left", fontsize=11, color=INK)
    write_caption(
        ax,
        f"Bold: p at most {p_below:g}, by {found.attrs['dealings']:,} dealings of times to places. "
        f"p of the largest excess anywhere: {found.attrs['p_any_band']:.3g}.",
    )
    return ax


def _write_field(ax, one: xr.Dataset, row: int, column: int, p_below: float) -> None:
    ratio = float(one["ratio"])
    dark = np.isfinite(ratio) and (ratio <= 0.25 or ratio >= 4)
    bold = float(one["p_value"]) <= p_below
    colour = "white" if dark else INK
    said = "-" if np.isnan(ratio) else f"{ratio:.2f}"
    weight = "bold" if bold else "normal"
    ax.text(
        column, row - 0.12, said, ha="center", va="center", color=colour, weight=weight, fontsize=9
    )
    counts = f"{int(one['observed']):,} / {float(one['expected']):,.1f}"
    ax.text(column, row + 0.24, counts, ha="center", va="center", color=colour, fontsize=6.5)


def _farthest(values: FloatArray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    if finite.size == 0:
        raise ParameterError("No residual is finite: there is nothing to draw.")
    return float(np.quantile(finite, _SHOWN_SHARE, method="higher")) or 1.0


def _draw_cells(ax, values: xr.DataArray, top: float):
    x, y = values["x"].to_numpy(), values["y"].to_numpy()
    half = ((x[1] - x[0]) if x.size > 1 else (y[1] - y[0]) if y.size > 1 else 1.0) / 2
    return ax.imshow(
        np.ma.masked_invalid(values.to_numpy().astype(float)),
        origin="lower",
        extent=(x[0] - half, x[-1] + half, y[0] - half, y[-1] + half),
        cmap=residual_colours(),
        vmin=-top,
        vmax=top,
        interpolation="nearest",
    )


def _draw_polygons(ax, polygons: np.ndarray, values: FloatArray, top: float):
    from matplotlib.collections import PolyCollection

    parts, owner = shapely.get_parts(polygons, return_index=True)
    areal = shapely.get_dimensions(parts) == 2  # clipping may leave bits of borders
    rings = [shapely.get_coordinates(shapely.get_exterior_ring(part)) for part in parts[areal]]
    shaded = PolyCollection(rings, cmap=residual_colours(), linewidths=0.2, edgecolors=FAINT)
    shaded.set_array(values[owner[areal]])
    shaded.set_clim(-top, top)
    ax.add_collection(shaded)
    ax.autoscale_view()
    _blank(ax)
    return shaded


def _draw_region(ax, region) -> None:
    from matplotlib.collections import LineCollection

    lines = [shapely.get_coordinates(part) for part in shapely.get_parts(shapely.boundary(region))]
    ax.add_collection(LineCollection(lines, colors=PALE, linewidths=0.7))
    _blank(ax)


def _blank(ax) -> None:
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    clear_spines(ax)
