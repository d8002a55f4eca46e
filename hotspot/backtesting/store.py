"""A backtest on disk, written forecast by forecast, that a kill does not undo.

A store is a folder:

=================  ==========================================================================
``protocol.json``  what decides the numbers: models, folds, grid, hash of the events, seed
``data.zarr``      the variables that :func:`hotspot.backtest` returns, a chunk a model and fold
``done/``          one small file for each forecast that is whole, with the hash of its values
=================  ==========================================================================

A forecast counts as done when its file under ``done/`` is there, which is written last; what a
kill leaves half written lies under chunks that nobody reads, and is made anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hotspot._files import replaced
from hotspot.backtesting.collect import TEXTS, laid_out
from hotspot.backtesting.content import array_hash
from hotspot.backtesting.protocol import differences
from hotspot.errors import StoreError, StoreWriteError

_OBSERVED = "observed"
_TIME = {"units": "seconds since 1970-01-01", "dtype": "int64"}


@dataclass(frozen=True)
class Damage:
    """A part of a store whose values are not those that were written.

    Attributes
    ----------
    model, fold : int or None
        Position of the forecast; `model` is None for what was observed, both for coordinates.
    variables : tuple of str
        Whose chunks cannot be read, or do not match their hash.
    where : str
        The same in words, with the model's name and the chunk's file.
    """

    model: int | None
    fold: int | None
    variables: tuple[str, ...]
    where: str


def open_backtest(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a finished backtest that was kept in a store.

    Parameters
    ----------
    path : path
        What was given to :func:`hotspot.backtest` as ``store``.

    Returns
    -------
    Dataset
        As :func:`hotspot.backtest` returns it. Values are read from disk when they are used:
        ``result.isel(fold=[3]).load()`` reads one fold. Each chunk carries a checksum, so damage
        is an error and never a wrong number. For dask arrays call ``.chunk()``.

    Raises
    ------
    StoreError
        If there is no store, or some of its forecasts are not made yet.

    See Also
    --------
    score_by_fold : any score of such a result, with one fold in memory at a time.
    verify_backtest : reads all of it and holds it against the hashes.

    Examples
    --------
    >>> open_backtest("nowhere")
    Traceback (most recent call last):
    hotspot.errors.StoreError: There is no backtest at nowhere: ...
    """
    store = Store(Path(path))
    _require_store(store)
    missing = store.n_forecasts() - len(store.finished)
    if missing:
        raise StoreError(
            f"{missing} of {store.n_forecasts()} forecasts of {path} are not made yet. Go on with "
            "the same backtest(..., store=..., resume=True)."
        )
    return store.result()


def verify_backtest(path: str | os.PathLike[str]) -> list[Damage]:
    """Read every finished forecast of a store, and hold it against the hash it was written with.

    Parameters
    ----------
    path : path
        What was given to :func:`hotspot.backtest` as ``store``; it need not be finished.

    Returns
    -------
    list of Damage
        What is damaged: which forecast, which variables, and the files. Empty for a sound store.
        ``backtest(..., store=..., resume=True, repair=True)`` makes those forecasts anew.

    Raises
    ------
    StoreError
        If there is no store.

    Notes
    -----
    Reads all that was written, one forecast at a time.

    Examples
    --------
    >>> verify_backtest("nowhere")
    Traceback (most recent call last):
    hotspot.errors.StoreError: There is no backtest at nowhere: ...
    """
    store = Store(Path(path))
    _require_store(store)
    return store.damages()


