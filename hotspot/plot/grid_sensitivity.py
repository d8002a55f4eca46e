"""How much a score owes to the grid, drawn over the size of its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot.errors import ParameterError
from hotspot.plot.style import FAINT, INK, PALE, clear_spines, line_style, new_axes

_NAMES = {
    "pai": "PAI",
    "hit_rate": "Hit rate",
    "pei_star": "PEI*",
    "information_gain": "Information gain, nats an event",
}
_PLACE = ["cell_size", "offset_x", "offset_y", "rotation"]
_MARKS = ("o", "s", "^", "D", "v", "P")


def plot_grid_sensitivity(table: pd.DataFrame, *, score: str = "pai", ax=None):
    """One score on every grid that was tried, over the size of the cells.

    Each point is a grid, its score averaged over folds; grids of one cell size differ in origin
    and angle alone, and the bar beside them spans what that changes. Above stands by how much the
    best of all grids beats the worst.

    Parameters
    ----------
    table : DataFrame
        From :func:`hotspot.grid_sensitivity`.
    score : str
        A column of `table`, such as "pai", "hit_rate", "pei_star" or "information_gain".
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If `table` is not such a table, or `score` not one of its scores.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "cell_size": [100.0, 100.0, 200.0], "offset_x": [0.0, 0.5, 0.0], "offset_y": 0.0,
    ...     "rotation": 0.0, "fold": 0, "pai": [9.0, 8.4, 7.1]})
    >>> ax = plot_grid_sensitivity(table)
    >>> ax.get_ylabel()
    'PAI'
    """
    missing = [name for name in [*_PLACE, score] if name not in table]
    if missing:
        raise ParameterError(
            f"table lacks {missing}; make it with grid_sensitivity(...). It has "
            f"{list(table.columns)}."
        )
    means = table.groupby(_PLACE, as_index=False)[score].mean()
    ax = new_axes(ax, figsize=(5.6, 3.8))
    sizes = np.unique(means["cell_size"])
    ends = means.groupby("cell_size")[score].agg(["min", "max"]).loc[sizes]
    ax.vlines(sizes, ends["min"], ends["max"], color=FAINT, linewidth=6, zorder=1)
    for position, (rotation, some) in enumerate(means.groupby("rotation")):
        ax.scatter(
            some["cell_size"], some[score], s=16, zorder=2, marker=_MARKS[position % len(_MARKS)],
            facecolor="none", edgecolor=line_style(position)["color"], label=f"{rotation:g}°",
        )  # fmt: skip
    ax.set_xlabel("Side of a cell, metres", fontsize=9, color=INK)
    ax.set_ylabel(_NAMES.get(score, score), fontsize=9, color=INK)
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    low, high = means[score].min(), means[score].max()
    told = f"from {low:.3g} to {high:.3g}: {100 * (high / low - 1):.0f} % by the grid alone"
    ax.set_title(told if low > 0 else "", loc="left", fontsize=9, color=PALE)
    if means["rotation"].nunique() > 1:
        ax.legend(title="turned by", fontsize=8, title_fontsize=8, frameon=False)
    clear_spines(ax, "left", "bottom")
    return ax
