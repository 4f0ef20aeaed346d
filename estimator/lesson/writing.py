"""Files that lessons and batches write: each is complete or absent, whatever happens meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

HALF = ".half-"
"""How the names of files begin that are not yet whole."""
_LONGEST_NAME = 255
"""Bytes that common file systems allow a name."""


def file_to_write(path: Any, parameter: str) -> Path | None:
    """Read a lesson's parameter that names a file to write; None where it is empty.

    Raises: TypeError: what can be the name of no file, in one sentence.
    """
    if not isinstance(path, str) or (path and not path.strip()) or "\0" in path:
        raise TypeError(
            f"{parameter} is {path!r:.80}, but it must be the path of a file: give text."
        )
    return Path(path) if path else None


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
