"""Work shared out to threads, or done in place where there is but one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def mapped(workers: int) -> Iterator[Callable]:
    """A ``map`` over so many threads; results come in order.

    A pool of one thread would do no work sooner, and starting it takes longer than the sums over a
    thousand events.
    """
    if workers == 1:
        yield map
        return
    with ThreadPoolExecutor(workers) as pool:
        yield pool.map
