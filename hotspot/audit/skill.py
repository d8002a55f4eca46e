"""Is it better than the simple maps? If not shown, the card must say so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hotspot.audit.result import AuditResult, not_computable
from hotspot.errors import TooFewEventsError, UnknownNameError
from hotspot.evaluate.comparison.added_value import BASELINES, NO_BENEFIT, added_value


def skill_over_baselines(
    backtest: xr.Dataset,
    *,
    model: str,
    rng: np.random.Generator,
    baselines: Sequence[str] = BASELINES,
    area_share: float = 0.05,
    level: float = 0.95,
) -> AuditResult:
    """What does the model foretell that no simple map does? (A2)

    The smallest information gain, in nats an event, over any of the simple maps: a tool that does
    not beat all of them need not be bought.

    Parameters
    ----------
    backtest : Dataset
        With the model and the baselines in it.
    model : str
    rng : numpy.random.Generator
    baselines : sequence of str
    area_share : float
        Of the difference of hit rates.
    level : float

    Returns
    -------
    AuditResult
        It fails where the gain over a baseline is shown to be negative, and warns where its
        interval holds 0: "no demonstrated benefit". ``groups`` hold each baseline. Not computable
        where there are no baselines in the backtest, or too few folds.

    See Also
    --------
    hotspot.added_value : All that is behind it.

    Examples
    --------
    >>> import hotspot as hs
    >>> events = hs.load_sample(offences="Burglary")
    >>> grid = hs.Grid.over(events.region, cell_size=1000)
    >>> count_map = hs.HistoricalRate("36 months")
    >>> models = {"mine": count_map, "count map": count_map}
    >>> result = hs.backtest(models, events, grid, hs.rolling_origin("2024-07", "2025-01"),
    ...                      rng=np.random.default_rng(1), size=100)
    >>> found = skill_over_baselines(result, model="mine", baselines=["count map"],
    ...                              rng=np.random.default_rng(1))
    >>> found.value, found.status
    (0.0, 'warn')
    """
    name = "information gain over the best simple map"
    try:
        report = added_value(
            backtest, model=model, rng=rng, baselines=baselines, area_share=area_share, level=level
        )
    except (UnknownNameError, TooFewEventsError) as error:
        return not_computable("A2", name, str(error))
    rows = [
        {
            "group": str(baseline),
            "value": float(row["gain"]),
            "lower": float(row["gain_lower"]),
            "upper": float(row["gain_upper"]),
            "verdict": str(row["gain_verdict"]),
            "hit_rate": float(row["hit_rate"]),
            "rank_correlation": float(row["rank_correlation"]),
            "overlap": float(row["overlap"]),
        }
        for baseline, row in report.table.iterrows()
    ]
    least = min(rows, key=lambda row: row["value"])
    verdicts = {row["verdict"] for row in rows}
    status = "fail" if "worse" in verdicts else "warn" if NO_BENEFIT in verdicts else "ok"
    told = {
        "ok": "",
        "warn": f"{NO_BENEFIT.capitalize()} over {least['group']!r}.",
        "fail": f"Worse than {least['group']!r}.",
    }
    return AuditResult(
        "A2", name, least["value"], (least["lower"], least["upper"]), n=report.n_periods,
        level=level, groups=tuple(rows), status=status, reason=told[status],
        reading=f"Against {least['group']!r}, the simple map that comes closest, each offence was "
        f"given a chance {np.expm1(least['value']):+.1%} higher on average. "
        + (told[status] or "That is a demonstrated benefit."),
    )  # fmt: skip
