"""What a study says, as plain frozen objects: one a section of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot.guards.outcome import Override
from hotspot.study.models import made

if TYPE_CHECKING:
    import geopandas as gpd

    from hotspot.models.protocol import Model

QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
FEWEST_EARLIER = 6  # forecasts that bounds are recalibrated on; as hotspot.recalibrate has it


@dataclass(frozen=True)
class StudyData:
    """``[data]``: what was recorded.

    Attributes
    ----------
    path : Path
        Folder, zip, tar or CSV of data.police.uk street files; or an ``events.parquet``
        that ``hotspot ingest`` wrote.
    offences : tuple of str
        Kinds of offence to keep; empty for all.
    """

    path: Path
    offences: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyArea:
    """``[area]``: where we look. Neither key means all 33 boroughs of London.

    Attributes
    ----------
    boroughs : tuple of str
        Names or GSS codes.
    region : Path or None
        A file of polygons (GeoJSON, GeoPackage, GeoParquet), instead of `boroughs`.
    name_column : str
        Column of that file that names each polygon.
    """

    boroughs: tuple[str, ...] = ()
    region: Path | None = None
    name_column: str = "name"


@dataclass(frozen=True)
class StudyGrid:
    """``[grid]``: how finely we look.

    Attributes
    ----------
    cell_size : float
        Side of a cell in metres.
    """

    cell_size: float = 250.0


@dataclass(frozen=True)
class StudyModel:
    """One ``[[models]]``: a model by kind, under a name.

    Attributes
    ----------
    name : str
        What results call it.
    kind : str
        Name of the model class, such as "HistoricalRate".
    options : tuple of (str, value)
        The other keys: arguments of that class.
    """

    name: str
    kind: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self, areas: gpd.GeoDataFrame | None = None) -> Model:
        """The model itself; `StudyError` where an option is not one of its kind's.

        Without the study's `areas` a model that needs them can be checked, but not fitted.
        """
        return made(f"[[models]] {self.name!r}", self.kind, self.options, areas=areas)


@dataclass(frozen=True)
class StudyFolds:
    """``[folds]``: the backtest's rolling origin, as in :func:`hotspot.rolling_origin`.

    Attributes
    ----------
    start, end : str
        Begin of the first and end of the last judged period: ``end = "2020-01"`` judges to
        the end of December 2019.
    length : str
        Length of one period.
    horizon, step, gap : int
        Periods that each fold forecasts; from one origin to the next; left between
        what a model may see and what it is judged on.
    window : str or None
        How much of the past a fold may see.
    """

    start: str
    end: str
    length: str = "month"
    horizon: int = 1
    step: int = 1
    gap: int = 0
    window: str | None = None


@dataclass(frozen=True)
class StudyForecast:
    """``[forecast]``: what is issued.

    Attributes
    ----------
    start : str or None
        Begin of the first period; default: where the data end.
    periods : int
        How many.
    length : str
        Length of one period.
    size : int
        Simulated futures behind the bounds.
    quantiles : tuple of float
        Levels of the bounds; 0.05 and 0.95 must be among them.
    recalibrate : int or None
        Stretch the bounds of areas so that they would have held over this many earlier forecasts
        (:func:`hotspot.recalibrate`), for which each model is fitted that many times more.
    """

    start: str | None = None
    periods: int = 1
    length: str = "month"
    size: int = 1000
    quantiles: tuple[float, ...] = QUANTILES
    recalibrate: int | None = None


@dataclass(frozen=True)
class StudyScores:
    """``[scores]``: how the backtest is judged.

    Attributes
    ----------
    area_shares : tuple of float
        Shares of the region to flag, in (0, 1].
    baseline : str or None
        Name of the model that the others are compared with; default: the first.
    """

    area_shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2)
    baseline: str | None = None


@dataclass(frozen=True)
class StudyRun:
    """``[run]``: who makes the forecasts of a backtest, and whether they outlive a kill.

    Attributes
    ----------
    workers : int
        Threads, or processes.
    processes : bool
        Whether the workers are processes of this machine; needs the extra ``distributed``.
    resume : bool
        Keep each forecast when it is made, in the folder ``store`` of the results, and go on
        with those that are there.
    repair : bool
        With `resume`, make anew what is damaged.
    """

    workers: int = 1
    processes: bool = False
    resume: bool = False
    repair: bool = False


DEFAULT_MODELS = (
    StudyModel("count 36 months", "HistoricalRate", (("window", "36 months"),)),
    StudyModel("kernel 200 m", "KernelDensity", (("window", "36 months"), ("bandwidth", 200.0))),
)


@dataclass(frozen=True)
class Study:
    """A checked study: everything that a forecast or a backtest needs to be told.

    Attributes
    ----------
    data, area, grid, folds, forecast, scores, run
        The sections of the file; `folds` is None where the file has none.
    models : tuple of StudyModel
        In the order of the file.
    seed : int
        Of the generator; the same study, data and seed give the same numbers.
    out : Path or None
        Folder for results.
    override : tuple of Override
        Guards that are let pass, each for a reason.
    ledger : Path or None
        Where what is done is put on record; default: ``results/ledger.jsonl``.
    """

    data: StudyData
    area: StudyArea = field(default_factory=StudyArea)
    grid: StudyGrid = field(default_factory=StudyGrid)
    models: tuple[StudyModel, ...] = DEFAULT_MODELS
    folds: StudyFolds | None = None
    forecast: StudyForecast = field(default_factory=StudyForecast)
    scores: StudyScores = field(default_factory=StudyScores)
    run: StudyRun = field(default_factory=StudyRun)
    seed: int = 1
    out: Path | None = None
    override: tuple[Override, ...] = ()
    ledger: Path | None = None

    @property
    def baseline(self) -> str:
        """Name of the model that the others are compared with."""
        return self.scores.baseline or self.models[0].name


def folder_name(name: str) -> str:
    """A model's name as the name of a folder: letters, digits and single hyphens.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> folder_name("Kernel, 300 m")
    'kernel-300-m'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
