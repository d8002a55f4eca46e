"""A stored backtest: what a kill, a full disk or a broken chunk leaves is never taken for whole."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from zarr.storage import LocalStore

from hotspot import (
    HistoricalRate,
    KernelDensity,
    backtest_hash,
    local_workers,
    open_backtest,
    verify_backtest,
)
from hotspot.backtesting import workers as workers_module
from hotspot.backtesting.protocol import described, differences
from hotspot.errors import CoverageError, ParameterError, StoreError, StoreWriteError, WorkerError
from tests.backtesting.stored_cases import HALVES, MODELS, Slow, Stopped, a_city, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def city():
    return a_city()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


@pytest.fixture(scope="module")
def finished(city, tmp_path_factory):
    """A whole store, made once, and the hash that it should have."""
    store = tmp_path_factory.mktemp("finished") / "store"
    run(city, store=store)
    return store, backtest_hash(run(city))


@pytest.fixture
def whole(finished, path):
    """A copy of it, to be harmed."""
    shutil.copytree(finished[0], path)
    return path


@pytest.fixture
def stopped(tmp_path):
    """A model that is interrupted after its first fold, as long as the file `stop` is there."""
    (tmp_path / "stop").touch()
    return {"one": Stopped(str(tmp_path / "stop"), str(tmp_path / "fits"))}


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of every file."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(f.relative_to(folder)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}


def done(path: Path) -> list[str]:
    return sorted(mark.name for mark in (path / "done").glob("[0-9]*.json"))


def test_a_store_gives_what_memory_gives_for_any_number_of_threads(city, path):
    expected = run(city, areas=HALVES)
    assert "area_observed_count" in expected
    for workers in (1, 2, 4):
        stored = run(city, areas=HALVES, store=path / str(workers), workers=workers)
        xr.testing.assert_identical(stored.load(), expected)
        assert backtest_hash(path / str(workers)) == backtest_hash(expected)


def test_members_are_stored_where_they_are_kept(city, path):
    stored = run(city, keep_members=True, store=path)
    xr.testing.assert_identical(stored.load(), run(city, keep_members=True))
    assert stored.sizes["member"] == 40


def test_the_order_of_rows_changes_no_byte_of_a_store(city, path):
    shuffled = replace(city, table=city.table.sample(frac=1, random_state=2))
    run(city, store=path / "one")
    run(shuffled, store=path / "two")
    one, two = ({k: v[0] for k, v in files_of(path / n).items()} for n in ("one", "two"))
    assert one == two


def test_a_single_fold_is_a_backtest_too(city, path):
    stored = run(city, store=path, end="2021-03")
    assert stored.sizes["fold"] == 1
    xr.testing.assert_identical(stored.load(), run(city, end="2021-03"))


def test_a_hash_tells_apart_what_differs_in_one_bit(city):
    result = run(city)
    other = result.copy(deep=True)
    other["expected_count"][1, 2, 0, 3, 3] *= 1 + 2**-52
    assert backtest_hash(result.copy(deep=True)) == backtest_hash(result)
    assert backtest_hash(other) != backtest_hash(result)
    assert backtest_hash(result.assign_coords(model=["year", "other"])) != backtest_hash(result)


def test_a_hash_takes_every_nan_for_the_same():
    one, two = (
        xr.Dataset({"a": ("x", np.array([bits, 0], np.uint64).view(float))})
        for bits in (0x7FF8000000000000, 0xFFF8000000000000)
    )
    assert backtest_hash(one) == backtest_hash(two)


def test_an_interrupted_run_goes_on_without_touching_what_is_done(city, path, stopped, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(city, models=stopped, store=path)
    assert done(path) == ["00000-000.json"]
    before = files_of(path)
    with pytest.raises(StoreError, match=r"2 of 3 forecasts of .* are not made yet"):
        open_backtest(path)
    (tmp_path / "stop").unlink()
    resumed = run(city, models=stopped, store=path, resume=True)
    assert {name: files_of(path)[name] for name in before} == before
    fits = (tmp_path / "fits").read_text().split()
    assert fits == ["2021-01", "2021-03", "2021-03", "2021-05"]
    assert backtest_hash(resumed) == backtest_hash(run(city, models=stopped))


def test_resume_begins_where_there_is_nothing_and_ends_where_all_is_done(city, path, finished):
    first = run(city, store=path, resume=True)
    before = files_of(path)
    again = run(city, store=path, resume=True)
    assert files_of(path) == before
    assert backtest_hash(first) == backtest_hash(again) == finished[1]


def test_a_store_is_not_gone_on_with_unless_that_is_asked(city, whole):
    with pytest.raises(StoreError, match="already, 6 of 6 forecasts done"):
        run(city, store=whole)
    with pytest.raises(ParameterError, match="name it with store="):
        run(city, resume=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"models": {**MODELS, "all": HistoricalRate("24 months")}}, r"models\.all\.window"),
        ({"models": dict(reversed(MODELS.items()))}, "order_of_models"),
        ({"end": "2021-05"}, r"folds\[2\]"),
        ({"cell_size": 125}, r"grid\.cell_size: 250.0 in the store, 125.0 asked"),
        ({"seed": 2}, r"seed\.entropy: '1' in the store, '2' asked"),
        ({"size": 41}, "size: 40 in the store, 41 asked"),
        ({"quantiles": (0.05, 0.95)}, "quantiles"),
        ({"areas": HALVES}, "areas: nothing in the store"),
        ({"keep_members": True}, "keep_members"),
    ],
    ids=["model", "order", "folds", "grid", "seed", "size", "levels", "areas", "members"],
)
def test_a_store_of_another_backtest_is_refused_with_what_differs(city, whole, change, named):
    before = files_of(whole)
    with pytest.raises(StoreError, match=f"is another one: .*{named}"):
        run(city, store=whole, resume=True, **change)
    assert files_of(whole) == before


def test_a_store_of_other_events_or_another_version_is_refused(city, whole, monkeypatch):
    with pytest.raises(StoreError, match="events_sha256"):
        run(a_city(seed=7), store=whole, resume=True)
    monkeypatch.setattr("hotspot.__version__", "0.0.0")
    with pytest.raises(StoreError, match=r"versions\.hotspot"):
        run(city, store=whole, resume=True)


def test_a_folder_of_something_else_is_left_alone(city, path):
    path.mkdir()
    (path / "letters.txt").write_text("dear")
    with pytest.raises(StoreError, match="is no stored backtest"):
        run(city, store=path)
    with pytest.raises(StoreError, match="There is no backtest at"):
        verify_backtest(path)
    assert (path / "letters.txt").read_text() == "dear"


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def swapped(file: Path) -> None:
    """A chunk that is sound in itself, but that of another forecast."""
    file.write_bytes((file.parent / "1.2.0.0.0").read_bytes())


def halved(file: Path) -> None:
    file.write_text(file.read_text()[: file.stat().st_size // 2])


CHUNK = "data.zarr/expected_count/0.1.0.0.0"


@pytest.mark.parametrize(
    ("file", "damage", "named"),
    [
        (CHUNK, flipped, r"the forecast of 'year' in fold 1 \(expected_count/0\.1\.0\.0\.0\)"),
        (CHUNK, swapped, r"the forecast of 'year' in fold 1 \(expected_count/0\.1\.0\.0\.0\)"),
        (CHUNK, Path.unlink, r"the forecast of 'year' in fold 1 \(expected_count/0\.1\.0\.0\.0\)"),
        ("done/00001-001.json", halved, r"the forecast of 'all' in fold 1 \(00001-001\.json\)"),
        ("data.zarr/observed_count/2.0.0.0", flipped, "what was observed in fold 2"),
        ("data.zarr/inside_area/0.0", flipped, "the coordinates inside_area"),
    ],
    ids=["a bit", "another's chunk", "no chunk", "a mark", "observed", "coordinates"],
)
def test_damage_is_found_named_refused_and_made_anew(city, whole, finished, file, damage, named):
    sound = files_of(whole)
    assert verify_backtest(whole) == []
    damage(whole / file)
    (found,) = verify_backtest(whole)
    with pytest.raises(StoreError, match=f"1 parts of .* the first {named}") as refused:
        run(city, store=whole, resume=True)
    assert found.where in str(refused.value)
    repaired = run(city, store=whole, resume=True, repair=True)
    assert verify_backtest(whole) == []
    assert backtest_hash(repaired) == finished[1]
    same = [name for name, content in files_of(whole).items() if content == sound[name]]
    assert len(same) > len(sound) / 2


def test_a_damaged_chunk_is_an_error_when_it_is_read_and_never_a_number(whole):
    result = open_backtest(whole)
    flipped(whole / CHUNK)  # values are read when they are used, so after this
    assert result["expected_count"].isel(fold=0).notnull().any()
    with pytest.raises(RuntimeError, match=r"checksum|rror"):
        result["expected_count"].isel(fold=1).load()


@contextmanager
def files_up_to(size: int):
    """The system refuses files above `size` bytes: an error of the disk that is no pretence."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_disk():
    """The disk is full when the chances of the second fold are to be written."""
    write = LocalStore.set

    async def refused(self, key, value, *arguments):
        if key == "probability/0.1.0.0.0":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await write(self, key, value, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "set", refused)
        yield


