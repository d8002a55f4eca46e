"""A fit in words and numbers, and its branching ratio with bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hotspot._typing import FloatArray
from hotspot.models.self_exciting.likelihood import Likelihood, Parts

if TYPE_CHECKING:
    import pandas as pd

    from hotspot.models.self_exciting.fitted import FittedSelfExciting


def summary_of(
    fitted: FittedSelfExciting, level: float, sensitivity: pd.DataFrame | None = None
) -> str:
    """The estimates with their standard errors and bounds, and what the fit gained."""
    from scipy.special import ndtri

    rows = [one.row(ndtri(0.5 + level / 2)) for one in fitted.estimates]
    bounds = fitted.branching_ratio_interval(level)
    ratio = ("branching ratio", fitted.branching_ratio, fitted.branching_ratio_error, *bounds)
    alone = not fitted.offences and not fitted.mark_names  # then productivity is the ratio
    rows[1:2] = [ratio] if alone else [ratio, rows[1]]
    width = max(36, *(len(row[0]) + 2 for row in rows))
    lines = [
        f"{fitted.name}: {fitted.record.n:,} events from {fitted.window_start:%Y-%m-%d} to "
        f"{fitted.fitted_until:%Y-%m-%d %H:%M %Z}",
        f"  {'':<{width}}{'estimate':>10}{'std. error':>12}{f'{level:.0%} interval':>24}",
    ]
    lines += [
        f"  {name:<{width}}{value:>10.4g}{error:>12.3g}{low:>13.4g}{high:>11.4g}"
        for name, value, error, low, high in rows
    ]
    lines += [
        f"  log-likelihood {fitted.log_likelihood:.2f}; {fitted.gain_over_background:.4f} nats an "
        "event above the background alone, in sample",
        f"  background: {dict(fitted.background.parameters)}",
        *([f"  given, not estimated: {', '.join(fitted.held)}"] if fitted.held else []),
        f"  shortest lag {fitted.record.shortest_lag:g} days; times by {fitted.time_resolution}, "
        f"places to {fitted.record.place_cell:g} m",
        "  The branching ratio depends on the background"
        + (
            ": report it with another beside it (background_sensitivity)."
            if sensitivity is None
            else ", here beside others:"
        ),
        *([] if sensitivity is None else _beside(sensitivity)),
    ]
    return "\n".join(lines)


def _beside(sensitivity: pd.DataFrame) -> list[str]:
    width = max(len(str(name)) for name in sensitivity.index) + 2
    return [
        f"    {row.Index:<{width}}"
        + (
            f"refused: {row.refused}"
            if row.refused
            else f"{row.branching_ratio:.3f}  [{row.low:.3f}, {row.high:.3f}], "
            f"{row.gain_over_background:+.4f} nats an event over it, in sample"
        )
        for row in sensitivity.itertuples()
    ]


def branching_ratio_error(likelihood: Likelihood, parts: Parts, covariance: FloatArray) -> float:
    """Standard error of the branching ratio, by the delta method.

    By the logarithm of an entry of the matrix of means its spectral radius changes by the entry
    times the product of the left and right eigenvectors; by a mark's coefficient the row of an
    offence changes by the mean of the mark over its events, weighed by their factors.
    """
    record, m = likelihood.record, parts.kinds
    means = likelihood.mean_factors(parts)[:, None] * np.atleast_2d(parts.productivity)
    values, right = np.linalg.eig(means)
    first = int(np.abs(values).argmax())
    values_left, left = np.linalg.eig(means.T)
    v, u = right[:, first].real, left[:, int(np.abs(values_left).argmax())].real
    by_entry = np.outer(u, v) * means / (u @ v)
    by_vector = np.zeros(len(covariance))
    by_vector[m : m + m**2] = by_entry.ravel()
    if record.design is not None:
        factors, kind = record.factors(parts)[record.first :], record.window_kind
        design = record.design[record.first :]
        total = np.bincount(kind, factors, m)
        for k, column in enumerate(design.T, start=len(covariance) - design.shape[1]):
            weighed = np.bincount(kind, factors * column, m) / total
            by_vector[k] = by_entry.sum(axis=1) @ weighed
    return float(np.sqrt(by_vector @ covariance @ by_vector))
