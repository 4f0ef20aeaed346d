"""The speed of batches: a sweep beside a shell loop over papermill, and a table of a million."""

import csv
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.set_up import ROOT, CannotError

LESSON = ROOT / "notebooks" / "05-size-a-service.ipynb"
SWEEP = ROOT / "scenarios" / "sweep-100.csv"
LOOPED = 10  # scenarios of the sweep in the loop, which takes the same time for each
WORKERS = 2
MILLION = 1_000_000


def seconds_of(*command: str | Path, folder: Path) -> float:
    """Run a command in a folder, and take its time."""
    started = time.perf_counter()
    done = subprocess.run(
        list(map(str, command)), cwd=folder, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        raise CannotError(f"This failed: {shlex.join(map(str, command))}\n{done.stderr[-500:]}")
    return time.perf_counter() - started


def batch_seconds(scenarios: Path, folder: Path, *options: str) -> float:
    """Take the time of a batch of the lesson."""
    out = folder / f"out-{scenarios.stem}"
    command = (sys.executable, "-m", "estimator", "batch", LESSON, scenarios, "--out", out)
    return seconds_of(*command, "--workers", str(WORKERS), *options, folder=folder)


def shell_loop() -> str:
    """Write the loop: the papermill command once for each of the sweep's first scenarios."""
    with SWEEP.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:LOOPED]
    papermill = f"{shlex.quote(sys.executable)} -m papermill --no-progress-bar"
    lines = []
    for row in rows:
        name = row.pop("name")
        given = " ".join(f"-p {key} {shlex.quote(value)}" for key, value in row.items())
        files = f"{shlex.quote(str(LESSON))} {name}.ipynb -p result_path {name}.json"
        lines.append(f"{papermill} {files} {given} || exit 1")
    return "\n".join(lines)


def sweep_seconds(folder: Path) -> tuple[float, float]:
    """Seconds of a scenario in the sweep of a hundred, and in the loop; both give the same."""
    loop = folder / "loop.sh"
    loop.write_text(shell_loop(), encoding="utf-8")
    looped = seconds_of("sh", loop, folder=folder) / LOOPED
    taken = batch_seconds(SWEEP, folder) / 100
    for path in folder.glob("*.json"):
        if path.read_bytes() != (folder / f"out-{SWEEP.stem}" / path.name).read_bytes():
            raise CannotError(f"The batch and papermill differ in {path.name}.")
    return taken, looped


def million_seconds(folder: Path) -> float:
    """Seconds of a table of a million services, without notebooks."""
    path = folder / "million.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("name,users,requests_per_user\n")
        file.writelines(f"s{n},{1_000_000 + 17 * n},{n % 40 + 1}\n" for n in range(MILLION))
    return batch_seconds(path, folder, "--table-only")


def batch_times() -> tuple[tuple[float, float], float]:
    """All of it: a scenario of the sweep and of the loop, and the table of a million."""
    with tempfile.TemporaryDirectory() as folder:
        return sweep_seconds(Path(folder)), million_seconds(Path(folder))
