"""EndemicEpidemicPoints: against loops and quadrature, laws of its fit, recovery, bad input."""

import math

import numpy as np
import pandas as pd
import pytest
from shapely import Polygon, box

from hotspot.errors import (
    ConvergenceError,
    CoordinateError,
    CoverageError,
    DataQualityWarning,
    DateError,
    ParameterError,
    RegionError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.models.endemic_epidemic.points import EndemicEpidemicPoints
from hotspot.models.log_linear import LogLinear
from hotspot.models.parts.shapes import (
    ConstantLagShape,
    ConstantShape,
    ExponentialLagShape,
    ExponentialShape,
    GaussianShape,
    PowerLawShape,
    StepLagShape,
    StepShape,
    StudentShape,
)
from tests.reference import endemic_epidemic as reference
from tests.reference.polygon_mass import integral_by_sides, rings_of

REGION = box(0, 0, 10, 6)
MODEL = EndemicEpidemicPoints(
    endemic=LogLinear(("warm",), exposure="residents"),
    epidemic=LogLinear(("kind", "size")),
    displacement=GaussianShape(sd=0.7),
    lag=ExponentialLagShape(rate=0.4),
    longest_lag=4.0,
    furthest=2.5,
    type_column="kind",
)
THETA = np.array([-3.0, 0.4, -1.2, 0.3, 0.5, -0.2, 0.3])


def tiles() -> pd.DataFrame:
    """Two tiles side by side, two periods of ten days each."""
    return pd.DataFrame(
        {
            "tile": ["west", "east", "west", "east"],
            "start": [0.0, 0.0, 10.0, 10.0],
            "stop": [10.0, 10.0, 20.0, 20.0],
            "area": 30.0,
            "residents": [2.0, 1.0, 2.0, 1.0],
            "warm": [0.0, 0.1, 1.0, 0.9],
        }
    )


def events(n: int = 30, *, seed: int = 3, first: float = -2.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, n)
    return pd.DataFrame(
        {
            "time": rng.uniform(first, 20, n),
            "x": x,
            "y": rng.uniform(0, 6, n),
            "tile": np.where(x < 5, "west", "east"),
            "kind": rng.choice(["a", "b"], n),
            "size": rng.normal(size=n),
        }
    )


def test_the_log_likelihood_is_that_of_the_plain_loops():
    """Sources from before the window, types, a border, and an event at the end of a period."""
    data = events()
    data.loc[0, "time"] = 10.0
    likelihood = MODEL.likelihood(data, tiles(), region=REGION)
    expected = reference.log_likelihood(
        [
            {**row, "place": (row["x"], row["y"]), "type": row["kind"]}
            for row in data.to_dict("records")
        ],
        tiles().to_dict("records"),
        endemic=lambda tile: tile["residents"] * math.exp(-3.0 + 0.4 * tile["warm"]),
        epidemic=lambda e: math.exp(-1.2 + 0.3 * (e["kind"] == "b") + 0.5 * e["size"]),
        displacement=lambda r: math.exp(-0.5 * (r / math.exp(-0.2)) ** 2),
        lag=lambda t: math.exp(-0.3 * t),
        reach=(4.0, 2.5),
        mass_inside=lambda place: integral_by_sides(
            rings_of(REGION), np.array(place), GaussianShape(math.exp(-0.2)).moment, 2.5
        ),
    )
    assert likelihood.log_likelihood(THETA) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "lag", [ConstantLagShape(), ExponentialLagShape(0.4), StepLagShape((0, 1, 4), (0.5,))], ids=repr
)
@pytest.mark.parametrize(
    "displacement",
    [
        ConstantShape(),
        GaussianShape(0.7),
        ExponentialShape(0.4),
        PowerLawShape(0.5, 1.7),
        StudentShape(0.5, 1.2),
        StepShape((0, 0.6, 2.5), (0.4,)),
    ],
    ids=repr,
)
def test_the_score_is_the_slope_of_the_log_likelihood(displacement, lag):
    model = EndemicEpidemicPoints(
        MODEL.endemic, MODEL.epidemic, displacement, lag, 4.0, 2.5, "kind"
    )
    likelihood = model.likelihood(events(), tiles(), region=REGION)
    theta = np.concatenate([THETA[:5], displacement.vector, lag.vector])
    expected = [
        (likelihood.log_likelihood(theta + aside) - likelihood.log_likelihood(theta - aside)) / 2e-5
        for aside in 1e-5 * np.eye(theta.size)
    ]
    np.testing.assert_allclose(likelihood.score(theta), expected, rtol=1e-6, atol=1e-6)


