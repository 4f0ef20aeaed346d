"""One scenario, run in a worker: papermill on a copy of the lesson, and what it gave as bytes."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill import execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.parameterize import parameterize_notebook
from traitlets.config import Config

from estimator.batch.declared import RESULT, without_fields
from estimator.batch.fingerprint import source_fingerprint
from estimator.batch.table import flat
from estimator.batch.warm import (
    CAN_BE_WARM,
    StartError,
    TimelyKernelManager,
    WarmKernelManager,
)
from estimator.files import parse_json
from estimator.units import quantity_text

COLOUR = re.compile("\x1b\\[[0-9;:]*m")
LEAST_SECONDS = 0.001
SAID = "kernel.log"
NO_RESULT = f"the lesson wrote no result to {RESULT}"


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a kernel's start, a cell, and a scenario as a whole may take."""

    start_s: float = 60
    cell_s: float = 60
    scenario_s: float = 600


@dataclass(frozen=True)
class Task:
    """All that a worker needs for one scenario; it may be on another machine."""

    name: str
    parameters: Mapping[str, Any]
    lesson: str
    notebook: str
    modules: tuple[str, ...]
    timeouts: Timeouts
    source: str
    warm: bool = True
    scratch: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a scenario gave: its executed notebook, its result, or the reason why there is none."""

    name: str
    notebook: bytes = b""
    result: bytes = b""
    error: str = ""


class KeepingEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine; the notebook stays at hand when the run breaks off."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, keep: list[Any] | None = None, **settings: Any
    ) -> Any:
        """Keep the notebook, then run it as papermill does."""
        if keep is not None:
            keep[:] = [nb_man.nb]
        settings.pop("input_path", None)
        return super().execute_managed_notebook(nb_man, kernel_name, **settings)


ENGINE = "estimator-batch"
papermill_engines.register(ENGINE, KeepingEngine)


def run_scenario(task: Task) -> Outcome:
    """Run one scenario in a kernel of its own; whatever goes wrong is told in the outcome."""
    if task.source != source_fingerprint():
        return without_result(task, "this worker has another version of the estimator")
    try:
        with tempfile.TemporaryDirectory(prefix="run-", dir=task.scratch) as folder:
            return _run_in(Path(folder), task)
    except Exception as error:  # so that the other scenarios go on
        return without_result(task, readable(f"{type(error).__name__}: {error}"))


def _run_in(folder: Path, task: Task) -> Outcome:
    lesson = folder / f"{task.lesson}.ipynb"
    lesson.write_text(task.notebook, encoding="utf-8")
    kept: list[Any] = []
    error = _execute(folder, lesson, task, kept)
    result = folder / "result.json"
    content = b"" if error or not result.is_file() else result.read_bytes()
    error = error or (result_problem(content) if content else NO_RESULT)
    if error and kept:
        _add_note(kept[0], error)
    notebook = _text_of(kept[0], folder, task.name) if kept else b""
    return Outcome(task.name, notebook, b"" if error else content, error)


def result_problem(content: bytes) -> str:
    """Say why a result file cannot be a row of the table; empty if it can."""
    try:
        result = parse_json(content.decode(), RESULT)
        values, units = flat(result["results"])
        for name, value in values.items():
            if not math.isfinite(value):
                return f"the lesson's result {name} is {value}, but it must be a finite number"
            quantity_text(value, units[name])
    except OverflowError:
        return f"the lesson's result holds a number that is too large: {RESULT} takes floats"
    except UnicodeDecodeError:
        return f"the lesson wrote a result that is no text in UTF-8 to {RESULT}"
    except ValueError as error:
        return f"the lesson wrote a result that cannot be used: {error}".rstrip(".")
    except (AttributeError, KeyError, TypeError):
        return f"the lesson wrote a result without results, each with a value, to {RESULT}"
    return ""


def _execute(folder: Path, lesson: Path, task: Task, kept: list[Any]) -> str:
    """Run the lesson, and say what went wrong; a kernel that does not start gets a second try."""
    deadline = time.monotonic() + task.timeouts.scenario_s
    for last in (False, True):
        try:
            with _quiet():
                execute_notebook(
                    without_fields(lesson),
                    None,
                    {**task.parameters, RESULT: str(folder / "result.json")},
                    progress_bar=False,
                    engine_name=ENGINE,
                    keep=kept,
                    **_client_settings(folder, task, deadline),
                )
            return ""
        except PapermillExecutionError as error:
            return readable(f"{error.ename}: {error.evalue}".strip(": "))
        except CellTimeoutError:
            limit = task.timeouts.cell_s
            if time.monotonic() >= deadline:
                return f"the scenario took more than its {task.timeouts.scenario_s:g} s"
            return f"a cell took more than its {limit:g} s"
        except DeadKernelError:
            _tell_what_it_said(folder)
            return "the kernel died"
        except RuntimeError as error:
            if time.monotonic() >= deadline:
                return f"the scenario took more than its {task.timeouts.scenario_s:g} s"
            if last or any(cell.get("execution_count") for cell in kept[0].cells):
                _tell_what_it_said(folder)
                is_late = isinstance(error, StartError) and error.late
                within = f" within {task.timeouts.start_s:g} s" if is_late else ""
                return f"the kernel did not start{within} ({error})"
    raise AssertionError


def readable(text: str) -> str:
    r"""Give text that a terminal only shows: without colours, and no sign that steers it.

    >>> readable("\x1b[31mred\x1b[0m, a bell\x07, two\nlines")
    'red, a bell\\x07, two\nlines'
    """
    signs = COLOUR.sub("", text)
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in signs)


def _tell_what_it_said(folder: Path) -> None:
    """Show what a kernel that is gone has said outside of its notebook, such as why it died."""
    with contextlib.suppress(OSError):
        said = (folder / SAID).read_text(encoding="utf-8", errors="replace")
        sys.stderr.write(readable(said))


def _left(seconds: float, deadline: float) -> float:
    return max(min(seconds, deadline - time.monotonic()), LEAST_SECONDS)


def _client_settings(folder: Path, task: Task, deadline: float) -> dict[str, Any]:
    """Settings of nbclient, and of jupyter_client behind it."""
    settings: dict[str, Any] = {
        "timeout_func": lambda cell: _left(task.timeouts.cell_s, deadline),
        "shutdown_kernel": "immediate",  # all is written and sent when the last cell has ended
        "config": Config(
            KernelManager={
                "connection_file": str(folder / "kernel.json"),
                "transport_encryption": "auto",  # else each kernel prints a warning
            },
        ),
        "kernel_manager_class": TimelyKernelManager,
    }
    settings["config"].TimelyKernelManager.start_s = _left(task.timeouts.start_s, deadline)
    settings["config"].TimelyKernelManager.said = str(folder / SAID)
    if task.warm and CAN_BE_WARM:
        settings["config"].WarmKernelManager.modules = task.modules
        settings["kernel_manager_class"] = WarmKernelManager
    return settings


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill's log to the outcome: it repeats what the notebook says."""
    logger = logging.getLogger("papermill")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _add_note(notebook: Any, error: str) -> None:
    """Put the reason above the notebook, and into the cell that was running, where it is not."""
    if any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", [])):
        return  # papermill has marked the cell already
    started = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    if started:
        output = nbformat.v4.new_output("error", ename="Stopped", evalue=error, traceback=[error])  # type: ignore[no-untyped-call]
        started[-1].outputs.append(output)
    note = nbformat.v4.new_markdown_cell(f"**This run has no result:** {error}.")  # type: ignore[no-untyped-call]
    notebook.cells.insert(0, note)


