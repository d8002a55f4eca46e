"""Whether one forecast is better than another, and how sure that is."""

from hotspot.evaluate.comparison.added_value import AddedValueReport, added_value
from hotspot.evaluate.comparison.confidence_set import model_confidence_set
from hotspot.evaluate.comparison.differences import block_bootstrap_means, compare
from hotspot.evaluate.comparison.equivalence import EquivalenceReport, baseline_equivalence
from hotspot.evaluate.comparison.event_tests import paired_t_test, paired_w_test
from hotspot.evaluate.comparison.period_tests import diebold_mariano, holm_adjusted

__all__ = [
    "AddedValueReport",
    "EquivalenceReport",
    "added_value",
    "baseline_equivalence",
    "block_bootstrap_means",
    "compare",
    "diebold_mariano",
    "holm_adjusted",
    "model_confidence_set",
    "paired_t_test",
    "paired_w_test",
]
