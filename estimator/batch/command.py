"""Run a lesson over a file of scenarios, through papermill."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estimator.batch.lost import WorkersLostError

if TYPE_CHECKING:
    from estimator.batch.declared import Lesson
    from estimator.batch.scenarios import Scenario
    from estimator.batch.store import Store
    from estimator.batch.table import Row

HELP = "run a lesson over a file of scenarios: a notebook, a result and a row of a table for each"
LOST, STOPPED = 3, 130
PATIENCE_S = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("notebook", metavar="NOTEBOOK", type=Path, help="a lesson")
    parser.add_argument(
        "scenarios", metavar="SCENARIOS", type=Path,
        help="CSV or YAML; column name, and a column for each parameter that is to change",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    parser.add_argument(
        "--workers", metavar="N", type=_count, default=os.cpu_count() or 1,
        help="scenarios at a time (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler whose workers run")
    parser.add_argument("--force", action="store_true", help="run also what is there already")
    parser.add_argument(
        "--table-only", action="store_true", help="results.csv alone, computed without notebooks"
    )
    parser.add_argument(
        "--cold", action="store_true", help="start each kernel from nothing, as papermill does"
    )
    for what, seconds, meaning in (
        ("start", 60, "the start of a kernel"),
        ("cell", 60, "a cell"),
        ("scenario", 600, "a scenario as a whole"),
    ):
        parser.add_argument(
            f"--{what}-timeout", metavar="SECONDS", type=_seconds, default=seconds,
            help=f"for {meaning} (%(default)s)",
        )  # fmt: skip


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers: give 1 to 1024")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, more than 0")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the batch: 0 where all passed, 1 where some failed, 2 where the input is wrong.

    3 where workers could not be kept alive, 130 where it was stopped.
    """
    stop = _Stop()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, stop) for kind in kinds}  # the imports take seconds
    try:
        return _run_command(arguments)
    except WorkersLostError as error:
        print(f"\n{error}; {_kept(arguments)}. Run the same command to go on.", file=sys.stderr)
        return LOST
    except KeyboardInterrupt:
        print(f"\nStopped; {_kept(arguments)}. Run the same command to go on.", file=sys.stderr)
        return STOPPED
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _kept(arguments: argparse.Namespace) -> str:
    return "results.csv is as it was" if arguments.table_only else "what is finished is kept"


def _run_command(arguments: argparse.Namespace) -> int:
    import estimator.batch.lean  # noqa: F401
    from estimator.batch.declared import read_lesson

    lesson = read_lesson(arguments.notebook)
    if arguments.table_only:
        from estimator.batch.vectorized import write_table

        return write_table(lesson, arguments.scenarios, arguments.out, arguments.workers)
    from estimator.batch.scenarios import ScenarioFile

    file = ScenarioFile(arguments.scenarios, lesson, sees_files=not arguments.scheduler)
    return run_batch(lesson, file.scenarios(), file.columns, arguments)


class _Stop:
    """Stops the command; one more Ctrl-C of an impatient hand does not break into the cleaning."""

    def __init__(self) -> None:
        self.last_s = -math.inf

    def __call__(self, *_: Any) -> None:
        now = time.monotonic()
        if now - self.last_s > PATIENCE_S:
            self.last_s = now
            raise KeyboardInterrupt


