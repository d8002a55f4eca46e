"""What a test of one map found, and how the findings of many maps are laid in one Dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.evaluate._maps import MAP, inside_of, require_whole_counts

LEVELS = (0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995)
TESTED = "tested"
IMPOSSIBLE = "tested; an event fell where the forecast expects none"
NOT_RECORDED = "not tested: nothing was recorded"
NO_EVENT = "not tested: no event was observed"
NOTHING_EXPECTED = "not tested: nothing is expected anywhere"
_SAME = 1e-10  # relative difference below which two statistics are tied: they are sums of logs


@dataclass(frozen=True)
class Outcome:
    """One test of one map."""

    n_events: float
    n_expected: float
    n_floored: int = 0
    status: str = TESTED
    statistic: float = np.nan
    at_least: float = np.nan
    at_most: float = np.nan
    p_value: float = np.nan
    distribution: FloatArray = field(default_factory=lambda: np.full(len(LEVELS), np.nan))
    simulated: FloatArray | None = None

    def against(
        self, statistic: float, simulated: FloatArray, *, two_sided: bool = False
    ) -> Outcome:
        """With the statistic held against what it would be if the forecast were right."""
        size = simulated.size
        slack = _SAME * max(1.0, abs(statistic)) if np.isfinite(statistic) else 0.0
        fewer = int((simulated <= statistic + slack).sum())
        more = int((simulated >= statistic - slack).sum())
        p_value = (fewer + 1) / (size + 1)
        if two_sided:
            p_value = min(1.0, 2 * min(p_value, (more + 1) / (size + 1)))
        return replace(
            self,
            statistic=statistic,
            status=IMPOSSIBLE if np.isneginf(statistic) else self.status,
            at_least=more / size,
            at_most=fewer / size,
            p_value=p_value,
            distribution=np.quantile(simulated, LEVELS),
            simulated=simulated,
        )


@dataclass(frozen=True)
class OneMap:
    """Rates and counts of the cells inside; where several maps are judged together, of all."""

    rates: FloatArray
    counts: FloatArray
    inside: np.ndarray
    n_floored: int

    @property
    def untested(self) -> Outcome:
        """What is known before any test."""
        if self.rates.size == 0:
            return Outcome(np.nan, np.nan, status=NOT_RECORDED)
        return Outcome(float(self.counts.sum()), float(self.rates.sum()), self.n_floored)


def each_map(
    expected: xr.DataArray, observed: xr.DataArray, *, together: Sequence[str], floor: float
) -> tuple[xr.DataArray, Iterator[OneMap]]:
    """Labels of the maps that a forecast holds, and its maps in that order."""
    if not (np.isfinite(floor) and floor >= 0):
        raise ParameterError(f"floor must be a number of events, 0 or more, got {floor}.")
    require_same_grid(expected, observed)
    require_together(expected, together)
    expected, observed = xr.broadcast(expected, observed.astype(float))
    core = (*together, *MAP)
    lead = [dim for dim in expected.dims if dim not in core]
    labels = expected.isel(dict.fromkeys(core, 0), drop=True).transpose(*lead)
    shape = tuple(expected.sizes[dim] for dim in core)
    pairs = zip(
        *(one.transpose(*lead, *core).values.reshape(-1, *shape) for one in (expected, observed)),
        strict=True,
    )
    return labels, (_checked(*pair, floor) for pair in pairs)


def require_together(expected: xr.DataArray, together: Sequence[str]) -> None:
    """Refuse to judge maps together along a dimension that is not there."""
    missing = [dim for dim in together if dim not in expected.dims]
    if missing:
        raise ParameterError(
            f"The forecast has no dimensions {missing} to judge together; it has {expected.dims}."
        )


def _checked(expected: FloatArray, observed: FloatArray, floor: float) -> OneMap:
    inside = inside_of(expected, observed)
    rates, counts = expected[inside].astype(float), observed[inside]
    require_whole_counts(counts)
    return OneMap(np.maximum(rates, floor), counts, inside, int((rates < floor).sum()))


def laid_out(
    outcomes: Sequence[Outcome], labels: xr.DataArray, *, test: str, attrs: dict[str, object]
) -> xr.Dataset:
    """The outcomes of all maps, under the labels of the maps."""
    lead = labels.dims

    def laid(values, *extra: str):
        values = np.asarray(values)
        return ((*lead, *extra), values.reshape((*labels.shape, *values.shape[1:])))

    names = ("statistic", "at_least", "at_most", "p_value", "n_events", "n_expected", "n_floored")
    variables = {name: laid([getattr(one, name) for one in outcomes]) for name in names}
    variables["status"] = laid([one.status for one in outcomes])
    variables["distribution"] = laid([one.distribution for one in outcomes], "level")
    drawn = [one.simulated.size for one in outcomes if one.simulated is not None]
    if drawn:
        simulated = np.full((len(outcomes), max(drawn)), np.nan)
        for row, one in zip(simulated, outcomes, strict=True):
            if one.simulated is not None:
                row[: one.simulated.size] = one.simulated
        variables["simulated"] = laid(simulated, "simulation")
    coords = {**labels.coords, "level": list(LEVELS)}
    return xr.Dataset(variables, coords, {"test": test, **attrs})


def expected_counts(forecast: xr.Dataset) -> xr.DataArray:
    """The forecast's expected counts."""
    return require_variable(forecast, "expected_count")
