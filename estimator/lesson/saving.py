"""What JupyterLab writes when a learner saves: a panel that can be read on the next day.

A saved view of a widget is dead once its kernel is gone, and JupyterLab would show an error in
its place. Without it, the panel's own HTML is shown, as in a lesson that nobody has run yet.
"""

from __future__ import annotations

from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"


def keep_readable(model: dict[str, Any], **_: object) -> None:
    """Take live views out of a notebook that is about to be saved, where HTML stands beside."""
    if model["type"] != "notebook" or not isinstance(model.get("content"), dict):
        return
    content = model["content"]
    content.get("metadata", {}).pop("widgets", None)
    for cell in content.get("cells", []):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop(VIEW, None)