def without_result(task: Task, error: str) -> Outcome:
    """Give the outcome of a scenario whose run left nothing: its lesson, with the reason in it."""
    notebook = nbformat.reads(task.notebook, 4)  # type: ignore[no-untyped-call]
    notebook.metadata.setdefault("papermill", {})  # papermill notes the parameters there
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])  # as papermill has it when it loads a notebook
    given = {**task.parameters, RESULT: f"{task.name}.json"}
    with _quiet():
        notebook = parameterize_notebook(notebook, given)
    return Outcome(task.name, _emptied(notebook, error), error=error)


def without_outputs(notebook: bytes, error: str) -> bytes:
    """Give a notebook without what its cells gave, which had no room, and with the reason."""
    return _emptied(nbformat.reads(notebook.decode(), 4), error)  # type: ignore[no-untyped-call]


def _emptied(notebook: Any, error: str) -> bytes:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _add_note(notebook, error)
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return text.encode()


def _text_of(notebook: Any, folder: Path, name: str) -> bytes:
    """Write the notebook as text; the worker's folder becomes that of the results."""
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    for path, said in ((folder / "result.json", f"{name}.json"), (folder, ".")):
        text = text.replace(json.dumps(str(path), ensure_ascii=False)[1:-1], said)
    return text.encode()