@pytest.mark.parametrize(
    ("refuses", "said"),
    [(full_disk, "No space left on device"), (lambda: files_up_to(300), "File too large")],
    ids=["a full disk", "a limit on files"],
)
def test_a_disk_that_takes_no_more_marks_nothing_as_done_that_is_not(
    city, path, stopped, tmp_path, refuses, said
):
    with pytest.raises(KeyboardInterrupt):
        run(city, models=stopped, store=path)
    (tmp_path / "stop").unlink()
    with refuses(), pytest.raises(StoreWriteError, match=f"cannot be written: {said}"):
        run(city, models=stopped, store=path, resume=True)
    assert done(path) == ["00000-000.json"]
    assert verify_backtest(path) == []
    resumed = run(city, models=stopped, store=path, resume=True)
    assert backtest_hash(resumed) == backtest_hash(run(city, models=stopped))


@contextmanager
def nobody():
    """As a user who owns nothing, where the tests are run by one who may do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_fitted(
    city, path, tmp_path, stopped
):
    run(city, store=path, end="2021-03")  # loads modules that nobody may be unable to read
    with tempfile.TemporaryDirectory() as closed:  # others may not even look into tmp_path
        Path(closed).chmod(0o555)
        with nobody(), pytest.raises(StoreWriteError, match="cannot be written: Permission denied"):
            run(city, models=stopped, store=Path(closed) / "store")
        assert list(Path(closed).iterdir()) == []
    assert not (tmp_path / "fits").exists()


def test_what_a_kill_left_half_written_is_swept_away(city, whole):
    path = whole
    leftovers = [
        path / "data.zarr/probability/0.0.0.0.d41d8cd98f00b204e9800998ecf8427e.partial",
        path / "done/.00001-000.json.0123abcd.part.json",
    ]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    run(city, store=path, resume=True)
    assert not any(leftover.exists() for leftover in leftovers)
    begun = path.parent / ".other.0123abcd.part"
    begun.mkdir()
    run(city, store=path.parent / "other", end="2021-03")
    assert not begun.exists()


def test_without_dask_threads_fill_a_store_and_processes_are_refused(city, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(city, store=path, end="2021-03", workers=2).sizes["fold"] == 1
    with pytest.raises(WorkerError, match="pip install"), local_workers(1):
        pass


def test_a_period_that_was_not_recorded_is_refused_before_anything_is_fitted(
    city, path, stopped, tmp_path
):
    with pytest.raises(CoverageError, match="outside the recorded window"):
        run(city, models=stopped, store=path, end="2022-05")
    assert not (tmp_path / "fits").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_holds_a_few_forecasts_however_many_folds(city, path, workers, monkeypatch):
    made, alive = [], []
    make = workers_module.forecast_of

    def counted(plan, task):
        forecast = make(plan, task)
        made.append(weakref.ref(forecast))
        alive.append(sum(one() is not None for one in made))
        return forecast

    monkeypatch.setattr(workers_module, "forecast_of", counted)
    run(city, store=path, workers=workers, end="2022-01")
    assert len(alive) == 12
    assert max(alive) <= 2 * workers + 2


@dataclass(frozen=True)
class Loaded:
    """A specification with one of everything that a model may hold."""

    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"a": [1.0, 2.0]}))
    array: np.ndarray = field(default_factory=lambda: np.arange(3))
    part: KernelDensity = field(default_factory=lambda: KernelDensity(300.0))
    when: pd.Timestamp = field(default_factory=lambda: pd.Timestamp("2021-01-01"))
    numbers: tuple = (1, float("nan"), None, np.float64(2.5))


@pytest.mark.parametrize(
    "change",
    [
        {"table": pd.DataFrame({"a": [1.0, 2.5]})},
        {"table": pd.DataFrame({"a": [1.0, 2.0]}, index=[1, 2])},
        {"array": np.arange(3) + 1},
        {"part": KernelDensity(200.0)},
        {"when": pd.Timestamp("2021-01-02")},
        {"numbers": (1, float("nan"), None, 3.5)},
    ],
    ids=["table", "index", "array", "part", "time", "number"],
)
def test_a_model_is_known_by_everything_that_it_holds(change):
    assert differences(described(Loaded()), described(Loaded())) == ""
    assert differences(described(Loaded()), described(Loaded(**change))) != ""


def test_a_model_that_cannot_be_known_again_is_not_stored(city, path):
    @dataclass(frozen=True)
    class Called:
        function: object

        def fit(self, events, grid, *, end=None):
            return HistoricalRate().fit(events, grid, end=end)

    with pytest.raises(ParameterError, match=r"Whether <function .* cannot be said"):
        run(city, models={"called": Called(lambda x: x)}, store=path)
    assert not path.exists()


KILLED = """
from tests.backtesting.stored_cases import Slow, a_city, run
run(a_city(), models={{"slow": Slow({begun!r})}}, store={path!r})
"""


@pytest.mark.process
def test_a_process_that_is_killed_leaves_a_store_that_goes_on_to_the_same_hash(
    city, path, tmp_path
):
    code = KILLED.format(begun=str(tmp_path / "begun"), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        limit = time.monotonic() + 60
        while not done(path) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert 1 <= len(done(path)) < 3
    models = {"slow": Slow(str(tmp_path / "begun"))}
    resumed = run(city, models=models, store=path, resume=True)
    assert backtest_hash(resumed) == backtest_hash(run(city, models=models))
