"""Which of many models may be the best: those that the data cannot rule out."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_choice, require_generator, require_level
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.comparison.differences import Block, optimal_block


def model_confidence_set(
    scores: xr.DataArray,
    *,
    larger_is_better: bool,
    rng: np.random.Generator,
    dim: str = "fold",
    model_dim: str = "model",
    level: float = 0.9,
    block: Block = "optimal",
    size: int = 2000,
) -> xr.Dataset:
    """Models among which the best one is, with a stated confidence.

    To pick the best of five models by their mean score and then to test it against the second is to
    look for luck. The confidence set begins with all, and puts out the one that is worst
    beyond chance, again and again, until no test finds a difference. Where data tell little, it
    stays large: that several remain is a finding. By ``arch``, with the range statistic and the
    stationary bootstrap.

    Parameters
    ----------
    scores : DataArray (`model_dim`, `dim`)
        One score; periods in which any model has none are left out.
    larger_is_better : bool
        True for log scores and hit rates, False for CRPS and Brier scores.
    rng : Generator
        Draws the blocks.
    dim, model_dim : str
        The periods, in order of time; the models.
    level : float
        Confidence that the best model is in the set, in (0, 1).
    block : float or "optimal"
        Mean number of periods in a row drawn together, or the longest that Politis and White's rule
        finds for any model's difference to the mean of all.
    size : int
        Bootstrap draws.

    Returns
    -------
    Dataset (`model_dim`)
        ``included``, and ``p_value``: the largest one minus `level` at which the model is still
        in the set (1 for the last one left). Models with the same scores share one. Attributes
        ``n_periods`` and ``block``.

    Raises
    ------
    ParameterError
        If `scores` have other dimensions, one model only, or infinite values; or two models
        differ by the same amount in each period, which leaves no chance to test against.
    TooFewEventsError
        If fewer than two blocks of periods are left.

    Notes
    -----
    Costs `size` draws of all periods and models, some milliseconds for 5 models.

    References
    ----------
    Hansen, P. R., Lunde, A., & Nason, J. M. (2011). The model confidence set. Econometrica, 79,
    453-497. https://doi.org/10.3982/ECTA5771

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(1)
    >>> means = np.array([[0.0], [0.0], [-1.0]])
    >>> scores = xr.DataArray(means + rng.normal(scale=0.5, size=(3, 36)),
    ...                       {"model": ["count", "kde", "poor"]}, ["model", "fold"])
    >>> found = model_confidence_set(scores, larger_is_better=True, rng=rng)
    >>> found["included"].values.tolist()
    [True, True, False]
    """
    require_generator(rng)
    require_level(level)
    require_choice(block if isinstance(block, str) else "optimal", "block", ("optimal",))
    if set(scores.dims) != {dim, model_dim} or scores.sizes[model_dim] < 2:
        raise ParameterError(
            f"This needs one score of at least two models over ('{model_dim}', '{dim}'); got "
            f"{dict(scores.sizes)}. Select one score, or average over what is left."
        )
    values = scores.transpose(dim, model_dim).values.astype(float)
    values = values[~np.isnan(values).any(axis=1)]
    distinct, which = _distinct(values)
    # What models have in common does not tell which is the better, and hides how they differ.
    apart = (distinct - distinct.mean(axis=1, keepdims=True)).T
    if block == "optimal":
        block = optimal_block(apart) if distinct.shape[1] > 1 and len(values) > 1 else 1.0
    if len(values) < 2 * block:
        raise TooFewEventsError(
            f"{len(values)} periods with all scores make fewer than two blocks of {block:g}."
        )
    p_value = _p_values(-distinct if larger_is_better else distinct, block, size, rng)[which]
    like = scores.isel({dim: 0}, drop=True).reset_coords(drop=True)
    return xr.Dataset(
        {
            "included": like.copy(data=p_value > 1 - level),
            "p_value": like.copy(data=p_value),
        },
        attrs={"n_periods": len(values), "block": float(block), "level": level},
    )


def _distinct(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """Columns that differ, and to which of them each column of `values` belongs."""
    if not np.isfinite(values).all():
        raise ParameterError(
            "scores are infinite somewhere: a forecast gave an event no chance. Compare it by a "
            "score that stays finite, such as the CRPS, or mix it with a little of an even map."
        )
    distinct, which = np.unique(values, axis=1, return_inverse=True)
    for first in range(distinct.shape[1]):
        for second in range(first):
            gap = distinct[:, first] - distinct[:, second]
            if np.ptp(gap) <= 1e-12 * np.abs(gap).max():
                raise ParameterError(
                    f"Two models differ by {gap[0]:g} in each period: there is no chance in their "
                    "difference to test against. Leave one of them out."
                )
    return distinct, which.ravel()


def _p_values(losses: FloatArray, block: float, size: int, rng: np.random.Generator) -> FloatArray:
    if losses.shape[1] == 1:
        return np.ones(1)
    from arch.bootstrap import MCS

    # The test size decides only which models `arch` itself would call included.
    found = MCS(losses, 0.1, reps=size, block_size=block, method="R", seed=rng)
    found.compute()
    return found.pvalues["Pvalue"].sort_index().to_numpy(float)
