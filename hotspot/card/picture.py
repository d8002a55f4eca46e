"""The map with its flags, as a picture inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import xarray as xr

from hotspot.card.from_forecast import flagged_cells

_WIDTH = 4.6  # inches: its letters are then read on a telephone
_DOTS = 190
_EDGE = "#b00020"


def map_of_flags(forecast: xr.Dataset, *, area_share: float, title: str) -> dict[str, str]:
    """A map of what is expected, flagged cells outlined, and words for those who cannot see it."""
    import matplotlib.pyplot as plt

    from hotspot.plot import plot_forecast

    flags = flagged_cells(forecast, area_share=area_share)
    tall = forecast.sizes["y"] / forecast.sizes["x"]
    figure, ax = plt.subplots(figsize=(_WIDTH, _WIDTH * tall * 0.82 + 0.9), layout="constrained")
    try:
        plot_forecast(
            forecast, ax=ax, outline=_outlines(forecast), title=title, caption="Outlined: flagged"
        )
        _outline(ax, flags, float(forecast.attrs["cell_size"]))
        ax.xaxis.label.set(fontsize=9, color=_EDGE)
        held = io.BytesIO()
        figure.savefig(held, format="png", dpi=_DOTS, metadata={"Software": None})
    finally:
        plt.close(figure)
    return {
        "alt": _in_words(flags),
        "data": "data:image/png;base64," + base64.b64encode(held.getvalue()).decode(),
    }


def _outline(ax, flags: xr.DataArray, side: float) -> None:
    """Draw the border of the flagged land, each edge once."""
    from matplotlib.collections import LineCollection

    on = np.pad((flags.fillna(0) > 0).to_numpy(), 1)
    west, south = float(flags["x"][0]) - side / 2, float(flags["y"][0]) - side / 2
    lines = []
    for row, column in zip(*np.nonzero(on[1:, :] != on[:-1, :]), strict=True):
        x, y = west + (column - 1) * side, south + row * side
        lines.append([(x, y), (x + side, y)])
    for row, column in zip(*np.nonzero(on[:, 1:] != on[:, :-1]), strict=True):
        x, y = west + column * side, south + (row - 1) * side
        lines.append([(x, y), (x, y + side)])
    ax.add_collection(LineCollection(lines, colors=_EDGE, linewidths=1.1))


def _outlines(forecast: xr.Dataset):
    """Outlines of the forecast's areas where they are boroughs of London; else none."""
    from hotspot.data.places import load_boroughs
    from hotspot.errors import HotspotError

    if "area" not in forecast.coords:
        return None
    try:
        boroughs = load_boroughs([str(name) for name in forecast["area"].values])
    except HotspotError:
        return None
    return boroughs


def _in_words(flags: xr.DataArray) -> str:
    """Where the flags lie, by ninths of the map, for those who cannot see it."""
    on = (flags.fillna(0) > 0).to_numpy()
    rows, columns = np.nonzero(on)
    total = int(on.sum())
    counts: dict[str, int] = {}
    for row, column in zip(rows, columns, strict=True):
        north = ("south", "middle", "north")[min(3 * row // on.shape[0], 2)]
        east = ("west", "centre", "east")[min(3 * column // on.shape[1], 2)]
        place = f"{north} {east}"
        counts[place] = counts.get(place, 0) + 1
    most = sorted(counts, key=lambda place: -counts[place])[:3]
    told = ", ".join(f"{counts[place]} in the {place}" for place in most)
    return (
        "Map of the squares, darker where more recorded offences are expected; "
        f"{total} flagged squares are outlined in red: {told}"
        + (", the others elsewhere." if len(counts) > 3 else ".")
    )
