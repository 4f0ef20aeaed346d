"""Tables without notebooks: the results of many scenarios in vectorized calls, chunk by chunk.

A lesson takes part by convention: `estimator.batch.hooks` says what its module has for it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from itertools import chain, compress, islice
from pathlib import Path
from typing import IO, Any

from estimator.batch.declared import PATH, Lesson
from estimator.batch.hooks import as_objects, hook, row_by_row
from estimator.batch.lost import WorkersLostError
from estimator.batch.problems import Problems
from estimator.batch.repeated import Names
from estimator.batch.scenarios import NAME, Chunk, ScenarioFile
from estimator.batch.store import OWN, TABLE, Store
from estimator.batch.table import FAILED, PASSED, WHOLE_BELOW, text
from estimator.batch.workers import BROKEN, local
from estimator.lesson.writing import replacing

MOST_WITH_INTERVALS = 1000
MOST_REASONS = 1000  # in a chunk, one call each
NO_RESULT = "no result: run this scenario as a notebook to see why"


def write_table(lesson: Lesson, scenarios: Path, folder: Path, workers: int) -> int:
    """Write results.csv; 0 where every scenario has a result, 1 where some have none.

    Raises:
        ValueError: the lesson takes no part, all that is wrong with the file, or no room.
    """
    if not any(hook(lesson, name) for name in ("point_results", "row_results")):
        raise ValueError(
            f"{lesson.name} has no results without its notebook: leave --table-only out, and its "
            "notebooks are run."
        )
    file = ScenarioFile(scenarios, lesson, reads_files=False)
    store = Store(folder)
    with store.opened([]):
        store.refuse_notebooks()
        try:
            with half_written(folder / TABLE, folder / OWN) as out:
                passed, failed, filled = _write_parts(file, workers, out)
                file.refuse_problems(passed + failed)
                if not all(filled.values()):
                    leave_out_empty(filled, out, store.scratch)
        except OSError as error:
            raise ValueError(
                f"{TABLE} cannot be written to {folder} ({error.strerror}), and is as it was: make "
                "room, then run the same command again."
            ) from None
    print(f"{passed:,} passed, {failed:,} failed, 0 skipped: {folder / TABLE}")
    return 1 if failed else 0


@contextlib.contextmanager
def half_written(path: Path, aside: Path) -> Iterator[IO[str]]:
    """Open a file that takes its place when it is whole; until then it stands in a folder aside."""
    with replacing(path, aside) as file:
        out = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        yield out
        out.detach()


def leave_out_empty(filled: Mapping[str, bool], table: IO[str], aside: Path) -> None:
    """Take results that no row has out of a table, as the table of notebooks is without them.

    Row by row, by way of a file in a folder aside.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="", dir=aside) as narrow:
        table.seek(0)
        rows = csv.reader(table)
        header = next(rows)
        results = [filled[name] for name in sorted(filled)]
        kept = [True] * (len(header) - len(results) - 1) + [*results, True]
        _writer(narrow).writerows(list(compress(row, kept)) for row in chain([header], rows))
        narrow.seek(0)
        table.seek(0)
        table.truncate()
        shutil.copyfileobj(narrow, table)


@dataclass(frozen=True)
class Part:
    """A chunk of the table: its header, its rows, how many have no result, what is wrong.

    `filled` tells of each result whether any row has it.
    """

    header: str
    rows: str
    count: int
    failed: int
    problems: Problems
    filled: Mapping[str, bool] = field(default_factory=dict)


def _write_parts(
    file: ScenarioFile, workers: int, out: IO[str]
) -> tuple[int, int, dict[str, bool]]:
    """Write the parts in order as they come; count the scenarios with and without a result.

    Tell also of each result whether any scenario has it.
    """
    from tqdm import tqdm

    names = Names(file)
    done = failed = 0
    filled: dict[str, bool] = {}
    total = file.count_plainly()
    with tqdm(total=total, unit=" scenarios", unit_scale=True, file=sys.stderr) as bar:
        for part in _parts(file, names, workers):
            file.problems.extend(part.problems)
            if not file.problems.count:  # else nothing is kept, and some may be no text
                out.write(part.rows if done else part.header + part.rows)
            done += part.count
            failed += part.failed
            filled |= {name: filled.get(name) or is_so for name, is_so in part.filled.items()}
            bar.update(part.count)
        bar.total = done  # empty rows were counted with the others
        bar.leave = not file.problems.count  # else the problems would follow on its line
    names.check()
    return done - failed, failed, filled


