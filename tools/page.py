"""Pages that stand alone: templates and style of `tools/pages/`, nothing loaded from elsewhere."""

from __future__ import annotations

import html
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from estimator.lesson.writing import write_whole
from tools.set_up import CannotError

PAGES = Path(__file__).parent / "pages"


def templates() -> Environment:
    """The templates of all pages; what they are given is escaped, and nothing may be missing."""
    return Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def style(*names: str) -> str:
    """The style of all pages, and what some pages add to it."""
    return "".join((PAGES / f"{name}.css").read_text(encoding="utf-8") for name in ("page", *names))


def outside(page: str) -> list[str]:
    """Everything that a page would load from elsewhere; links that a reader follows are none."""
    loads = re.findall(r"<(?:script|link|iframe|object|embed)\b[^>]*>", page)
    sources = re.findall(r"<(?:img|source|video|audio)\b[^>]*?\bsrc=\"(?!data:)([^\"]*)", page)
    return [*loads, *sources, *re.findall(r"url\((?!data:)[^)]*\)|@import[^;]*", page)]


def write_page(path: Path, page: str) -> Path:
    """Write a page whole, unless it would load something."""
    loaded = outside(page)
    if loaded:
        raise CannotError(f"{path.name} would load {html.escape(loaded[0])}: a page stands alone.")
    write_whole(path, page, "the page")
    return path
