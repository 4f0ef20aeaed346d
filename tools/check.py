"""The checks: `python -m tools.check test`, or `browser`, `office`, `kill` or `dask`.

PYTEST_ARGS goes on to pytest.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tools.browser import find_chromium
from tools.lab import jupyter_settings
from tools.set_up import ROOT, CannotError, told

# A worker more than the two cores that the time limit is meant for, as a third of the time is
# waiting for kernels; a lesson's cells stay on one worker. In their order, as the longest files
# are few tests each, and would otherwise come last, on one worker alone.
TESTS = (
    *("pytest", "-n3", "--dist=loadscope", "--no-loadscope-reorder", "--durations=5"),
    *("--doctest-modules", "--nbval", "--nbval-cell-timeout=60"),
    "--nbval-sanitize-with=tests/data/nbval.ini",
    *(
        "--doctest-glob=README.md",
        "--ignore=tests/browser",
        "--ignore=tests/dask",
        "--ignore=tests/kill",
        "--ignore=tests/office",
        "--ignore=tests/verify",
    ),
    *("README.md", "estimator", "tests", "notebooks"),
)
CHECKS = {
    "ruff check": ("ruff", "check"),
    "ruff format": ("ruff", "format", "--check"),
    "mypy": ("mypy",),
    "pytest": TESTS,
}
APART = {
    kind: ("pytest", "--durations=5", f"tests/{kind}")
    for kind in ("browser", "dask", "kill", "office")
}


def check(steps: Mapping[str, tuple[str, ...]], settings: Mapping[str, str]) -> None:
    """Run every step, also after one has failed, and name at the end those that did."""
    failed = []
    for title, (module, *arguments) in steps.items():
        print(f"\n== {title}", flush=True)
        if module == "pytest":
            arguments += shlex.split(os.environ.get("PYTEST_ARGS", ""))
        started = time.monotonic()
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False)
        if done.returncode:
            failed.append(title)
        print(f"-- {title}: {time.monotonic() - started:.1f} s", flush=True)
    if failed:
        raise CannotError(f"Failed: {', '.join(failed)}.")


def main(kind: str) -> None:
    """Run one kind of checks with Jupyter kept apart from the user's own."""
    prefix = Path(sys.prefix)
    settings = jupyter_settings(prefix, prefix / "etc" / "jupyter-tests")
    if kind == "browser":
        settings |= {"CHROMIUM": find_chromium()}
    check({f"{kind} tests": APART[kind]} if kind in APART else CHECKS, settings)


if __name__ == "__main__":
    sys.exit(told(lambda: main(sys.argv[1])))
