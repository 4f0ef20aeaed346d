"""What stops a scenario, and what stops a whole batch: what is finished is kept."""

import contextlib
import multiprocessing
import os
import signal
import time
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from estimator.batch import warm, workers
from estimator.batch.runner import Task, Timeouts, run_scenario
from estimator.batch.store import Store
from estimator.batch.warm import StartError, Template
from tests.killing import group_is_gone, kill_at_random, start, wait_until_finished, whole
from tests.scenarios import DEEDS, batch, scenario_file, small_lesson, table

# --- What stops a scenario ------------------------------------------------------------------


def test_timeouts_of_start_and_scenario(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "import time\ntime.sleep(sleep_s)")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a", "sleep_s": 30}])
    assert batch(lesson, scenarios, tmp_path / "out", "--scenario-timeout", "4") == 1
    assert "the scenario took more than its 4 s" in table(tmp_path / "out")[0]["error"]
    assert batch(lesson, scenarios, tmp_path / "out", "--start-timeout", "0.01") == 1
    assert "the kernel did not start within 0.01 s" in table(tmp_path / "out")[0]["error"]
    assert batch(lesson, scenarios, tmp_path / "out", "--cold", "--start-timeout", "0.05") == 1
    assert "(Kernel didn't respond in 0.05 seconds)" in table(tmp_path / "out")[0]["error"]


def test_a_killed_worker_costs_no_other_scenario(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", DEEDS)
    rows: list[dict[str, Any]] = [
        {"name": "kills", "word": "kill worker"},
        *({"name": f"s{n}"} for n in range(3)),
    ]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    assert batch(lesson, scenarios, tmp_path / "out", "--workers", "2") == 1
    errors = {row["name"]: row["error"] for row in table(tmp_path / "out")}
    assert errors == {"kills": "its worker was killed twice", "s0": "", "s1": "", "s2": ""}
    assert not (tmp_path / "out" / ".batch" / "scratch").exists()
    left = (tmp_path / "out" / "kills.ipynb").read_text(encoding="utf-8")
    assert "**This run has no result:** its worker was killed twice." in left
    assert "kill worker" in left


@pytest.mark.parametrize("after_s", [0, 0.3, 0.7])
def test_a_killed_server_of_forks_costs_no_scenario(tmp_path: Path, after_s: float) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", DEEDS)
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": f"s{n}"} for n in range(4)])
    running = start(lesson, scenarios, "--out", tmp_path / "out", "--workers", "2")
    server = server_of_forks(running.pid)
    time.sleep(after_s)
    os.kill(server, signal.SIGKILL)
    said = running.communicate(timeout=60)[1]
    assert "Traceback" not in said
    assert running.returncode == 0, said
    assert whole(tmp_path / "out") == {f"s{n}" for n in range(4)}


def server_of_forks(parent: int) -> int:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        for child in psutil.Process(parent).children():
            with contextlib.suppress(psutil.Error):
                if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                    return int(child.pid)
        time.sleep(0.002)
    raise AssertionError("there is no server of forks")


def test_a_server_of_forks_that_is_always_killed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(context: Any) -> None:
        raise EOFError("unexpected EOF")

    monkeypatch.setattr(workers, "_fork_once", killed)
    lesson = small_lesson(tmp_path / "small.ipynb", "users")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    assert batch(lesson, scenarios, tmp_path / "out") == 3
    said = capsys.readouterr().err
    assert "was killed, or could not be started, 3 times; what is finished is kept." in said
    assert "Traceback" not in said


# --- What stops the batch -------------------------------------------------------------------


def test_a_full_disk_leaves_no_half_file_and_loses_nothing(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "'x' * (30_000 if users == 2 else 1)")
    rows = [{"name": name, "users": users} for name, users in zip("abc", (1, 2, 3), strict=True)]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    out = tmp_path / "out"
    stopped = start(lesson, scenarios, "--out", out, "--workers", "1", limit_bytes=20_000)
    written, said = stopped.communicate(timeout=60)
    assert written.endswith(f": {out / 'index.html'}\n")
    assert f"b: its files cannot be written to {out} (File too large)" in said
    assert written.startswith("2 passed, 1 failed, 0 skipped")
    assert [row["status"] for row in table(out)] == ["passed", "failed", "passed"]
    assert "This run has no result" in (out / "b.ipynb").read_text(encoding="utf-8")
    assert stopped.returncode == 1
    assert whole(out) == {"a", "c"}
    assert not list(out.rglob(".half-*"))
    kept = (out / "a.json").stat().st_ino
    assert batch(lesson, scenarios, out) == 0
    assert whole(out) == {"a", "b", "c"}
    assert (out / "a.json").stat().st_ino == kept


def test_a_table_without_room_is_told_and_stays_as_it_was(tmp_path: Path) -> None:
    lesson = Path(__file__).parents[1] / "notebooks" / "00-start-here.ipynb"
    out = tmp_path / "out"
    few = scenario_file(tmp_path / "few.csv", [{"name": "a"}])
    assert batch(lesson, few, out, "--table-only") == 0
    before = (out / "results.csv").read_bytes()
    many = scenario_file(tmp_path / "s.csv", [{"name": f"s{n}"} for n in range(200)])
    stopped = start(lesson, many, "--out", out, "--table-only", limit_bytes=5_000)
    said = stopped.communicate(timeout=60)[1]
    assert f"results.csv cannot be written to {out} (File too large), and is as it was: " in said
    assert "Traceback" not in said
    assert stopped.returncode == 2
    assert (out / "results.csv").read_bytes() == before
    assert not list(out.rglob(".half-*"))


def test_without_room_for_the_page_the_closing_line_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "users")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    write = Store.write

    def full(store: Store, name: str, content: str) -> None:
        if name == "index.html":
            raise OSError(28, "No space left on device")
        write(store, name, content)

    monkeypatch.setattr(Store, "write", full)
    assert batch(lesson, scenarios, tmp_path / "out") == 1
    said = capsys.readouterr()
    assert f"index.html cannot be written to {tmp_path / 'out'} (No space left" in said.err
    assert said.out == f"1 passed, 0 failed, 0 skipped (there already): {tmp_path / 'out'}\n"


