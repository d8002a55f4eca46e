"""Who bears it: what a forecast does to places and to those who live there."""

from hotspot.audit.groups import Groups
from hotspot.audit.result import AuditResult

__all__ = ["AuditResult", "Groups"]
