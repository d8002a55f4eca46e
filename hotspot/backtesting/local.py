"""Worker processes on this machine, which nothing outside it can reach."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hotspot.errors import ParameterError, WorkerError

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"


@contextmanager
def local_workers(n_workers: int) -> Iterator[Client]:
    """Start processes that make forecasts, and end them when the block ends.

    Parameters
    ----------
    n_workers : int
        Processes, each of one thread. More than there are processors gain nothing.

    Yields
    ------
    dask.distributed.Client
        To give to :func:`hotspot.backtest` as ``client``.

    Raises
    ------
    ParameterError
        If `n_workers` is under 1.
    WorkerError
        If Dask is not installed.

    Notes
    -----
    Every server (scheduler, workers, Dask's status page) listens on the loopback address only.
    Each process loads the library (some seconds and some 300 MB), so that short backtests are
    quicker in threads. In a script, start them under ``if __name__ == "__main__":``, since the
    processes import the script.

    For a cluster of several machines make the client yourself:
    ``distributed.Client("tcp://ADDRESS:8786")``.

    Examples
    --------
    >>> with local_workers(0):
    ...     pass
    Traceback (most recent call last):
    hotspot.errors.ParameterError: n_workers must be at least 1, got 0.
    """
    if n_workers < 1:
        raise ParameterError(f"n_workers must be at least 1, got {n_workers}.")
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise WorkerError(
            "Worker processes need Dask, which is not installed: pip install "
            "'hotspot-forecast[distributed]'. Threads (workers=...) need nothing else."
        ) from None
    options = {
        "threads_per_worker": 1,
        "host": LOOPBACK,
        "dashboard_address": f"{LOOPBACK}:0",  # any free port: another cluster may have the usual
        "silence_logs": logging.CRITICAL,  # what matters is raised; the rest is retried
    }
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
        yield client
