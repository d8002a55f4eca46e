"""Workers of a Dask cluster: the same bytes as threads, whoever dies."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hotspot import HistoricalRate, KernelDensity, backtest_hash, local_workers
from hotspot.errors import DataQualityWarning, LeakError, ParameterError, WorkerError
from tests.backtesting.stored_cases import HALVES, MODELS, Slow, a_city, run

dask = pytest.importorskip("dask", reason="the extra 'distributed' is not installed")
distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")


@pytest.fixture(scope="module")
def city():
    return a_city()


@contextmanager
def workers_in_this_process(n_workers: int):
    """A cluster that speaks to itself without a network: quick to start."""
    local = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
    )
    with local as cluster, distributed.Client(cluster, timeout=2) as client:
        yield client


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_cluster_gives_the_bytes_of_threads(city, tmp_path, workers):
    expected = backtest_hash(run(city, areas=HALVES))
    with workers_in_this_process(workers) as c:
        assert backtest_hash(run(city, areas=HALVES, client=c)) == expected
        run(city, areas=HALVES, client=c, store=tmp_path / "store")
    assert backtest_hash(tmp_path / "store") == expected


@dataclass(frozen=True)
class Late:
    """A model that claims to have seen more than it was given."""

    def fit(self, events, grid, *, end=None):
        honest = HistoricalRate().fit(events, grid, end=end)
        return replace(honest, data_cutoff=end.replace(year=2030))


def test_what_a_model_refuses_on_a_worker_is_refused_here(city, tmp_path):
    with (
        workers_in_this_process(1) as c,
        pytest.raises(LeakError, match="before the data cut-off 2030"),
    ):
        run(city, models={"good": HistoricalRate(), "late": Late()}, client=c, store=tmp_path / "s")


def test_a_cluster_and_threads_at_once_are_refused(city):
    with pytest.raises(ParameterError, match="a cluster has its own workers"):
        run(city, client=object(), workers=2)


def test_a_cluster_without_workers_is_refused(city):
    with (
        workers_in_this_process(0) as c,
        pytest.raises(WorkerError, match="The cluster has no workers"),
    ):
        run(city, client=c)


@dataclass(frozen=True)
class Doubtful:
    """A kernel narrower than the places are known: it warns wherever it is fitted."""

    def fit(self, events, grid, *, end=None):
        return KernelDensity(200.0).fit(replace(events, place_resolution=240.0), grid, end=end)


@dataclass(frozen=True)
class Deadly:
    """A model that ends the process it is fitted in."""

    def fit(self, events, grid, *, end=None):  # noqa: ARG002 - it comes to nothing
        os._exit(1)


def killed_after(begun: Path, pids: list[int]) -> None:
    """Kill a worker by its id as soon as it has begun to fit."""
    while not begun.exists():
        time.sleep(0.01)
    os.kill(pids[0], signal.SIGKILL)


@pytest.mark.process
def test_workers_that_die_take_nothing_with_them(city, tmp_path):
    """The only worker holds the events and a forecast in the making when it is killed."""
    models = {"slow": Slow(str(tmp_path / "begun")), **MODELS}
    expected = backtest_hash(run(city, models=models))
    (tmp_path / "begun").unlink()
    at_once = {"distributed.scheduler.allowed-failures": 0}
    with dask.config.set(at_once), local_workers(1) as c:
        pids = list(c.run(os.getpid).values())
        killer = threading.Thread(target=killed_after, args=(tmp_path / "begun", pids))
        killer.start()
        found = run(city, models=models, client=c, store=tmp_path / "store", retries=3)
        killer.join()
        assert list(c.run(os.getpid).values()) != pids
        assert backtest_hash(found) == expected
        with pytest.warns(DataQualityWarning, match="below the place resolution"):
            run(city, models={"doubtful": Doubtful()}, client=c, end="2021-03")
        with pytest.raises(WorkerError, match=r"of 'deadly' in fold [01] .* were lost 1 times"):
            run(city, models={"deadly": Deadly()}, client=c, retries=0)
