"""Batches over a real Dask scheduler with two worker processes that share no folder with us."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.killing import PATIENCE_S, start, wait_until_finished
from tests.scenarios import DEEDS, batch, scenario_file, small_lesson


def dask(*arguments: str | Path, folder: Path) -> subprocess.Popen[str]:
    """Start a command of Dask in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


@contextlib.contextmanager
def running_scheduler(
    place: Path, folders: Sequence[Path]
) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """Give the address of a scheduler with a worker in each folder, and their processes."""
    local = ("--host", "127.0.0.1", "--no-dashboard")
    started = [
        dask("scheduler", *local, "--port", "0", "--scheduler-file", place, folder=place.parent)
    ]
    try:
        give_up = time.monotonic() + PATIENCE_S
        while not place.is_file() and time.monotonic() < give_up:
            time.sleep(0.1)
        address = str(json.loads(place.read_text(encoding="utf-8"))["address"])
        for folder in folders:
            one = ("--nthreads", "1", "--local-directory", folder, "--host", "127.0.0.1")
            started.append(dask("worker", address, *one, "--no-dashboard", folder=folder))
        yield address, started
    finally:
        for process in reversed(started):
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in (*psutil.Process(process.pid).children(recursive=True), process):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, each in a folder of its own."""
    place = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    folders = [tmp_path_factory.mktemp(f"worker-{number}") for number in range(2)]
    with running_scheduler(place, folders) as (address, _):
        yield address


def test_the_same_results_as_with_local_processes(scheduler: str, tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "import os\nos.getcwd(), os.getppid()")
    rows = [{"name": f"s{n}", "users": n, "word": "plain"} for n in range(6)]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    outs = {"local": tmp_path / "local", "dask": tmp_path / "dask"}
    for how, options in (("local", ["--workers", "2"]), ("dask", ["--scheduler", scheduler])):
        assert batch(lesson, scenarios, outs[how], *options) == 0
    for name in ["results.csv", *(f"s{n}.json" for n in range(6))]:
        assert (outs["dask"] / name).read_bytes() == (outs["local"] / name).read_bytes()
    text = [(outs["dask"] / f"s{n}.ipynb").read_text(encoding="utf-8") for n in range(6)]
    seen = {folder for page in text for folder in re.findall(r"/worker-\d\d?", page)}
    assert len(seen) == 2, "both workers ran something, each in its own folder"
    assert not any(str(tmp_path) in page for page in text)


def test_a_failing_scenario_and_a_killed_worker_do_not_stop_the_others(
    scheduler: str, tmp_path: Path
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", DEEDS)
    rows: list[dict[str, Any]] = [
        {"name": "raises", "word": "raise"},
        {"name": "kills", "word": "kill worker"},
        {"name": "slow", "sleep_s": 2},
        *({"name": f"s{n}"} for n in range(4)),
    ]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    out = tmp_path / "out"
    assert batch(lesson, scenarios, out, "--scheduler", scheduler) == 1
    assert {path.stem for path in out.glob("*.json")} == {"slow", "s0", "s1", "s2", "s3"}
    assert "kills,failed," in (out / "results.csv").read_text(encoding="utf-8")
    assert "ValueError" in (out / "raises.ipynb").read_text(encoding="utf-8")


def test_no_worker_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    options = ("--scheduler", "tcp://127.0.0.1:9", "--start-timeout", "1")
    assert batch(lesson, scenarios, tmp_path / "out", *options) == 2
    assert "has no worker that answers within 1 s" in capsys.readouterr().err


def test_a_lost_scheduler_ends_the_batch_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", DEEDS)
    rows = [{"name": f"s{n}", "sleep_s": 0 if n < 2 else 1} for n in range(12)]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    out = tmp_path / "out"
    with running_scheduler(tmp_path / "scheduler.json", [tmp_path]) as (address, started):
        running = start(lesson, scenarios, "--out", out, "--scheduler", address)
        wait_until_finished(running, out, 3)
        started[0].kill()
        said = running.communicate(timeout=20)[1]
    assert running.returncode == 3
    assert "does not answer any more; what is finished is kept. Run the same command" in said
    assert "Traceback" not in said
    finished = {path.stem for path in out.glob("*.json")}
    assert 3 <= len(finished) < 12
    assert {path.stem for path in out.glob("*.ipynb")} == finished


def test_a_scheduler_that_has_lost_its_workers_ends_the_batch_in_a_sentence(
    tmp_path: Path,
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", DEEDS)
    rows = [{"name": f"s{n}", "sleep_s": 0 if n < 2 else 60} for n in range(4)]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    out = tmp_path / "out"
    with running_scheduler(tmp_path / "scheduler.json", [tmp_path]) as (address, started):
        options = ("--out", out, "--scheduler", address, "--start-timeout", "10")
        running = start(lesson, scenarios, *options)
        wait_until_finished(running, out, 2)
        nanny = psutil.Process(started[1].pid)
        for each in (nanny, *nanny.children(recursive=True)):
            each.kill()
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 3
    assert "The scheduler has had no worker for 10 s; what is finished is kept. Run the" in said
    assert "Traceback" not in said
    assert {path.stem for path in out.glob("*.json")} == {"s0", "s1"}


@pytest.mark.parametrize("address", ["rubbish", "rub://x:3"])
def test_an_address_that_is_none_gets_one_sentence(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    options = ("--scheduler", address, "--start-timeout", "1")
    assert batch(lesson, scenarios, tmp_path / "out", *options) == 2
    said = capsys.readouterr().err
    assert f"--scheduler {address} has no worker that answers within 1 s" in said
    assert "Traceback" not in said
