r"""The monthly process: a level that moves, a map that does not, and last month's neighbours.

The number of offences of one kind at snap point p of borough b in month m is

.. math::
    N_{p,m} \sim \mathrm{NegBin}(\text{mean } \lambda_{p,m},
        \text{variance } (1 + \kappa) \lambda_{p,m}),
    \qquad
    \lambda_{p,m} = L_{b,m}\, \mu_p + \varphi \sum_{q} K_{pq} N_{q,m-1},

.. math::
    \log L_{b,m} = \log \ell_b + s_m + c_m + u_{b,m},

with the map :math:`\mu` summing to 1 over each borough, a season s of mean zero, a shock c
shared by all boroughs and one u of each borough's own (both AR(1)), and K exponential in the
distance between points, cut off and scaled so that :math:`\sum_p K_{pq} = 1`. The variance beyond
Poisson, :math:`\kappa`, stands for repeats at one place within the month.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

BURN_IN = 24  # months simulated before the first published one, then forgotten


@dataclass(frozen=True)
class Offence:
    """True parameters of one kind of offence; levels are background offences a month."""

    name: str
    base_level: dict[str, float]
    area_spread: float  # sd of the log of each LSOA's factor in the map
    point_spread: float  # sd of the log of each point's own factor
    branching: float  # phi: offspring next month of one offence
    season: tuple[float, ...]  # log factors, January first; mean zero
    extra_variance: float = 0.13  # kappa: (variance - mean) / mean of a point's count
    shared_innovation: float = 0.03  # sd of each month's step of c
    own_innovation: float = 0.10  # sd of each month's step of u
    persistence: float = 0.85  # AR(1) coefficient of c and u
    decay_metres: float = 50.0  # K(d) = exp(-d / decay_metres)
    reach_metres: float = 300.0  # K(d) = 0 beyond


@dataclass(frozen=True, eq=False)
class Truth:
    """What one run of one offence was drawn from, and what was drawn."""

    counts: np.ndarray  # (months, points) int64
    expected: np.ndarray  # (months, points) lambda, the means given the past
    level: np.ndarray  # (months, boroughs)
    background: np.ndarray  # (points,) mu
    next_expected: np.ndarray  # (points,) mean of the month after the last, level integrated out
    next_background: np.ndarray  # (points,) the part of it that is level times map


def snap_points(
    lsoas: gpd.GeoDataFrame, boroughs: gpd.GeoDataFrame, *, city_points: int, rng
) -> pd.DataFrame:
    """Points that offences are snapped to: about one to 75 households, kept apart.

    The City has few households and many offices, so its points are shared by area. Each point
    lies in its LSOA's generalised outline and in its borough's exact one.
    """
    outline = boroughs.set_index("name").geometry
    tables = []
    for borough, group in lsoas.groupby("borough", sort=True):
        if borough == "City of London":
            numbers = np.round(city_points * group.area / group.area.sum()).astype(int)
        else:
            numbers = np.maximum(np.round(group["households"] / 75), 2).astype(int)
        for (_, lsoa), number in zip(group.iterrows(), numbers, strict=True):
            inside = shapely.intersection(lsoa.geometry, outline[borough])
            x, y = _spread_points(inside, number, rng)
            share = (
                lsoa["households"] if borough != "City of London" else group.area.mean()
            ) / number
            tables.append(
                pd.DataFrame(
                    {
                        "x": x,
                        "y": y,
                        "lsoa_code": lsoa["code"],
                        "lsoa_name": lsoa["name"],
                        "borough": borough,
                        "homes": share,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def _spread_points(area, number: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points in `area`, each at least 10 to 50 m from the ones before it."""
    west, south, east, north = area.bounds
    shapely.prepare(area)
    placed = np.empty((0, 2))
    tries = 0
    while len(placed) < number:
        tries += 1
        candidate = np.round(rng.uniform((west, south), (east, north)), 1)
        apart = rng.uniform(10, 50) if tries < 200 * number else 0.0
        near = np.hypot(*(placed - candidate).T).min() if len(placed) else np.inf
        if near >= apart and shapely.contains_xy(area, *candidate):
            placed = np.vstack([placed, candidate])
    return placed[:, 0], placed[:, 1]


