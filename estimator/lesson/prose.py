"""Sentences that a program writes, so that they follow the numbers they speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Prose:
    """A paragraph in Markdown; prints itself in a notebook."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def html(self) -> str:
        """Write it as HTML, for an output that has other things beside it.

        >>> Prose("**A & B:** set `x`.").html()
        '<p><strong>A &amp; B:</strong> set <code>x</code>.</p>'
        """
        text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(self.text))
        text = re.sub("`(.+?)`", r"<code>\1</code>", text)
        return f"<p>{text}</p>"

    def __repr__(self) -> str:
        return self.text
