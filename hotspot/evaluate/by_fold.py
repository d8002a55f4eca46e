"""Scores of a backtest that is larger than memory: fold after fold."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from hotspot.errors import ParameterError

Score = Callable[[xr.Dataset], xr.DataArray | xr.Dataset]


def score_by_fold(result: xr.Dataset, score: Score) -> xr.DataArray | xr.Dataset:
    """Score a backtest one fold at a time, so that memory holds one fold, however many there are.

    Every score of :mod:`hotspot.evaluate` that keeps its folds gives the same numbers this way as
    over the whole result at once.

    Parameters
    ----------
    result : Dataset (..., fold, ...)
        As :func:`hotspot.backtest` or :func:`hotspot.open_backtest` give it; only what lies on
        disk still is read, and let go again.
    score : callable
        Takes the Dataset of one fold, in memory, with a ``fold`` dimension of length 1; gives a
        DataArray or Dataset that has kept that dimension. Folds come in order, so a generator
        that it draws from is drawn from in order.

    Returns
    -------
    DataArray or Dataset
        What `score` gave, side by side along ``fold``.

    Raises
    ------
    ParameterError
        If `result` has no folds, or `score` lost them.

    Examples
    --------
    >>> from hotspot import hit_rate
    >>> forecast = [[[4.0, 3.0, 2.0, 1.0]], [[1.0, 2.0, 3.0, 4.0]]]
    >>> observed = [[[5, 1, 2, 0]], [[5, 1, 2, 0]]]
    >>> names, dims = ("expected_count", "observed_count"), ("fold", "y", "x")
    >>> result = xr.Dataset(
    ...     {name: (dims, values) for name, values in zip(names, (forecast, observed))})
    >>> caught = score_by_fold(
    ...     result, lambda fold: hit_rate(fold, fold["observed_count"], area_share=0.25))
    >>> caught.values.tolist()
    [0.625, 0.0]
    """
    if "fold" not in result.dims:
        raise ParameterError(
            f"This needs a result with a dimension 'fold', as backtest gives it; this one has "
            f"{tuple(result.dims)}."
        )
    found = []
    for fold in range(result.sizes["fold"]):
        one = score(result.isel(fold=[fold]).load())
        if "fold" not in one.dims:
            raise ParameterError("score must keep the dimension 'fold', and this one lost it.")
        found.append(one)
    options = {"data_vars": "minimal"} if isinstance(found[0], xr.Dataset) else {}
    return xr.concat(found, "fold", coords="minimal", join="exact", compat="override", **options)
