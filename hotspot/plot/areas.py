"""Bounds of whole areas: one line for each borough."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_level, require_same_labels
from hotspot.errors import ForecastError
from hotspot.plot.style import (
    FAINT,
    INK,
    LINE_COLOURS,
    PALE,
    caption_of,
    chosen,
    clear_spines,
    new_axes,
    period_of,
)


def plot_area_bounds(
    forecast: xr.Dataset,
    *,
    level: float = 0.9,
    time: int | str = 0,
    observed: xr.DataArray | None = None,
    caption: str | None = None,
    ax=None,
):
    """One line for each area: the interval of its count, what is expected, and what was recorded.

    Areas are in order of their expected count. Counts recorded outside their interval are
    marked by a filled diamond, those inside by an open one.

    Parameters
    ----------
    forecast : Dataset
        Holds ``area_expected_count`` and the quantiles of `level` in ``area_count_quantile``.
    level : float
        Nominal level of the interval, such as 0.9.
    time : int or str
        Which period, by position or by the date on which it begins.
    observed : DataArray (area,), optional
        What was recorded in that period, in the same order of areas.
    caption : str, optional
        Default what is shown, the model and the data cut-off. "" for none.
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ForecastError
        If the forecast does not hold those quantiles; the message names those it holds.
    GridMismatchError
        If the areas of `observed` differ.
    ParameterError
        If `time` is not a period of the forecast, or several models or folds are left.

    Examples
    --------
    >>> import xarray as xr
    >>> forecast = xr.Dataset(
    ...     {"area_expected_count": ("area", [100.0, 20.0]),
    ...      "area_count_quantile": (("quantile", "area"), [[80.0, 10.0], [120.0, 30.0]])},
    ...     {"area": ["Camden", "Sutton"], "quantile": [0.05, 0.95]})
    >>> ax = plot_area_bounds(forecast, level=0.9)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['Sutton', 'Camden']
    """
    lower, expected, upper = _interval(forecast, level, time)
    if observed is not None:
        require_same_labels(expected, observed, hint="Sum the counts over the forecast's areas.")
    order = np.argsort(expected.values, kind="stable")
    rows = np.arange(order.size)
    ax = new_axes(ax, figsize=(7.0, 1.3 + 0.19 * order.size))
    blue, orange = LINE_COLOURS[:2]
    ax.hlines(
        rows,
        lower.values[order],
        upper.values[order],
        color=blue,
        linewidth=4,
        alpha=0.45,
        label=f"{level:.0%} interval",
    )
    ax.plot(
        expected.values[order],
        rows,
        "|",
        color=INK,
        markersize=8,
        markeredgewidth=1.5,
        label="expected",
    )
    if observed is not None:
        _draw_observed(
            ax, observed.values[order], rows, lower.values[order], upper.values[order], orange
        )
    ax.set_yticks(rows, [str(name) for name in expected["area"].values[order]])
    ax.set_ylim(-0.7, order.size - 0.3)
    ax.set_xlim(left=0)
    ax.grid(axis="x", color=FAINT, linewidth=0.4)
    ax.set_axisbelow(True)
    clear_spines(ax, "bottom")
    ax.set_xlabel("Recorded offences in the period", fontsize=9, color=INK)
    ax.set_title(period_of(expected), loc="left", fontsize=11, color=INK)
    # Beside the bars: with few areas there is no free corner among them.
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    _small_print(ax, caption_of(forecast) if caption is None else caption)
    return ax


def _interval(forecast, level, time):
    require_level(level)
    expected = chosen(forecast, "area_expected_count", time, ("area",))
    quantiles = chosen(forecast, "area_count_quantile", time, ("quantile", "area"))
    held = quantiles["quantile"].values
    ends = []
    for wanted in ((1 - level) / 2, (1 + level) / 2):
        nearest = int(np.abs(held - wanted).argmin())
        if abs(held[nearest] - wanted) > 1e-9:
            raise ForecastError(
                f"A {level:.4g} interval needs the quantile {wanted:.4g}; the forecast holds "
                f"{', '.join(f'{q:.4g}' for q in held)}."
            )
        ends.append(quantiles.isel(quantile=nearest))
    return ends[0], expected, ends[1]


def _draw_observed(ax, observed, rows, lower, upper, colour) -> None:
    within = (observed >= lower) & (observed <= upper)
    for chosen_rows, face, label in (
        (within, "white", "recorded, inside"),
        (~within, colour, "recorded, outside"),
    ):
        if chosen_rows.any():
            ax.plot(
                observed[chosen_rows],
                rows[chosen_rows],
                "D",
                markersize=4.5,
                markerfacecolor=face,
                markeredgecolor=colour,
                label=label,
            )


def _small_print(ax, text: str) -> None:
    if text:
        ax.figure.supxlabel(text, fontsize=7, color=PALE, x=0.01, ha="left")
