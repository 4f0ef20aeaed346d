"""The folder of results: every file whole or absent, and what is finished is known.

A scenario's record is written last. It holds the fingerprint of what the result depends on and
the digests of its files, so a notebook and a result of two different runs are never taken for one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from estimator.batch.fingerprint import digest
from estimator.batch.runner import Outcome, without_outputs
from estimator.lesson.writing import HALF, replacing

OWN = ".batch"
TABLE, PAGE = "results.csv", "index.html"


class Store:
    """A folder for the results of one batch at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / OWN / "records"
        self.scratch = folder / OWN / "scratch"

    @contextlib.contextmanager
    def opened(self, names: Iterable[str]) -> Iterator[None]:
        """Make the folder, keep other batches out of it, and remove what a killed one left.

        Raises:
            ValueError: the folder cannot be used, in one sentence.
        """
        self._refuse_foreign(names)
        fresh = [path for path in (self.folder / OWN, self.folder) if not path.exists()]
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / OWN / "lock").open("w")
        except OSError as error:
            raise ValueError(
                f"--out {self.folder} cannot be used ({error.strerror}): give another folder."
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(
                    f"--out {self.folder} is in use by another batch: wait, or give another folder."
                ) from None
            self._clean()
            self.scratch.mkdir()
            try:
                yield
            except ValueError:  # refused, so no trace of it is left
                if fresh and not any(self.records.iterdir()):
                    shutil.rmtree(self.folder / OWN, ignore_errors=True)
                    if self.folder in fresh and not any(self.folder.iterdir()):
                        self.folder.rmdir()
                raise
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def _refuse_foreign(self, names: Iterable[str]) -> None:
        """Refuse a folder whose files another than this command has made."""
        if (self.folder / OWN).is_dir() or not self.folder.is_dir():
            return
        there = {path.name.casefold(): path.name for path in self.folder.iterdir()}
        for name in (TABLE, PAGE, *(f"{n}.{end}" for n in names for end in ("ipynb", "json"))):
            if name.casefold() in there:
                raise ValueError(
                    f"--out {self.folder} holds {there[name.casefold()]}, which no batch made: "
                    "give another folder."
                )

    def _clean(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        for path in (self.folder / OWN).glob(f"{HALF}*"):
            path.unlink(missing_ok=True)

    def is_finished(self, name: str, fingerprint: str) -> bool:
        """Tell whether the files of a scenario are there, whole, and of this fingerprint."""
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
            return bool(
                record == self._record_of(fingerprint, *map(Path.read_bytes, self._files(name)))
            )
        except (OSError, ValueError):
            return False

    def keep(self, outcome: Outcome, fingerprint: str) -> str:
        """Write what a scenario gave, and tell why it has no result, if it has none.

        A failed one keeps its notebook alone; one that had its result already keeps that.
        """
        error = outcome.error
        if not error:
            try:
                self._write_passed(outcome, fingerprint)
                return ""
            except OSError as problem:  # the disk is full, say; smaller files may have room
                error = f"its files cannot be written to {self.folder} ({problem.strerror})"
        if self.is_finished(outcome.name, fingerprint):
            return f"{error}; the finished result of before is kept"
        self._write_failed(outcome, error)
        return error

    def _write_failed(self, outcome: Outcome, error: str) -> None:
        notebook, result = self._files(outcome.name)
        for path in (self._record(outcome.name), result, notebook):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            is_whole = bool(outcome.error)
            text = outcome.notebook if is_whole else without_outputs(outcome.notebook, error)
            self._write({notebook: text})

    def _write_passed(self, outcome: Outcome, fingerprint: str) -> None:
        notebook, result = self._files(outcome.name)
        content = self._record_of(fingerprint, outcome.notebook, outcome.result)
        record = json.dumps(content, indent=1, sort_keys=True) + "\n"
        files = {notebook: outcome.notebook, result: outcome.result}
        self._write(files | {self._record(outcome.name): record.encode()})

    def _write(self, files: Mapping[Path, bytes]) -> None:
        """Write files so that none takes its place before all have had room, the last one last."""
        with contextlib.ExitStack() as places:
            for path, content in reversed(list(files.items())):
                file = places.enter_context(replacing(path, self.folder / OWN))
                file.write(content)
                file.flush()

    def refuse_notebooks(self) -> None:
        """Refuse a folder that holds the notebooks of a batch, whose page is of its own table.

        Raises:
            ValueError: it does, in one sentence.
        """
        if (self.folder / PAGE).exists() or any(self.records.glob("*.json")):
            raise ValueError(
                f"--out {self.folder} holds the notebooks of a batch, and --table-only would write "
                f"over their {TABLE}: give another folder."
            )

    def has_notebook(self, name: str) -> bool:
        """Tell whether a scenario left a notebook."""
        return self._files(name)[0].is_file()

    def result(self, name: str) -> Any:
        """Read the result of a finished scenario."""
        return json.loads(self._files(name)[1].read_text(encoding="utf-8"))

    def write(self, name: str, content: str) -> None:
        """Write a file of the whole batch."""
        self._write({self.folder / name: content.encode()})

    def _files(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.ipynb", self.folder / f"{name}.json"

    def _record(self, name: str) -> Path:
        return self.records / f"{name}.json"

    @staticmethod
    def _record_of(fingerprint: str, notebook: bytes, result: bytes) -> dict[str, str]:
        return {
            "fingerprint": fingerprint,
            "notebook": digest(notebook),
            "result": digest(result),
        }