@dataclass(frozen=True)
class Store:
    """The folder of one backtest; see the module's text.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @property
    def finished(self) -> set[tuple[int, int]]:
        """(model, fold) of the forecasts that are whole."""
        marks = (self.path / "done").glob("[0-9]*.json")
        return {(int(mark.stem[6:]), int(mark.stem[:5])) for mark in marks}

    def exists(self) -> bool:
        """Whether a backtest was begun here."""
        with self._writing():
            return (self.path / "protocol.json").is_file()

    def n_forecasts(self) -> int:
        """How many there will be when all are made."""
        sizes = self._opened().sizes
        return sizes["model"] * sizes["fold"]

    def create(self, protocol: dict[str, Any], frame: xr.Dataset) -> None:
        """Begin a backtest here: the folder stands whole, without forecasts, or not at all."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise StoreError(
                f"{self.path} is there already and is no stored backtest. Nothing that hotspot did "
                "not write is deleted: name another folder."
            )
        with self._writing(), replaced(self.path) as folder:
            self._remove_unfinished(besides=folder)
            (folder / "done").mkdir(parents=True)
            Store(folder).put_frame(frame)
            text = json.dumps(protocol, indent=1) + "\n"
            (folder / "protocol.json").write_text(text, encoding="utf-8")

    def _remove_unfinished(self, *, besides: Path) -> None:
        """Folders that a kill left while this store was being created."""
        for sibling in self.path.parent.iterdir():
            begun = sibling.name.startswith(f".{self.path.name}.") and ".part" in sibling.name
            if begun and sibling.is_dir() and sibling != besides:
                shutil.rmtree(sibling)

    def require_same(self, protocol: dict[str, Any]) -> None:
        """Refuse to go on with a backtest that would have given other numbers."""
        try:
            stored = json.loads((self.path / "protocol.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{self.path / 'protocol.json'} is damaged: {error}.") from None
        found = differences(stored, json.loads(json.dumps(protocol)))
        if found:
            raise StoreError(
                f"The backtest at {self.path} is another one: {found}. Ask for the same, or name "
                "another folder."
            )

    def sweep(self) -> None:
        """Remove what a kill left behind: files that were being written."""
        with self._writing():
            for pattern in ("data.zarr/**/*.partial", "done/.*.part.json"):
                for leftover in self.path.glob(pattern):
                    leftover.unlink(missing_ok=True)

    def forget(self, damages: list[Damage]) -> None:
        """Take back the marks of damaged forecasts, so that they are made anew."""
        with self._writing():
            for one in damages:
                if one.fold is not None:
                    self._mark_path(one.model, one.fold).unlink(missing_ok=True)

    def put_frame(self, frame: xr.Dataset) -> None:
        """Write coordinates and attributes."""
        encoding = {name: dict(_TIME) for name in ("time", "time_end")}
        with self._writing():
            path = self.path / "data.zarr"
            how = {"mode": "r+"} if path.exists() else {"mode": "w", "encoding": encoding}
            frame.to_zarr(path, zarr_format=2, consolidated=False, **how)
            hashes = {str(name): array_hash(one) for name, one in frame.coords.items()}
            with replaced(self.path / "done" / "frame.json") as temporary:
                temporary.write_text(json.dumps({"sha256": hashes}) + "\n", encoding="utf-8")

    def put_observed(self, fold: int, observed: dict[str, xr.DataArray]) -> None:
        """Write what was recorded in one fold, unless it is written."""
        if self._mark_path(None, fold).is_file():
            return
        with self._writing():
            hashes = {}
            for name, one in observed.items():
                values = one.to_numpy()
                array = self._array(name, ("fold", *one.dims), values, one.attrs)
                array[fold] = values
                hashes[name] = array_hash(values)
            self._mark(None, fold, {"sha256": hashes})

    def put(self, model: int, fold: int, forecast: xr.Dataset) -> None:
        """Write one forecast, and then that it is whole."""
        with self._writing():
            hashes = {}
            for name, dims, values, attrs in laid_out(forecast):
                array = self._array(name, ("model", "fold", *dims), values, attrs)
                array[model, fold] = values
                hashes[name] = array_hash(values)
            texts = {name: forecast.attrs[name] for name in TEXTS}
            self._mark(model, fold, {"sha256": hashes, "texts": texts})

    def damages(self) -> list[Damage]:
        """What does not match the hash it was written with."""
        group, found = self._group("r"), self._damaged_frame()
        observed = (self.path / "done").glob(f"{_OBSERVED}-*.json")
        positions = [(None, int(mark.stem[len(_OBSERVED) + 1 :])) for mark in observed]
        for model, fold in [*sorted(self.finished, key=lambda at: at[::-1]), *sorted(positions)]:
            mark = self._mark_path(model, fold)
            at = (fold,) if model is None else (model, fold)
            try:
                hashes = json.loads(mark.read_text(encoding="utf-8"))["sha256"]
            except (ValueError, KeyError, TypeError):
                found.append(Damage(model, fold, (), self._words(model, fold, [mark.name])))
                continue
            broken = [name for name, one in hashes.items() if _hash_at(group, name, at) != one]
            if broken:
                files = [f"{name}/{self._chunk(group, name, at)}" for name in broken]
                where = self._words(model, fold, files)
                found.append(Damage(model, fold, tuple(broken), where))
        return found

    def _damaged_frame(self) -> list[Damage]:
        mark = self.path / "done" / "frame.json"
        try:
            hashes, coords = json.loads(mark.read_text(encoding="utf-8"))["sha256"], self._opened()
        except Exception as error:  # each codec raises its own, down to RuntimeError
            return [Damage(None, None, (), f"the coordinates ({error})")]
        broken = tuple(name for name, one in hashes.items() if _hash_of(coords, name) != one)
        return (
            [Damage(None, None, broken, f"the coordinates {', '.join(broken)}")] if broken else []
        )

    def result(self) -> xr.Dataset:
        """The whole backtest, read when used."""
        dataset = self._opened()
        shape = (dataset.sizes["model"], dataset.sizes["fold"])
        texts = {name: np.empty(shape, object) for name in TEXTS}
        for model, fold in self.finished:
            mark = json.loads(self._mark_path(model, fold).read_text(encoding="utf-8"))
            for name, values in texts.items():
                values[model, fold] = mark["texts"][name]
        dataset = dataset.assign_coords(
            {name: (("model", "fold"), np.array(t.tolist(), str)) for name, t in texts.items()}
        )
        for name in dataset.coords:
            dataset[name].load()
        return dataset

    def _opened(self) -> xr.Dataset:
        # Without chunks: arrays that are read when used, whether dask is installed or not.
        dataset = xr.open_zarr(
            self.path / "data.zarr", consolidated=False, chunks=None, zarr_format=2
        )
        return dataset.drop_encoding()

    def _group(self, mode: str) -> Any:
        import zarr

        return zarr.open_group(self.path / "data.zarr", mode=mode, zarr_format=2)

    def _array(self, name: str, dims: tuple[str, ...], values: np.ndarray, attrs: dict) -> Any:
        """The array of a variable, made when its first value comes; a chunk a model and fold."""
        import numcodecs

        group = self._group("r+")
        if name in group:
            return group[name]
        ahead = tuple(group[dim].shape[0] for dim in dims[: len(dims) - values.ndim])
        return group.create_array(
            name,
            shape=(*ahead, *values.shape),
            chunks=(*(1 for _ in ahead), *values.shape),
            dtype=values.dtype,
            fill_value=np.nan,
            filters=[numcodecs.Shuffle(values.dtype.itemsize)],
            compressors=numcodecs.Zstd(level=3, checksum=True),
            attributes={**attrs, "_ARRAY_DIMENSIONS": list(dims)},
        )

    def _mark_path(self, model: int | None, fold: int) -> Path:
        name = f"{_OBSERVED}-{fold:05d}" if model is None else f"{fold:05d}-{model:03d}"
        return self.path / "done" / f"{name}.json"

    def _mark(self, model: int | None, fold: int, content: dict[str, Any]) -> None:
        with replaced(self._mark_path(model, fold)) as temporary:
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")

    def _words(self, model: int | None, fold: int, files: list[str]) -> str:
        names = self._opened()["model"].to_numpy()
        what = "what was observed" if model is None else f"the forecast of {str(names[model])!r}"
        return f"{what} in fold {fold} ({', '.join(files)})"

    def _chunk(self, group: Any, name: str, at: tuple[int, ...]) -> str:
        rest = group[name].ndim - len(at) if name in group else 0
        return ".".join(map(str, (*at, *(0,) * rest)))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except StoreWriteError:
            raise
        except OSError as error:
            raise StoreWriteError(
                f"The backtest at {self.path} cannot be written: {error.strerror or error}. What "
                "was marked as done before is kept: make room or choose another folder, and go on "
                "with resume=True."
            ) from error


def _require_store(store: Store) -> None:
    if not store.exists():
        raise StoreError(
            f"There is no backtest at {store.path}: it holds no protocol.json. Give the folder "
            "that was store= of a backtest."
        )


def _hash_at(group: Any, name: str, at: tuple[int, ...]) -> str:
    try:
        return array_hash(np.asarray(group[name][at]))
    except Exception as error:  # as above
        return f"unreadable: {error}"


def _hash_of(dataset: xr.Dataset, name: str) -> str:
    try:
        return array_hash(dataset[name])
    except Exception as error:  # as above
        return f"unreadable: {error}"
