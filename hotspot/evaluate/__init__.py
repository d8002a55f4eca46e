"""How wrong it was: plain functions of a forecast and what was observed.

All reduce ``y, x`` and keep the other dimensions (model, fold, time); none needs a refit.
"""

from hotspot.evaluate.calibration import (
    area_interval_coverage,
    calibration_table,
    hottest_cells,
    interval_coverage,
    pit_coverage,
    randomised_pit,
)
from hotspot.evaluate.comparison import compare
from hotspot.evaluate.ranking import (
    capture_area,
    capture_curve,
    hit_rate,
    prediction_accuracy_index,
    prediction_efficiency_index,
    prediction_efficiency_index_star,
)
from hotspot.evaluate.scores import (
    brier_score,
    crps,
    information_gain,
    negative_binomial_log_score,
    poisson_log_score,
)

__all__ = [
    "area_interval_coverage",
    "brier_score",
    "calibration_table",
    "capture_area",
    "capture_curve",
    "compare",
    "crps",
    "hit_rate",
    "hottest_cells",
    "information_gain",
    "interval_coverage",
    "negative_binomial_log_score",
    "pit_coverage",
    "poisson_log_score",
    "prediction_accuracy_index",
    "prediction_efficiency_index",
    "prediction_efficiency_index_star",
    "randomised_pit",
]
