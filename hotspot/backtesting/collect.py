"""Forecasts as they come, laid side by side in memory: the same labels that a store gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

# Quantiles are whole counts or fractions of one and lose nothing as float32.
_NARROW = {"count_quantile", "area_count_quantile", "simulated_count"}
TEXTS = ("parameters", "entropy", "interval_kind", "scope", "input_sha256")


class InMemory:
    """Arrays that are filled forecast by forecast, in whatever order these come.

    Attributes
    ----------
    finished : set of (model, fold)
        Positions of the forecasts that are there.
    """

    def __init__(self, frame: xr.Dataset) -> None:
        self.finished: set[tuple[int, int]] = set()
        self._frame = frame
        self._forecasts: dict[str, tuple] = {}
        self._observed: dict[str, tuple] = {}
        shape = (frame.sizes["model"], frame.sizes["fold"])
        self._texts = {name: np.empty(shape, object) for name in TEXTS}

    def put_observed(self, fold: int, observed: dict[str, xr.DataArray]) -> None:
        """What was recorded in one fold."""
        for name, one in observed.items():
            if name not in self._observed:
                values = np.empty((self._frame.sizes["fold"], *one.shape))
                self._observed[name] = (("fold", *one.dims), values, one.attrs)
            self._observed[name][1][fold] = one

    def put(self, model: int, fold: int, forecast: xr.Dataset) -> None:
        """One forecast. What only some of the models give is NaN for the others."""
        for name, dims, values, attrs in laid_out(forecast):
            if name not in self._forecasts:
                shape = (self._frame.sizes["model"], self._frame.sizes["fold"], *values.shape)
                empty = np.full(shape, np.nan, values.dtype)
                self._forecasts[name] = (("model", "fold", *dims), empty, attrs)
            self._forecasts[name][1][model, fold] = values
        for name, texts in self._texts.items():
            texts[model, fold] = forecast.attrs[name]
        self.finished.add((model, fold))

    def result(self) -> xr.Dataset:
        """All of them, labelled."""
        texts = {
            name: (("model", "fold"), np.array(values.tolist(), str))
            for name, values in self._texts.items()
        }
        return self._frame.assign(self._forecasts | self._observed).assign_coords(texts)


def laid_out(forecast: xr.Dataset) -> Iterator[tuple[str, tuple[str, ...], np.ndarray, dict]]:
    """Name, dimensions, values and attributes of each variable, as a backtest keeps them."""
    for name, one in forecast.data_vars.items():
        dims = tuple("step" if dim == "time" else str(dim) for dim in one.dims)
        narrow = np.float32 if name in _NARROW else one.dtype
        yield str(name), dims, one.to_numpy().astype(narrow, copy=False), dict(one.attrs)
