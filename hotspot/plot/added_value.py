"""One picture of an added-value report: differences to each simple model, with intervals."""

from __future__ import annotations

import numpy as np

from hotspot.evaluate.comparison.added_value import MEASURES, NO_BENEFIT, AddedValueReport
from hotspot.plot.style import FAINT, INK, LINE_COLOURS, MARGINS, PALE, clear_spines

AXIS_LABELS = {
    "hit_rate": "Hit rate",
    "gain": "Gain, nats per event",
    "volume_gain": "Gain with volume",
}
COLOURS = {"better": LINE_COLOURS[0], "worse": LINE_COLOURS[1], NO_BENEFIT: PALE}
MARKERS = {"better": ">", "worse": "<", NO_BENEFIT: "o"}


def plot_added_value(report: AddedValueReport):
    """How much a model adds to each simple one: a dot for the difference, a bar for its interval.

    Right of the line the model is the better one. Where a bar touches the line, no benefit was
    demonstrated, and the dot is hollow; that it is better or worse shows by colour and by the way
    its triangle points.

    Parameters
    ----------
    report : AddedValueReport
        From :func:`hotspot.added_value`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        For hit rate, gain of places, and gain with volume. Infinite differences are written at
        the edge.

    Examples
    --------
    >>> import pandas as pd
    >>> from hotspot import AddedValueReport
    >>> row = {f"{name}{end}": value for name in ("hit_rate", "gain", "volume_gain")
    ...        for end, value in {"": 0.02, "_lower": -0.01, "_upper": 0.05}.items()}
    >>> row |= {f"{name}_verdict": "no demonstrated benefit"
    ...         for name in ("hit_rate", "gain", "volume_gain")}
    >>> table = pd.DataFrame([row], index=["count map"])
    >>> report = AddedValueReport("new", table, 0.05, 0.95, 24, 1000, 3.0)
    >>> [ax.get_xlabel() for ax in plot_added_value(report)][0]
    'Hit rate'
    """
    import matplotlib.pyplot as plt

    names = [str(name) for name in report.table.index]
    figure, axes = plt.subplots(
        ncols=len(MEASURES),
        sharey=True,
        figsize=(7.6, 1.5 + 0.38 * len(names)),
        layout="constrained",
    )
    figure.get_layout_engine().set(**MARGINS)
    for ax, measure in zip(axes, MEASURES, strict=True):
        _draw(ax, report.table, measure)
        ax.set_xlabel(AXIS_LABELS[measure], fontsize=9, color=INK)
        clear_spines(ax, "bottom")
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    figure.suptitle(
        f"{report.model}: difference to each simple model, {100 * report.level:.3g} % intervals\n"
        f"{report.n_periods} periods, {report.n_events:,} recorded offences, hottest "
        f"{100 * report.area_share:.3g} % of area",
        fontsize=9,
        color=INK,
    )
    return axes


def _draw(ax, table, measure: str) -> None:
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.grid(axis="x", color=FAINT, linewidth=0.4)
    ax.set_axisbelow(True)
    for height, (_, row) in enumerate(table.iterrows()):
        verdict = row[f"{measure}_verdict"]
        colour = COLOURS[verdict]
        edges = np.array([row[f"{measure}_lower"], row[f"{measure}_upper"]])
        if not np.isfinite(row[measure]):
            ax.annotate(
                f"{row[measure]:+}", (0.5, height), xycoords=("axes fraction", "data"),
                ha="center", va="center", fontsize=8, color=colour,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
            continue
        ax.plot(edges, [height, height], color=colour, linewidth=1.8, solid_capstyle="butt")
        ax.plot(
            row[measure], height, MARKERS[verdict], color=colour, markersize=6,
            markerfacecolor="white" if verdict == NO_BENEFIT else colour,
        )  # fmt: skip
    ax.margins(x=0.12)
