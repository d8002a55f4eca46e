"""What was done, written down so that nobody can change it unseen."""

from hotspot.ledger.chain import KINDS, Entry
from hotspot.ledger.checkpoint import Checkpoint, checkpoint, read_checkpoint
from hotspot.ledger.environment import file_record
from hotspot.ledger.journal import Ledger
from hotspot.ledger.verify import Verification, verify_ledger

__all__ = [
    "KINDS",
    "Checkpoint",
    "Entry",
    "Ledger",
    "Verification",
    "checkpoint",
    "file_record",
    "read_checkpoint",
    "verify_ledger",
]
