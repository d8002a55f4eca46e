"""Colours that colour-blind readers and printers can tell apart, and what all pictures share."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_variable
from hotspot.errors import ParameterError

# From a paper-like white to near black, equal steps apart in CIELAB: lightness alone orders it,
# so it survives photocopying; hue runs from yellowish to blue, which the common kinds of colour
# blindness keep.
MAP_COLOURS = (
    *("#f7f6ee", "#ccdecd", "#9dc9bc", "#74b0b0", "#539aac", "#3183a5"),
    *("#276ea0", "#2b5690", "#2e3c78", "#1b2155", "#120f33"),
)
# Okabe and Ito's, without yellow, which is faint as a line on white.
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")
INK, PALE, FAINT = "#222222", "#6b6b6b", "#b8b8b8"
MARGINS = {"w_pad": 0.1, "h_pad": 0.1}  # inches round the figure


def map_colours():
    """The colour map of forecasts: light is few, dark is many; outside the region is left blank."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("hotspot", MAP_COLOURS)
    return colours.with_extremes(bad=(1, 1, 1, 0))


def residual_colours():
    """The colour map of residuals: purple below 0, orange above, white between."""
    from matplotlib import colormaps

    # Brewer's PuOr keeps its two hues apart under the common kinds of colour blindness.
    return colormaps["PuOr_r"].with_extremes(bad=(1, 1, 1, 0))


def line_style(position: int) -> dict[str, object]:
    """Colour and dashes of the n-th line: both differ, so that either is enough."""
    return {
        "color": LINE_COLOURS[position % len(LINE_COLOURS)],
        "linestyle": LINE_STYLES[position % len(LINE_STYLES)],
    }


def new_axes(ax, *, figsize: tuple[float, float]):
    """`ax`, or the axes of a new figure whose parts keep clear of one another."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=figsize, layout="constrained")
    figure.get_layout_engine().set(**MARGINS)
    return ax


def chosen(
    forecast: xr.Dataset, variable: str, time: object, keep: tuple[Hashable, ...]
) -> xr.DataArray:
    """The values of one period with dimensions `keep`, or an error that says what to select."""
    values = require_variable(forecast, variable)
    for dim in ("time", "step"):
        if dim in values.dims:
            values = _one_period(values, dim, time)
    values = values.squeeze([d for d in values.dims if d not in keep and values.sizes[d] == 1])
    spare = [dim for dim in values.dims if dim not in keep]
    if spare:
        raise ParameterError(
            f"'{variable}' holds several values along {spare}; draw one of them, such as "
            f"forecast.isel({', '.join(f'{dim}=0' for dim in spare)})."
        )
    return values.transpose(*[dim for dim in keep if dim in values.dims])


def _one_period(values: xr.DataArray, dim: str, time: object) -> xr.DataArray:
    if isinstance(time, int | np.integer):
        if not -values.sizes[dim] <= time < values.sizes[dim]:
            raise ParameterError(f"time={time}: the forecast has {values.sizes[dim]} periods.")
        return values.isel({dim: time})
    try:
        return values.sel({dim: pd.Timestamp(time)})
    except (KeyError, ValueError, TypeError):
        held = ", ".join(str(label)[:10] for label in values[dim].values[:6])
        raise ParameterError(
            f"time={time!r} is not the start of a period of the forecast; it has {held}."
        ) from None


def period_of(values: xr.DataArray) -> str:
    """The period in words: "January 2020" for a month, else its days; "" if unknown."""
    if "time" not in values.coords or values["time"].size != 1:
        return ""
    start = pd.Timestamp(values["time"].values)
    if "time_end" not in values.coords or values["time_end"].size != 1:
        return f"{start:%Y-%m-%d}"
    end = pd.Timestamp(values["time_end"].values)
    if start.is_month_start and end == start + pd.offsets.MonthBegin():
        return f"{start:%B %Y}"
    last = end - pd.Timedelta(seconds=1)
    days = f"{start:%Y-%m-%d}"
    return days if last.date() <= start.date() else f"{days} to {last:%Y-%m-%d}"


def caption_of(forecast: xr.Dataset) -> str:
    """What is shown and where it comes from, from what the forecast says of itself."""
    parts = ["Recorded offences, which are not all that happened."]
    for name, sentence in (("model", "Model: {}."), ("data_cutoff", "Data before {:.10}.")):
        value = forecast.attrs.get(name)
        if value is None and name in forecast.coords and forecast[name].size == 1:
            value = forecast[name].values.ravel()[0]  # one model and fold of a backtest
        if value is not None:
            parts.append(sentence.format(str(value)))
    return " ".join(parts)


def write_caption(ax, text: str) -> None:
    """A line of small print below the axes; the layout makes room for its height alone."""
    ax.set_xlabel(text, loc="left", fontsize=7, color=PALE, labelpad=4)


def clear_spines(ax, *keep: str) -> None:
    """Remove the frame but for the sides named."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=8, length=3)