def _parts(file: ScenarioFile, names: Names, workers: int) -> Iterator[Part]:
    """Compute the parts: one alone here, many by processes, a few at a time."""
    chunks = names.noted(file.chunks())
    bare = replace(file.lesson, text="")  # the notebook itself stays here
    first = list(islice(chunks, 2))
    if len(first) < 2:
        for chunk in first:
            yield part_of(bare, file.path, chunk, len(chunk) <= MOST_WITH_INTERVALS)
        return
    rest = chain(first, chunks)
    waiting: deque[Chunk] = deque()  # read, and not yet given
    suspect: Chunk | None = None
    is_done = False
    while not is_done:
        with local(workers, "estimator.batch.vectorized") as executor:
            try:
                yield from _computed(executor, bare, file.path, waiting, rest, workers)
                is_done = True
            except BROKEN:
                if waiting[0] is suspect:
                    raise WorkersLostError(_lost(file, suspect)) from None
                suspect = waiting[0]


def _computed(
    executor: Executor, lesson: Lesson, path: Path, waiting: deque[Chunk], rest: Iterator[Chunk],
    workers: int,
) -> Iterator[Part]:  # fmt: skip
    """Compute what waits, then the rest; a chunk waits until its part has been given."""
    running: deque[Future[Part]] = deque()
    for chunk in waiting:
        running.append(executor.submit(part_of, lesson, path, chunk, False))
    while True:
        if len(running) <= workers and (fresh := next(rest, None)) is not None:
            waiting.append(fresh)
            running.append(executor.submit(part_of, lesson, path, fresh, False))
            continue
        if not running:
            return
        part = running.popleft().result()
        waiting.popleft()
        yield part


def _lost(file: ScenarioFile, chunk: Chunk) -> str:
    return (
        f"A worker was killed twice over {file.row_word}s {chunk.rows[0]:,} to "
        f"{chunk.rows[-1]:,}, which may be for want of memory: give fewer --workers"
    )


def part_of(lesson: Lesson, path: Path, chunk: Chunk, with_intervals: bool) -> Part:
    """Compute one part of the table."""
    file = ScenarioFile(path, lesson)
    columns = arrays(file, chunk)
    file.refuse_contradictions(chunk.rows, columns)
    if file.problems.count or not len(chunk):
        return Part("", "", 0, 0, file.problems)
    results, wrong, reasons = _computed_rows(lesson, columns, len(chunk), with_intervals)
    given = [name for name in chunk.columns if name != NAME]
    echoed = [_echoed(columns[name], chunk.columns[name]) for name in given]
    head, rows = io.StringIO(), io.StringIO()
    _writer(head).writerow([NAME, "status", *given, *sorted(results), "error"])
    filled = _write_chunk(_writer(rows), chunk, echoed, results, wrong, reasons)
    failed = int(wrong.sum())
    return Part(head.getvalue(), rows.getvalue(), len(chunk), failed, file.problems, filled)


def _computed_rows(
    lesson: Lesson, columns: Mapping[str, Any], count: int, with_intervals: bool
) -> tuple[dict[str, Any], Any, dict[int, str]]:
    """Give the results by name, the rows that have none, and the reasons of the first of these."""
    import numpy as np

    if hook(lesson, "point_results") is None:
        results, reasons = row_by_row(lesson, columns, count)
        reasons |= infinite(results)
        return results, np.isin(np.arange(count), list(reasons)), reasons
    found: dict[str, Any] = {}
    for name in ("point_results", "interval_results")[: 1 + with_intervals]:
        if compute := hook(lesson, name):
            found |= compute(columns)
    results = {
        name: np.broadcast_to(np.asarray(values, np.float64), count)
        for name, values in found.items()
    }
    wrong = ~np.isfinite(list(results.values())).all(axis=0)
    few = np.flatnonzero(wrong)[:MOST_REASONS].tolist()
    reasons = {place: _reason(lesson, columns, place) for place in few} | infinite(results)
    return results, wrong, reasons


