"""Real cities: does triggering foretell anything that a good map of the past does not?

    python benchmarks/cities.py CITY [CITY ...] [--data FOLDER] [--weeks 26]

For each city: what was left out of the record; what was chosen on the 26 weeks before the test; the
branching ratio over several backgrounds, with its interval and the residuals' test; and forecasts
of 7 days at 250 m in each week of the test, every model with all that was recorded before, scored
by information gain per event (normalised maps) and by hit rate, with block-bootstrap intervals.
Nothing in the test weeks is looked at before the last step.
"""

import argparse
import time
import warnings
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from city_records import CELL, CITIES, City
from scipy import stats
from tqdm import tqdm

from hotspot import (
    ConstantBackground,
    ExponentialLag,
    GaussianDisplacement,
    HistoricalRate,
    KernelBackground,
    KernelDensity,
    MapBackground,
    Model,
    SelfExciting,
    Stacked,
    compare,
    count_events,
    hit_rate,
    information_gain,
    make_periods,
)
from hotspot.errors import ConvergenceError, DataQualityWarning
from hotspot.models.rate_map import rates_of

TUNING = 26  # weeks before the test
WEIGHED_BY = "12 months"  # as good as 24 on the weeks before the test in Toronto, or better
BLOCK = 4  # weeks that the bootstrap draws together
REFIT = 13  # weeks after which a self-exciting model is fitted anew; its maps are new each week
EVEN_SHARES = (0.01, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35, 0.5)
BANDWIDTHS = (100.0, 150.0, 250.0, 500.0)
# Between centres of 250 m squares no less can be told: the density of one of 50 m would sum to 1.07
# over the squares, and the likelihood would take the excess for triggering.
DISPLACEMENTS = (100.0, 200.0, 400.0)
LONG_RUN, DENSITY = "long-run count", "kernel density"
STATIC, RECENT = "static stack", "stack with recent maps"
OVER = "self-exciting over "
INTERVAL = ("lower", "upper")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("city", nargs="+", choices=list(CITIES))
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--weeks", type=int, default=26, help="weeks of the test")
    chosen = options.parse_args()
    for name in chosen.city:
        start = time.perf_counter()
        report(CITIES[name](chosen.data), chosen.weeks)
        print(f"\n{name}: {time.perf_counter() - start:.0f} s", flush=True)


def report(city: City, n_weeks: int) -> None:
    print(f"\n# {city.name}\n\n{city.events!r}")
    print(f"left out: {city.dropped}; {int(city.grid.inside.sum()):,} cells of {CELL:.0f} m")
    first = pd.Timestamp(city.test_start)
    zone = {"length": "week", "time_zone": city.events.time_zone}
    before = make_periods(first - pd.Timedelta(weeks=TUNING), count=TUNING, **zone)
    weeks = make_periods(first, count=n_weeks, **zone)
    # Nothing from the first week of the test on is there for anything that is chosen.
    intervals = city.intervals and city.intervals.before(weeks[0].left)
    known = replace(city, events=city.events.before(weeks[0].left), intervals=intervals)
    models = chosen_maps(known, before)
    triggering = chosen_triggering(known, models)
    print_test(city, models, print_sensitivity(known, models, triggering), weeks)
    remembered.cache_clear()


def chosen_maps(city: City, weeks: pd.IntervalIndex) -> dict:
    """The maps to compare: two with an option chosen by the weeks before the test, two stacks."""
    counts = {share: HistoricalRate(background_share=share) for share in EVEN_SHARES}
    densities = {h: KernelDensity(h, window=city.counted[-1]) for h in BANDWIDTHS}
    models = {}
    for name, options in ((LONG_RUN, counts), (DENSITY, densities)):
        maps = weekly_maps(options, city, weeks)
        gain = gain_over_even(maps, city, weeks).mean("fold").to_series()
        models[name] = options[gain.idxmax()]
        print(f"{name}: chosen {gain.idxmax():g} from {gain.round(4).to_dict()}")
    static = [
        HistoricalRate(background_share=0.5),
        HistoricalRate(),
        *(HistoricalRate(window) for window in city.counted),
        *(KernelDensity(h, window=city.counted[-1]) for h in (100.0, 250.0, 500.0, 1000.0)),
    ]
    recent = [
        *(HistoricalRate(half_life=days) for days in (30.0, 60.0, 180.0, 365.0)),
        *(KernelDensity(150.0, half_life=days) for days in (14.0, 60.0, 180.0)),
        *(KernelDensity(400.0, half_life=days) for days in (14.0, 30.0, 60.0, 180.0)),
        *(KernelDensity(1000.0, half_life=days) for days in (7.0, 30.0, 90.0)),
    ]
    options = {"window": WEIGHED_BY, "refresh": "1 week"}
    models[STATIC] = Stacked(tuple(static), **options)
    models[RECENT] = Stacked((*static, *recent), **options)
    return models


