"""Which places would be flagged if everybody's offences were reported alike?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from hotspot._checks import require_generator, require_same_grid, require_share
from hotspot._typing import FloatArray
from hotspot.audit._windows import Resampling, as_windows, inside_both, ratio_of_sums
from hotspot.audit.result import AuditResult, not_computable
from hotspot.errors import ParameterError, UnknownNameError
from hotspot.evaluate._flagged import flags_of_one_map

LEAST_RATE = 0.05  # below it a map of 1 / rate is a map of the rates


def counterfactual_reporting(
    expected: xr.DataArray,
    labels: xr.DataArray,
    cell_area: xr.DataArray,
    *,
    rates: Mapping[object, float],
    source: str,
    area_share: float,
    rng: np.random.Generator,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Who is flagged too often if reporting differs between groups of areas as assumed? (A7b)

    Of each group's offences only a share r is reported, so that the map is made anew from
    :math:`m_c / r_{g(c)}`, and flagged anew. A group's ratio is its flags over those it would
    have: above 1 it is flagged too often, below 1 its offences go unseen.

    Parameters
    ----------
    expected : DataArray (..., y, x)
        Forecast of recorded offences.
    labels : DataArray (y, x)
        Group of each cell.
    cell_area : DataArray (y, x)
    rates : mapping
        Assumed share reported in each group, in [0.05, 1]; equal rates displace nothing.
    source : str
        Where the rates are from: a survey, or "assumption"; printed with the result.
    area_share : float
        Share of the land that is flagged, in (0, 1].
    rng, level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.

    Returns
    -------
    AuditResult
        The share of flags that would lie elsewhere; ``groups`` hold each group's ratio. It never
        warns: it says what would follow from an assumption.

    Raises
    ------
    ParameterError
        If a rate is outside [0.05, 1], or no source is named.
    UnknownNameError
        If a group has no rate.

    References
    ----------
    Akpinar, N.-J., De-Arteaga, M., & Chouldechova, A. (2021). The effect of differential victim
    crime reporting on predictive policing systems. FAccT '21, 838-849.
    https://doi.org/10.1145/3442188.3445877

    Examples
    --------
    Two halves of a city alike in truth; one reports half.

    >>> cells = {"y": [0], "x": range(4)}
    >>> expected = xr.DataArray([[[2.0, 2.0, 1.0, 1.0]]], cells, ["fold", "y", "x"])
    >>> labels = xr.DataArray([["all", "all", "half", "half"]], cells)
    >>> found = counterfactual_reporting(
    ...     expected, labels, xr.ones_like(expected[0]), rates={"all": 1.0, "half": 0.5},
    ...     source="assumption", area_share=0.5, rng=np.random.default_rng(1))
    >>> found.value, [row["value"] for row in found.groups]
    (0.5, [2.0, 0.0])
    """
    require_generator(rng)
    require_share(area_share, "area_share")
    require_same_grid(expected, cell_area)
    if not source.strip():
        raise ParameterError('Name where the rates are from, or say "assumption".')
    inside = inside_both(expected, labels)
    m, area = as_windows(expected, inside), as_windows(cell_area, inside)[0]
    names, of_cell = np.unique(
        labels.transpose("y", "x").to_numpy().ravel()[inside], return_inverse=True
    )
    truth = m / _rates_of(names, rates)[of_cell]
    shares = np.array([area_share])
    made, would = (
        np.array([flags_of_one_map(one[None], area[None], shares=shares)[0, 0] for one in maps])
        for maps in (m, truth)
    )
    name = "share of flags that would lie elsewhere"
    if made.sum() == 0:
        return not_computable("A7b", name, "nothing was flagged.")
    moved = (np.maximum(made - would, 0.0) @ area)[None]
    value, ends = ratio_of_sums(moved, (made @ area)[None], Resampling(rng, level, block))
    rows = _rows(names, of_cell, made * area, would * area, {"source": source})
    worst = max(rows, key=lambda row: row["value"])
    return AuditResult(
        "A7b", name, float(value[0]),
        None if ends is None else (float(ends[0, 0]), float(ends[1, 0])),
        n=len(m), level=level, groups=tuple(rows),
        reason="" if ends is not None else "There are too few windows for an interval.",
        reading=f"If reporting differed as assumed ({source}), {value[0]:.0%} of flags would lie "
        f"elsewhere, and {worst['group']!r} is flagged {worst['value']:.2f} times as often as it "
        "would be.",
    )  # fmt: skip


def _rates_of(names: np.ndarray, rates: Mapping[object, float]) -> FloatArray:
    missing = [name for name in names if name not in rates]
    if missing:
        raise UnknownNameError(f"There is no rate for group {missing[0]!r}; given: {list(rates)}.")
    found = np.array([float(rates[name]) for name in names])
    if not ((found >= LEAST_RATE) & (found <= 1)).all():
        raise ParameterError(
            f"A share reported must lie in [{LEAST_RATE}, 1], got {dict(rates)}: below it a map "
            "of 1 / rate is a map of the rates."
        )
    return found


def _rows(names, of_cell, made: FloatArray, would: FloatArray, more: dict) -> list[dict]:
    sums = [np.bincount(of_cell, one.sum(axis=0), len(names)) for one in (made, would)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = sums[0] / sums[1]
    return [
        {
            "group": str(one),
            "value": float(ratio[k]),
            "flag_share": float(sums[0][k] / made.sum()),
            "flag_share_if_alike": float(sums[1][k] / would.sum()),
            **more,
        }
        for k, one in enumerate(names)
        if np.isfinite(ratio[k])
    ]  # fmt: skip
