r"""Densities of the lag and displacement of triggered events, as the compiled loops know them.

==========================  ====================================================  ==============
density of the lag u, days                                                        parameters
==========================  ====================================================  ==============
``exponential``             :math:`\omega e^{-\omega u}`                          decay
``power_law``               :math:`\frac{p - 1}{c} (1 + u / c)^{-p}`              scale, exponent
``steps``                   :math:`f_k` for :math:`e_k \le u < e_{k+1}`, or 0     heights
==========================  ====================================================  ==============

====================================  ==========================================================
density of the displacement r, per square metre                                    parameters
====================================  ==========================================================
``gaussian``                          :math:`e^{-r^2 / 2 \sigma^2} / 2 \pi \sigma^2`; sigma
``power_law``                         :math:`\frac{(p-1)(p-2)}{2 \pi c^2} (1 + r / c)^{-p}`;
                                      scale, exponent
``student``                           :math:`\frac{p - 1}{\pi c^2} (1 + r^2 / c^2)^{-p}`; scale,
                                      exponent
``steps``                             :math:`f_k` for :math:`e_k \le r < e_{k+1}`, or 0; heights
====================================  ==========================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hotspot._numba import trigger_pairs
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError

Part = Literal["lag", "displacement"]

_NUMBERS = {
    ("lag", "exponential"): trigger_pairs.EXPONENTIAL,
    ("lag", "power_law"): trigger_pairs.POWER_LAW,
    ("lag", "steps"): trigger_pairs.STEPS,
    ("displacement", "gaussian"): trigger_pairs.GAUSSIAN,
    ("displacement", "power_law"): trigger_pairs.POWER_LAW,
    ("displacement", "student"): trigger_pairs.STUDENT,
    ("displacement", "steps"): trigger_pairs.STEPS,
}
# The least exponent with which each integrates to one.
_LEAST_EXPONENT = {
    ("lag", "power_law"): 1.0,
    ("displacement", "power_law"): 2.0,
    ("displacement", "student"): 1.0,
}
_NEGLIGIBLE = 37.0  # e**-37 is half the spacing of numbers at 1


@dataclass(frozen=True)
class CodedDensity:
    """A lag or displacement density by name and numbers; the module lists them.

    Parameters
    ----------
    part : {"lag", "displacement"}
    name : str
    parameters : tuple of float
        Positive; heights of steps may be 0.
    edges : tuple of float
        Of steps: ascending, one more than heights, from 0 or above.
    normalised : bool
        False leaves out the constant factor, so that the value at 0 is 1: the form in which R's
        surveillance has these functions, and the only one for exponents too small to integrate.

    Raises
    ------
    ParameterError
        If the name is unknown or the parameters are not such as the density needs.

    Examples
    --------
    >>> lag = CodedDensity("lag", "exponential", (0.5,))
    >>> bool(np.isclose(lag.value(2.0), 0.5 * np.exp(-1.0)))
    True
    """

    part: Part
    name: str
    parameters: tuple[float, ...]
    edges: tuple[float, ...] = ()
    normalised: bool = True

    def __post_init__(self) -> None:
        known = sorted(name for part, name in _NUMBERS if part == self.part)
        if self.name not in known:
            raise ParameterError(
                f"There is no {self.part} density {self.name!r}. Choose one of {', '.join(known)}."
            )
        if self.name == "steps":
            self._check_steps()
            return
        wanted = 1 if self.name in ("exponential", "gaussian") else 2
        if len(self.parameters) != wanted or not all(0 < p < math.inf for p in self.parameters):
            raise ParameterError(
                f"A {self.name} {self.part} density takes {wanted} positive, finite parameter(s), "
                f"got {self.parameters}."
            )
        least = _LEAST_EXPONENT.get((self.part, self.name))
        if self.normalised and least is not None and self.parameters[1] <= least:
            raise ParameterError(
                f"A {self.name} {self.part} density with exponent {self.parameters[1]} does not "
                f"integrate to one. Take an exponent above {least:g}, or normalised=False."
            )

    def _check_steps(self) -> None:
        edges = np.asarray(self.edges, float)
        ascending = edges.size > 1 and edges[0] >= 0 and np.all(np.diff(edges) > 0)
        if not ascending or edges.size != len(self.parameters) + 1:
            raise ParameterError(
                f"Steps need edges that ascend from 0 or above, one more than the "
                f"{len(self.parameters)} heights, got {self.edges}."
            )
        if not all(0 <= height < math.inf for height in self.parameters):
            raise ParameterError(f"Heights of steps must be 0 or more, got {self.parameters}.")

    def coded(self) -> tuple[int, FloatArray, FloatArray]:
        """Number, parameters and edges, for the compiled loops."""
        number = _NUMBERS[self.part, self.name]
        return number, np.array(self.parameters, float), np.array(self.edges, float)

    def natural_reach(self) -> float:
        """Where the density ends, or is below 1e-16 of its peak; infinite for power laws."""
        if self.name == "exponential":
            return _NEGLIGIBLE / self.parameters[0]
        if self.name == "gaussian":
            return math.sqrt(2 * _NEGLIGIBLE) * self.parameters[0]
        return self.edges[-1] if self.name == "steps" else math.inf

    def constant(self) -> tuple[float, FloatArray]:
        """The factor before the shape, and the derivatives of its logarithm."""
        gradient = np.zeros(len(self.parameters))
        if not self.normalised or self.name == "steps":
            return 1.0, gradient
        p = self.parameters
        if self.name == "exponential":
            return p[0], np.array([1 / p[0]])
        if self.name == "gaussian":
            return 1 / (2 * math.pi * p[0] ** 2), np.array([-2 / p[0]])
        scale, exponent = p
        if self.part == "lag":
            return (exponent - 1) / scale, np.array([-1 / scale, 1 / (exponent - 1)])
        if self.name == "student":
            factor = (exponent - 1) / (math.pi * scale**2)
            return factor, np.array([-2 / scale, 1 / (exponent - 1)])
        factor = (exponent - 1) * (exponent - 2) / (2 * math.pi * scale**2)
        return factor, np.array([-2 / scale, 1 / (exponent - 1) + 1 / (exponent - 2)])

    def value(self, at: FloatArray) -> FloatArray:
        """The density at lags in days, or at distances in metres; NumPy, not compiled."""
        at = np.asarray(at, float)
        p = self.parameters
        if self.name == "exponential":
            shape = np.exp(-p[0] * at)
        elif self.name == "gaussian":
            shape = np.exp(-(at**2) / (2 * p[0] ** 2))
        elif self.name == "power_law":
            shape = (1 + at / p[0]) ** -p[1]
        elif self.name == "student":
            shape = (1 + (at / p[0]) ** 2) ** -p[1]
        else:
            step = np.searchsorted(self.edges, at, side="right") - 1
            shape = np.array([*p, 0.0])[np.where(step < len(p), step, -1)]  # -1 is the 0 at the end
        return self.constant()[0] * shape
