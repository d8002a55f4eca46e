"""K functions and cross-validation as the papers write them, for a rectangle at the origin."""

import math

import numpy as np
from scipy.stats import norm


def isotropic_k(points, r, sides):
    """Ripley's K with his own (isotropic) correction: each pair over the share of the circle
    round its first point, through its second, that lies in the rectangle."""
    n, area = len(points), sides[0] * sides[1]
    counted = np.zeros(len(r))
    angle = (np.arange(20_000) + 0.5) * 2 * math.pi / 20_000
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    for i in range(n):
        for j in range(n):
            distance = math.dist(points[i], points[j])
            if i != j and distance <= r[-1]:
                on_circle = points[i] + distance * circle
                share = ((on_circle >= 0) & (on_circle <= sides)).all(axis=1).mean()
                counted += (r >= distance) / share
    return area / (n * (n - 1)) * counted


def rigid_motion_k(points, r, sides):
    """The same, each pair over the area that the rectangle has in common with itself moved."""
    a, b = sides
    n, counted = len(points), np.zeros(len(r))
    for i in range(n):
        for j in range(n):
            t = math.dist(points[i], points[j])
            if i != j and t <= r[-1]:
                common = a * b - (2 * (a + b) * t - t * t) / math.pi
                counted += (r >= t) / common
    return (a * b) ** 2 / (n * (n - 1)) * counted


def kernel_mass(points, bandwidth, sides):
    scale = np.asarray(points) / bandwidth
    return np.prod(norm.cdf(np.asarray(sides) / bandwidth - scale) - norm.cdf(-scale), axis=1)


def log_likelihood(points, bandwidth, sides, n_cells=200):
    """Loader's criterion, the integral by the midpoint rule."""
    left_out, integral, _ = _parts(points, bandwidth, sides, n_cells)
    return np.log(left_out).sum() - integral


def least_squares(points, bandwidth, sides, n_cells=200):
    left_out, total, squared = _parts(points, bandwidth, sides, n_cells)
    n = len(points)
    return squared / total**2 - 2 * left_out.sum() / (n - 1) / total


def _parts(points, bandwidth, sides, n_cells):
    def kernel(a, b):
        squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return np.exp(-squared / (2 * bandwidth**2)) / (2 * math.pi * bandwidth**2)

    between = kernel(points, points)
    np.fill_diagonal(between, 0.0)
    left_out = between.sum(axis=1) / kernel_mass(points, bandwidth, sides)
    x, y = (side * (np.arange(n_cells) + 0.5) / n_cells for side in sides)
    nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    intensity = kernel(nodes, points).sum(axis=1) / kernel_mass(nodes, bandwidth, sides)
    cell = sides[0] * sides[1] / n_cells**2
    return left_out, intensity.sum() * cell, (intensity**2).sum() * cell
