"""Lag and displacement parts as the compiled loops know them: a number, parameters and edges.

A smooth part is its value at 0 times a compiled shape that is 1 there. A part with steps is
its heights. Which, and how derivatives by the compiled parameters become derivatives by the
part's ``vector``, is all that the compiled loops' callers have to ask of a part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from hotspot._numba import trigger_pairs
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.parts import displacement as displacements
from hotspot.models.parts import lag as lags
from hotspot.models.parts import shapes
from hotspot.models.parts.base import Part, Steps

_LAGS = {
    lags.ExponentialLag: trigger_pairs.EXPONENTIAL,
    shapes.ExponentialLagShape: trigger_pairs.EXPONENTIAL,
    lags.PowerLawLag: trigger_pairs.POWER_LAW,
    lags.PiecewiseConstantLag: trigger_pairs.STEPS,
    shapes.StepLagShape: trigger_pairs.STEPS,
    shapes.ConstantLagShape: trigger_pairs.CONSTANT,
}
_DISPLACEMENTS = {
    displacements.GaussianDisplacement: trigger_pairs.GAUSSIAN,
    shapes.GaussianShape: trigger_pairs.GAUSSIAN,
    displacements.ExponentialDisplacement: trigger_pairs.RADIAL,
    shapes.ExponentialShape: trigger_pairs.RADIAL,
    displacements.PowerLawDisplacement: trigger_pairs.POWER_LAW,
    shapes.PowerLawShape: trigger_pairs.POWER_LAW,
    displacements.StudentDisplacement: trigger_pairs.STUDENT,
    shapes.StudentShape: trigger_pairs.STUDENT,
    displacements.PiecewiseConstantDisplacement: trigger_pairs.STEPS,
    shapes.StepShape: trigger_pairs.STEPS,
    shapes.ConstantShape: trigger_pairs.CONSTANT,
}
_NEGLIGIBLE = 37.0  # e**-37 is below half the spacing of numbers at 1


@dataclass(frozen=True)
class CodedPart:
    """A lag or displacement part, told to the compiled loops.

    Attributes
    ----------
    number : int
        Which shape; :mod:`hotspot._numba.trigger_pairs` lists them.
    parameters, edges : (k,), (k + 1,) or empty float64
        Numbers of the shape; heights and edges of steps.
    constant : float
        Factor before the shape.
    chain : (v, k) float64
        Derivatives of the part's ``vector`` from those of the shape by its parameters.
    slope : (v,) float64
        Derivatives of the logarithm of `constant` by ``vector``.
    natural_reach : float
        Where the part ends, or falls below 1e-16 of its peak; may be infinite.
    """

    number: int
    parameters: FloatArray
    edges: FloatArray
    constant: float
    chain: FloatArray
    slope: FloatArray
    natural_reach: float

    @property
    def shape(self) -> tuple[int, FloatArray, FloatArray]:
        """What the compiled loops take."""
        return self.number, self.parameters, self.edges

    def by_vector(self, value: FloatArray, by_parameter: FloatArray) -> FloatArray:
        """Sums' derivatives by ``vector``, before `constant`: (n,) and (k, n) to (v, n)."""
        return self.slope[:, None] * value + self.chain @ by_parameter


def coded_lag(lag: lags.Lag | shapes.LagShape) -> CodedPart:
    """A density or shape of the lag for the compiled loops, or a refusal."""
    return _coded(lag, _LAGS, "lag")


def coded_displacement(
    displacement: displacements.Displacement | shapes.DisplacementShape,
) -> CodedPart:
    """A density or shape of the displacement for the compiled loops, or a refusal."""
    return _coded(displacement, _DISPLACEMENTS, "displacement")


def _coded(part, numbers: dict[type, int], what: str) -> CodedPart:
    number = numbers.get(type(part))
    if number is None:
        known = ", ".join(sorted(one.__name__ for one in numbers))
        raise ParameterError(f"{part!r} is not a {what} part that can be summed. Take a {known}.")
    if isinstance(part, Steps):
        edges = np.asarray(part.edges)
        middle = (edges[1:] + edges[:-1]) / 2
        heights, chain = part.value(middle), part.value_derivatives(middle)
        slope = np.zeros(chain.shape[0])
        return CodedPart(number, heights, edges, 1.0, chain, slope, float(edges[-1]))
    parameters = np.array([getattr(part, field.name) for field in fields(part)], float)
    # In the vector a parameter p above a floor f is log (p - f), so dp is p - f = exp(vector).
    chain = np.diag(np.exp(part.vector)) if isinstance(part, Part) else np.eye(parameters.size)
    at_none = np.zeros(1)
    constant = float(part.value(at_none)[0])
    slope = part.value_derivatives(at_none)[:, 0] / constant
    reach = _natural_reach(number, parameters, what)
    return CodedPart(number, parameters, np.empty(0), constant, chain, slope, reach)


def _natural_reach(number: int, parameters: FloatArray, what: str) -> float:
    if what == "lag" and number == trigger_pairs.EXPONENTIAL:
        return _NEGLIGIBLE / parameters[0] if parameters[0] > 0 else math.inf
    if what == "displacement" and number == trigger_pairs.GAUSSIAN:
        return math.sqrt(2 * _NEGLIGIBLE) * parameters[0]
    if what == "displacement" and number == trigger_pairs.RADIAL:
        return _NEGLIGIBLE * parameters[0]
    return math.inf
