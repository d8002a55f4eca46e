"""Whether one forecast is better than another: paired differences with their intervals."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_generator, require_level
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, TooFewEventsError, UnknownNameError


def compare(
    scores: xr.DataArray,
    *,
    baseline: str,
    rng: np.random.Generator,
    dim: str = "fold",
    model_dim: str = "model",
    block: int = 3,
    level: float = 0.95,
    size: int = 2000,
) -> xr.Dataset:
    r"""How much each model's score differs from a baseline's, with the interval of that difference.

    .. math:: \bar d = \frac{1}{T} \sum_{t=1}^{T} \left(s_t - s_t^{\mathrm{baseline}}\right)

    Both are scored on the same periods, so what makes a period hard for both cancels. The
    interval comes from drawing blocks of consecutive periods, since neighbouring months
    resemble each other (circular block bootstrap, percentile interval). Whether a positive
    difference is good depends on the score.

    Parameters
    ----------
    scores : DataArray (..., `model_dim`, `dim`)
        Any score that keeps its model and fold, such as :func:`hotspot.hit_rate` of a backtest.
    baseline : str
        Label along `model_dim` to compare with.
    rng : Generator
        Draws the blocks.
    dim, model_dim : str
        The periods, in order of time; the models.
    block : int
        Periods in a row that are drawn together; 1 takes them as independent.
    level : float
        Of the interval, in (0, 1).
    size : int
        Bootstrap draws.

    Returns
    -------
    Dataset (..., `model_dim`)
        ``difference``, its ``lower`` and ``upper`` bound, and ``n_periods``, those on which
        both models have a score. Infinite scores stay infinite; where both are infinite the
        difference is NaN. The baseline itself is left out.

    Raises
    ------
    UnknownNameError
        If `baseline` is not among the models.
    ParameterError
        If `scores` lacks a dimension, or `block`, `level` or `size` make no sense.
    TooFewEventsError
        If there are fewer than two blocks of periods: an interval would be made of nothing.

    Notes
    -----
    Percentile intervals of short series are too narrow. Simulated with 24 periods, blocks of 3
    and a level of 95 %, they held the truth in 89 % of series of independent periods, in 85 %
    where neighbours correlate by 0.3 (48 periods: 93 % and 89 %). Read a bound near 0 as
    undecided.

    References
    ----------
    Künsch, H. R. (1989). The jackknife and the bootstrap for general stationary observations.
    Annals of Statistics, 17, 1217-1241. https://doi.org/10.1214/aos/1176347265

    Examples
    --------
    >>> import xarray as xr
    >>> scores = xr.DataArray([[0.2, 0.3, 0.2, 0.3], [0.3, 0.4, 0.3, 0.4]],
    ...                       {"model": ["count", "kde"]}, ["model", "fold"])
    >>> found = compare(scores, baseline="count", block=2, rng=np.random.default_rng(0))
    >>> [round(float(found[name].sel(model="kde")), 3) for name in ("lower", "difference", "upper")]
    [0.1, 0.1, 0.1]
    """
    require_generator(rng)
    require_level(level)
    for name in (dim, model_dim):
        if name not in scores.dims:
            raise ParameterError(f"scores have no dimension '{name}'; they have {scores.dims}.")
    models = scores[model_dim].values.tolist()
    if baseline not in models:
        raise UnknownNameError(f"baseline={baseline!r} is not among the models {models}.")
    rivals = scores.sel({model_dim: [name for name in models if name != baseline]})
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, and says so in the result
        difference = (rivals - scores.sel({model_dim: baseline}, drop=True)).transpose(..., dim)
    scored = (rivals.notnull() & scores.sel({model_dim: baseline}, drop=True).notnull()).transpose(
        *difference.dims
    )
    means = block_bootstrap_means(
        difference.values, block=block, size=size, rng=rng, known=scored.values
    )
    edges = np.quantile(
        means, [(1 - level) / 2, (1 + level) / 2], axis=-1, method="inverted_cdf"
    )  # no interpolation, which would turn an infinite bound into NaN
    mean = difference.where(scored, 0.0).sum(dim, skipna=False) / scored.sum(dim)
    return xr.Dataset(
        {
            "difference": mean,
            "lower": mean.copy(data=edges[0]),
            "upper": mean.copy(data=edges[1]),
            "n_periods": scored.sum(dim),
        },
        attrs={"baseline": baseline, "level": level, "block": block},
    )


def block_bootstrap_means(
    values: FloatArray,
    *,
    block: int,
    size: int,
    rng: np.random.Generator,
    known: np.ndarray | None = None,
) -> FloatArray:
    """Means of bootstrap series made of blocks of neighbours; the last axis is time.

    The series is closed to a circle, so that its ends are drawn as often as its middle. All rows
    are drawn alike, which keeps them paired.

    Parameters
    ----------
    values : (..., n) float64
        Where not `known` (default: not NaN), a value is left out of the mean.
    block : int
        Periods in a row that are drawn together.
    size : int
        Bootstrap series.
    rng : Generator
        Draws where the blocks begin.
    known : (..., n) bool, optional
        Which values count.

    Returns
    -------
    (..., size) float64
        NaN where nothing known was drawn.
    """
    n = values.shape[-1]
    if block < 1 or size < 1:
        raise ParameterError(f"block and size must be at least 1, got {block} and {size}.")
    if n < 2 * block:
        raise TooFewEventsError(
            f"{n} periods make fewer than two blocks of {block}. Score more periods, or take a "
            "shorter block."
        )
    known = ~np.isnan(values) if known is None else known
    starts = rng.integers(n, size=(size, -(-n // block)))
    drawn = ((starts[..., None] + np.arange(block)) % n).reshape(size, -1)[:, :n]
    total = np.where(known, values, 0.0)[..., drawn].sum(axis=-1)
    count = known[..., drawn].sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
