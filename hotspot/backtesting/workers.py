"""Who makes the forecasts: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import xarray as xr

from hotspot.backtesting.tasks import Plan, Task, forecast_of
from hotspot.errors import WorkerError

if TYPE_CHECKING:
    from distributed import Client, Future

_WAITING = 2  # forecasts in hand for each worker: one being made, one that waits its turn

Made = Iterator[tuple[Task, xr.Dataset]]


def in_threads(plan: Plan, tasks: Iterator[Task], *, workers: int) -> Made:
    """Forecasts in the order in which they are ready, made by threads."""
    if workers == 1:
        for task in tasks:
            yield task, forecast_of(plan, task)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: dict[Any, Task] = {}
        try:
            for task in tasks:
                waiting[pool.submit(forecast_of, plan, task)] = task
                if len(waiting) >= _WAITING * workers:
                    yield from _ready(waiting)
            while waiting:
                yield from _ready(waiting)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _ready(waiting: dict[Any, Task]) -> Made:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()


def on_cluster(client: Client, plan: Plan, tasks: Iterator[Task], *, retries: int) -> Made:
    """Forecasts in the order in which they are ready, made by the workers of a cluster.

    The plan, which holds the events, is sent to each worker once. A forecast whose worker dies is
    made again elsewhere; since tasks are pure, that changes no byte of it.

    Raises
    ------
    WorkerError
        If there are no workers, or a forecast's workers died more than `retries` times.
    """
    from distributed import as_completed

    names = list(plan.models)
    send = _sender(client, plan)
    shared = send()
    ready, waiting = as_completed(raise_errors=False), {}

    def submit(task: Task, deaths: int) -> None:
        # A key of its own each time: a cluster would answer a known key with an old result.
        key = f"{names[task.model]}-{task.fold}-{uuid.uuid4().hex}"
        future = client.submit(_with_warnings, shared, task, key=key)
        waiting[future] = (task, deaths)
        ready.add(future)

    try:
        while True:
            while len(waiting) < _WAITING * max(1, sum(client.nthreads().values())):
                task = next(tasks, None)
                if task is None:
                    break
                submit(task, 0)
            if not waiting:
                return
            future = next(ready)
            task, deaths = waiting.pop(future)
            made = _result_of(future)
            if made is not None:
                forecast, said = made
                del made, future
                for message, category in said:
                    warnings.warn(message, category, stacklevel=2)
                yield task, forecast
                continue
            if deaths >= retries:
                raise WorkerError(_gave_up(plan, task, deaths + 1))
            # The events may have died with the workers that held them.
            shared = send()
            submit(task, deaths + 1)
    finally:
        client.cancel(list(waiting), force=True)


def _sender(client: Client, plan: Plan) -> Callable[[], Future]:
    def send() -> Future:
        try:
            return client.scatter(plan, broadcast=True, hash=False)
        except TimeoutError:
            raise WorkerError(
                "The cluster has no workers. Start some (a LocalCluster starts its own; else "
                "`dask worker ADDRESS`) and run again."
            ) from None

    return send


def _with_warnings(plan: Plan, task: Task) -> tuple[xr.Dataset, list[tuple[str, type]]]:
    """The forecast, and the warnings that would otherwise be said on a worker nobody watches."""
    from distributed import get_worker

    worker = get_worker()
    if worker.nanny is None or worker.state.nthreads > 1:
        return forecast_of(plan, task), []  # catching warnings is for a thread that is alone
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forecast = forecast_of(plan, task)
    return forecast, [(str(one.message), one.category) for one in caught]


def _result_of(future: Future) -> tuple[xr.Dataset, list] | None:
    """What a task gave; None where its worker died; what the task itself raised is raised."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except (KilledWorker, CancelledError):
        return None


def _gave_up(plan: Plan, task: Task, deaths: int) -> str:
    model = list(plan.models)[task.model]
    return (
        f"The workers that were to make the forecast of {model!r} in fold {task.fold} (cut-off "
        f"{plan.folds[task.fold].cutoff:%Y-%m-%d}) were lost {deaths} times. Most often they run "
        "out of memory: give each worker more, or use fewer of them."
    )
