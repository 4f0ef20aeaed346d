"""How long each lesson takes, counted one way for all: `python -m tools.reading_time`.

What the lessons and the guide for instructors say is this count; nobody was timed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.set_up import ROOT, told

WORDS_A_MINUTE = 200
LOOK_MINUTES = 1  # a table, a figure or a formula: read one of its numbers, and check it
PREDICT_MINUTES = 0.5
PANEL_MINUTES = 5  # a panel and its task
EXERCISE_MINUTES = 4
HUNT_MINUTES = 10  # the dozen figures of lesson 06
STEP = 5
FURTHER = "Going further"
TIMES = ("no time", "five minutes", "ten minutes", "a quarter of an hour", "twenty minutes",
         "twenty-five minutes", "half an hour", "thirty-five minutes", "forty minutes",
         "three quarters of an hour")  # fmt: skip


@dataclass(frozen=True)
class Times:
    """Minutes of a lesson: what all read, what stands under Going further, the exercises."""

    core: float
    further: float
    exercises: float

    @property
    def sentence(self) -> str:
        """What the lesson's first cell says."""
        core, further, exercises = map(in_words, (self.core, self.further, self.exercises))
        if not self.further:
            return f"Reading takes {core}, the exercises {exercises}."
        return f"Reading takes {core}, *{FURTHER}* {further} more, the exercises {exercises}."

    @property
    def row(self) -> str:
        """What the guide's table says."""
        core, further, exercises = map(in_words, (self.core, self.further, self.exercises))
        more = f"; *{FURTHER}* {further}" if self.further else ""
        return f"| {core}{more} | {exercises} |"


def in_words(minutes: float) -> str:
    """Round to five minutes, in words: a digit would promise more than a count of words can.

    >>> in_words(31.2)
    'half an hour'
    """
    return TIMES[round(minutes / STEP)]


def words(text: str) -> int:
    """Count the words that one reads: no code, no formula, no address of a link."""
    text = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)|<[^>]+>", " ", text)
    return len(re.findall(r"\w[\w.,'%-]*", text))


def looks(output: dict[str, Any]) -> int:
    """Count the tables, figures and formulas of an output; what is folded is not counted."""
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    page = re.sub(r"<details>.*?</details>", "", data.get("text/html", ""), flags=re.DOTALL)
    seen = page.count("<table") + page.count("<img")
    return seen + data.get("text/markdown", "").count("$$") // 2


def parts(notebook: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give each cell, or piece of a cell, with the heading that it stands under."""
    heading = ""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        pieces = re.split(r"^(?=## )", source, flags=re.M)
        for piece in pieces if cell["cell_type"] == "markdown" else [source]:
            if cell["cell_type"] == "markdown" and piece.startswith("## "):
                heading = piece.partition("\n")[0].removeprefix("## ")
            yield heading, cell, piece


def times(path: Path) -> Times:
    """Count a lesson's minutes from what is committed of it."""
    read = sections(path)
    further = sum(minutes for heading, minutes in read.items() if heading.startswith(FURTHER))
    exercises = 0
    for _, cell, text in parts(json.loads(path.read_text(encoding="utf-8"))):
        exercises += _exercise_minutes(cell, text)
    return Times(sum(read.values()) - further, further, exercises)


def sections(path: Path) -> dict[str, float]:
    """Count the minutes of reading of each section, by its heading."""
    read: dict[str, float] = {}
    for heading, cell, text in parts(json.loads(path.read_text(encoding="utf-8"))):
        minutes = 0.0
        if cell["cell_type"] == "markdown":
            minutes = words(text) / WORDS_A_MINUTE + text.count("*Predict") * PREDICT_MINUTES
        elif text == "panel":
            minutes = PANEL_MINUTES
        elif not _exercise_minutes(cell, text):
            minutes = sum(map(looks, cell["outputs"])) * LOOK_MINUTES
        read[heading] = read.get(heading, 0) + minutes
    return read


def _exercise_minutes(cell: dict[str, Any], text: str) -> int:
    if cell["cell_type"] == "markdown":
        return 0
    if "hunt(" in text:
        return HUNT_MINUTES
    return EXERCISE_MINUTES if "exercise" in cell["metadata"].get("tags", []) else 0


def main() -> None:
    """Print each lesson's minutes, its sentence, and its row in the guide."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        found = times(path)
        print(f"{path.stem}: {found.core:.0f} + {found.further:.0f} + {found.exercises:.0f} min")
        print(f"  {found.sentence}\n  {found.row}")


if __name__ == "__main__":
    sys.exit(told(main))
