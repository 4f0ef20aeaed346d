"""Sentences that a program writes, so that they follow the numbers they speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from estimator.units import number_text


def past_context(name: str, tokens: float, limit: float | None) -> str:
    """Say that a sequence is longer than a model was made for, if it is.

    >>> past_context("GPT-2", 3000, 1024)
    'Mind that GPT-2 was made for sequences of 1,024 tokens, and these have 3,000.'
    """
    if not limit or tokens <= limit:
        return ""
    return (
        f"Mind that {name} was made for sequences of {number_text(limit)} tokens, and "
        f"these have {number_text(tokens)}."
    )


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
