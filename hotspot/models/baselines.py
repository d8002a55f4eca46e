"""The simple models that any other must beat before it is worth its trouble."""

from __future__ import annotations

from hotspot.models.historical import HistoricalRate
from hotspot.models.kde import KernelDensity
from hotspot.models.protocol import Model
from hotspot.models.seasonal import SeasonalPoisson


def baseline_models(
    *, window: str | None = "36 months", bandwidth: float = 300.0
) -> dict[str, Model]:
    """A count map, a kernel density and a seasonal Poisson, by the names reports know them under.

    Parameters
    ----------
    window : str or None
        How far back all three look; None for everything recorded. On London burglary, 36 months
        are hard to beat.
    bandwidth : float
        Of the kernel density, metres.

    Returns
    -------
    dict of str to Model
        For :func:`hotspot.backtest`, beside the model in question; then
        :func:`hotspot.added_value` finds them.

    Examples
    --------
    >>> list(baseline_models())
    ['count map', 'kernel density', 'seasonal Poisson']
    """
    return {
        "count map": HistoricalRate(window),
        "kernel density": KernelDensity(bandwidth, window=window),
        "seasonal Poisson": SeasonalPoisson(window),
    }
