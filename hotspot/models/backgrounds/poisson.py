"""Log-linear Poisson regression: coefficients under which weighed counts are likeliest."""

from __future__ import annotations

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, ParameterError

_STEPS = 100
_SETTLED = 1e-10  # of the largest change in any logarithm of a rate
_COLLINEAR = 1e-9  # of a column's length, that others do not explain


def poisson_coefficients(
    design: FloatArray, counts: FloatArray, exposure: FloatArray, *, names: tuple[str, ...]
) -> FloatArray:
    r"""Coefficients of a rate that each column of a table multiplies.

    .. math:: \max_\beta \; \sum_i c_i \, z_i^\top \beta - \sum_i e_i \exp(z_i^\top \beta)

    Parameters
    ----------
    design : (n, k) float64
        z; a first column of ones makes an intercept.
    counts : (n,) float64
        c; need not be whole: an event counts by its chance.
    exposure : (n,) float64
        e; what a rate of 1 would be expected to give. Not negative.
    names : tuple of str
        Of the columns, for refusals.

    Returns
    -------
    (k,) float64

    Raises
    ------
    ParameterError
        If a column is 0 throughout, or a sum of multiples of others.
    ConvergenceError
        If some coefficient grows without end, such as that of a tile without any event.

    Notes
    -----
    The function is concave, and Newton's method with halved steps finds its one maximum. O(n k²)
    a step.

    Examples
    --------
    Two units of exposure with 3 events, one with 6:

    >>> beta = poisson_coefficients(
    ...     np.array([[1.0, 0.0], [1.0, 1.0]]),
    ...     np.array([3.0, 6.0]),
    ...     np.array([2.0, 1.0]),
    ...     names=("intercept", "second"),
    ... )
    >>> np.exp(beta).round(6)
    array([1.5, 4. ])
    """
    size = np.abs(design).max(axis=0)
    size[size == 0] = 1.0
    z = design / size
    _require_independent(z, names)
    beta = np.zeros(z.shape[1])
    beta[0] = np.log(counts.sum() / exposure.sum()) if (z[:, 0] == 1).all() else 0.0
    wanted = counts @ z
    value = _value(beta, z, wanted, exposure)
    for _ in range(_STEPS):
        expected = exposure * np.exp(z @ beta)
        information = (z * expected[:, None]).T @ z
        try:
            step = np.linalg.solve(information, wanted - expected @ z)
        except np.linalg.LinAlgError:
            break
        moved = np.abs(z @ step).max()
        if not np.isfinite(moved):
            break
        if moved < _SETTLED:
            return beta / size
        while moved > _SETTLED:
            reached = _value(beta + step, z, wanted, exposure)
            if reached >= value:
                break
            step, moved = step / 2, moved / 2
        else:
            return beta / size  # no step climbs: what is left is rounding
        beta, value = beta + step, reached
    raise ConvergenceError(
        f"The regression of the background on {names} does not settle: a coefficient grows "
        "without end, as that of a level without any event does. Merge levels or leave it out.",
        trace=beta / size,
    )


def _value(beta: FloatArray, z: FloatArray, wanted: FloatArray, exposure: FloatArray) -> float:
    with np.errstate(over="ignore"):
        return float(wanted @ beta - exposure @ np.exp(z @ beta))


def _require_independent(z: FloatArray, names: tuple[str, ...]) -> None:
    """Refuse the first column that those before it explain."""
    empty = ~z.any(axis=0)
    if empty.any():
        raise ParameterError(
            f"'{names[int(np.argmax(empty))]}' is 0 in every tile and period of the window, and "
            "its coefficient cannot be told. Leave it out, or merge the level with another."
        )
    left = np.abs(np.diag(np.linalg.qr(z, mode="r")))
    length = np.linalg.norm(z, axis=0)
    if len(z) < z.shape[1] or (left <= _COLLINEAR * length).any():
        worst = int(np.argmax(left <= _COLLINEAR * length[: left.size]))
        before = ", ".join(names[:worst])
        raise ParameterError(
            f"'{names[worst]}' is a sum of multiples of other columns ({before}), so no "
            "coefficient of its own can be told. Leave one of them out."
        )
