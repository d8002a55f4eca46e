"""Is a model a simple map by another name? Two one-sided tests against each baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hotspot._checks import require_level, require_share
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.comparison.added_value import BASELINES, FEWEST_PERIODS
from hotspot.evaluate.comparison.beside import beside, require_models
from hotspot.evaluate.comparison.period_tests import mean_with_error


@dataclass(frozen=True)
class EquivalenceReport:
    """Whether a model is equivalent to simple ones; print it, or take its ``table``.

    Attributes
    ----------
    model : str
    table : DataFrame
        A row for each baseline: ``correlation`` and ``rank_correlation`` of the maps, ``overlap``
        of the flagged areas, ``gain`` (nats per event) with ``gain_lower`` and ``gain_upper``,
        ``p_value`` of the equivalence test, and ``verdict``: "equivalent", "better", "worse" or
        "undecided".
    best : str
        The baseline that foretold the events best: the one to be held against.
    margin : float
        Gains within plus and minus this are called none.
    level : float
    """

    model: str
    table: pd.DataFrame = field(compare=False)
    best: str
    margin: float
    level: float

    @property
    def equivalent(self) -> bool:
        """The model is shown to be no better and no worse than the best baseline."""
        return self.table.loc[self.best, "verdict"] == "equivalent"

    def __str__(self) -> str:
        lines = [
            f"Is {self.model!r} a simple map? Gains within {self.margin:g} nats per event count "
            "as none"
        ]
        for name, row in self.table.iterrows():
            lines.append(
                f"  {name!r}: {row['verdict']}; correlation {row['correlation']:.4f}, of ranks "
                f"{row['rank_correlation']:.4f}, overlap {row['overlap']:.3f}, gain "
                f"{row['gain']:+.4f} ({row['gain_lower']:+.4f}, {row['gain_upper']:+.4f})"
            )
        return "\n".join([*lines, f"  the best of them is {self.best!r}"])


def baseline_equivalence(
    backtest: xr.Dataset,
    *,
    model: str,
    baselines: Sequence[str] = BASELINES,
    margin: float = 0.01,
    area_share: float = 0.05,
    level: float = 0.95,
) -> EquivalenceReport:
    r"""Is a model with an imposing name the same as a moving average? A test that can say yes.

    That no difference was found does not show that there is none. Here the burden is reversed: the
    null hypothesis is that the information gain G over the baseline, of normalised maps and in
    nats per event, is at least `margin` in size. Two one-sided tests reject it, and the model is
    *equivalent*, if the interval

    .. math:: \hat G \pm t_{T-1,\,\mathrm{level}} \; \mathrm{se}(\hat G)

    lies within :math:`\pm` `margin`. Otherwise the model is "better" or "worse" where that
    interval does not hold 0, and else "undecided".

    Parameters
    ----------
    backtest : Dataset
        From :func:`hotspot.backtest`, with the model and the baselines in it; folds in order of
        time.
    model : str
        The model in question.
    baselines : sequence of str
        Labels of simple models in the backtest.
    margin : float
        Gain too small to matter, nats per event: at 0.01 an event's place was given a chance larger
        or smaller by 1 % in the geometric mean.
    area_share : float
        Share of the region flagged, for the overlap.
    level : float
        Confidence of each one-sided test, in (0.5, 1).

    Returns
    -------
    EquivalenceReport

    Raises
    ------
    UnknownNameError, ParameterError, TooFewEventsError
        As :func:`hotspot.added_value`; ParameterError also if `margin` is not positive.

    Notes
    -----
    The standard error is that of a ratio of sums over folds, by the variance that
    :func:`hotspot.diebold_mariano` uses. A self-exciting model whose branching ratio was fitted
    near 0 is a map of its background, whatever it is called: run this before a model is praised
    or blamed for being one.

    References
    ----------
    Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the power
    approach for assessing the equivalence of average bioavailability. Journal of Pharmacokinetics
    and Biopharmaceutics, 15, 657-680. https://doi.org/10.1007/BF01068419

    Examples
    --------
    >>> import hotspot as hs
    >>> archive = hs.sample_path("police_uk/archive.zip")
    >>> events = hs.read_police_uk(
    ...     archive, offences="Burglary", region=hs.load_boroughs("Camden"))
    >>> result = hs.backtest(
    ...     {"count": hs.HistoricalRate("36 months"), "imposing": hs.HistoricalRate("35 months")},
    ...     events, hs.Grid.over(events.region, cell_size=500),
    ...     hs.rolling_origin("2024-01", "2025-01"), rng=np.random.default_rng(1), size=100)
    >>> baseline_equivalence(result, model="imposing", baselines=["count"]).equivalent
    True
    """
    require_share(area_share, "area_share")
    require_level(level)
    if not margin > 0 or not level > 0.5:
        raise ParameterError(
            f"margin must be positive and level above 0.5, got margin={margin}, level={level}."
        )
    baselines = list(baselines)
    if not baselines or model in baselines:
        raise ParameterError(
            f"model={model!r} must be compared with others than itself, got baselines={baselines}."
        )
    require_models(
        backtest, [model, *baselines], hint="Name those of them that are simple: baselines=[...]."
    )
    if backtest.sizes["fold"] < FEWEST_PERIODS:
        raise TooFewEventsError(
            f"An equivalence test needs at least {FEWEST_PERIODS} folds, got "
            f"{backtest.sizes['fold']}."
        )
    tables = beside(backtest, model, baselines, area_share=area_share)
    if tables[baselines[0]]["events"].sum() == 0:
        raise TooFewEventsError("Nothing was observed in any fold: there is nothing to compare.")
    rows = [_row(tables[name], margin, level) for name in baselines]
    table = pd.DataFrame(rows, index=pd.Index(baselines, name="baseline"))
    return EquivalenceReport(model, table, str(table["gain"].idxmin()), margin, level)


def _row(table: pd.DataFrame, margin: float, level: float) -> dict[str, object]:
    names = ("correlation", "rank_correlation", "overlap")
    row: dict[str, object] = {name: table[name].mean() for name in names}
    gain, error, degrees = _ratio(table["gain"].to_numpy(), table["events"].to_numpy())
    reach = stats.t.ppf(level, degrees) * error
    row |= {"gain": gain, "gain_lower": gain - reach, "gain_upper": gain + reach}
    # The two one-sided tests: not as low as -margin, and not as high as margin.
    nearest = margin - abs(gain)
    with np.errstate(divide="ignore", invalid="ignore"):
        row["p_value"] = float(stats.t.sf(np.divide(nearest, error), degrees))
    row["verdict"] = _verdict(gain - reach, gain + reach, margin)
    return row


def _ratio(gains: FloatArray, events: FloatArray) -> tuple[float, float, int]:
    """Gain per event, its standard error, degrees of freedom."""
    gain = float(gains.sum() / events.sum())
    if not np.isfinite(gain):
        return gain, np.nan, gains.size - 1
    about = mean_with_error(gains - gain * events)
    # Residuals that do not vary at all: the gain per event was the same in each fold.
    error = 0.0 if np.isnan(about.standard_error) else about.standard_error
    return gain, error / events.mean(), about.degrees


def _verdict(lower: float, upper: float, margin: float) -> str:
    if -margin < lower and upper < margin:
        return "equivalent"
    if lower > 0:
        return "better"
    return "worse" if upper < 0 else "undecided"
