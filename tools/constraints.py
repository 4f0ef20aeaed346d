"""Renew `constraints.txt`: what pip would install today for the course and its tests, pinned."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.set_up import ROOT, CannotError, told

# The oldest Python allowed: what installs there installs on the newer ones too.
OLDEST = "3.11.0"
# What only another Python or another system asks for. name: (where, the system)
ELSEWHERE = {
    "aiohttp": ('python_version == "3.12"', None),
    "appnope": ('platform_system == "Darwin"', "macosx_12_0_arm64"),
    "colorama": ('sys_platform == "win32"', "win_amd64"),
    "pywinpty": ('os_name == "nt"', "win_amd64"),
}
HEADER = """\
# What the tests ran with. Made by `make constraints`; the list of dependencies is pyproject.toml.
"""


def resolve(python: Path, *arguments: str) -> dict[str, str]:
    """The version of each package that pip would install."""
    install = ["-m", "pip", "install", "-q", "--dry-run", "--report=-", "--target=none"]
    oldest = ["--only-binary=:all:", f"--python-version={OLDEST}"]
    done = subprocess.run(
        [python, *install, *oldest, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotError("pip found no set of versions: see above.")
    found = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    return {each["name"].lower(): each["version"] for each in found}


def pins(python: Path) -> list[str]:
    """All lines of the file, in order."""
    here = [name for name, (_, system) in ELSEWHERE.items() if system is None]
    found = resolve(python, "pip", ".[dask,test]", *here)
    del found["llm-sizing-course"]
    for name, (_, system) in ELSEWHERE.items():
        if system:
            found |= resolve(python, "--no-deps", f"--platform={system}", name)
    where = {name: f"; {marker}" for name, (marker, _) in ELSEWHERE.items()}
    return sorted(f"{name}=={version}{where.get(name, '')}" for name, version in found.items())


def renew() -> None:
    """Resolve everything unpinned with a new pip, and write down what came."""
    if not OLDEST.startswith(".".join(map(str, sys.version_info[:2]))):
        raise CannotError("Pins need the oldest Python: make constraints PYTHON=python3.11")
    with tempfile.TemporaryDirectory() as folder:
        base = getattr(sys, "_base_executable", "") or sys.executable
        subprocess.run([base, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade", "pip"], check=True)
        lines = pins(python)
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"constraints.txt holds {len(lines)} pins.")


if __name__ == "__main__":
    sys.exit(told(renew))
