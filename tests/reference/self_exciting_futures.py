"""Plain twins of the forecast of a self-exciting model."""

import numpy as np


def simulate_future(grid, past, parts, background, *, until, rng):
    """Days, kind, cell of every event after the cut-off: generation by generation, one at a time.

    `background` is (M, ny, nx), expected events from 0 to `until`, even in time. Lags that end
    before the cut-off are thrown away, as what they stand for has happened or not.
    """
    theta = np.atleast_2d(parts.productivity)
    found = []

    def record(t, x, y, kind):
        cell = grid.cell_of(np.array([x]), np.array([y]))[0]
        kept = grid.inside_area.ravel()[cell] / grid.cell_size**2
        if cell < 0 or rng.random() >= kept:
            return
        found.append((t, kind, cell))
        factor = 1.0
        if past.pool is not None:
            factor = rng.choice(past.pool[past.pool_kinds == kind])
        trigger(t, x, y, kind, factor)

    def trigger(t, x, y, kind, factor):
        for other, mean in enumerate(theta[kind]):
            n = rng.poisson(mean * factor)
            lags = parts.lag.sample(n, rng=rng)
            for lag, (dx, dy) in zip(lags, parts.displacement.sample(n, rng=rng), strict=True):
                when = t + past.shortest_lag + lag
                if 0 <= when < until:
                    record(when, x + dx, y + dy, other)

    for kind, expected in enumerate(background):
        for cell, mean in enumerate(expected.ravel()):
            for _ in range(rng.poisson(mean)):
                row, column = divmod(cell, grid.x.size)
                jitter = (rng.random(2) - 0.5) * grid.cell_size
                x, y = grid.x[column] + jitter[0], grid.y[row] + jitter[1]
                t = until * rng.random()
                found.append((t, kind, cell))
                factor = 1.0
                if past.pool is not None:
                    factor = rng.choice(past.pool[past.pool_kinds == kind])
                trigger(t, x, y, kind, factor)
    for ago, (x, y), kind, weight in zip(
        past.ago, past.points, past.kinds, past.weights, strict=True
    ):
        jitter = past.place_cell * (rng.random(2) - 0.5)
        trigger(-ago, x + jitter[0], y + jitter[1], kind, weight)
    return found


def mean_cell_to_cell(displacement, *, cell, row, column, order=24):
    """Share of what an event anywhere in a cell triggers that falls `row`, `column` cells away."""
    import shapely

    node, weight = np.polynomial.legendre.leggauss(order)
    x, y = (grid.ravel() for grid in np.meshgrid(node * cell / 2, node * cell / 2))
    there = shapely.box(*(cell * (np.array([column, row, column + 1, row + 1]) - 0.5)))
    mass = displacement.mass_inside(np.column_stack([x, y]), there)
    return float(mass @ np.outer(weight, weight).ravel() / 4)
