"""Names that are there twice, in a file of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from estimator.batch.names import are_plain, name_problem, same_file
from estimator.batch.scenarios import NAME, NAMED, Chunk, ScenarioFile


class Names:
    """The names of a file of any length: eight bytes for each, to find one that is there twice."""

    def __init__(self, file: ScenarioFile) -> None:
        self.file = file
        self.hashes: list[Any] = []

    def noted(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Check the names of each chunk on its way, and note them."""
        import numpy as np

        for chunk in chunks:
            names = chunk.columns[NAME]
            if not self.file.has_names:
                yield chunk
                continue
            if not self.file.is_yaml and are_plain(names):
                same: Iterable[int] = map(hash, "\n".join(names).lower().split("\n"))
            else:
                self._check_each(chunk.rows, names)
                same = (hash(same_file(str(name))) for name in names)
            self.hashes.append(np.fromiter(same, np.int64, len(names)))
            yield chunk

    def _check_each(self, rows: Sequence[int], names: Sequence[Any]) -> None:
        for row, name in zip(rows, names, strict=True):
            if problem := name_problem(name):
                self.file.note(row, problem, NAMED)

    def check(self) -> None:
        """Read the file again if a name may be there twice, and note where."""
        import numpy as np

        if not self.hashes:
            return
        everything = np.sort(np.concatenate(self.hashes))
        repeated = set(everything[1:][everything[1:] == everything[:-1]].tolist())
        repeated |= set(map(hash, self.file.seen))  # rows that are no part of a chunk
        if not repeated:
            return
        again = ScenarioFile(self.file.path, self.file.lesson)
        for chunk in again.chunks():
            for row, name in zip(chunk.rows, chunk.columns[NAME], strict=True):
                if name_problem(name) or hash(same_file(name)) not in repeated:
                    continue
                if problem := again.name_again(row, name):
                    self.file.note(row, problem, NAMED)
