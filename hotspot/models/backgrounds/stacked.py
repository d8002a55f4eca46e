"""Several backgrounds in one: weighed by how well they foretell the events that are background."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents
from hotspot.models.stacked_map import likeliest_weights


@dataclass(frozen=True)
class StackedBackground:
    r"""A weighted mean of other backgrounds.

    .. math:: u(s) = \sum_k w_k u_k(s), \qquad w_k \ge 0, \quad \sum_k w_k = 1

    The weights make the events likeliest, each counting by its chance to be background: they are
    found by expectation and maximisation in every round of declustering. Maps that are refreshed
    foretell events that they have not seen, so the weights are those of a forecast. Counts of one,
    two and six years with a few densities make a background that triggering gains on honestly;
    over any one of them triggering mostly repairs the map.

    Attributes
    ----------
    parts : tuple of Background
        Such as ``MapBackground(HistoricalRate(window="12 months"))`` and
        ``MapBackground(KernelDensity(bandwidth=300.0))``. None may follow the events itself.

    Raises
    ------
    ParameterError
        If there are fewer than two parts, or one is no background or follows the events.

    References
    ----------
    Smyth, P., & Wolpert, D. (1999). Linearly combining density estimators via stacking. Machine
    Learning, 36, 59-83. https://doi.org/10.1023/A:1007511322260

    Examples
    --------
    >>> from hotspot import ConstantBackground, HistoricalRate, MapBackground
    >>> stack = StackedBackground((ConstantBackground(), MapBackground(HistoricalRate())))
    >>> len(stack.parts)
    2
    """

    parts: tuple[Background, ...]
    follows_events: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if len(self.parts) < 2:
            raise ParameterError("A stack needs at least two backgrounds.")
        for part in self.parts:
            if not isinstance(part, Background) or part.follows_events:
                raise ParameterError(
                    f"A stack is made of backgrounds that do not follow the events, such as "
                    f"MapBackground; got {part!r}."
                )

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """Lay every part once, and weigh them by `chance`."""
        if self not in window.laid:
            window.laid[self] = [part.lay(window, chance) for part in self.parts]
        laid = window.laid[self]
        densities = np.array([part.at_events for part in laid])
        weights = likeliest_weights(densities, chance)
        return LaidBackground(
            weights @ densities,
            np.tensordot(weights, np.array([part.cell_share for part in laid]), axes=1),
            {
                "background": "stack",
                "weights": weights.round(6).tolist(),
                "parts": [dict(part.parameters) for part in laid],
            },
        )
