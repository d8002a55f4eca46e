"""Every exception and warning of hotspot, so that a caller can tell one refusal from another.

All exceptions derive from :class:`HotspotError`; each also derives from the built-in a
Python reader would expect (``ValueError`` for a value that cannot be right).
"""


class HotspotError(Exception):
    """Base of every refusal that hotspot makes on purpose."""


class ParameterError(HotspotError, ValueError):
    """An argument lies outside the values that make sense."""


class FileFormatError(HotspotError, ValueError):
    """A file is not what it should be: encoding, separator, header, row length, JSON."""


class MissingFileError(HotspotError, FileNotFoundError):
    """There is no file or folder of that name."""


class ArchiveError(HotspotError, ValueError):
    """An archive is corrupt, encrypted, expands too far, or would write outside its folder."""


class CoordinateError(HotspotError, ValueError):
    """Coordinates are swapped, in another reference system, or outside the region."""


class DateError(HotspotError, ValueError):
    """A month or time cannot be read, lies in the future, or mixes time zones."""


class UnknownNameError(HotspotError, KeyError):
    """A name (borough, offence, column) is not known; the message lists the near ones."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class RegionError(HotspotError, ValueError):
    """A polygon is empty, invalid, crosses itself, or carries no reference system."""


class GridError(HotspotError, ValueError):
    """A grid cannot be laid: cell size not positive, larger than the region, too many cells."""


class GridMismatchError(HotspotError, ValueError):
    """Two arrays that should lie on one grid do not."""


class CoverageError(HotspotError, ValueError):
    """A period is asked for that was never recorded. Missing is not zero."""


class ResolutionError(HotspotError, ValueError):
    """The data are recorded too coarsely in time or place for what is asked."""


class TooFewEventsError(HotspotError, ValueError):
    """There are too few events, or too few distinct places, to estimate this."""


class ConvergenceError(HotspotError, RuntimeError):
    """An estimate did not converge; carries the trace, never the parameters."""

    def __init__(self, message: str, trace: object = None) -> None:
        super().__init__(message)
        self.trace = trace


class EstimateOnBoundError(ConvergenceError):
    """The likelihood is highest where a parameter may not go: the data do not tell its value."""


class ExplosiveError(ConvergenceError):
    """Each event would trigger one or more others on average, and there would be no end to it."""


class LeakError(HotspotError, ValueError):
    """A forecast would have seen its future."""


class ForecastError(HotspotError, ValueError):
    """A Dataset does not follow the forecast schema."""


class StudyError(HotspotError, ValueError):
    """A study file is missing something, or says something that is not understood."""


class LedgerError(HotspotError, ValueError):
    """A ledger was changed, is of another version, or cannot be written."""


class SealError(HotspotError, ValueError):
    """A sealed forecast was edited, is of another version, or cannot be what it says."""


class RefusedError(ParameterError):
    """A guard refuses what was asked for; carries its code, and what to do instead.

    Attributes
    ----------
    code : str
        Of the guard, such as ``"G7"``; see :mod:`hotspot.guards`.
    remedy : str
        What to do instead.
    may_be_overridden : bool
        Whether an override with a reason lets it pass, on the record.
    """

    def __init__(self, code: str, message: str, *, remedy: str, may_be_overridden: bool) -> None:
        super().__init__(f"[{code}] {message} {remedy}")
        self.code, self.remedy, self.may_be_overridden = code, remedy, may_be_overridden


class StoreError(HotspotError, ValueError):
    """A stored backtest is another one, is not finished, or does not match its hashes."""


class StoreWriteError(HotspotError, OSError):
    """A stored backtest cannot be written: a full disk, or a folder that may not be written."""


class WorkerError(HotspotError, RuntimeError):
    """There are no workers, or they died over the same forecast again and again."""


class MissingPackageError(HotspotError, ImportError):
    """A package that only some parts need is not installed; the message says which extra has it."""


class HotspotWarning(UserWarning):
    """Base of every warning; silence one class with :func:`warnings.filterwarnings`."""


class DataQualityWarning(HotspotWarning):
    """Something in the input is doubtful, was counted, and stands in the ingest report."""
