"""The course as static HTML: `python -m tools.publish [FOLDER]`; nothing is loaded from elsewhere.

Formulas become MathML, which browsers typeset themselves; figures, tables and the panels' default
answers stand in the page as the committed lessons hold them.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from estimator.lesson.wide import SCROLLS
from tools.page import style, templates, write_page
from tools.set_up import ROOT, CannotError, told

SITE = ROOT / "build" / "site"
LESSONS = ROOT / "notebooks"
FRONT = "index.html"
LIGHT, DARK = "xcode", "github-dark"  # their contrast is enough on our grounds, with the page.css
COMMA = "<mrow><mo>&#x0002C;</mo></mrow>"
BOX = rf'<div(?P<before>[^>]*) style="{SCROLLS}"(?P<after>[^>]*)>'
BOXED_FORMULA = rf"{BOX}\s*(?P<formula>\$\$[^$]*\$\$)\s*</div>"
GROUPED = rf"<mn>\d{{1,3}}</mn>(?:{COMMA}<mn>\d{{3}}(?:\.\d+)?</mn>)+"


class Renderer(IPythonRenderer):
    """Markdown of a lesson as HTML: formulas as MathML, links between lessons as links of pages."""

    def block_math(self, body: str) -> str:
        """Typeset a formula on lines of its own."""
        scrolls = 'role="group" aria-label="formula" tabindex="0"'
        return f'<div class="formula" {scrolls}>{mathml(body, "block")}</div>'

    def inline_math(self, body: str) -> str:
        """Typeset a formula within a line."""
        return mathml(body, "inline")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Lead to the page of a lesson instead of to its notebook."""
        return str(super().link(text, re.sub(r"\.ipynb(?=#|$)", ".html", url), title))


def mathml(latex: str, display: str) -> str:
    r"""Write a formula as MathML.

    >>> "<mfrac>" in mathml(r"\frac{1}{2}", "inline")
    True
    >>> "<mn>12,582,912</mn>" in mathml("12{,}582{,}912", "inline")
    True
    """
    # Two words for one layout, of which the converter knows the second.
    known = latex.strip().replace("{aligned}", "{align*}")
    typeset = str(convert(known, display=display))
    if "<mi>&</mi>" in typeset or "<mi>\\" in typeset:
        raise CannotError(f"This formula cannot be typeset: {latex!r:.200}.")
    return re.sub(GROUPED, lambda digits: _one_number(digits[0]), typeset)


def _one_number(groups: str) -> str:
    """Put digits in groups of three back together: the converter takes each for a number."""
    return f"<mn>{','.join(re.findall(r'<mn>([^<]+)</mn>', groups))}</mn>"


class LessonExporter(HTMLExporter):
    """nbconvert's plain body of a notebook, with this module's Markdown."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Render Markdown of a cell or an output; its few tags of HTML are our own."""
        bare = re.sub(BOXED_FORMULA, r"\g<formula>", source)  # our pages have boxes of their own
        renderer = Renderer(escape=False, anchor_link_text="#")
        return str(MarkdownWithMath(renderer=renderer).render(bare))


def untyped(value: object) -> Any:
    """Hand over what its library gives no types for."""
    return value


@dataclass(frozen=True)
class Lesson:
    """A lesson as the site lists it."""

    stem: str
    title: str
    question: str
    body: str

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"{self.stem}.html"


def read_lesson(path: Path) -> Lesson:
    """Read a committed lesson and render its cells."""
    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    first = cast("str", notebook.cells[0].source)
    title = first.partition("\n")[0].removeprefix("# ")
    question = re.search(r"\*\*(.+?)\*\*", first)
    exporter = untyped(LessonExporter)(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    return Lesson(path.stem, title, question[1] if question else "", scrolling(body))


def scrolling(body: str) -> str:
    """Let tables, figures and code wider than the page scroll by themselves, by keyboard too."""
    for name, piece in (("table", r"<table\b.*?</table>"), ("figure", r"<img\b[^>]*>")):
        told = f' role="group" aria-label="{name}" tabindex="0"'

        def wide(found: re.Match[str], told: str = told) -> str:
            if not found["box"]:
                return f'<div class="wide"{told}>{found["piece"]}</div>'
            return f'<div class="wide"{found["before"] + found["after"] or told}>{found["piece"]}'

        # An output's piece stands in a box already, most with a name of its own.
        body = re.sub(rf"(?P<box>{BOX})?(?P<piece>{piece})", wide, body, flags=re.DOTALL)
    return body.replace("<pre>", '<pre tabindex="0">')


def colours() -> str:
    """Colours of the code, for a light and for a dark page."""
    light, dark = (
        untyped(HtmlFormatter(style=name)).get_style_defs(".highlight") for name in (LIGHT, DARK)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def publish(folder: Path) -> list[Path]:
    """Write the front page and one page for each lesson; return their paths."""
    lessons = [read_lesson(path) for path in sorted(LESSONS.glob("*.ipynb"))]
    environment = templates()
    shared = {"lessons": lessons, "style": style() + colours()}
    pages = {FRONT: environment.get_template("front.html.j2").render(shared)}
    for place, lesson in enumerate(lessons):
        around = {
            "lesson": lesson,
            "before": lessons[place - 1] if place else None,
            "after": lessons[place + 1] if place + 1 < len(lessons) else None,
        }
        pages[lesson.page] = environment.get_template("lesson.html.j2").render(shared | around)
    folder.mkdir(parents=True, exist_ok=True)
    return [write_page(folder / name, page) for name, page in pages.items()]


def main(folder: str = "") -> None:
    """Write the site and say where it is."""
    target = Path(folder) if folder else SITE
    pages = publish(target)
    print(f"{len(pages)} pages: open {target / FRONT} in a browser; no server is needed.")


if __name__ == "__main__":
    sys.exit(told(lambda: main(*sys.argv[1:2])))
