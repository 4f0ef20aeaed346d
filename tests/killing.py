"""Batches in processes of their own, and kills at random instants."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.scenarios import scenario_file, small_lesson

ROOT = Path(__file__).parents[1]
SCENARIOS = 6
PATIENCE_S = 60


def whole(out: Path) -> set[str]:
    """The scenarios whose result is there, after looking at every file of the folder."""
    for path in out.glob("*"):
        if path.suffix in (".json", ".ipynb"):
            json.loads(path.read_text(encoding="utf-8"))
    return {path.stem for path in out.glob("*.json")}


def start(*arguments: str | Path, limit_bytes: int = 0) -> subprocess.Popen[str]:
    """Start a batch in a process group of its own, perhaps with a limit on a file's size."""
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))"
    code = f"import resource, runpy, sys; {limit if limit_bytes else 'pass'}; "
    code += "runpy.run_module('estimator', run_name='__main__', alter_sys=True)"
    return subprocess.Popen(
        [sys.executable, "-c", code, "batch", *map(str, arguments)],
        cwd=ROOT, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def group_is_gone(group: int, within_s: float = 10) -> bool:
    """Tell whether all processes of a group end in time."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def kill_at_random(folder: Path, seed: int, rounds: int) -> None:
    """Kill processes of a batch with SIGKILL, run it to its end, and compare with an unbroken one.

    After each kill every visible file is whole and right, and no finished result is made again.
    """
    chance = random.Random(seed)
    lesson = small_lesson(folder / "small.ipynb", "users")
    rows = [{"name": f"s{n}", "users": n} for n in range(SCENARIOS)]
    scenarios = scenario_file(folder / "s.csv", rows)
    out = folder / "out"
    finished: dict[str, int] = {}
    for _ in range(rounds):
        running = start(lesson, scenarios, "--out", out, "--workers", "2")
        try:
            wait_until_finished(running, out, chance.randrange(SCENARIOS))
            time.sleep(chance.uniform(0, 1))
            kill_one(running.pid, chance)
            time.sleep(chance.uniform(0, 1))
        finally:
            kill_main(running)
        assert all_right(out) >= set(finished)
        now = inodes(out)
        assert {name: now[name] for name in finished} == finished
        finished = now
    last = start(lesson, scenarios, "--out", out, "--workers", "2")
    said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    assert all_right(out) == {row["name"] for row in rows}
    assert {name: inodes(out)[name] for name in finished} == finished
    assert not list(out.rglob(".half-*"))
    assert not (out / ".batch" / "scratch").exists()
    lines = (out / "results.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == [f"s{n},passed,{n},{number(n * 0.5)},{2 * n}," for n in range(SCENARIOS)]


def wait_until_finished(running: subprocess.Popen[str], out: Path, count: int) -> None:
    """Wait until so many scenarios are finished, or the batch has ended."""
    give_up = time.monotonic() + PATIENCE_S
    while running.poll() is None and time.monotonic() < give_up and len(inodes(out)) < count:
        time.sleep(0.02)


def number(value: float) -> str:
    """A number as the table writes it."""
    return f"{value:g}"


def kill_one(main: int, chance: random.Random) -> None:
    """Kill the main process or one of those below it."""
    try:
        tree = [psutil.Process(main), *psutil.Process(main).children(recursive=True)]
        chance.choice(tree).kill()
    except psutil.NoSuchProcess:
        pass


def kill_main(running: subprocess.Popen[str]) -> None:
    """Kill the main process; all below it must end by themselves."""
    try:
        below = psutil.Process(running.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    running.kill()
    running.communicate(timeout=60)
    left = psutil.wait_procs(below, timeout=20)[1]
    assert not left, [process.cmdline() for process in left]


def inodes(out: Path) -> dict[str, int]:
    """The results that are finished, and which file each is."""
    records = out.glob(".batch/records/*.json")
    return {path.stem: (out / path.name).stat().st_ino for path in records if path.name[0] != "."}


def all_right(out: Path) -> set[str]:
    """The finished results, after looking at every file of the folder."""
    for path in out.glob("*.json"):
        value = int(path.stem[1:])
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["results"]["twice"]["value"] == 2 * value
        assert content["parameters"]["users"] == value
    whole(out)
    return set(inodes(out))