def neighbour_kernel(points: pd.DataFrame, offence: Offence) -> csr_array:
    """K, (points, points): column q says where the offspring of an offence at q go."""
    tree = cKDTree(points[["x", "y"]].to_numpy())
    pairs = tree.query_pairs(offence.reach_metres, output_type="ndarray")
    here, there = np.vstack([pairs, pairs[:, ::-1]]).T
    distance = np.hypot(*(tree.data[here] - tree.data[there]).T)
    n = len(points)
    everyone = np.arange(n)
    weight = np.concatenate([np.exp(-distance / offence.decay_metres), np.ones(n)])
    rows, columns = np.concatenate([here, everyone]), np.concatenate([there, everyone])
    total = np.bincount(columns, weight, minlength=n)
    kernel = csr_array((weight / total[columns], (rows, columns)), shape=(n, n))
    kernel.sum_duplicates()
    return kernel


def simulate(points: pd.DataFrame, offence: Offence, *, months: int, shocks: dict[int, float], rng):
    """Draw `months` months of `offence`; `shocks` adds to the shared step of those months."""
    names, borough = np.unique(points["borough"].to_numpy(str), return_inverse=True)
    background = _map(points, borough, offence, rng)
    kernel = neighbour_kernel(points, offence)
    base = np.array([offence.base_level[name] for name in names])
    total = BURN_IN + months
    shared, own = _walks(
        total, names.size, offence, {BURN_IN + m: s for m, s in shocks.items()}, rng
    )
    season = np.array([offence.season[(m - BURN_IN) % 12] for m in range(total)])
    level = base * np.exp(season[:, None] + shared[:, None] + own)
    counts = np.zeros((total, len(points)), np.int64)
    expected = np.zeros((total, len(points)))
    for m in range(total):
        expected[m] = level[m, borough] * background
        if m:
            expected[m] += offence.branching * (kernel @ counts[m - 1])
        # A Poisson count whose mean is gamma of shape lambda / kappa is the negative binomial.
        counts[m] = rng.poisson(
            offence.extra_variance * rng.standard_gamma(expected[m] / offence.extra_variance)
        )
    next_level = base * np.exp(
        offence.season[months % 12]
        + offence.persistence * (shared[-1] + own[-1])
        + (offence.shared_innovation**2 + offence.own_innovation**2) / 2
    )
    next_background = next_level[borough] * background
    return Truth(
        counts=counts[BURN_IN:],
        expected=expected[BURN_IN:],
        level=level[BURN_IN:],
        background=background,
        next_expected=next_background + offence.branching * (kernel @ counts[-1]),
        next_background=next_background,
    )


def _map(points: pd.DataFrame, borough: np.ndarray, offence: Offence, rng) -> np.ndarray:
    """Homes times a log-normal factor for the LSOA times one for the point; sums to 1 a borough."""
    _, lsoa = np.unique(points["lsoa_code"].to_numpy(str), return_inverse=True)
    by_area = rng.normal(0, offence.area_spread, lsoa.max() + 1)[lsoa]
    by_point = rng.normal(0, offence.point_spread, len(points))
    weight = points["homes"].to_numpy() * np.exp(by_area + by_point)
    return weight / np.bincount(borough, weight)[borough]


def _walks(months: int, boroughs: int, offence: Offence, shocks: dict[int, float], rng):
    """The AR(1) paths of c, (months,), and u, (months, boroughs), started at zero."""
    step_shared = rng.normal(0, offence.shared_innovation, months)
    step_own = rng.normal(0, offence.own_innovation, (months, boroughs))
    for month, size in shocks.items():
        step_shared[month] += size
    shared, own = np.zeros(months), np.zeros((months, boroughs))
    for m in range(1, months):
        shared[m] = offence.persistence * shared[m - 1] + step_shared[m]
        own[m] = offence.persistence * own[m - 1] + step_own[m]
    return shared, own
