"""Paired differences of scores, with intervals from blocks of neighbouring periods."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from hotspot._checks import require_choice, require_generator, require_level
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.errors import ParameterError, TooFewEventsError, UnknownNameError

Bootstrap = Literal["circular", "stationary"]
Block = float | Literal["optimal"]
FEWEST_FOR_RULE = 9  # with fewer, its autocorrelations are not defined


def compare(
    scores: xr.DataArray,
    *,
    baseline: str,
    rng: np.random.Generator,
    dim: str = "fold",
    model_dim: str = "model",
    block: Block = 3,
    bootstrap: Bootstrap = "circular",
    level: float = 0.95,
    size: int = 2000,
) -> xr.Dataset:
    r"""How much each model's score differs from a baseline's, with the interval of that difference.

    .. math:: \bar d = \frac{1}{T} \sum_{t=1}^{T} \left(s_t - s_t^{\mathrm{baseline}}\right)

    Both are scored on the same periods, so what makes a period hard for both cancels. The
    interval comes from drawing blocks of consecutive periods, since neighbouring months
    resemble each other (block bootstrap, percentile interval). Whether a positive difference is
    good depends on the score.

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
    block : float or "optimal"
        Periods in a row that are drawn together; 1 takes them as independent. For the stationary
        bootstrap their mean number, or "optimal": the longest that Politis and White's rule
        finds for the difference of any model.
    bootstrap : {"circular", "stationary"}
        Blocks all of one length; or of geometric length, which makes drawn series stationary
        (Politis and Romano).
    level : float
        Of the interval, in (0, 1).
    size : int
        Bootstrap draws.

    Returns
    -------
    Dataset (..., `model_dim`)
        ``difference``, its ``lower`` and ``upper`` bound, and ``n_periods``, those on which
        both models have a score. Infinite scores stay infinite; where both are infinite the
        difference is NaN. The baseline itself is left out. The attribute ``block`` tells the
        length used.

    Raises
    ------
    UnknownNameError
        If `baseline` is not among the models.
    ParameterError
        If `scores` lacks a dimension, `block`, `level` or `size` make no sense, or an optimal
        block is asked for blocks of one length.
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

    Politis, D. N., & Romano, J. P. (1994). The stationary bootstrap. Journal of the American
    Statistical Association, 89, 1303-1313. https://doi.org/10.1080/01621459.1994.10476870

    Politis, D. N., & White, H. (2004). Automatic block-length selection for the dependent
    bootstrap. Econometric Reviews, 23, 53-70. https://doi.org/10.1081/ETC-120028836

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
    difference, scored = paired_differences(scores, baseline=baseline, dim=dim, model_dim=model_dim)
    known = scored.values
    if block == "optimal":
        if bootstrap != "stationary":
            raise ParameterError(
                'block="optimal" is the rule of the stationary bootstrap: give '
                'bootstrap="stationary" with it, or a number of periods.'
            )
        block = optimal_block(difference.values, known)
    means = block_bootstrap_means(
        difference.values, block=block, size=size, rng=rng, known=known, bootstrap=bootstrap
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
        attrs={"baseline": baseline, "level": level, "block": block, "bootstrap": bootstrap},
    )


def paired_differences(
    scores: xr.DataArray, *, baseline: str, dim: str, model_dim: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Each rival's score less the baseline's, `dim` last, and where both have one.

    Raises
    ------
    ParameterError, UnknownNameError
        If `scores` lack a dimension, or `baseline` is not among the models.
    """
    for name in (dim, model_dim):
        if name not in scores.dims:
            raise ParameterError(f"scores have no dimension '{name}'; they have {scores.dims}.")
    models = scores[model_dim].values.tolist()
    if baseline not in models:
        raise UnknownNameError(f"baseline={baseline!r} is not among the models {models}.")
    rivals = scores.sel({model_dim: [name for name in models if name != baseline]})
    theirs = scores.sel({model_dim: baseline}, drop=True)
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, and says so in the result
        difference = (rivals - theirs).transpose(..., dim)
    scored = (rivals.notnull() & theirs.notnull()).transpose(*difference.dims)
    return difference, scored


def block_bootstrap_means(
    values: FloatArray,
    *,
    block: float,
    size: int,
    rng: np.random.Generator,
    known: BoolArray | None = None,
    bootstrap: Bootstrap = "circular",
) -> FloatArray:
    """Means of bootstrap series made of blocks of neighbours; the last axis is time.

    The series is closed to a circle, so that its ends are drawn as often as its middle. All rows
    are drawn alike, which keeps them paired.

    Parameters
    ----------
    values : (..., n) float64
        Where not `known` (default: not NaN), a value is left out of the mean.
    block : float
        Periods in a row that are drawn together; for the stationary bootstrap in the mean.
    size : int
        Bootstrap series.
    rng : Generator
        Draws where the blocks begin.
    known : (..., n) bool, optional
        Which values count.
    bootstrap : {"circular", "stationary"}
        Blocks of one length, or of geometric length.

    Returns
    -------
    (..., size) float64
        NaN where nothing known was drawn.
    """
    known = ~np.isnan(values) if known is None else known
    drawn = drawn_periods(values.shape[-1], block=block, size=size, rng=rng, bootstrap=bootstrap)
    total = np.where(known, values, 0.0)[..., drawn].sum(axis=-1)
    count = known[..., drawn].sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def drawn_periods(
    n: int, *, block: float, size: int, rng: np.random.Generator, bootstrap: Bootstrap
) -> IntArray:
    """(size, n): which of n periods stand in each bootstrap series, in blocks of neighbours."""
    require_choice(bootstrap, "bootstrap", ("circular", "stationary"))
    if not block >= 1 or size < 1:
        raise ParameterError(f"block and size must be at least 1, got {block} and {size}.")
    if n < 2 * block:
        raise TooFewEventsError(
            f"{n} periods make fewer than two blocks of {block:g}. Score more periods, or take a "
            "shorter block."
        )
    if bootstrap == "stationary":
        from arch.bootstrap import StationaryBootstrap

        series = StationaryBootstrap(block, np.arange(n), seed=rng)
        return np.stack([arrays[0] for arrays, _ in series.bootstrap(size)])
    if block != int(block):
        raise ParameterError(f"Blocks of one length hold whole periods, got block={block}.")
    starts = rng.integers(n, size=(size, -(-n // int(block))))
    return ((starts[..., None] + np.arange(int(block))) % n).reshape(size, -1)[:, :n]


def optimal_block(values: FloatArray, known: BoolArray | None = None) -> float:
    """The longest mean block that Politis and White's rule finds for any row; last axis time.

    At least 1, at most half the periods. Periods without a value are left out and their
    neighbours taken as neighbours. A row of fewer than 9 periods, or which does not vary, tells no
    length: it counts as the cube root of n, the rate at which the best length grows.
    """
    from arch.bootstrap import optimal_block_length

    n = values.shape[-1]
    known = ~np.isnan(values) if known is None else known
    longest = 1.0
    for row, its in zip(values.reshape(-1, n), known.reshape(-1, n), strict=True):
        told = row[its & np.isfinite(row)]
        length = np.nan
        if told.size >= FEWEST_FOR_RULE and np.ptp(told) > 0:
            with np.errstate(all="ignore"):  # stretches of zeros have no autocorrelation
                length = float(optimal_block_length(told)["stationary"].iloc[0])
        longest = max(longest, length if np.isfinite(length) else n ** (1 / 3))
    return min(longest, n / 2)
