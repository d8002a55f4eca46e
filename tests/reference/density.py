"""Kernel sums as a statistician would write them: no grid trick, no cut, no compiled loop."""

import math

import numpy as np


def linear_binning(points, weight, first_x, first_y, step, shape):
    nodes = np.zeros(shape)
    spread_x = spread_y = 0.0
    for (x, y), w in zip(points, weight, strict=True):
        column, row = (x - first_x) / step, (y - first_y) / step
        if not (0 <= column < shape[1] - 1 and 0 <= row < shape[0] - 1):
            continue
        for j in range(shape[0]):
            for k in range(shape[1]):
                nodes[j, k] += w * max(1 - abs(column - k), 0) * max(1 - abs(row - j), 0)
        spread_x += w * (column % 1) * (1 - column % 1)
        spread_y += w * (row % 1) * (1 - row % 1)
    return nodes, spread_x, spread_y


def outer_product_sums(first_row, first_column, row_factor, column_factor, shape):
    total = np.zeros(shape)
    for p in range(len(first_row)):
        for r, a in enumerate(row_factor[p], start=first_row[p]):
            for c, b in enumerate(column_factor[p], start=first_column[p]):
                if 0 <= r < shape[0] and 0 <= c < shape[1]:
                    total[r, c] += a * b
    return total


def density(points, targets, *, bandwidth, weights=None, leave_out=None):
    """Sum of every kernel at every target; ``leave_out[i]`` is the point target i leaves out."""
    weights = np.ones(len(points)) if weights is None else weights
    out = np.zeros(len(targets))
    for i, target in enumerate(targets):
        for j, point in enumerate(points):
            if leave_out is None or leave_out[i] != j:
                squared = (target[0] - point[0]) ** 2 + (target[1] - point[1]) ** 2
                out[i] += weights[j] * math.exp(-squared / (2 * bandwidth**2))
    return out / (2 * math.pi * bandwidth**2)


def mass_in_cells(points, axes, *, bandwidth, weights=None, power=1):
    """Each kernel's integral over each cell, by the error function, to a power, summed."""
    weights = np.ones(len(points)) if weights is None else weights
    half = (axes[0][1] - axes[0][0]) / 2
    scale = bandwidth * math.sqrt(2)

    def share(centre, value):
        above, below = (centre + half - value) / scale, (centre - half - value) / scale
        return (math.erf(above) - math.erf(below)) / 2

    return np.array(
        [
            [
                sum(
                    (w * share(x, px) * share(y, py)) ** power
                    for (px, py), w in zip(points, weights, strict=True)
                )
                for x in axes[0]
            ]
            for y in axes[1]
        ]
    )


def pair_distance_weights(point, weight, reach, n_bins):
    found = np.zeros(n_bins)
    for i in range(point.shape[1]):
        for j in range(i):
            distance = math.dist(point[:, i], point[:, j])
            if distance < reach:
                found[int(distance * n_bins / reach)] += weight[i] * weight[j]
    return found
