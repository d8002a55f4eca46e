r"""The exact process: immigrants over an uneven map, and the offspring each event has.

.. math::
    \lambda(t, s) = \mu(s) + \sum_{t_j < t} \theta\, \omega e^{-\omega (t - t_j)}
        \frac{1}{2 \pi \sigma^2} e^{-\lVert s - s_j \rVert^2 / 2 \sigma^2}

drawn by branching: Poisson immigrants from :math:`\mu`, then Poisson(:math:`\theta`) offspring for
each event, theirs in turn, and so on. Offspring that fall outside the window in space or time
are dropped and have none of their own, so the sum above runs over recorded events only. Nothing
happened before the start.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely


@dataclass(frozen=True)
class SelfExcitingTruth:
    """True parameters; times in days, lengths in metres."""

    days: int = 731
    immigrants_per_day: float = 4.0  # integral of mu over the window
    productivity: float = 0.35  # theta
    lag_decay_per_day: float = 0.125  # omega; mean lag 8 days
    displacement_metres: float = 110.0  # sigma, along each axis
    flat_share: float = 0.35  # share of mu that is even over the window, before cutting bumps
    bumps: int = 9  # Gaussian hills of mu


def simulate(window, truth: SelfExcitingTruth, *, rng) -> tuple[pd.DataFrame, dict]:
    """Events in time order with the row of each one's parent (-1: immigrant), and mu in numbers."""
    hills = _hills(window, truth, rng)
    number = rng.poisson(truth.immigrants_per_day * truth.days)
    x, y = _from_background(window, hills, number, truth, rng)
    t = rng.uniform(0, truth.days, number)
    generation = {"t": t, "x": x, "y": y, "parent": np.full(number, -1)}
    generations, first = [], 0
    while generation["t"].size:
        generations.append(generation)
        offspring = _offspring(generation, first, truth, rng)
        first += generation["t"].size
        inside = (offspring["t"] < truth.days) & shapely.contains_xy(
            window, offspring["x"], offspring["y"]
        )
        generation = {key: values[inside] for key, values in offspring.items()}
    columns = {key: np.concatenate([g[key] for g in generations]) for key in generations[0]}
    order = np.argsort(columns["t"], kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    table = pd.DataFrame(columns).iloc[order].reset_index(drop=True)
    parent = table["parent"].to_numpy()
    table["parent"] = np.where(parent >= 0, rank[parent], -1)
    return table, {"hills": hills, "hill_columns": ["x", "y", "sd", "weight"]}


def background_shape(x, y, window, hills, flat_share: float):
    """mu up to a constant at points of the window: an even part plus Gaussian hills."""
    shape = np.full(np.shape(x), flat_share / window.area)
    for centre_x, centre_y, spread, weight in hills:
        square = (x - centre_x) ** 2 + (y - centre_y) ** 2
        bump = np.exp(-square / (2 * spread**2)) / (2 * np.pi * spread**2)
        shape = shape + (1 - flat_share) * weight * bump
    return shape


def _hills(window, truth: SelfExcitingTruth, rng) -> list[list[float]]:
    weight = rng.dirichlet(np.full(truth.bumps, 3.0))
    x, y = _uniform_in(window, truth.bumps, rng)
    spread = rng.uniform(200, 700, truth.bumps)
    return np.round(np.column_stack([x, y, spread, weight]), 4).tolist()


def _from_background(window, hills, number, truth, rng):
    """Rejection from a uniform proposal under the largest possible value of the shape."""
    ceiling = truth.flat_share / window.area + (1 - truth.flat_share) * sum(
        weight / (2 * np.pi * spread**2) for _, _, spread, weight in hills
    )
    x, y = np.empty(0), np.empty(0)
    while x.size < number:
        try_x, try_y = _uniform_in(window, 20_000, rng)
        shape = background_shape(try_x, try_y, window, hills, truth.flat_share)
        kept = rng.uniform(0, ceiling, shape.size) < shape
        x, y = np.concatenate([x, try_x[kept]]), np.concatenate([y, try_y[kept]])
    return x[:number], y[:number]


def _uniform_in(window, number, rng):
    west, south, east, north = window.bounds
    shapely.prepare(window)
    x, y = np.empty(0), np.empty(0)
    while x.size < number:
        try_x, try_y = rng.uniform((west, south), (east, north), (number, 2)).T
        inside = shapely.contains_xy(window, try_x, try_y)
        x, y = np.concatenate([x, try_x[inside]]), np.concatenate([y, try_y[inside]])
    return x[:number], y[:number]


def _offspring(generation, first, truth: SelfExcitingTruth, rng) -> dict[str, np.ndarray]:
    number = rng.poisson(truth.productivity, generation["t"].size)
    parent = np.repeat(np.arange(number.size), number)
    shift = rng.normal(0, truth.displacement_metres, (parent.size, 2))
    return {
        "t": generation["t"][parent] + rng.exponential(1 / truth.lag_decay_per_day, parent.size),
        "x": generation["x"][parent] + shift[:, 0],
        "y": generation["y"][parent] + shift[:, 1],
        "parent": first + parent,
    }
