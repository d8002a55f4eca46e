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
from hotspot.evaluate.capture import capture_area, capture_curve, recapture_rate_index
from hotspot.evaluate.comparison import compare
from hotspot.evaluate.energy import energy_score
from hotspot.evaluate.flags import (
    clumpiness,
    compactness,
    complementarity,
    dynamic_variability,
    flag_cells,
)
from hotspot.evaluate.intervals import interval_score, weighted_interval_score
from hotspot.evaluate.ranking import (
    hit_rate,
    penalised_prediction_accuracy_index,
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
from hotspot.evaluate.totals import calibration_ratio

__all__ = [
    "area_interval_coverage",
    "brier_score",
    "calibration_ratio",
    "calibration_table",
    "capture_area",
    "capture_curve",
    "clumpiness",
    "compactness",
    "compare",
    "complementarity",
    "crps",
    "dynamic_variability",
    "energy_score",
    "flag_cells",
    "hit_rate",
    "hottest_cells",
    "information_gain",
    "interval_coverage",
    "interval_score",
    "negative_binomial_log_score",
    "penalised_prediction_accuracy_index",
    "pit_coverage",
    "poisson_log_score",
    "prediction_accuracy_index",
    "prediction_efficiency_index",
    "prediction_efficiency_index_star",
    "randomised_pit",
    "recapture_rate_index",
    "weighted_interval_score",
]
