"""Seconds that pyCSEP's N, S and CL tests take of one map of rates, and their quantiles, as JSON.

Called by consistency.py in an interpreter that has pyCSEP; hotspot is not needed here.
"""

import json
import sys
import time

import csep
import numpy as np
from csep.core import poisson_evaluations
from csep.core.catalogs import CSEPCatalog
from csep.core.forecasts import GriddedForecast
from csep.core.regions import CartesianGrid2D
from csep.models import Polygon

TESTS = {
    "spatial": poisson_evaluations.spatial_test,
    "conditional likelihood": poisson_evaluations.conditional_likelihood_test,
}


def main(path: str, size: int) -> None:
    arrays = np.load(path)
    rates, counts = arrays["rates"], arrays["counts"].astype(int)
    across = int(np.ceil(rates.size**0.5))
    step = 0.1
    corners = [(step * (i % across), step * (i // across)) for i in range(rates.size)]
    square = [
        Polygon([(x, y), (x, y + step), (x + step, y + step), (x + step, y)]) for x, y in corners
    ]
    region = CartesianGrid2D(square, step, magnitudes=np.array([5.0]))
    forecast = GriddedForecast(
        data=rates[:, None], region=region, magnitudes=region.magnitudes, name="forecast"
    )
    cells = np.repeat(np.arange(rates.size), counts)
    events = [
        (str(i), i, corners[c][1] + step / 2, corners[c][0] + step / 2, 10.0, 5.5)
        for i, c in enumerate(cells)
    ]
    observed = CSEPCatalog(data=events, region=region, name="observed")
    found = {"version": csep.__version__, "quantiles": {}, "seconds": {}, "whole": {}}
    begin = time.process_time()
    found["quantiles"]["number"] = list(
        poisson_evaluations.number_test(forecast, observed).quantile
    )
    found["whole"]["number"] = time.process_time() - begin
    for name, test in TESTS.items():
        taken = []
        for simulations in (1, size):  # what is done once, such as gridding the events, is not told
            begin = time.process_time()
            result = test(forecast, observed, num_simulations=simulations, seed=1)
            taken.append(time.process_time() - begin)
        found["quantiles"][name] = float(result.quantile)
        found["seconds"][name] = (taken[1] - taken[0]) / (size - 1)
        found["whole"][name] = taken[1]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
