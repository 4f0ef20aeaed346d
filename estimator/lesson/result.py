"""A lesson's machine-readable result: one JSON file, the same bytes for the same inputs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import estimator
from estimator.glossary import quantity
from estimator.lesson.inputs import Inputs
from estimator.lesson.tables import Table
from estimator.units import quantity_text

_LABELS = {
    "03-kv-cache-memory": {"kv_pool_bytes": "memory left for the cache, on each accelerator"},
    "04-servers-and-bandwidth": {"accelerators": "accelerators by compute, at the peak"},
    "05-size-a-service": {"accelerators": "accelerators by the arithmetic alone, mean load"},
}
"""What a name is where the glossary's label leaves open which of several is meant."""


def write_result(
    lesson: str,
    path: str,
    given: Inputs,
    intervals: Mapping[str, float] | None = None,
    **values: float,
) -> Table:
    """Write a lesson's results to `path`, unless it is empty, and show them as a table.

    The names of `values` stand in the glossary, which gives their units; those of `intervals` do,
    too, with the ends `_p10`, `_p50` and `_p90`. The file is complete or absent: it is written
    beside its place and then moved there.
    """
    results = {name: _entry(name, value) for name, value in values.items()}
    ends = {
        name: _entry(name.rpartition("_")[0], value) for name, value in (intervals or {}).items()
    }
    if file := file_to_write(path, "result_path"):
        content = {
            "lesson": lesson,
            "estimator_version": estimator.__version__,
            "parameters": given.as_dict(),
            "results": results | ends,
        }
        write_whole(file, json.dumps(content, indent=2, sort_keys=True) + "\n")
    labels = _LABELS.get(lesson, {})
    rows: list[tuple[str, ...]] = [
        (
            name,
            labels.get(name, quantity(name).label),
            quantity_text(entry["value"], entry["unit"]),
        )
        for name, entry in results.items()
    ]
    headers: tuple[str, ...] = ("name", "what it is", "value")
    if ends:
        rows = [
            (
                *row,
                *(
                    _text(ends[f"{row[0]}_{end}"], results[row[0]]["value"])
                    for end in ("p10", "p90")
                ),
            )
            for row in rows
        ]
        headers = (*headers, "P10", "P90")
    return Table(headers, rows, f"Result of lesson {lesson}", left=frozenset({"what it is"}))


def _text(entry: dict[str, Any], beside: float) -> str:
    return quantity_text(float(f"{entry['value']:.3g}"), entry["unit"], beside)


def _entry(name: str, value: Any) -> dict[str, Any]:
    plain = value.item() if hasattr(value, "item") else value
    return {"value": plain, "unit": quantity(name).unit}


def file_to_write(path: Any, parameter: str) -> Path | None:
    """Read a lesson's parameter that names a file to write; None where it is empty.

    Raises: TypeError: what can be the name of no file, in one sentence.
    """
    if not isinstance(path, str) or (path and not path.strip()) or "\0" in path:
        raise TypeError(
            f"{parameter} is {path!r:.80}, but it must be the path of a file: give text."
        )
    return Path(path) if path else None


HALF = ".half-"
"""How the names of files begin that are not yet whole."""
_LONGEST_NAME = 255
"""Bytes that common file systems allow a name."""


def write_whole(path: Path, content: str | bytes, parameter: str = "result_path") -> None:
    """Write a file so that a reader sees all of it or nothing, whatever happens meanwhile.

    An error on its folder names the lesson's `parameter` that the path came from.
    """
    folder = path.parent
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise ValueError(
            f"{parameter} is {str(path)[:60]!r}..., whose name is too long: shorten it."
        )
    if not folder.is_dir():
        raise ValueError(
            f"{parameter} is {str(path)!r}, but there is no folder {str(folder)!r}: make it first."
        )
    if path.is_dir():
        raise ValueError(f"{parameter} is {str(path)!r}, which is a folder: give a file in it.")
    if path.exists() and not path.is_file():
        raise ValueError(f"{parameter} is {str(path)!r}, which is no plain file: give another.")
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path, aside: Path | None = None) -> Iterator[BinaryIO]:
    """Write beside a file, and take its place once all is written; else it stays as it was.

    What is not yet whole stands in the folder `aside`, on the same disk, if there is one.
    """
    try:
        handle, name = tempfile.mkstemp(dir=aside or path.parent, prefix=HALF)
    except OSError as error:  # it would name the half file, which nobody asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a file that its owner alone may read; a result is an ordinary file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
