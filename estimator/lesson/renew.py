"""Re-execute lessons in place, and keep of the result only what git should keep.

`python -m estimator.lesson.renew notebooks` does it for every lesson in a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from estimator.lesson.saving import VIEW

CELL_TIMEOUT_S = 60


def normalize(notebook: Any) -> Any:
    """Drop what differs between machines: timings, widget state, versions, cell attachments."""
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            bundle.pop(VIEW, None)
    return notebook


def refuse_stderr(notebook: Any, path: Path) -> None:
    """Refuse a lesson that wrote to stderr: IPython prints a failed display there and goes on."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{path}, cell {cell['id']} wrote to stderr:\n{output['text']}")


def renew(path: Path) -> None:
    """Execute one lesson from top to bottom and write it back, normalized and whole."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    from estimator.lesson.writing import write_whole

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else it prints a warning
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    refuse_stderr(notebook, path)
    write_whole(path, nbformat.writes(normalize(notebook)))  # type: ignore[no-untyped-call]


def main(arguments: Sequence[str]) -> int:
    """Renew every lesson in the folders, or the lessons, that are named."""
    paths = [Path(argument) for argument in arguments or ["notebooks"]]
    lessons = [
        p for path in paths for p in (sorted(path.glob("*.ipynb")) if path.is_dir() else [path])
    ]
    for lesson in lessons:
        renew(lesson)
        print(f"renewed {lesson}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
