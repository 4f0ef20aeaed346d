"""What is saved of a lesson that has run."""

from pathlib import Path
from typing import Any

from jupyter_server.services.contents.filemanager import FileContentsManager

from estimator.lesson.saving import VIEW, keep_readable


def notebook() -> dict[str, Any]:
    view = {"model_id": "1"}
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {VIEW: view, "text/html": "<p>"}},
        {"output_type": "display_data", "metadata": {}, "data": {VIEW: view, "text/plain": "x"}},
        {"output_type": "stream", "name": "stdout", "text": "x"},
    ]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": outputs,
            "execution_count": 1}  # fmt: skip
    text = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": ""}
    metadata: dict[str, Any] = {"widgets": {"state": {}}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell, text]}


def test_a_panel_is_saved_as_its_page_and_nothing_else_is_lost(tmp_path: Path) -> None:
    manager: Any = FileContentsManager(
        root_dir=str(tmp_path), pre_save_hook="estimator.lesson.saving.keep_readable"
    )
    manager.save({"type": "notebook", "content": notebook()}, "a.ipynb")
    saved = manager.get("a.ipynb")["content"]
    first, second, third = saved["cells"][0]["outputs"]
    assert first["data"] == {"text/html": "<p>"}
    assert VIEW in second["data"], "without HTML beside it, a view is all that there is"
    assert third["text"] == "x"
    assert "widgets" not in saved["metadata"]


def test_other_files_are_left_alone() -> None:
    model = {"type": "file", "content": f"{VIEW} text/html"}
    keep_readable(model, path="a.txt")
    assert model["content"] == f"{VIEW} text/html"
