"""Estimates as a reader wants them: named, in days and metres, with bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from hotspot._typing import FloatArray
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.likelihood import Parts

_UNITS = {"rate": " per day", "c": " in days", "sd": " in metres", "scale": " in metres"}
_ABOVE = re.compile(r"\((\w+) - (.+)\)")


@dataclass(frozen=True)
class ScaledEstimate:
    """One number of the vector that was optimised.

    Attributes
    ----------
    name : str
        What it is, as it stands in the vector.
    value, error : float
        Estimate and standard error on the vector's scale.
    label : str
        What it is in natural units.
    floor : float or None
        The natural value is this plus the exponential; None where the vector holds it as it is.
    """

    name: str
    value: float
    error: float
    label: str
    floor: float | None

    def natural(self, value: FloatArray | float) -> FloatArray | float:
        """The natural value of one on the vector's scale."""
        return value if self.floor is None else self.floor + np.exp(value)

    def row(self, z: float) -> tuple[str, float, float, float, float]:
        """Label, natural value, its standard error, and bounds z errors away on the own scale."""
        ends = (self.natural(self.value + sign * z * self.error) for sign in (-1.0, 1.0))
        scale = 1.0 if self.floor is None else float(np.exp(self.value))
        return self.label, self.natural(self.value), scale * self.error, *ends


def scaled_estimates(
    parts: Parts, covariance: FloatArray, *, marks: Sequence[str], offences: Sequence[str] = ()
) -> list[ScaledEstimate]:
    """Every number of ``parts.vector`` with its error and its names."""
    errors = np.sqrt(np.diag(covariance))
    if offences:
        names = [f"log background per day, {one}" for one in offences]
        names += [f"log productivity, {one} to {other}" for one in offences for other in offences]
    else:
        names = ["log background per day", "log productivity"]
    names += [f"log lag {name.removeprefix('log ')}" for name in parts.lag.names]
    names += [f"log displacement {name.removeprefix('log ')}" for name in parts.displacement.names]
    names += list(marks)
    return [
        ScaledEstimate(name, float(value), float(error), *_natural(name, name in marks))
        for name, value, error in zip(names, parts.vector, errors, strict=True)
    ]


def _natural(name: str, as_it_is: bool) -> tuple[str, float | None]:
    if as_it_is:
        return name, None
    label, floor = name.removeprefix("log "), 0.0
    found = _ABOVE.search(label)
    if found:
        label, floor = label.replace(found[0], found[1]), float(found[2])
    return label + _UNITS.get(label.split()[-1], ""), floor


def described(what: str, part: Lag | Displacement) -> Mapping[str, object]:
    """The numbers of a part, ready for JSON."""
    said: dict[str, object] = {what: type(part).__name__}
    if isinstance(part, ExponentialLag):
        return {**said, "mean_lag_days": 1 / part.rate}
    if isinstance(part, GaussianDisplacement):
        return {**said, "displacement_metres": part.sd}
    for field in fields(part):
        value = getattr(part, field.name)
        said[f"{what}_{field.name}"] = list(value) if isinstance(value, tuple) else value
    return said


def curve(
    part: Lag | Displacement, covariance: FloatArray, at: FloatArray, *, z: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A fitted density at some lags or distances, and bounds z standard errors away.

    The error is carried over on the scale of the density's logarithm (delta method), so that a
    bound is never negative.

    Parameters
    ----------
    part : Lag or Displacement
    covariance : (k, k) float64
        Of the part's vector.
    at : (n,) float64
        Days, or metres.
    z : float

    Returns
    -------
    value, low, high : (n,) float64
        Per day, or per square metre.
    """
    value = part.value(at)
    slopes = part.value_derivatives(at)
    variance = np.einsum("kn,kl,ln->n", slopes, covariance, slopes)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(value > 0, np.sqrt(np.maximum(variance, 0.0)) / value, 0.0)
    reach = np.exp(np.minimum(z * relative, math.log(1e6)))
    return value, value / reach, value * reach
