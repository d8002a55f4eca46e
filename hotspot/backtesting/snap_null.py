"""The snap-null: how much of a PAI is owed to where the map points lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial import cKDTree

from hotspot._checks import require_generator, require_share
from hotspot._typing import FloatArray
from hotspot.backtesting.folds import Fold
from hotspot.backtesting.leaks import Pipeline
from hotspot.backtesting.noise import noise_events, points_in
from hotspot.backtesting.nulls import observed_in, pipeline_of, shares_of
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.ranking import prediction_accuracy_index
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model


@dataclass(frozen=True)
class SnapNullReport:
    """What a snap-null found; print it, or take its ``table``.

    Attributes
    ----------
    table : DataFrame
        A row for each measure, "area" first. ``pai``: hit rate over the share of the measure
        flagged. ``null``, ``null_lower``, ``null_upper``: mean, least and largest PAI of records
        without any hotspot, snapped to the same points. ``null_truth``: what the same maps of
        those records score against the places before snapping. ``ratio``: `pai` over `null`.
        ``p_value``: share of the records, this one among them, with a PAI as large.
    area_share : float
        Share of the measure flagged.
    n_points : int
        Distinct places in the record.
    spacing : float
        :math:`\\sqrt{A / n}`; metres.
    same_cell : float
        Share of places that snapping leaves in their cell, were they even over the region.
    holding_cells : float
        Share of the region's cells that hold a map point; in no other can an event be recorded.
    n_records : int
    """

    table: pd.DataFrame = field(compare=False)
    area_share: float
    n_points: int
    spacing: float
    same_cell: float
    holding_cells: float
    n_records: int

    def __str__(self) -> str:
        lines = [
            f"Snap-null: {self.n_points:,} map points, {self.spacing:.0f} m apart; "
            f"{self.holding_cells:.0%} of cells hold one, and {self.same_cell:.0%} of even places "
            "stay in their cell"
        ]
        for measure, row in self.table.iterrows():
            lines.append(
                f"  PAI per {measure}, hottest {100 * self.area_share:.3g} %: {row['pai']:.2f}; "
                f"without any hotspot {row['null']:.2f} ({row['null_lower']:.2f} to "
                f"{row['null_upper']:.2f}); ratio {row['ratio']:.2f}, p = {row['p_value']:.2g}"
            )
        return "\n".join(lines)


def snap_null(
    model: Model | Pipeline,
    events: Events,
    grid: Grid,
    folds: Sequence[Fold],
    *,
    rng: np.random.Generator,
    area_share: float = 0.05,
    surfaces: Mapping[str, xr.DataArray] | None = None,
    n_records: int = 9,
) -> SnapNullReport:
    r"""How much of a PAI is geometry: the same model on records without any hotspot.

    Open data give the nearest of some anonymous map points instead of the place. Where cells are
    smaller than the points' spacing, most can never hold an event, and flagging those that can
    scores a high PAI although nothing was foretold. So events are placed evenly over the region,
    snapped to the nearest of the same map points, and the same model is run on them at the same
    times. What counts is

    .. math:: \mathrm{PAI} / \mathrm{PAI}_{\mathrm{null}},

    which is 1 for no skill beyond the geometry. Even over the area is one assumption; give
    others by `surfaces`, such as residents or metres of street: then PAI is per resident (the share
    of *residents* flagged stands below the line, and cells are ranked by their rate per
    resident), and the null's places follow them.

    Parameters
    ----------
    model : Model or callable
        A specification, or a pipeline ``(events, grid, folds, rng) -> Dataset`` that holds
        ``expected_count`` and ``observed_count`` with a ``fold`` dimension.
    events : Events
        Their distinct places are the map points.
    grid : Grid
    folds : sequence of Fold
    rng : Generator
    area_share : float
        Share to flag, in (0, 1].
    surfaces : mapping of str to DataArray (y, x), optional
        Other measures than area, on the grid. In cells without any of it no event is scored.
    n_records : int
        Records without a hotspot, for each measure; each costs a backtest.

    Returns
    -------
    SnapNullReport

    Raises
    ------
    ParameterError
        If `area_share` or `n_records` makes no sense, a surface is called "area", or is negative,
        not finite or nowhere positive.
    GridMismatchError
        If a surface is on another grid.
    TooFewEventsError
        If there is no event on the grid, or none in the folds' periods.

    Notes
    -----
    Places inside a cell are even over the cell (clipped cells: one point), whatever the surface.
    The PAI pools the events of all folds. With 9 records the smallest p-value is 0.1.

    References
    ----------
    Tompson, L., Johnson, S., Ashby, M., Perkins, C., & Edwards, P. (2015). UK open source crime
    data: accuracy and possibilities for research. Cartography and Geographic Information Science,
    42, 97-111. https://doi.org/10.1080/15230406.2014.972456

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, load_sample, rolling_origin
    >>> events = load_sample().select(offences=["Burglary"])
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> folds = rolling_origin("2024-01", "2024-04")
    >>> report = snap_null(
    ...     HistoricalRate(), events, grid, folds, rng=np.random.default_rng(1), n_records=2)
    >>> bool(report.table.loc["area", "ratio"] > 1)
    True
    """
    require_generator(rng)
    require_share(area_share, "area_share")
    surfaces = dict(surfaces or {})
    if "area" in surfaces or n_records < 1:
        raise ParameterError(
            "Area is always a measure, give others by other names; and at least one record. Got "
            f"{sorted(surfaces)} and n_records={n_records}."
        )
    pipeline, (own, *children) = pipeline_of(model), rng.spawn(2 + len(surfaces))
    coordinates = np.column_stack([events.table.geometry.x, events.table.geometry.y])
    cell = grid.cell_of(*coordinates.T)
    inside = (cell >= 0) & grid.inside.ravel()[cell]
    if not inside.any():
        raise TooFewEventsError("No event falls on the grid: there are no map points to snap to.")
    tree = cKDTree(np.unique(coordinates[inside], axis=0))
    recorded = pipeline(events, grid, folds, own)
    rows, same_cell = {}, np.nan
    for child, (name, surface) in zip(children, {"area": None, **surfaces}.items(), strict=True):
        share = shares_of(surface, grid)
        pai = _pai(recorded, recorded["observed_count"], share, area_share)
        nulls = [
            _one_null(pipeline, events, grid, folds, tree, share, area_share, one)
            for one in child.spawn(n_records)
        ]
        rows[name] = _row(pai, np.array(nulls))
        same_cell = float(np.mean([one[2] for one in nulls])) if name == "area" else same_cell
    holding = np.unique(grid.cell_of(*tree.data.T)).size / int(grid.inside.sum())
    return SnapNullReport(
        pd.DataFrame.from_dict(rows, orient="index"),
        area_share,
        n_points=tree.n,
        spacing=float(np.sqrt(grid.inside_area.sum() / tree.n)),
        same_cell=same_cell,
        holding_cells=holding,
        n_records=n_records,
    )


def _one_null(
    pipeline, events, grid, folds, tree, share, area_share, rng
) -> tuple[float, float, float]:
    """PAI of a record without a hotspot, against its snapped and its true places; share unmoved."""
    times = np.sort(events.table["time"].to_numpy())
    places = points_in(grid, rng.choice(share.size, times.size, p=share.ravel()), rng=rng)
    snapped = tree.data[tree.query(places)[1]]
    result = pipeline(noise_events(events, times, snapped, "snapped"), grid, folds, rng)
    true = noise_events(events, times, places, "even")
    observed = result["observed_count"]
    before = observed_in(true, grid, folds).reshape(observed.shape)
    unmoved = grid.cell_of(*places.T) == grid.cell_of(*snapped.T)
    return (
        _pai(result, observed, share, area_share),
        _pai(result, observed.copy(data=before), share, area_share),
        float(unmoved.mean()),
    )


def _pai(result: xr.Dataset, observed: xr.DataArray, share: FloatArray, area_share: float) -> float:
    """PAI of all events together, with `share` as the measure of the cells."""
    measure = xr.DataArray(share, {"y": result["y"], "x": result["x"]}, ["y", "x"])
    index = prediction_accuracy_index(result, observed, area_share=area_share, cell_area=measure)
    number = observed.where(measure > 0).sum(["y", "x"])
    if float(number.sum()) == 0:
        raise TooFewEventsError("No event was recorded in the periods of the folds.")
    return float((index * number).where(number > 0, 0.0).sum() / number.sum())


def _row(pai: float, nulls: FloatArray) -> dict[str, float]:
    null = nulls[:, 0]
    return {
        "pai": pai,
        "null": null.mean(),
        "null_lower": null.min(),
        "null_upper": null.max(),
        "null_truth": nulls[:, 1].mean(),
        "ratio": pai / null.mean(),
        "p_value": (1 + (null >= pai).sum()) / (1 + null.size),
    }