@pytest.mark.parametrize("again_s", [(), (0.02,), (0.1, 0.2)])
def test_ctrl_c_keeps_what_is_finished_and_ends_every_process(
    tmp_path: Path, again_s: tuple[float, ...]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "import time\ntime.sleep(sleep_s)")
    rows: list[dict[str, Any]] = [{"name": "quick"}, {"name": "slow", "sleep_s": 50}]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    out = tmp_path / "out"
    running = start(lesson, scenarios, "--out", out, "--workers", "1")
    wait_until_finished(running, out, 1)
    os.killpg(running.pid, signal.SIGINT)
    for pause_s in again_s:  # an impatient hand
        time.sleep(pause_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=20)[1]
    assert running.returncode == 130
    assert "what is finished is kept" in said
    assert "Traceback" not in said
    assert whole(out) == {"quick"}
    assert not (out / ".batch" / "scratch").exists()
    assert group_is_gone(running.pid)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.1, 0.8, 1.5])
def test_a_stop_while_it_starts_is_told_too(
    tmp_path: Path, after_s: float, sign: signal.Signals
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "import time\ntime.sleep(sleep_s)")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "slow", "sleep_s": 50}])
    running = start(lesson, scenarios, "--out", tmp_path / "out", "--workers", "1")
    give_up = time.monotonic() + 10
    while not takes(running.pid, signal.SIGTERM) and time.monotonic() < give_up:
        time.sleep(0.005)  # until its first lines have run
    time.sleep(after_s)
    (os.killpg if sign == signal.SIGINT else os.kill)(running.pid, sign)
    said = running.communicate(timeout=20)[1]
    assert running.returncode == 130, said
    assert "Stopped; what is finished is kept" in said
    assert "Traceback" not in said
    assert "Error" not in said
    assert group_is_gone(running.pid)


def takes(process: int, sign: signal.Signals) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (sign - 1) & 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_a_random_instant(tmp_path: Path, seed: int) -> None:
    kill_at_random(tmp_path, seed, rounds=1)


def test_two_batches_do_not_share_a_folder(tmp_path: Path) -> None:
    with Store(tmp_path / "out").opened([]):
        other = Store(tmp_path / "out").opened([])
        with pytest.raises(ValueError, match="is in use by another batch"):
            other.__enter__()


def test_a_folder_with_files_of_another_hand_is_refused(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "SMALL"}])
    assert batch(lesson, scenarios, tmp_path) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.csv", "small.ipynb"]


def test_what_a_killed_batch_left_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.opened([]):
        pass
    (tmp_path / ".batch" / ".half-x").write_text("{")
    store.scratch.mkdir()
    with store.opened([]):
        assert not (tmp_path / ".batch" / ".half-x").exists()
    assert not store.scratch.exists()


def test_only_a_late_kernel_is_said_to_be_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_lesson(tmp_path / "small.ipynb")
    task = Task("a", {}, "small", path.read_text(encoding="utf-8"), (), Timeouts(), "")
    for late, says in ((False, "the kernel did not start (gone)"),
                       (True, "the kernel did not start within 60 s (gone)")):  # fmt: skip
        error = StartError("gone")
        error.late = late

        def execute(*_: Any, error: StartError = error, keep: list[Any], **__: Any) -> None:
            keep[:] = [nbformat.reads(task.notebook, 4)]  # type: ignore[no-untyped-call]
            raise error

        monkeypatch.setattr("estimator.batch.runner.execute_notebook", execute)
        monkeypatch.setattr("estimator.batch.runner.source_fingerprint", lambda: "")
        assert run_scenario(task).error == says


def test_a_template_that_goes_while_it_is_asked_is_not_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = Template(("json",))
    gone.process.kill()
    monkeypatch.setattr(gone.process, "poll", lambda: None)
    warm._templates["json",] = gone
    with pytest.raises(StartError) as caught:
        warm.fork_kernel(("json",), {}, 60)
    assert not caught.value.late
    assert ("json",) not in warm._templates


def test_a_template_that_was_killed_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Template(("json",))
    gone.process.kill()
    gone.process.wait()
    warm._templates["json",] = gone
    asked: list[Template] = []
    monkeypatch.setattr(Template, "fork", lambda self, *_: asked.append(self))
    warm.fork_kernel(("json",), {}, 60)
    assert asked == [warm._templates["json",]] != [gone]
    warm._templates.pop(("json",)).end()


def test_a_refused_table_leaves_no_folder(tmp_path: Path) -> None:
    lesson = Path(__file__).parents[1] / "notebooks" / "01-model-storage.ipynb"
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a", "n_params": -1}])
    out = tmp_path / "out"
    assert batch(lesson, scenarios, out, "--table-only") == 2
    assert not out.exists()
    out.mkdir()
    assert batch(lesson, scenarios, out, "--table-only") == 2
    assert list(out.iterdir()) == []


def test_a_ctrl_c_while_the_server_of_forks_starts_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(forkserver, "ensure_running", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workers._fork_once(multiprocessing.get_context("forkserver"))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
