"""`make notebooks`: what git keeps of a lesson that was run again, and what it leaves as it was."""

from pathlib import Path

import nbformat
import pytest

from estimator.lesson import renew


def lesson(path: Path, source: str) -> Path:
    """Write a lesson of one cell as a person's own Jupyter saves it."""
    cell = nbformat.v4.new_code_cell(source, id="one")  # type: ignore[no-untyped-call]
    cell.metadata = {"tags": ["reader"], "collapsed": True}
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    notebook.metadata["language_info"] = {"name": "python", "version": "3.0"}
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def test_a_lesson_is_run_again_and_normalized_and_nothing_else_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = lesson(tmp_path / "one.ipynb", "6 * 7")
    assert renew.main([str(tmp_path)]) == 0
    assert capfd.readouterr() == (f"renewed {path}\n", "")
    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    assert notebook.metadata.language_info == {"name": "python"}
    (cell,) = notebook.cells
    assert (cell.execution_count, cell.metadata) == (1, {"tags": ["reader"]})
    assert cell.outputs[0].data == {"text/plain": "42"}


def test_a_lesson_that_writes_to_stderr_is_told_and_stays_as_it_was(tmp_path: Path) -> None:
    path = lesson(tmp_path / "one.ipynb", "import sys\nprint('odd', file=sys.stderr)")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"one\.ipynb, cell one wrote to stderr:\nodd"):
        renew.renew(path)
    assert path.read_bytes() == before
