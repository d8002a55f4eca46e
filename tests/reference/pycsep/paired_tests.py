"""The T test and the W test of two small forecasts by pyCSEP (BSD-3-Clause), as JSON beside this.

    python -m venv csep && csep/bin/pip install pycsep==0.8.0
    csep/bin/python tests/reference/pycsep/paired_tests.py

Each case is drawn here and written with its answers, so that the tests need no pyCSEP. pyCSEP's
grids are in degrees, and its events carry a magnitude; both are there for form alone.
"""

import json
from pathlib import Path

import csep
import numpy as np
from csep.core.catalogs import CSEPCatalog
from csep.core.forecasts import GriddedForecast
from csep.core.poisson_evaluations import paired_t_test, w_test
from csep.core.regions import CartesianGrid2D

NX, NY = 6, 4


def case(seed: int, n_events: int, tie: bool) -> dict:
    rng = np.random.default_rng(seed)
    forecast, baseline = rng.gamma(2.0, 3.0, (2, NX * NY)).round(6)
    if tie:  # the same rate of both in some cells: differences of 0, and repeated ones
        baseline[::3] = forecast[::3]
        forecast[1::3], baseline[1::3] = 4.0, 5.0
    share = forecast + baseline
    cells = rng.choice(NX * NY, n_events, p=share / share.sum())
    origins = np.array([(0.1 * i, 0.1 * j) for j in range(NY) for i in range(NX)])
    region = CartesianGrid2D.from_origins(origins, dh=0.1, magnitudes=np.array([5.0]))
    events = [
        (str(k), 0, origins[c][1] + 0.05, origins[c][0] + 0.05, 10.0, 5.5)
        for k, c in enumerate(cells)
    ]
    catalog = CSEPCatalog(data=events, region=region)
    ours, theirs = (
        GriddedForecast(data=rates[:, None], region=region, magnitudes=np.array([5.0]), name=name)
        for rates, name in ((forecast, "forecast"), (baseline, "baseline"))
    )
    t = paired_t_test(ours, theirs, catalog, alpha=0.05)
    w = w_test(ours, theirs, catalog)
    return {
        "forecast": forecast.reshape(NY, NX).tolist(),
        "baseline": baseline.reshape(NY, NX).tolist(),
        "observed": np.bincount(cells, minlength=NX * NY).reshape(NY, NX).tolist(),
        "gain": t.observed_statistic,
        "lower": t.test_distribution[0],
        "upper": t.test_distribution[1],
        "t_statistic": t.quantile[0],
        "z_statistic": w.observed_statistic,
        "w_p_value": w.quantile,
    }


if __name__ == "__main__":
    cases = [case(1, 40, False), case(2, 300, False), case(3, 25, True), case(4, 12, False)]
    path = Path(__file__).with_suffix(".json")
    lines = ",\n  ".join(json.dumps(one, default=float) for one in cases)
    text = f'{{"pycsep": "{csep.__version__}", "cases": [\n  {lines}\n]}}\n'
    path.write_text(text, encoding="utf-8")
