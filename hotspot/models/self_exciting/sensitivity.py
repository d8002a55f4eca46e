"""How the branching ratio depends on what is taken for the background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from hotspot._checks import require_level
from hotspot.data.events import Events
from hotspot.errors import ConvergenceError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.backgrounds.base import Background, ConstantBackground, MapBackground
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.historical import HistoricalRate
from hotspot.models.self_exciting.model import SelfExciting
from hotspot.models.weights import cutoff_of


def background_sensitivity(
    model: SelfExciting,
    events: Events,
    grid: Grid,
    *,
    backgrounds: Mapping[str, Background] | None = None,
    end: pd.Timestamp | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """The same self-exciting model over several backgrounds, a row each.

    What a background leaves over is read as triggering, so a branching ratio means little alone.
    Where it falls as backgrounds get better, part of it was never triggering; a large gain over a
    poor background says how poor that is.

    Parameters
    ----------
    model : SelfExciting
        Its own background is the first row, "as given".
    events, grid
        As for ``model.fit``.
    backgrounds : mapping of str to Background, optional
        By default a constant, a kernel with its bandwidth chosen, and, if the model's window
        leaves something recorded before it, the long-run map of what was.
    end : Timestamp, optional
        The cut-off.
    level : float
        Of the bounds.

    Returns
    -------
    DataFrame
        Indexed by ``background``: ``branching_ratio``, ``low``, ``high``, ``log_likelihood``,
        ``gain_over_background`` (nats an event, in sample), and ``refused``: why a fit was refused,
        in which case the rest is NaN, or an empty text.

    Raises
    ------
    ParameterError
        If `level` is outside (0, 1) or a background is none.

    Examples
    --------
    >>> from hotspot import load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> table = background_sensitivity(
    ...     SelfExciting(background=KernelBackground(150.0)),
    ...     events,
    ...     grid,
    ...     backgrounds={"wider": KernelBackground(300.0)},
    ... )
    >>> table.index.to_list(), bool(table["branching_ratio"].is_monotonic_increasing)
    (['as given', 'wider'], True)
    """
    require_level(level)
    if backgrounds is None:
        backgrounds = _usual(model, events, end)
    for name, background in backgrounds.items():
        if not isinstance(background, Background):
            raise ParameterError(f"{name!r} must be a Background, got {background!r}.")
    rows = {
        name: _row(replace(model, background=background), events, grid, end, level=level)
        for name, background in {"as given": model.background, **backgrounds}.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis("background")


def _usual(model: SelfExciting, events: Events, end: pd.Timestamp | None) -> dict[str, Background]:
    found = {"constant": ConstantBackground(), "kernel": KernelBackground()}
    if model.window_start(events, cutoff_of(events, end)) > events.start:
        found["long-run map"] = MapBackground(HistoricalRate())
    return {name: one for name, one in found.items() if one != model.background}


def _row(model, events, grid, end, *, level: float) -> dict[str, object]:
    try:
        fitted = model.fit(events, grid, end=end)
    except ConvergenceError as refusal:
        nothing = dict.fromkeys(
            ("branching_ratio", "low", "high", "log_likelihood", "gain_over_background"), np.nan
        )
        return {**nothing, "refused": str(refusal)}
    low, high = fitted.branching_ratio_interval(level)
    return {
        "branching_ratio": fitted.branching_ratio,
        "low": low,
        "high": high,
        "log_likelihood": fitted.log_likelihood,
        "gain_over_background": fitted.gain_over_background,
        "refused": "",
    }