@dataclass(frozen=True, eq=False)
class Remembered:
    """A model that keeps its maps: many fits ask for the same, which only the past decides."""

    model: Model
    made: dict = field(default_factory=dict)

    def fit(self, events, grid, *, end=None):
        return self.model.fit(events, grid, end=end)

    def rates(self, events, grid):
        rate_before = rates_of(self.model, events, grid)

        def kept(cutoff):
            if cutoff not in self.made:
                self.made[cutoff] = rate_before(cutoff)[0].astype(np.float32)
            return self.made[cutoff].astype(float), np.zeros(grid.shape)

        return kept


@cache
def remembered(model, city_name: str) -> Remembered:  # noqa: ARG001 - a city's maps are its own
    return Remembered(model)


def background_of(model: Model, city: City) -> MapBackground:
    """A map as background, refreshed as often as forecasts are made.

    A stack keeps the weights that its own forecasts earned, without triggering: what triggering
    then adds, it adds to the very map that it is compared with.
    """
    return MapBackground(remembered(model, city.name), refresh="7 days")


def chosen_triggering(city: City, models: dict) -> SelfExciting:
    """Lag and displacement by likelihood before the test, over the static stack.

    Snapped places leave the displacement to shrink to its bound, so the likeliest of a few is held.
    """
    base = SelfExciting(
        background=background_of(models[STATIC], city),
        window=city.window,
        shortest_lag=city.shortest_lag,
        coarse_places=True,
    )
    said = fitted_or_refused(base, city)[1]
    print(f"\neverything free, over the {STATIC}: {said}")
    found = {}
    for sd in tqdm(DISPLACEMENTS, "displacements", disable=None):
        model = replace(base, displacement=GaussianDisplacement(sd), hold=("displacement",))
        fitted, said = fitted_or_refused(model, city)
        print(f"  displacement held at {sd:.0f} m: {said}", flush=True)
        if fitted is not None:
            found[sd] = fitted
    if not found:
        print("  the lag cannot be told either: 14 days and 100 m are held, not estimated")
        return replace(
            base,
            lag=ExponentialLag(1 / 14),
            displacement=GaussianDisplacement(100.0),
            hold=("lag", "displacement"),
        )
    best = max(found, key=lambda sd: found[sd].log_likelihood)
    parts = found[best].estimate.parts
    return replace(
        base, lag=parts.lag, displacement=parts.displacement, hold=("lag", "displacement")
    )


def fitted_or_refused(model: SelfExciting, city: City):
    """The fit (or None), and what there is to say of it."""
    try:
        fitted = model.fit(city.events, city.grid)
    except ConvergenceError as refusal:
        return None, f"refused ({type(refusal).__name__}: {str(refusal).split(':')[0]})"
    low, high = fitted.branching_ratio_interval(0.9)
    spread, chance = weekly_dispersion(fitted)
    return fitted, (
        f"branching ratio {fitted.branching_ratio:.3f} [{low:.3f}, {high:.3f}], mean lag "
        f"{fitted.parameters['mean_lag_days']:.1f} d, log-likelihood {fitted.log_likelihood:.1f}, "
        f"gain {fitted.gain_over_background:+.4f} in sample, weeks' dispersion "
        f"{spread:.2f} (p = {chance:.2g})"
    )


def weekly_dispersion(fitted) -> tuple[float, float]:
    """Squared residuals of whole weeks, by their compensator; 1 if the model's level is right.

    Residuals between single events say nothing where times are tied by the hour or the day.
    """
    t = fitted.record.t[fitted.record.first :]
    edges = np.arange(0.0, fitted.record.end, 7.0)
    until = np.interp(edges, t, np.cumsum(fitted.time_rescaled_residuals()))
    expected, counted = np.diff(until), np.histogram(t, edges)[0]
    squares = ((counted - expected) ** 2 / expected).sum()
    return squares / expected.size, stats.chi2.sf(squares, expected.size)


def print_sensitivity(city: City, models: dict, triggering: SelfExciting) -> dict:
    """Branching ratios over several backgrounds; what was fitted over each."""
    sd = triggering.displacement.sd
    print(f"\nbranching ratio by background; lag free, displacement held at {sd:.0f} m")
    backgrounds = {
        "constant": ConstantBackground(),
        "kernel, declustered": KernelBackground(),
        **{name: background_of(model, city) for name, model in models.items()},
    }
    found = {}
    for name, background in tqdm(backgrounds.items(), "backgrounds", disable=None):
        model = replace(triggering, background=background, hold=("displacement",))
        fitted, said = fitted_or_refused(model, city)
        if fitted is None:
            held, with_lag = fitted_or_refused(replace(triggering, background=background), city)
            fitted, said = held, f"{said}; lag held too: {with_lag}"
        print(f"  {name:<24} {said}", flush=True)
        found[name] = fitted
    if city.intervals is not None:
        spec = replace(triggering, background=background_of(models[STATIC], city))
        for title, events in (("ends", city.events), ("whole", city.intervals)):
            said = fitted_or_refused(spec, replace(city, events=events))[1]
            print(f"  {STATIC}, intervals by their {title}, lag held: {said}", flush=True)
    return found


