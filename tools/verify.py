"""`make verify`: the formulas against real modules, in an environment of its own with PyTorch."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tomllib

from tools.set_up import ROOT, CannotError, explain, told

ENVIRONMENT = ROOT / ".venv-verify"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "verify-stamp"


def requirements() -> list[str]:
    """What pyproject.toml lists for this."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted: list[str] = project["optional-dependencies"]["verify"]
    return wanted


def fingerprint(wanted: list[str]) -> str:
    """Changes with the list, the pins and the Python."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps([wanted, pins, sys.version]).encode()).hexdigest()


def set_up() -> None:
    """Make the environment, unless it is there already."""
    wanted = requirements()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == fingerprint(wanted):
        return
    print(
        f"Once, and about two gigabytes in {ENVIRONMENT.name}: {', '.join(wanted)} ...", flush=True
    )
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "-q"]
    done = subprocess.run(
        [*command, "-c", "constraints.txt", *wanted],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        log = ENVIRONMENT / "set-up.log"
        log.write_text(done.stdout, encoding="utf-8")
        raise CannotError(explain(done.stdout.splitlines(), log))
    STAMP.write_text(fingerprint(wanted), encoding="utf-8")


def main() -> None:
    """Set up, then run what needs PyTorch."""
    set_up()
    arguments = shlex.split(os.environ.get("PYTEST_ARGS", ""))
    command = [str(PYTHON), "-m", "pytest", "tests/verify", "--durations=5", *arguments]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise CannotError("Failed: the formulas against real modules.")


if __name__ == "__main__":
    sys.exit(told(main))