def test_a_type_in_the_endemic_part_splits_its_integral():
    """With one rate for each type the fit gives each type its own mean: counts over 2 x 600."""
    model = EndemicEpidemicPoints(endemic=LogLinear(("kind",)), type_column="kind")
    data = events(first=0.0)
    fit = model.fit(data, tiles(), region=REGION)
    counts = data["kind"].value_counts()
    assert fit.theta[0] == pytest.approx(math.log(counts["a"] / 1200), abs=1e-6)
    assert fit.theta[1] == pytest.approx(math.log(counts["b"] / counts["a"]), abs=1e-6)
    # Poisson counts: the variance of a log rate is one over the count.
    assert fit.standard_errors.iloc[0] == pytest.approx(1 / math.sqrt(counts["a"]), rel=1e-6)


def test_excites_says_which_types_trigger_which():
    a_to_b = EndemicEpidemicPoints(
        LogLinear(),
        LogLinear(),
        ConstantShape(),
        ConstantLagShape(),
        4.0,
        2.5,
        "kind",
        (("a", "b"),),
    )
    data = events().sort_values("time", ignore_index=True)
    pairs = a_to_b.likelihood(data, tiles(), region=REGION).arrays.pairs
    assert len(pairs.lag) > 0
    in_window = data[data["time"] > 0]["kind"].to_numpy()
    assert set(in_window[pairs.target]) == {"b"}
    assert set(data["kind"].to_numpy()[pairs.source]) == {"a"}


