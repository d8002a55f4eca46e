"""What the parts of a self-exciting model have in common: parameters that an optimiser can move.

A part is a small frozen object that holds the values of its parameters, such as
:class:`~hotspot.models.parts.lag.ExponentialLag` or
:class:`~hotspot.models.parts.displacement.GaussianDisplacement`. It never changes; an optimiser
works on a flat ``vector`` without limits and asks for another part with :meth:`Part.with_vector`. A
positive parameter stands in the vector as its logarithm, one that must exceed a floor as the
logarithm of what it has above it. Every ``*_derivatives`` is taken with respect to the vector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError

# A parameter beyond e^±25 of its unit (a scale of 1e-11 m, or twice round the sun) is no estimate.
LOG_LIMIT = 25.0


@dataclass(frozen=True)
class Part:
    """Base of parts whose every field is a number above a floor, 0 unless said otherwise."""

    _floors: ClassVar[dict[str, float]] = {}

    def __post_init__(self) -> None:
        for name in self._fields():
            given, floor = getattr(self, name), self._floors.get(name, 0.0)
            if not (np.isscalar(given) and math.isfinite(given) and given > floor):
                raise ParameterError(
                    f"{name} of {type(self).__name__} must be a number above {floor:g}, "
                    f"got {given!r}."
                )

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is, such as "log sd"."""
        floors = self._floors
        return tuple(
            f"log ({name} - {floors[name]:g})" if name in floors else f"log {name}"
            for name in self._fields()
        )

    @property
    def vector(self) -> FloatArray:
        """The parameters on the scale that is optimised; (k,)."""
        return np.log(
            [getattr(self, name) - self._floors.get(name, 0.0) for name in self._fields()]
        )

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense; (k, 2)."""
        return np.tile([-LOG_LIMIT, LOG_LIMIT], (len(self.names), 1))

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same kind of part with these parameters."""
        given = checked_vector(self, vector)
        values = np.exp(given) + [self._floors.get(name, 0.0) for name in self._fields()]
        return type(self)(*map(float, values))

    @classmethod
    def _fields(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))


@dataclass(frozen=True)
class Steps:
    """Base of parts that are constant between edges, with a number for each step.

    Attributes
    ----------
    edges : tuple of float
        Ascending, from 0; one more than there are steps.
    """

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, float)
        finite = edges.ndim == 1 and edges.size >= 2 and np.isfinite(edges).all()
        if not finite or edges[0] != 0 or (np.diff(edges) <= 0).any():
            raise ParameterError(
                f"edges of {type(self).__name__} must ascend from 0, at least two of them, "
                f"got {self.edges}."
            )
        object.__setattr__(self, "edges", tuple(map(float, edges)))

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the part jumps."""
        return self.edges[1:]

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense; (k, 2)."""
        return np.tile([-LOG_LIMIT, LOG_LIMIT], (len(self.edges) - 2, 1))

    def step_of(self, x: FloatArray) -> tuple[np.ndarray, np.ndarray]:
        """Which step each number falls in, edges belonging to the step above, and whether any."""
        edges = np.asarray(self.edges)
        step = np.searchsorted(edges, x, side="right") - 1
        return np.clip(step, 0, edges.size - 2), (step >= 0) & (step < edges.size - 1)


@dataclass(frozen=True)
class SharedSteps(Steps):
    """Base of densities that are constant between edges: each step holds a share of the whole.

    In the vector the shares stand as logarithms of their ratio to the first, so that any vector
    gives shares that sum to 1.

    Attributes
    ----------
    weights : tuple of float
        Share of each step; none negative. Stored so that they sum to 1.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = np.asarray(self.weights, float)
        sound = weights.shape == (len(self.edges) - 1,) and np.isfinite(weights).all()
        if not sound or (weights < 0).any() or weights.sum() <= 0:
            raise ParameterError(
                f"weights of {type(self).__name__} must be {len(self.edges) - 1} numbers, none "
                f"negative and not all 0, got {self.weights}."
            )
        object.__setattr__(self, "weights", tuple((weights / weights.sum()).tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        return tuple(f"log weight {k} / weight 0" for k in range(1, len(self.weights)))

    @property
    def vector(self) -> FloatArray:
        """Logarithm of each weight's ratio to the first; -inf for a step of weight 0."""
        if self.weights[0] == 0:
            raise ParameterError("The first weight is 0, so no other can be told in its terms.")
        with np.errstate(divide="ignore"):
            return np.log(np.array(self.weights[1:]) / self.weights[0])

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same steps with these weights."""
        ratio = np.concatenate([[0.0], checked_vector(self, vector)])
        weights = np.exp(ratio - ratio.max())
        return type(self)(self.edges, tuple(weights / weights.sum()))

    def _by_weight(self, per_weight: FloatArray) -> FloatArray:
        """Derivatives by `vector` of a sum over steps, of which each weight's factor is given.

        For shares :math:`w_j = e^{v_j} / \\sum_k e^{v_k}`,
        :math:`\\partial w_j / \\partial v_k = w_j (\\delta_{jk} - w_k)`.
        """
        weights = np.asarray(self.weights).reshape(-1, *(1,) * (per_weight.ndim - 1))
        total = (weights * per_weight).sum(axis=0)
        return (weights * (per_weight - total))[1:]


def checked_vector(part: object, vector: Sequence[float] | FloatArray) -> FloatArray:
    """`vector` as an array, refused where its length does not fit the part or it is not finite."""
    given = np.asarray(vector, float)
    if given.shape != (len(part.names),) or not np.isfinite(given).all():
        raise ParameterError(
            f"{type(part).__name__} takes {len(part.names)} finite numbers {part.names}, "
            f"got {vector!r}."
        )
    return given


def checked_share(share: float) -> float:
    """A share of the whole, in (0, 1)."""
    if not 0.0 < share < 1.0:
        raise ParameterError(f"share must lie between 0 and 1, got {share!r}.")
    return float(share)
