"""How wrong it was: plain functions of a forecast and what was observed.

All reduce ``y, x`` and keep the other dimensions (model, fold, time); none needs a refit.
"""

from hotspot.evaluate.by_fold import score_by_fold
from hotspot.evaluate.calibration import (
    area_interval_coverage,
    calibration_table,
    hottest_cells,
    interval_coverage,
    pit_coverage,
    randomised_pit,
)
from hotspot.evaluate.capture import capture_area, capture_curve, recapture_rate_index
from hotspot.evaluate.comparison import (
    added_value,
    baseline_equivalence,
    compare,
    diebold_mariano,
    holm_adjusted,
    model_confidence_set,
    paired_t_test,
    paired_w_test,
)
from hotspot.evaluate.consistency import (
    conditional_likelihood_test,
    consistency_tests,
    likelihood_test,
    number_test,
    pseudo_likelihood_test,
    spatial_test,
)
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
    "added_value",
    "area_interval_coverage",
    "baseline_equivalence",
    "brier_score",
    "calibration_ratio",
    "calibration_table",
    "capture_area",
    "capture_curve",
    "clumpiness",
    "compactness",
    "compare",
    "complementarity",
    "conditional_likelihood_test",
    "consistency_tests",
    "crps",
    "diebold_mariano",
    "dynamic_variability",
    "energy_score",
    "flag_cells",
    "hit_rate",
    "holm_adjusted",
    "hottest_cells",
    "information_gain",
    "interval_coverage",
    "interval_score",
    "likelihood_test",
    "model_confidence_set",
    "negative_binomial_log_score",
    "number_test",
    "paired_t_test",
    "paired_w_test",
    "penalised_prediction_accuracy_index",
    "pit_coverage",
    "poisson_log_score",
    "prediction_accuracy_index",
    "prediction_efficiency_index",
    "prediction_efficiency_index_star",
    "pseudo_likelihood_test",
    "randomised_pit",
    "recapture_rate_index",
    "score_by_fold",
    "spatial_test",
    "weighted_interval_score",
]
