"""Set up the course: `.venv/` with what `pyproject.toml` lists, as `constraints.txt` pins it.

A stamp inside `.venv/` is written last and removed first, so no stamp means half made: make it new.
"""

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("pyproject.toml", "constraints.txt")
# Imported once at the end: proof that the environment works, and it starts quickly from then on.
WARM_UP = ("jupyterlab.labapp", "ipykernel.kernelapp, ipywidgets, matplotlib.pyplot, pandas, sympy")
DISK_FULL = "the disk is full: free about a gigabyte and run the same command again."
NO_NETWORK = (
    "The packages could not be downloaded: "
    "check the network (or the proxy that pip uses) and run the same command again."
)
NO_NETWORK_SIGNS = ("connection broken", "connectionerror", "max retries", "timed out", "sslerror")
SPACE_BYTES = 800_000_000  # with the tests' tools; the course alone takes 500 MB

Stamp = dict[str, str | list[str]]


class CannotError(Exception):
    """What stops a command, told to the reader in one sentence."""


def told(work: Callable[[], None]) -> int:
    """Run a command; tell what stops it in a sentence, and return the exit status."""
    try:
        work()
    except CannotError as problem:
        print(problem, file=sys.stderr)
    except OSError as problem:
        full = problem.errno in (ENOSPC, EDQUOT)
        print(f"Stopped: {DISK_FULL if full else problem}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped; run the same command again to go on.", file=sys.stderr)
        return 130
    else:
        return 0
    return 1


def venv_python(root: Path) -> Path:
    """The course's own Python."""
    return root / ".venv" / "bin" / "python"


def stamp_file(root: Path) -> Path:
    """Where the finished set-up is noted."""
    return root / ".venv" / "course-stamp.json"


def fingerprint(root: Path) -> str:
    """Changes when the list of dependencies or a pin does."""
    return hashlib.sha256(b"\0".join((root / name).read_bytes() for name in INPUTS)).hexdigest()


def read_stamp(root: Path) -> Stamp:
    """The note of the last finished set-up; empty if there was none."""
    try:
        stamp = json.loads(stamp_file(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def installed(root: Path) -> list[str]:
    """Name every package that stands in `.venv/`, with its version."""
    return sorted(path.name for path in root.glob(".venv/lib/python*/site-packages/*.dist-info"))


def new_stamp(root: Path, extras: Sequence[str]) -> Stamp:
    """The note that a set-up finished now would leave."""
    return {
        "extras": sorted(set(extras)),
        "inputs": fingerprint(root),
        # Scripts and the editable install hold absolute paths: a moved folder is a new one.
        "place": str(root / ".venv"),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def runs(python: Path) -> bool:
    """Whether this Python starts; one left behind by a removed system Python does not."""
    if Path(sys.prefix) == python.parent.parent:
        return True
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def plan(root: Path, extras: Sequence[str]) -> Literal["nothing", "install", "rebuild"]:
    """What must be done so that `.venv/` holds the course with these extras."""
    have, want = read_stamp(root), new_stamp(root, extras)
    if any(have.get(key) != want[key] for key in ("place", "python")):
        return "rebuild"
    if not runs(venv_python(root)):
        return "rebuild"
    complete = have.get("inputs") == want["inputs"] and set(extras) <= set(have.get("extras", []))
    complete &= set(have.get("packages", [])) <= set(installed(root))
    return "nothing" if complete else "install"


def explain(output: Sequence[str], log: Path) -> str:
    """Pip's failure as a sentence, then its own last words."""
    last = [line for line in output if line.strip()][-4:]
    # Without a network pip retries, then blames the pins: its reason stands further up.
    broken = [line for line in output if any(sign in line.lower() for sign in NO_NETWORK_SIGNS)]
    if any("no space left" in line.lower() or "disk quota" in line.lower() for line in output):
        sentence = f"The packages could not be installed: {DISK_FULL}"
    elif broken:
        sentence, last = NO_NETWORK, broken[-1:]
    else:
        sentence = "The packages could not be installed: see what pip says, and try again."
    return "\n".join([sentence, *(f"    pip: {line[:300]}" for line in last), f"    log: {log}"])


def run_pip(root: Path, *arguments: str) -> None:
    """Run pip in `.venv/`, keep all that it says in a log, show one line of it at a time."""
    log = root / ".venv" / "set-up.log"
    command = [str(venv_python(root)), "-m", "pip", "install", "--no-compile", "--no-input"]
    settings = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    said: list[str] = []
    with (
        log.open("a", encoding="utf-8") as kept,
        subprocess.Popen(
            [*command, "-c", "constraints.txt", *arguments],
            cwd=root,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            kept.write(line)
            said.append(line.rstrip())
            if sys.stdout.isatty():
                width = shutil.get_terminal_size().columns - 3
                print(f"\r\x1b[K  {said[-1].strip()[:width]}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")
    if process.returncode:
        raise CannotError(explain(said, log))


def make_venv(root: Path) -> None:
    """Make an empty `.venv/` with a pip that is quick and the same for everybody."""
    # When the half-made .venv's own Python runs this, the one it was made from makes the next.
    python = getattr(sys, "_base_executable", "") or sys.executable
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            version = ".".join(platform.python_version_tuple()[:2])
            raise CannotError(
                f"Python {version} ({python}) lacks its {module} module: on Debian or Ubuntu "
                f"run 'sudo apt install python{version}-venv', elsewhere install Python from "
                "python.org, and run the same command again."
            )
    free = shutil.disk_usage(root).free
    if free < SPACE_BYTES:
        raise CannotError(
            f"The course needs {SPACE_BYTES / 1e6:.0f} MB of disk, and {free / 1e6:.0f} MB are "
            "free: make room and run the same command again."
        )
    command = [python, "-m", "venv", "--clear", str(root / ".venv")]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        reason = ((made.stdout + made.stderr).strip() or "no reason given").splitlines()[-1]
        raise CannotError(f"The folder .venv could not be made with {python}: {reason}")
    run_pip(root, "pip")


def warm_up(root: Path) -> None:
    """Import what the lessons use, on two cores, so that pip need not compile all of it."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    imports = [
        subprocess.Popen(
            [venv_python(root), "-c", f"import {modules}"],
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for modules in WARM_UP
    ]
    for process in imports:
        _, errors = process.communicate()
        if process.returncode:
            reason = (errors.strip() or "no reason given").splitlines()[-1]
            raise CannotError(f"The packages were installed but do not work: {reason}")


def set_up(root: Path, extras: Sequence[str]) -> None:
    """Bring `.venv/` to where it should be; at once when it is there already."""
    work = plan(root, extras)
    if work == "nothing":
        return
    print("Setting up the course in .venv: once, about a minute ...", flush=True)
    if work == "rebuild" and (root / ".venv").is_symlink():
        (root / ".venv").unlink()  # and leave what it leads to: it may be another copy's
    kept = () if work == "rebuild" else read_stamp(root).get("extras", [])
    extras = sorted({*extras, *kept})
    stamp_file(root).unlink(missing_ok=True)
    if work == "rebuild":
        make_venv(root)
    run_pip(root, "-e", f".[{','.join(extras)}]" if extras else ".")
    warm_up(root)
    half = stamp_file(root).with_suffix(".half")
    stamp = new_stamp(root, extras) | {"packages": installed(root)}
    half.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    half.replace(stamp_file(root))


if __name__ == "__main__":
    sys.exit(told(lambda: set_up(ROOT, sys.argv[1:])))