def cascade(*, days: float, offspring: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events in a 20 x 20 square with known parameters, and the one tile they lie in."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(0.01 * 400 * days)
    generation = np.column_stack([rng.uniform(0, days, n), rng.uniform(0, 20, (n, 2))])
    kept = [generation]
    while len(generation):
        parents = np.repeat(generation, rng.poisson(offspring, len(generation)), axis=0)
        lag = rng.uniform(0, 3, len(parents))[:, None]
        generation = parents + np.hstack([lag, rng.normal(0, 0.4, (len(parents), 2))])
        inside = (generation >= 0).all(axis=1) & (generation[:, 0] <= days)
        generation = generation[inside & (generation[:, 1:] <= 20).all(axis=1)]
        kept.append(generation)
    time, x, y = np.concatenate(kept).T
    data = pd.DataFrame({"time": time, "x": x, "y": y, "tile": "all"})
    return data, pd.DataFrame({"tile": ["all"], "start": 0.0, "stop": days, "area": 400.0})


SIMPLE = EndemicEpidemicPoints(
    LogLinear(), LogLinear(), GaussianShape(1.0), ConstantLagShape(), longest_lag=3.0, furthest=4.0
)


def test_known_parameters_are_recovered():
    """True: log 0.01; 0.4 offspring over 3 days and 2 pi sd²; log sd = log 0.4. Seed fixed."""
    data, tile = cascade(days=200.0, offspring=0.4, seed=8)
    fit = SIMPLE.fit(data, tile, region=box(0, 0, 20, 20))
    truth = [math.log(0.01), math.log(0.4 / (3 * 2 * math.pi * 0.4**2)), math.log(0.4)]
    assert (np.abs(fit.theta - truth) < 2.5 * fit.standard_errors).all()
    assert fit.branching_ratio == pytest.approx(0.4, abs=0.08)
    assert 1 - fit.background_probability.mean() == pytest.approx(fit.branching_ratio, abs=0.05)


def test_at_the_top_the_model_expects_as_many_events_as_there_are():
    """The score of the two intercepts is 0, so the compensator equals the count."""
    data, tile = cascade(days=100.0, offspring=0.4, seed=9)
    fit = SIMPLE.fit(data, tile, region=box(0, 0, 20, 20), information="observed")
    np.testing.assert_allclose(fit.likelihood.score(fit.theta), 0, atol=1e-5)
    assert fit.likelihood.expected_count(fit.theta) == pytest.approx(len(data), abs=1e-5)
    information = fit.likelihood.observed_information(fit.theta)
    np.testing.assert_allclose(fit.covariance @ information, np.eye(3), atol=1e-6)
    assert "branching ratio" in fit.summary()
    assert "displacement log sd" in fit.summary()


def test_the_order_of_rows_does_not_matter():
    data = events()
    forward = MODEL.likelihood(data, tiles(), region=REGION).log_likelihood(THETA)
    backward = MODEL.likelihood(data[::-1], tiles()[::-1], region=REGION).log_likelihood(THETA)
    assert forward == backward


def test_events_without_triggering_are_given_next_to_none_or_refused():
    """Whatever twelve scatters tempt it to: a small share, or a refusal that names a parameter."""
    given = []
    for seed in range(12):
        data, tile = cascade(days=50.0, offspring=0.0, seed=seed)
        try:
            fit = SIMPLE.fit(data, tile, region=box(0, 0, 20, 20))
        except ConvergenceError as refusal:
            given.append(0.0)
            text = str(refusal)
            assert "'displacement log sd'" in text or "'epidemic intercept'" in text
        else:
            given.append(fit.branching_ratio)
            assert (fit.standard_errors < 50).all()
    assert max(given) < 0.2
    assert np.median(given) < 0.05


def test_events_in_one_place_are_warned_of():
    data, tile = cascade(days=60.0, offspring=0.4, seed=12)
    again = data[data["time"] < 59].iloc[:3].assign(time=lambda first: first["time"] + 0.5)
    with pytest.warns(DataQualityWarning, match="3 pairs of events within reach lie in one place"):
        SIMPLE.fit(pd.concat([data, again]), tile, region=box(0, 0, 20, 20))


def test_a_covariate_that_repeats_another_is_refused():
    doubled = EndemicEpidemicPoints(endemic=LogLinear(("warm", "hot")))
    twice = tiles().assign(hot=lambda table: 2 * table["warm"])
    with pytest.raises(ConvergenceError, match=r"no peak along a direction .*'endemic (warm|hot)'"):
        doubled.fit(events(), twice, region=REGION)


@pytest.mark.parametrize(
    "change, error, words",
    [
        (lambda e, t: (e.drop(columns="tile"), t), UnknownNameError, r"no column \['tile'\]"),
        (lambda e, t: (e, t.drop(columns="warm")), UnknownNameError, r"no column \['warm'\]"),
        (
            lambda e, t: (e.assign(tile="north"), t),
            CoverageError,
            r"without covariates: \['north'\]",
        ),
        (lambda e, t: (e.assign(x=-1.0), t), CoordinateError, "30 of 30 events lie outside"),
        (lambda e, t: (e.assign(y=np.nan), t), CoordinateError, "missing or infinite"),
        (lambda e, t: (e.assign(time=np.inf), t), DateError, "missing or infinite"),
        (
            lambda e, t: (e.assign(time=e["time"] + 5), t),
            CoverageError,
            "come after the last period",
        ),
        (lambda e, t: (e.assign(size=np.nan), t), ParameterError, "'size' is missing"),
        (lambda e, t: (e.assign(kind=None), t), ParameterError, "'kind' is missing"),
        (lambda e, t: (e[:1].assign(time=3.0), t), TooFewEventsError, "1 events lie in the window"),
        (lambda e, t: (e, t.assign(residents=0.0)), ParameterError, "'residents' is not positive"),
        (lambda e, t: (e, t.assign(area=-1.0)), ParameterError, "a positive area"),
        (lambda e, t: (e, t.assign(stop=t["stop"] - 1)), CoverageError, "overlap or leave a gap"),
        (lambda e, t: (e, t[:3]), CoverageError, "begin or end at different times"),
    ],
)
def test_bad_tables_are_refused(change, error, words):
    changed = change(events(), tiles())
    with pytest.raises(error, match=words):
        MODEL.likelihood(*changed, region=REGION)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: EndemicEpidemicPoints(LogLinear(), LogLinear()), ParameterError, "must be finite"),
        (
            lambda: EndemicEpidemicPoints(LogLinear(), furthest=0.0),
            ParameterError,
            "furthest must be",
        ),
        (lambda: EndemicEpidemicPoints(LogLinear(), disc_sides=2), ParameterError, "at least 3"),
        (lambda: LogLinear(("warm", "warm")), ParameterError, "terms must differ"),
        (
            lambda: MODEL.fit(events(), tiles(), region=REGION, information="guessed"),
            ParameterError,
            'must be "expected" or "observed"',
        ),
        (
            lambda: MODEL.likelihood(events(), tiles(), region=Polygon()),
            RegionError,
            "valid polygon with an area",
        ),
        (
            lambda: MODEL.likelihood(events(), tiles(), region=REGION).log_likelihood([1.0]),
            ParameterError,
            "theta must be 7 finite numbers",
        ),
    ],
)
def test_bad_options_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