def infinite(results: Mapping[str, Any]) -> dict[int, str]:
    """Say of each place where a result is infinite which it is: a notebook fails there, too."""
    import numpy as np

    return {
        place: f"the lesson's result {name} is too large for a number"
        for name in sorted(results, reverse=True)
        for place in np.flatnonzero(np.isinf(results[name])).tolist()
    }


def _reason(lesson: Lesson, columns: Mapping[str, Any], place: int) -> str:
    """Say why a scenario has no result, as its notebook would."""
    one: Callable[..., Any] | None = hook(lesson, "case")
    if one is None:
        return NO_RESULT
    try:
        one(**{name: values[place].item() for name, values in columns.items()})
    except ValueError as error:
        return f"ValueError: {error}"
    except TypeError:  # a lesson whose `case` takes something else
        return NO_RESULT
    return NO_RESULT


def _writer(out: IO[str]) -> Any:
    return csv.writer(out, lineterminator="\n")


def arrays(file: ScenarioFile, chunk: Chunk) -> dict[str, Any]:
    """Give every parameter of the lesson as an array, and note what is wrong with it."""
    import numpy as np

    lesson, columns = file.lesson, {}
    for name, default in lesson.defaults.items():
        if name.endswith(PATH):
            continue
        cells = chunk.columns.get(name)
        if cells is None:
            columns[name] = np.full(len(chunk), default)
        else:
            columns[name] = _column(file, chunk.rows, name, cells)
    return columns


def _column(file: ScenarioFile, rows: Sequence[int], name: str, cells: Sequence[Any]) -> Any:
    """Give one column as an array: in one go where all is well, else cell by cell."""
    import numpy as np

    default, checks = file.lesson.defaults[name], file.lesson.checks
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if is_number and not file.is_yaml:
        try:
            values = np.array([float(cell) if cell else default for cell in cells], np.float64)
            entry = checks.quantities.get(name)
            if entry is None or (entry.check(values) is not None and _is_whole(entry, values)):
                return values
        except (TypeError, ValueError):
            pass
    if name in checks.choices and not file.is_yaml and set(cells) <= {"", *checks.choices[name]}:
        return np.array([cell or default for cell in cells])
    found = []
    for row, cell in zip(rows, cells, strict=True):
        value = file.value(row, name, cell)
        found.append(default if value is None else value)
    return np.array(found, np.float64) if is_number else as_objects(found)


def _is_whole(entry: Any, values: Any) -> bool:
    return not entry.whole or bool((values % 1 == 0).all())


def _echoed(values: Any, cells: Sequence[Any]) -> list[Any]:
    """Give a column of parameters as the table writes it; an empty cell stays empty."""
    import numpy as np

    if values.dtype.kind != "f":
        return list(map(text, cells))
    empty = np.fromiter((cell in (None, "") for cell in cells), bool, len(cells))
    return written(values, empty)


def _write_chunk(
    writer: Any,
    chunk: Chunk,
    echoed: Sequence[Sequence[Any]],
    results: Mapping[str, Any],
    wrong: Any,
    reasons: Mapping[int, str],
) -> dict[str, bool]:
    """Write a chunk's rows, and tell which results any has; those that are wrong have a reason."""
    import numpy as np

    empty = {name: wrong | np.isnan(results[name]) for name in sorted(results)}
    columns = [written(results[name], where) for name, where in empty.items()]
    status = np.where(wrong, FAILED, PASSED).tolist()
    error = np.where(wrong, NO_RESULT, "").tolist()
    for place, reason in reasons.items():
        error[place] = reason
    writer.writerows(zip(chunk.columns[NAME], status, *echoed, *columns, error, strict=True))
    return {name: not where.all() for name, where in empty.items()}


def written(values: Any, empty: Any) -> list[Any]:
    """Give numbers as the table writes them, whole ones as integers, and some cells empty."""
    import numpy as np

    values = np.where(empty, 0.0, values)
    whole = (values % 1 == 0) & (np.abs(values) < WHOLE_BELOW)
    cells: list[Any]
    if whole.all():
        cells = values.astype(np.int64).tolist()
    else:
        cells = values.tolist()
        for place in np.flatnonzero(whole).tolist():
            cells[place] = int(cells[place])
    for place in np.flatnonzero(empty).tolist():
        cells[place] = ""
    return cells
