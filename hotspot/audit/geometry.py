"""How much of the index is geometry? The same model on records without any hotspot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from hotspot.audit.result import AuditResult, not_computable
from hotspot.backtesting.folds import Fold
from hotspot.backtesting.snap_null import snap_null
from hotspot.data.events import Events
from hotspot.errors import TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model

NO_SKILL = 1.05


def pai_over_snap_null(
    model: Model,
    events: Events,
    grid: Grid,
    folds: Sequence[Fold],
    *,
    rng: np.random.Generator,
    area_share: float = 0.05,
    surfaces: Mapping[str, xr.DataArray] | None = None,
    n_records: int = 9,
) -> AuditResult:
    """How much better than geometry is the index that is quoted? (A10)

    PAI over the mean PAI of the same model on records placed evenly and snapped to the same map
    points. Where places are snapped, cells without a map point can never hold an offence, and
    flagging the others looks like foresight.

    Parameters
    ----------
    model : Model
    events : Events
    grid : Grid
    folds : sequence of Fold
    rng : numpy.random.Generator
    area_share : float
    surfaces : mapping of str to DataArray (y, x), optional
        Other measures than area to place by, such as residents; see :func:`hotspot.snap_null`.
    n_records : int
        Each costs a backtest.

    Returns
    -------
    AuditResult
        The ratio by area, 1 for no skill beyond geometry; its interval spans the null's records.
        It warns where the interval reaches below 1.05.

    See Also
    --------
    hotspot.snap_null : All that is behind it.

    Examples
    --------
    >>> import hotspot as hs
    >>> events = hs.load_sample(offences="Burglary")
    >>> grid = hs.Grid.over(events.region, cell_size=1000)
    >>> found = pai_over_snap_null(
    ...     hs.HistoricalRate(), events, grid, hs.rolling_origin("2024-01", "2024-03"),
    ...     rng=np.random.default_rng(1), n_records=2)
    >>> found.value > 1
    True
    """
    name = "PAI over that of a record without hotspots"
    try:
        report = snap_null(
            model, events, grid, folds, rng=rng, area_share=area_share, surfaces=surfaces,
            n_records=n_records,
        )  # fmt: skip
    except TooFewEventsError as error:
        return not_computable("A10", name, str(error))
    rows = [
        {
            "group": f"per {measure}", "value": float(row["ratio"]), "pai": float(row["pai"]),
            "null": float(row["null"]), "p_value": float(row["p_value"]),
        }
        for measure, row in report.table.iterrows()
    ]  # fmt: skip
    first = report.table.loc["area"]
    ends = tuple(sorted(float(first["pai"] / first[edge]) for edge in ("null_upper", "null_lower")))
    poor = ends[0] < NO_SKILL
    return AuditResult(
        "A10", name, float(first["ratio"]), ends, n=report.n_records, groups=tuple(rows),
        status="warn" if poor else "ok",
        reason=f"A record without any hotspot scores up to {first['null_upper']:.2f}." if poor
        else "",
        reading=f"A PAI of {first['pai']:.1f} was found; the same model on a record without any "
        f"hotspot has {first['null']:.1f}. Map points lie about {report.spacing:.0f} m apart, and "
        f"{report.same_cell:.0%} of places stay in their cell when moved to one.",
    )  # fmt: skip