def print_test(city: City, models: dict, fits: dict, weeks: pd.IntervalIndex) -> None:
    maps = weekly_maps(models, city, weeks)
    triggered = {
        OVER + name: triggered_maps(fits[name], model, city, weeks)
        for name, model in tqdm(models.items(), "self-exciting", disable=None)
        if fits[name] is not None
    }
    maps = xr.concat([maps, labelled(triggered, city, weeks)], "model")
    observed = observed_counts(city, weeks)
    gain = gain_over_even(maps, city, weeks)
    hits = hit_rate(maps, observed, area_share=[0.01, 0.05]).mean("fold")
    total = int(observed.sum())
    print(f"\n{len(weeks)} weeks from {city.test_start}, {total:,} events; 95 % intervals")
    print(f"| model | hit 1 % | hit 5 % | over even | over {LONG_RUN} | over {STATIC} |")
    print("|---|---|---|---|---|---|")
    for name in maps["model"].values:
        caught = " | ".join(f"{value:.4f}" for value in hits.sel(model=name).values)
        against = " | ".join(difference(gain, name, other) for other in (LONG_RUN, STATIC))
        print(f"| {name} | {caught} | {float(gain.sel(model=name).mean()):.3f} | {against} |")
    print("\nwhat triggering adds to a background: in sample, and to the same map out of sample")
    for name in models:
        if fits[name] is None:
            print(f"  {name:<24} refused: no triggering to add")
            continue
        later = difference(gain, OVER + name, name)
        print(f"  {name:<24} {fits[name].gain_over_background:+.4f}   {later}")


def difference(gain: xr.DataArray, name: str, other: str) -> str:
    """Mean weekly gain of one model over another, with its interval."""
    if name == other:
        return "0"
    both = gain.sel(model=[name, other])
    found = compare(both, baseline=other, block=BLOCK, rng=np.random.default_rng(20190701))
    mid, *bounds = (float(found[key].item()) for key in ("difference", *INTERVAL))
    return f"{mid:+.4f} [{bounds[0]:+.4f}, {bounds[1]:+.4f}]"


def weekly_maps(models: dict, city: City, weeks: pd.IntervalIndex) -> xr.Dataset:
    """Each model's map for each week, from all that was recorded before it."""
    maps = {}
    for name, model in models.items():
        rate_before = remembered(model, city.name).rates(city.events, city.grid)
        maps[name] = [
            rate_before(week.left)[0] for week in tqdm(weeks, str(name), disable=None, leave=False)
        ]
    return labelled(maps, city, weeks)


def triggered_maps(fitted, model, city: City, weeks: pd.IntervalIndex) -> list[np.ndarray]:
    """Expected counts of a self-exciting model over a map, its lag and displacement as fitted.

    Rates are estimated anew every 13 weeks; in between they are kept, while the recorded events
    and the background's map move on.
    """
    spec = SelfExciting(
        background=background_of(model, city),
        lag=fitted.estimate.parts.lag,
        displacement=fitted.estimate.parts.displacement,
        hold=("lag", "displacement"),
        window=city.window,
        shortest_lag=city.shortest_lag,
        coarse_places=True,
    )
    rate_before = remembered(model, city.name).rates(city.events, city.grid)
    even = city.grid.inside_area / city.grid.inside_area.sum()
    maps = []
    for i, week in enumerate(weeks):
        if i and i % REFIT == 0:
            fitted = spec.fit(city.events, city.grid, end=week.left)
        rate, _ = rate_before(week.left)
        # As MapBackground does it: a hundredth is spread evenly.
        share = 0.99 * rate / rate.sum() + 0.01 * even
        now = fitted.updated(city.events, end=week.left)
        now = replace(now, background=replace(fitted.background, cell_share=share))
        maps.append(now.expected_count(weeks[i : i + 1]).to_numpy()[0])
    return maps


def labelled(maps: dict, city: City, weeks: pd.IntervalIndex) -> xr.Dataset:
    """Maps as forecasts that the scores read."""
    grid = city.grid
    values = np.where(grid.inside, np.array(list(maps.values())), np.nan)
    coords = {"model": list(maps), "fold": np.arange(len(weeks)), "y": grid.y, "x": grid.x}
    area = (("y", "x"), np.where(grid.inside, grid.inside_area, np.nan))
    dims = ("model", "fold", "y", "x")
    return xr.Dataset({"expected_count": (dims, values)}, {**coords, "inside_area": area})


def observed_counts(city: City, weeks: pd.IntervalIndex) -> xr.DataArray:
    counts = count_events(city.events, city.grid, weeks)
    return counts.rename(time="fold").assign_coords(fold=np.arange(len(weeks)))


def gain_over_even(maps: xr.Dataset, city: City, weeks: pd.IntervalIndex) -> xr.DataArray:
    """Information gain over a map that is even by area; (model, fold)."""
    area = city.grid.inside_area
    even = xr.Dataset(
        {"expected_count": (("y", "x"), np.where(area > 0, area, np.nan))},
        {"y": city.grid.y, "x": city.grid.x},
    )
    return information_gain(maps, observed_counts(city, weeks), baseline=even)


if __name__ == "__main__":
    warnings.simplefilter("ignore", DataQualityWarning)  # a density below the snapping is meant
    main()
