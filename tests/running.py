"""Run a lesson under papermill, for the tests of each lesson."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def papermill(lesson: str, folder: Path, **parameters: Any) -> subprocess.CompletedProcess[str]:
    """Run a lesson with other parameters; its page and its result go to the folder."""
    command = [sys.executable, "-m", "papermill", str(ROOT / "notebooks" / f"{lesson}.ipynb")]
    command += [str(folder / "out.ipynb"), "--no-progress-bar", "--cwd", str(folder)]
    command += ["--execution-timeout", "60", "-p", "result_path", str(folder / "result.json")]
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def results(folder: Path) -> dict[str, Any]:
    """The values of the result file that `papermill` asked for, by name."""
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in content["results"].items()}
