"""Tables from restricted records, published without telling who: small counts held back."""

from hotspot.disclosure.control import Protected, Rule, protect_table, require_safe
from hotspot.disclosure.intervals import feasible_intervals

__all__ = ["Protected", "Rule", "feasible_intervals", "protect_table", "require_safe"]
