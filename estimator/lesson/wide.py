"""A box that scrolls what is wider than the page, by keyboard too."""

from __future__ import annotations

from html import escape

SCROLLS = "overflow-x:auto"
"""The style of every such box; by it, tools.lab leaves the arrow keys to the box."""


def box(content: str, name: str, *, stop: bool = True) -> str:
    """Wrap HTML in a box that scrolls; `stop` makes it one of Tab's, with a name to be told.

    Without a script no page can tell which boxes scroll, so what is never wide makes no stop.

    >>> box("a drawing", "Growth")
    '<div style="overflow-x:auto" role="group" aria-label="Growth" tabindex="0">a drawing</div>'
    """
    told = f' role="group" aria-label="{escape(name)}" tabindex="0"' if stop else ""
    return f'<div style="{SCROLLS}"{told}>{content}</div>'
