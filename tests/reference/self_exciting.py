"""What earlier events add to the intensity, as a statistician would write it: a double loop."""

import math


def exponential(decay):
    return lambda lag: decay * math.exp(-decay * lag)


def power_law_lag(scale, exponent):
    return lambda lag: (exponent - 1) / scale * (1 + lag / scale) ** -exponent


def gaussian(sigma):
    return lambda r: math.exp(-(r**2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)


def power_law_displacement(scale, exponent):
    constant = (exponent - 1) * (exponent - 2) / (2 * math.pi * scale**2)
    return lambda r: constant * (1 + r / scale) ** -exponent


def student(scale, exponent):
    constant = (exponent - 1) / (math.pi * scale**2)
    return lambda r: constant * (1 + (r / scale) ** 2) ** -exponent


def steps(edges, heights):
    def density(value):
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True):
            if low <= value < high:
                return height
        return 0.0

    return density


def triggered_intensity(
    times, x, y, *, productivity, lag, displacement, reach=math.inf, far=math.inf
):
    """Sum over strictly earlier events j of productivity[j] g(t_i - t_j) h(|s_i - s_j|)."""
    out = []
    for i in range(len(times)):
        terms = []
        for j in range(len(times)):
            passed = times[i] - times[j]
            apart = math.hypot(x[i] - x[j], y[i] - y[j])
            if 0 < passed <= reach and apart <= far:
                terms.append(productivity[j] * lag(passed) * displacement(apart))
        out.append(math.fsum(terms))
    return out


def offspring_totals(times, x, y, *, weights, lag, displacement):
    """Sum over strictly later events i of weights[i] g(t_i - t_j) h(|s_i - s_j|)."""
    out = []
    for j in range(len(times)):
        terms = [
            weights[i]
            * lag(times[i] - times[j])
            * displacement(math.hypot(x[i] - x[j], y[i] - y[j]))
            for i in range(len(times))
            if times[i] > times[j]
        ]
        out.append(math.fsum(terms))
    return out
