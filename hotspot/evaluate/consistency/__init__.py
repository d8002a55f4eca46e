r"""Whether what was recorded could have come from the forecast: tests made for earthquakes.

Each asks one question, of every map that a forecast holds, and answers with a p-value and the
distribution that the statistic would have if the forecast were right:

==================================  ======================================================
test                                question
==================================  ======================================================
:func:`number_test`                 Could so many events have come, wherever they fell?
:func:`spatial_test`                Given how many came, could they have fallen there?
:func:`conditional_likelihood_test` The same, period by period where several are judged together.
:func:`likelihood_test`             Could this have come, numbers and places at once?
:func:`pseudo_likelihood_test`      The same, against a forecast's own simulated futures.
==================================  ======================================================

:func:`consistency_tests` gives the first four in one call, of many maps at once. True of all:

* **Result.** A Dataset over the dimensions that remain: ``statistic``, as observed; ``simulated``
  (simulation), where chance was drawn; ``distribution`` (level), its quantiles if the forecast is
  right; ``at_least`` and ``at_most``, the chances of a statistic as large, as small;
  ``p_value``; ``n_events``, ``n_expected``; ``n_floored``; and ``status``, in words.
* **p-values.** Of numbers, two-sided. Of likelihoods, the chance of one as low: a forecast is
  refuted where events fell in places it holds unlikely. ``at_most`` near 1 says that they fell
  only in the likeliest places, more so than chance would have it. From k of M simulations the
  p-value is (k + 1) / (M + 1), which is never 0 and never promises too much. Statistics that differ
  by rounding alone are tied.
* **Zero rates.** `floor` is the least number of events expected in a cell; it is yours to declare,
  is kept as an attribute, and the cells raised to it are counted. By default it is 0: where an
  event falls in a cell in which none was expected the statistic is ``-inf``, and the forecast is
  refuted. Nothing is ever left out: a forecast could otherwise earn by calling a place
  impossible.
* **Poisson chance.** But for simulated futures and the negative binomial number test, the
  forecast is taken to be Poisson with its ``expected_count``. Numbers of a city vary more than
  that from month to month; the number and likelihood tests then refute forecasts whose bounds
  are right. Judge those by their own futures (``distribution="members"``).
* **Many maps.** At a level of 5 %, one in twenty of right forecasts is refuted. Look at the
  p-values together; uniform on (0, 1) is what they should be.
"""

from hotspot.evaluate.consistency.likelihood import (
    conditional_likelihood_test,
    consistency_tests,
    likelihood_test,
    spatial_test,
)
from hotspot.evaluate.consistency.members import pseudo_likelihood_test
from hotspot.evaluate.consistency.number import number_test

__all__ = [
    "conditional_likelihood_test",
    "consistency_tests",
    "likelihood_test",
    "number_test",
    "pseudo_likelihood_test",
    "spatial_test",
]
