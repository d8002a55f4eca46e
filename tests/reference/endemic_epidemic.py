"""The endemic-epidemic log-likelihood as it is written: loops over events, tiles and sources."""

import math


def log_likelihood(events, tiles, *, endemic, epidemic, displacement, lag, reach, mass_inside):
    """Sum of log intensities less what was expected.

    `events` are dicts with time, place, type and tile, in any order; `tiles` dicts with tile,
    start, stop and area; `endemic(tile)` and `epidemic(event)` give rates; `displacement` and
    `lag` are functions of one number; `reach` is the longest lag and the furthest distance;
    `mass_inside(place)` integrates the displacement over the region within reach, and the lag is
    integrated by the midpoint rule. Each type triggers its own.
    """
    longest, furthest = reach
    start, end = min(tile["start"] for tile in tiles), max(tile["stop"] for tile in tiles)
    types = {event["type"] for event in events}
    total = 0.0
    for event in events:
        if event["time"] <= start:
            continue
        (own,) = [
            tile
            for tile in tiles
            if tile["tile"] == event["tile"] and tile["start"] < event["time"] <= tile["stop"]
        ]
        intensity = endemic(own)
        for source in events:
            waited = event["time"] - source["time"]
            distance = math.dist(event["place"], source["place"])
            if 0 < waited <= longest and distance <= furthest and event["type"] == source["type"]:
                intensity += epidemic(source) * displacement(distance) * lag(waited)
        total += math.log(intensity)
    for tile in tiles:
        total -= len(types) * endemic(tile) * tile["area"] * (tile["stop"] - tile["start"])
    for source in events:
        low = min(max(start - source["time"], 0), longest)
        high = min(max(end - source["time"], 0), longest)
        step = (high - low) / 4000
        in_time = sum(lag(low + (k + 0.5) * step) for k in range(4000)) * step
        total -= epidemic(source) * in_time * mass_inside(source["place"])
    return total
