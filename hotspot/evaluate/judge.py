"""Judges anybody's forecast by every score that it allows, and says why not by the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hotspot._checks import require_generator, require_level, require_share
from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import GridMismatchError, ParameterError
from hotspot.evaluate.calibration import interval_coverage
from hotspot.evaluate.capture import capture_area
from hotspot.evaluate.comparison import block_bootstrap_means
from hotspot.evaluate.intervals import interval_score
from hotspot.evaluate.ranking import (
    hit_rate,
    prediction_accuracy_index,
    prediction_efficiency_index,
    prediction_efficiency_index_star,
)
from hotspot.evaluate.scores import (
    brier_score,
    crps,
    information_gain,
    negative_binomial_log_score,
    poisson_log_score,
)
from hotspot.evaluate.submitted import match_observed, primary_of
from hotspot.evaluate.totals import calibration_ratio

BLOCK = 3  # periods drawn together, where intervals come from many periods
_RANKED = {
    "hit_rate": hit_rate,
    "pai": prediction_accuracy_index,
    "pei": prediction_efficiency_index,
    "pei_star": prediction_efficiency_index_star,
}
_NO_COUNTS = {
    "flagged": "flagged places only: no expected counts",
    "score": "rank only: no expected counts",
    "count_quantile": "quantiles without a mean: no expected counts",
}
_NO_PARTS = "the places that the file does not list are one piece: hindsight could flag no part"


class _Score(NamedTuple):
    """A score by period, or the reason why there is none."""

    name: str
    values: FloatArray | None = None
    area_share: float = np.nan
    ties: tuple[float, float] = (np.nan, np.nan)
    note: str = ""


def judge_forecast(
    submitted: xr.Dataset,
    observed: Events | xr.DataArray,
    *,
    rng: np.random.Generator,
    area_shares: Sequence[float] = (0.01, 0.05, 0.1),
    baseline: xr.Dataset | None = None,
    level: float = 0.95,
    unlisted: Literal["refuse", "lowest"] = "refuse",
    overlap: Literal["refuse", "label"] = "refuse",
    at_border: Literal["keep", "share"] = "keep",
) -> pd.DataFrame:
    r"""Judge somebody's forecast by every score that it allows, and say why not by the others.

    A file of ranks can be asked how much of what happened its hottest places caught; only one of
    expected counts, how surprising the counts were. What cannot be scored stands in the table with
    its reason in words.

    Parameters
    ----------
    submitted : Dataset (time, y, x)
        As :func:`hotspot.read_forecast` gives it.
    observed : Events, or DataArray (time, y, x)
        What was recorded; see :func:`hotspot.match_observed`.
    rng : Generator
        Draws the blocks of periods for intervals.
    area_shares : sequence of float
        Shares of the region's area to flag, where the forecast orders places. Flagged places are
        judged at the share that they are.
    baseline : Dataset, optional
        Another submitted forecast, of expected counts on the same places and periods, over which
        to give the information gain. Default: the same rate everywhere.
    level : float
        Of the intervals, in (0, 1).
    unlisted, overlap, at_border
        See :func:`hotspot.match_observed`.

    Returns
    -------
    DataFrame
        One row a score (and share of area), with ``value``, the mean over periods (of the
        calibration ratio, that of the totals); ``lower``, ``upper``; ``n_periods`` that have a
        value; ``ties_lowest`` and ``ties_highest``, what breaking ties could have made of it;
        ``allowed``; and ``note``: how the interval was made, why there is none, or why the score
        is not allowed. ``attrs`` hold ``submission_kind``, ``places``, ``n_events``, and
        ``remarks``, sentences about the whole.

    Raises
    ------
    ForecastError, GridMismatchError, RegionError, CoverageError, ResolutionError, LeakError
        As :func:`hotspot.match_observed`; GridMismatchError also if `baseline` is of other places.
    ParameterError
        If `area_shares` or `level` make no sense, counts are not whole, or `baseline` has no
        expected counts.

    Notes
    -----
    *Order.* Expected counts are ordered by count per area, scores and ranks as they are. Ties, and
    the place at the cut where areas differ, are flagged in part and credited with that part of
    their events.

    *Intervals.* With six periods or more, a circular block bootstrap of periods. With one, the hit
    rate and PAI have the exact binomial interval, and the information gain the t interval of its
    mean over events; both take events as independent, which repeats at one address are not, so
    they are too narrow.

    *Members.* The CRPS of members takes them as the forecast.

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26, 404-413. https://doi.org/10.1093/biomet/26.4.404

    Rhoades, D. A., Schorlemmer, D., Gerstenberger, M. C., Christophersen, A., Zechar, J. D., &
    Imoto, M. (2011). Efficient testing of earthquake forecasting models. Acta Geophysica, 59,
    728-747. https://doi.org/10.2478/s11600-011-0013-5

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from hotspot import read_forecast
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "vendor.csv")
    ...     _ = path.write_text("x,y,rank\n50,50,1\n150,50,2\n50,150,3\n150,150,4\n")
    ...     submitted = read_forecast(path, crs=27700, start="2024-01-01", length="month")
    >>> observed = xr.DataArray([[[5, 1], [2, 0]]], {"y": [50, 150], "x": [50, 150]},
    ...                         ["time", "y", "x"])
    >>> table = judge_forecast(submitted, observed, area_shares=[0.25],
    ...                        rng=np.random.default_rng(1)).set_index("score")
    >>> float(table.loc["pai", "value"])
    2.5
    >>> table.loc["poisson_log_score", "note"]
    'rank only: no expected counts'
    """
    require_generator(rng)
    require_level(level)
    for share in area_shares:
        require_share(share, "area_shares")
    choices = {"unlisted": unlisted, "overlap": overlap, "at_border": at_border}
    matched = match_observed(submitted, observed, **choices)
    rival = _rival(baseline, observed, matched, **choices)
    scores = [*_ranking_scores(matched, area_shares), *_count_scores(matched, rival)]
    counts = matched["observed_count"].sum(["y", "x"]).to_numpy()
    rows = [_row(score, matched, rival, counts=counts, level=level, rng=rng) for score in scores]
    table = pd.DataFrame(rows)
    table.attrs = {
        "submission_kind": submitted.attrs["submission_kind"],
        "places": submitted.attrs["places"],
        "n_events": int(counts.sum()),
        "level": level,
        "remarks": _remarks(matched),
    }
    return table


def _rival(baseline, observed, matched, **options) -> xr.Dataset:
    """What the information gain is over: another forecast, or the same rate everywhere."""
    if baseline is None:
        area = matched["inside_area"].where(matched["inside_area"] > 0)
        flat = area.reset_coords(drop=True).expand_dims(time=matched["time"])
        return xr.Dataset({"expected_count": flat})
    other = match_observed(baseline, observed, **options)
    if "expected_count" not in other:
        raise ParameterError(
            "baseline must be a forecast of expected counts; this one is of kind "
            f"{baseline.attrs['submission_kind']!r}."
        )
    names = [one["area"].to_numpy().tolist() for one in (matched, other) if "area" in one.coords]
    if len(names) == 1 or (names and names[0] != names[1]) or not _same_land(matched, other):
        raise GridMismatchError(
            "baseline and forecast are of different places. Make both on the same cells or areas, "
            "or judge each for itself."
        )
    return other


def _same_land(one: xr.Dataset, other: xr.Dataset) -> bool:
    a, b = one["inside_area"].to_numpy(), other["inside_area"].to_numpy()
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6)


def ordered(matched: xr.Dataset) -> xr.Dataset:
    """A forecast whose ``expected_count`` per area has the order of what was submitted.

    Parameters
    ----------
    matched : Dataset (time, y, x)
        As :func:`hotspot.match_observed` gives it.

    Returns
    -------
    Dataset (time, y, x)
        Also ``inside_area`` (y, x). Scores and flags become whole numbers times the area; the
        numbers mean nothing but their order.
    """
    name = primary_of(matched)
    said = matched[name].reset_coords(drop=True)
    if name != "expected_count":
        flat = said.to_numpy().reshape(matched.sizes["time"], -1)
        places = [np.unique(one, return_inverse=True)[1].reshape(one.shape) for one in flat]
        known = xr.DataArray(np.stack(places).reshape(said.shape).astype(float), dims=said.dims)
        said = (known * matched["inside_area"]).reset_coords(drop=True).where(said.notnull())
    area = matched["inside_area"].reset_coords(drop=True)
    return xr.Dataset({"expected_count": said, "inside_area": area})


def _ranking_scores(matched: xr.Dataset, area_shares: Sequence[float]) -> list[_Score]:
    primary = primary_of(matched)
    if primary == "count_quantile":
        why = "quantiles without a mean: the places are in no order"
        return [_Score(name, note=why) for name in (*_RANKED, "capture_area")]
    forecast, observed = ordered(matched), matched["observed_count"]
    if primary == "flagged":
        return _flagged_scores(forecast, matched)
    unknown_parts = matched.attrs["share_unlisted"] > 0 and matched.attrs["places"] == "areas"
    scores = []
    for name, function in _RANKED.items():
        if unknown_parts and name.startswith("pei"):
            scores.append(_Score(name, note=_NO_PARTS))
            continue
        values = function(forecast, observed, area_share=list(area_shares))
        values = values.transpose("area_share", "time").to_numpy()
        luck = _luck_of_ties(name, forecast, observed, area_shares)
        scores += [
            _Score(name, one, share, ties=ties)
            for share, one, ties in zip(area_shares, values, luck, strict=True)
        ]
    area = capture_area(forecast, observed).to_numpy()
    return [*scores, _Score("capture_area", area)]


def _luck_of_ties(
    name: str, forecast, observed, area_shares: Sequence[float]
) -> list[tuple[float, float]]:
    """The least and the most that an order among tied places could have made of a score."""
    if name == "pei":
        return [(np.nan, np.nan)] * len(area_shares)
    options = {"area_share": list(area_shares)}
    low, high = (
        _RANKED[name](forecast, observed, ties=ties, **options).mean("time").to_numpy()
        for ties in ("lowest", "highest")
    )
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _flagged_scores(forecast: xr.Dataset, matched: xr.Dataset) -> list[_Score]:
    """At the share of area that is flagged in each period, which need not be the same."""
    flagged = matched["flagged"] > 0
    area = matched["inside_area"]
    shares = ((flagged * area).sum(["y", "x"]) / area.sum()).to_numpy()
    merged = matched.attrs["share_unlisted"] > 0 and matched.attrs["places"] == "areas"
    scores = []
    for name, function in _RANKED.items():
        if merged and name.startswith("pei"):
            scores.append(_Score(name, note=_NO_PARTS))
            continue
        values = [
            _at_own_share(
                function, forecast.isel(time=i), matched["observed_count"].isel(time=i), s
            )
            for i, s in enumerate(shares)
        ]
        scores.append(_Score(name, np.array(values), float(shares.mean())))
    hit = ((matched["observed_count"] > 0) & flagged).sum(["y", "x"]).to_numpy()
    places = flagged.sum(["y", "x"]).to_numpy()
    some = np.divide(hit, places, out=np.full(hit.shape, np.nan), where=places > 0)
    why = "flagged places only: they are in no order, so there is no curve"
    return [
        *scores,
        _Score("share_of_flagged_with_events", some, float(shares.mean())),
        _Score("capture_area", note=why),
    ]


def _at_own_share(function: Callable, forecast, observed, share: float) -> float:
    if share == 0:
        return np.nan
    return float(function(forecast, observed, area_share=min(share, 1.0)))


def _count_scores(matched: xr.Dataset, rival: xr.Dataset) -> list[_Score]:
    observed = matched["observed_count"]
    if "expected_count" not in matched:
        why = _NO_COUNTS[primary_of(matched)]
        names = ("information_gain", "poisson_log_score", "calibration_ratio")
        scores = [_Score(name, note=why) for name in names]
    else:
        scores = [
            _Score("information_gain", information_gain(matched, observed, baseline=rival).values),
            _Score("poisson_log_score", poisson_log_score(matched, observed).values),
            _Score("calibration_ratio", _total_ratio(matched, level=0.95)["ratio"].values),
        ]
    spread = {"expected_count", "count_variance"} <= set(matched.data_vars)
    members = "simulated_count" in matched
    none = "no spread of counts: neither variance nor members"
    scores.append(
        _Score("negative_binomial_log_score", negative_binomial_log_score(matched, observed).values)
        if spread
        else _Score("negative_binomial_log_score", note="no variance of counts")
    )
    if spread or members:
        kind = "members" if members else "moments"
        scores.append(_Score("crps", crps(matched, observed, distribution=kind).values))
    else:
        scores.append(_Score("crps", note=none))
    scores.append(
        _Score("brier_score", brier_score(matched, observed).values)
        if "probability" in matched
        else _Score("brier_score", note="no chance of at least one event")
    )
    return [*scores, *_coverages(matched)]


def _total_ratio(matched: xr.Dataset, *, level: float) -> xr.Dataset:
    """Events expected for each observed over all periods: a week without one has no ratio."""
    whole = matched[["expected_count", "observed_count"]].sum("time", skipna=False)
    return calibration_ratio(whole[["expected_count"]], whole["observed_count"], level=level)


def _coverages(matched: xr.Dataset) -> list[_Score]:
    """For each pair of quantiles as far from both ends: how often it held, and its score."""
    if "count_quantile" not in matched:
        why = "no quantiles of counts"
        return [_Score(name, note=why) for name in ("interval_coverage", "interval_score")]
    levels = matched["quantile"].to_numpy()
    pairs = [
        round(1 - 2 * low, 9) for low in levels if low < 0.5 and np.isclose(levels, 1 - low).any()
    ]
    if not pairs:
        why = "no two quantiles bound a central interval"
        return [_Score(name, note=why) for name in ("interval_coverage", "interval_score")]
    both = {"interval_coverage": interval_coverage, "interval_score": interval_score}
    return [
        _Score(
            f"{name}_{level:g}", function(matched, matched["observed_count"], level=level).values
        )
        for level in pairs
        for name, function in both.items()
    ]


def _row(score: _Score, matched, rival, *, counts, level, rng) -> dict[str, object]:
    row = {"score": score.name, "area_share": score.area_share}
    ties = dict(zip(("ties_lowest", "ties_highest"), score.ties, strict=True))
    empty = dict.fromkeys(("value", "lower", "upper"), np.nan) | {"n_periods": 0, **ties}
    if score.values is None:
        return {**row, **empty, "allowed": False, "note": score.note}
    values = np.atleast_1d(np.asarray(score.values, float))
    known = values[~np.isnan(values)]
    if known.size == 0:
        why = "nothing was expected anywhere" if counts.any() else "no events were recorded"
        return {**row, **empty, "allowed": True, "note": f"not defined: {why}"}
    lower, upper, note = _interval(
        score, known, matched, rival, counts=counts, level=level, rng=rng
    )
    if np.isneginf(known).any():
        note = "events fell in places where the forecast expects none; " + note
    return {
        **row, "value": float(known.mean()), "lower": lower, "upper": upper,
        "n_periods": int(known.size), **ties, "allowed": True, "note": note,
    }  # fmt: skip


def _interval(score: _Score, known, matched, rival, *, counts, level, rng):
    """Lower and upper bound of the mean over periods, and how they were made."""
    tail = (1 - level) / 2
    if score.name == "calibration_ratio":
        found = _total_ratio(matched, level=level)
        why = "exact Poisson of the total, events taken as independent"
        return float(found["lower"]), float(found["upper"]), why
    if known.size >= 2 * BLOCK:
        means = block_bootstrap_means(known, block=BLOCK, size=2000, rng=rng)
        edges = np.quantile(means, [tail, 1 - tail], method="inverted_cdf")
        return float(edges[0]), float(edges[1]), f"bootstrap of blocks of {BLOCK} periods"
    if known.size > 1:
        return np.nan, np.nan, f"no interval: fewer than {2 * BLOCK} periods"
    n = float(counts[counts > 0][0]) if (counts > 0).any() else 0.0
    if score.name in ("hit_rate", "pai"):
        per_hit = 1.0 if score.name == "hit_rate" else _pai_of_all(matched, score)
        hits = min(n, known[0] / per_hit * n)
        lower = stats.beta.ppf(tail, hits, n - hits + 1) if hits > 0 else 0.0
        upper = stats.beta.ppf(1 - tail, hits + 1, n - hits) if hits < n else 1.0
        return lower * per_hit, upper * per_hit, "exact binomial, events taken as independent"
    if score.name == "information_gain":
        return _gain_interval(matched, rival, known[0], tail)
    return np.nan, np.nan, "no interval: one period"


def _pai_of_all(matched: xr.Dataset, score: _Score) -> float:
    """The PAI of catching every event, which scales the interval of the hit rate."""
    function = hit_rate
    forecast, observed = ordered(matched), matched["observed_count"]
    caught = function(forecast, observed, area_share=score.area_share).to_numpy()
    pai = prediction_accuracy_index(forecast, observed, area_share=score.area_share).to_numpy()
    some = caught > 0
    if some.any():
        return float(pai[some][0] / caught[some][0])
    return 1.0 / score.area_share


def _gain_interval(matched: xr.Dataset, rival: xr.Dataset, gain: float, tail: float):
    """t interval of the mean gain, the events taken as independent draws of places."""
    observed = matched["observed_count"].to_numpy().ravel()
    p, q = (one["expected_count"].to_numpy().ravel() for one in (matched, rival))
    hit = np.nan_to_num(observed) > 0
    n = observed[hit].sum()
    if n < 2 or not np.isfinite(gain):
        why = "one event" if n < 2 else "the gain is infinite"
        return np.nan, np.nan, f"no interval: {why}"
    each = np.log(p[hit] / np.nansum(p)) - np.log(q[hit] / np.nansum(q))
    spread = np.sqrt(observed[hit] @ (each - gain) ** 2 / (n - 1))
    reach = stats.t.ppf(1 - tail, n - 1) * spread / np.sqrt(n)
    return gain - reach, gain + reach, "t interval over events, taken as independent"


def _remarks(matched: xr.Dataset) -> list[str]:
    attrs = matched.attrs
    remarks = []
    if attrs["seen_future"] != "no":
        remarks.append(f"Had it seen what it forecasts? {attrs['seen_future']}.")
    if attrs["share_unlisted"] > 0:
        how = "not flagged" if "flagged" in matched else "ranked below all others"
        remarks.append(
            f"The file says nothing of {attrs['share_unlisted']:.2%} of the region, which is taken "
            f"as {how}."
        )
    if attrs["share_outside"] > 1e-9:
        what = "flagged places" if "flagged" in matched else "expected counts"
        remarks.append(
            f"{attrs['share_outside']:.2%} of the {what} lie outside the region and are left out."
        )
    if "expected_count" in matched:
        zero = (matched["expected_count"] == 0) & (matched["observed_count"] > 0)
        if zero.any():
            remarks.append(
                f"{int(matched['observed_count'].where(zero).sum())} events fell in places where "
                "0 were expected: log scores are minus infinity, and nothing is floored."
            )
    return remarks
