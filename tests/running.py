"""Run a lesson under papermill, for the tests of each lesson."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import papermill.cli as command_line
from click.testing import CliRunner
from papermill.engines import papermill_engines
from traitlets.config import Config

from estimator.batch.declared import read_lesson
from estimator.batch.runner import KeepingEngine
from estimator.batch.warm import CAN_BE_WARM, WarmKernelManager
from tools.own_service import rehearse

ROOT = Path(__file__).parents[1]
WARM = "tests-warm"
# One template a test process: what the kernels of all lessons would import one after the other.
MODULES = ("estimator.lesson", "ipywidgets", "matplotlib.pyplot", "numpy", "pandas")


def warm_settings() -> dict[str, Any]:
    """Settings of nbclient: kernels that are forks of a warm template, where that can be."""
    if not CAN_BE_WARM:
        return {}
    return {
        "config": Config(WarmKernelManager={"modules": MODULES, "transport_encryption": "auto"}),
        "kernel_manager_class": WarmKernelManager,
        "shutdown_kernel": "immediate",
    }


class WarmEngine(KeepingEngine):
    """papermill's engine, with kernels that are forks of a warm template."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, keep: list[Any] | None = None, **settings: Any
    ) -> Any:
        """Run the notebook in a fork."""
        settings |= warm_settings()
        return super().execute_managed_notebook(nb_man, kernel_name, keep, **settings)


papermill_engines.register(WARM, WarmEngine)


def _arguments(lesson: str, folder: Path, parameters: dict[str, Any]) -> list[str]:
    arguments = [str(ROOT / "notebooks" / f"{lesson}.ipynb"), str(folder / "out.ipynb")]
    arguments += ["--no-progress-bar", "--cwd", str(folder), "--execution-timeout", "60"]
    for name, value in {"result_path": folder / "result.json", **parameters}.items():
        arguments += ["-p", name, str(value)]
    return arguments


def papermill(lesson: str, folder: Path, **parameters: Any) -> subprocess.CompletedProcess[str]:
    """Run a lesson with other parameters; its page and its result go to the folder."""
    command = [sys.executable, "-m", "papermill", *_arguments(lesson, folder, parameters)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def warm_papermill(
    lesson: str, folder: Path, **parameters: Any
) -> subprocess.CompletedProcess[str]:
    """Do what `papermill` does with the same command, in this process and in a warm kernel.

    Four times as fast; `test_batch_warm.py` compares such kernels with cold ones.
    """
    arguments = [*_arguments(lesson, folder, parameters), "--engine", WARM]
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        done = CliRunner().invoke(command_line.papermill, arguments)
    finally:
        logging.root.handlers[:], logging.root.level = handlers, level
    told = str(done.exception) if done.exception else ""
    return subprocess.CompletedProcess(arguments, done.exit_code, done.output, told)


def refusal(lesson: str, folder: Path, **parameters: Any) -> str:
    """What stops a lesson with other parameters, its cells run in this process and no kernel.

    Much faster than papermill: for what a lesson refuses, beside one run that is seen to stop.
    """
    result = folder / "result.json"
    given = {"result_path": str(result), **parameters}
    said = rehearse(read_lesson(ROOT / "notebooks" / f"{lesson}.ipynb"), given)
    assert not result.exists()
    return said


def results(folder: Path) -> dict[str, Any]:
    """The values of the result file that `papermill` asked for, by name."""
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in content["results"].items()}
