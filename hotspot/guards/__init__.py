"""What hotspot refuses to do, what it does only with a reason on record, and what it remarks."""

from hotspot.guards.catalogue import GUARDS, Guard
from hotspot.guards.outcome import Finding, Override, settle

__all__ = ["GUARDS", "Finding", "Guard", "Override", "settle"]
