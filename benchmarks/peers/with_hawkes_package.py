"""The four-parameter model by the-hawkes-package: its seconds and estimates, as JSON.

Called by compare.py in an interpreter that has the package; hotspot is not needed here.
"""

import json
import sys
import time
import warnings

import hawkes_package as hp
import numpy as np
from hawkes_package.inference import HawkesMLE, History, spatio_temporal_model
from hawkes_package.spatio_temporal import Rectangle

NODES = 96  # along an axis; standard deviations below two of their distances are refused


def main(path: str, side: float, days: float, truth: list[float]) -> None:
    t, x, y = np.loadtxt(path, delimiter=",", skiprows=1).T
    t += 1e-9 * np.arange(t.size)  # it refuses simultaneous events
    model = spatio_temporal_model(
        Rectangle(side, side, origin=(0.0, 0.0)), edge_correction="none", n_quad=NODES
    )
    per_area, ratio, decay, sd = truth
    history = History(t, np.stack([x, y]), start=0.0, end=days)
    estimator = HawkesMLE(model, start=[per_area, ratio * decay, decay, sd])
    with warnings.catch_warnings():
        # It warns that events near the border trigger fewer inside it, which is the model.
        warnings.simplefilter("ignore", UserWarning)
        begin = time.process_time()
        estimator.fit(history)
        seconds = time.process_time() - begin
    per_area, alpha, decay, sd = estimator.theta_
    result = {"estimates": [per_area, alpha / decay, decay, sd], "seconds": seconds}
    result["version"] = hp.__version__
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], *(float(one) for one in sys.argv[2:4]), [float(a) for a in sys.argv[4:]])
