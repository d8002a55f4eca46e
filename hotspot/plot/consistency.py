"""Tests of consistency: where what was observed lies in what the forecast would have given."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot.errors import ParameterError
from hotspot.plot.style import FAINT, INK, LINE_COLOURS, PALE, clear_spines, new_axes

_BLUE, _ORANGE = LINE_COLOURS[:2]


def plot_consistency(found: xr.Dataset, *, level: float = 0.05, ax=None):
    """Each observed statistic beside its distribution if the forecast is right, fold by fold.

    Thin bars hold 95 % of the distribution, thick ones 50 %, about its median; all are drawn less
    that median, which differs from fold to fold. Filled points are consistent with the forecast,
    crosses are refuted at `level`; a triangle at the foot is a statistic of minus infinity: an
    event fell where none was expected. One map alone is drawn as a histogram of its simulations.

    Parameters
    ----------
    found : Dataset
        From a test of :mod:`hotspot.evaluate.consistency`, with at most one dimension of maps (such
        as ``fold``) longer than one. Select the others: ``found.sel(test="spatial", model="kde")``.
    level : float
        p-values up to it are drawn as refuted.
    ax : Axes, optional
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If `found` is not a test's result or holds maps along several dimensions.

    Examples
    --------
    >>> from hotspot import spatial_test
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[5.0, 4.0, 1.0]])})
    >>> counts = [[[6, 3, 1]], [[1, 1, 6]], [[5, 5, 0]]]
    >>> observed = xr.DataArray(counts, dims=["fold", "y", "x"])
    >>> found = spatial_test(forecast, observed, rng=np.random.default_rng(1))
    >>> ax = plot_consistency(found)
    >>> ax.get_ylabel()
    'Spatial statistic less its median, nats'
    """
    found, along = _one_dimension(found)
    if along is None:
        return _histogram(found, ax)
    ax = new_axes(ax, figsize=(max(4.6, 1.8 + 0.22 * found.sizes[along]), 3.6))
    middle = found["distribution"].sel(level=0.5)
    spread = (found["distribution"] - middle).transpose(along, "level")
    place = np.arange(found.sizes[along])
    for low, high, width, label in ((0.025, 0.975, 1.2, "95 %"), (0.25, 0.75, 5.0, "50 %")):
        ends = [spread.sel(level=one).values for one in (low, high)]
        ax.vlines(place, *ends, color=FAINT, linewidth=width, label=f"{label} if right")
    statistic = (found["statistic"] - middle).values
    refuted = (found["p_value"] <= level).values
    _points(ax, place, statistic, refuted, level)
    ax.axhline(0, color=PALE, linewidth=0.6, linestyle=(0, (1, 2)))
    _name_places(ax, found, along, place)
    _finish(ax, str(along).capitalize(), f"{_name(found)} less its median, {_unit(found)}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=8, frameon=False)
    return ax


def _one_dimension(found: xr.Dataset) -> tuple[xr.Dataset, str | None]:
    missing = {"statistic", "distribution", "p_value"} - set(found.data_vars)
    if missing:
        raise ParameterError(
            f"found lacks {sorted(missing)}; make it with a test such as spatial_test(...)."
        )
    found = found.squeeze([dim for dim in found["statistic"].dims if found.sizes[dim] == 1])
    dims = found["statistic"].dims
    if len(dims) > 1:
        raise ParameterError(
            f"found holds maps along {dims}; select all but one, such as "
            f"found.isel({', '.join(f'{dim}=0' for dim in dims[1:])})."
        )
    return found, dims[0] if dims else None


def _points(ax, place, statistic, refuted, level) -> None:
    known = np.isfinite(statistic)
    kinds = (
        (known & ~refuted, {"marker": "o", "color": _BLUE, "s": 22}, "observed, consistent"),
        (
            known & refuted,
            {"marker": "x", "color": _ORANGE, "s": 30},
            f"refuted at {100 * level:g} %",
        ),
    )
    for chosen, style, label in kinds:
        if chosen.any():
            ax.scatter(place[chosen], statistic[chosen], zorder=3, label=label, **style)
    ruled_out = np.isneginf(statistic)
    if ruled_out.any():
        foot = np.full(ruled_out.sum(), 0.02)
        ax.scatter(
            place[ruled_out], foot, marker="v", s=34, color=_ORANGE, zorder=3, clip_on=False,
            transform=ax.get_xaxis_transform(), label="event ruled out",
        )  # fmt: skip


def _histogram(found: xr.Dataset, ax):
    if "simulated" not in found or not found["simulated"].notnull().any():
        raise ParameterError(
            "One map of a test without simulations has nothing to draw; its p-value is "
            f"{found['p_value'].item():.3g}."
        )
    ax = new_axes(ax, figsize=(5.0, 3.4))
    simulated = found["simulated"].dropna("simulation").values
    ax.hist(simulated[np.isfinite(simulated)], bins=30, color=FAINT, label="if right")
    statistic, p_value = found["statistic"].item(), found["p_value"].item()
    if np.isfinite(statistic):
        ax.axvline(statistic, color=_ORANGE, linewidth=1.8, label=f"observed, p = {p_value:.3f}")
    _finish(ax, f"{_name(found)}, {_unit(found)}", "Simulations")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False)
    return ax


def _name_places(ax, found: xr.Dataset, along: str, place) -> None:
    step = max(1, place.size // 12)
    labels = found[along].values if along in found.coords else place
    ax.set_xticks(place[::step], [str(label) for label in labels[::step]])
    ax.set_xlim(-0.8, place.size - 0.2)


def _name(found: xr.Dataset) -> str:
    test = str(found["test"].item()) if "test" in found.coords else str(found.attrs["test"])
    return f"{test} statistic".capitalize()


def _unit(found: xr.Dataset) -> str:
    return "events" if _name(found).startswith("Number") else "nats"


def _finish(ax, xlabel: str, ylabel: str) -> None:
    ax.set_xlabel(xlabel, fontsize=9, color=INK)
    ax.set_ylabel(ylabel, fontsize=9, color=INK)
    clear_spines(ax, "left", "bottom")