def run_batch(
    lesson: Lesson,
    scenarios: list[Scenario],
    columns: Sequence[str],
    arguments: argparse.Namespace,
) -> int:
    """Run what is not there yet, keep each outcome at once, then write the table and the page."""
    from estimator.batch.fingerprint import fingerprint, source_fingerprint
    from estimator.batch.page import page
    from estimator.batch.store import PAGE, TABLE, Store
    from estimator.batch.table import FAILED, csv_text

    store = Store(arguments.out)
    source = source_fingerprint()
    prints = {
        s.name: fingerprint(s.parameters, lesson.text, source, _files(lesson, s, arguments))
        for s in scenarios
    }
    with store.opened(prints):
        finished = {
            name
            for name, value in prints.items()
            if not arguments.force and store.is_finished(name, value)
        }
        errors: dict[str, str] = {}
        todo = [scenario for scenario in scenarios if scenario.name not in finished]
        for outcome in _with_progress(_run(lesson, todo, source, store, arguments), len(todo)):
            error = store.keep(outcome, prints[outcome.name])
            if error:
                errors[outcome.name] = error
        rows = [
            _row(store, scenario, errors.get(scenario.name, ""), prints[scenario.name])
            for scenario in scenarios
        ]
        files = {TABLE: csv_text(columns, rows), PAGE: page(lesson.name, columns, rows)}
        unwritten = _write(store, files)
    failed = sum(row.status == FAILED for row in rows)
    for row in rows:
        if row.error:
            print(f"{row.name}: {row.error}", file=sys.stderr)
    passed = len(todo) - failed
    shown = arguments.out if PAGE in unwritten else arguments.out / PAGE
    print(f"{passed} passed, {failed} failed, {len(finished)} skipped (there already): {shown}")
    return 1 if failed or unwritten else 0


def _files(
    lesson: Lesson, scenario: Scenario, arguments: argparse.Namespace
) -> dict[str, str] | None:
    """Give the digest of each file that a scenario reads; a worker's elsewhere is not seen."""
    from estimator.batch.declared import names_a_file
    from estimator.batch.fingerprint import file_digest

    if arguments.scheduler:
        return None
    found = {}
    for name, value in {**lesson.defaults, **scenario.parameters}.items():
        if value and names_a_file(name):
            try:
                found[name] = file_digest(Path(value))
            except (OSError, TypeError, ValueError):  # a default; its lesson will tell
                found[name] = ""
    return found


def _write(store: Store, files: dict[str, str]) -> list[str]:
    """Write the files of the whole batch, and tell of those that cannot be written."""
    unwritten = []
    for name, content in files.items():
        try:
            store.write(name, content)
        except OSError as error:
            unwritten.append(name)
            print(
                f"{name} cannot be written to {store.folder} ({error.strerror}): make room, then "
                "run the same command again.",
                file=sys.stderr,
            )
    return unwritten


def _run(
    lesson: Lesson, todo: list[Scenario], source: str, store: Store, arguments: argparse.Namespace
) -> Iterator[Any]:
    """Give the outcomes of what is to do, from whoever runs it."""
    from estimator.batch.runner import Task, Timeouts
    from estimator.batch.workers import Opener, dask, local, outcomes, unwatched

    if not todo:
        return
    timeouts = Timeouts(arguments.start_timeout, arguments.cell_timeout, arguments.scenario_timeout)
    opened: Opener = local
    watch: Callable[[], None] = unwatched
    workers = min(arguments.workers, len(todo))
    scratch: str | None = str(store.scratch.resolve())
    if arguments.scheduler:
        workers, opened, watch = dask(arguments.scheduler, arguments.start_timeout)
        scratch = None
    tasks = (
        Task(
            scenario.name, scenario.parameters, lesson.name, lesson.text, lesson.modules, timeouts,
            source, not arguments.cold, scratch,
        )
        for scenario in todo
    )  # fmt: skip
    yield from outcomes(tasks, workers, opened, watch)


def _with_progress(outcomes: Iterator[Any], total: int) -> Iterator[Any]:
    """Show how many are done, how many failed, and the time left."""
    from tqdm import tqdm

    failed = 0
    with tqdm(total=total, unit="scenario", disable=not total, file=sys.stderr) as bar:
        for outcome in outcomes:
            yield outcome
            failed += bool(outcome.error)
            bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
            bar.update()


def _row(store: Store, scenario: Scenario, error: str, fingerprint: str) -> Row:
    """Give a scenario's row; one that failed this time keeps the result that it had."""
    from estimator.batch.table import Row, flat

    if error and not store.is_finished(scenario.name, fingerprint):
        has_notebook = store.has_notebook(scenario.name)
        return Row(scenario.name, scenario.parameters, {}, {}, error, has_notebook)
    values, units = flat(store.result(scenario.name)["results"])
    return Row(scenario.name, scenario.parameters, values, units, error)
