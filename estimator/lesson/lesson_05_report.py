"""The one-page answer as an HTML file that stands alone, for people who open no notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

from estimator.catalog import System
from estimator.lesson.lesson_05 import (
    DRAWS,
    Case,
    case,
    halving_table,
    one_page,
    price_table,
    published_table,
    range_table,
    swing_table,
    system_facts,
    tornado_chart,
    your_service,
)
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS
from estimator.lesson.lesson_05_figures import svg_of
from estimator.lesson.lesson_05_model import is_request_assumed
from estimator.lesson.prose import Prose
from estimator.lesson.tables import Table
from estimator.lesson.writing import file_to_write, write_whole
from estimator.uncertainty import DISTRIBUTION, Ends
from estimator.units import number_text

LEFT_OUT = (
    "Left out: people, servers without accelerators (search, queues, databases), the lines "
    "themselves, discounts and commitments, hours in which accelerators are given back, the "
    "making of the hardware, and what the service earns. The accelerators that the plan has are "
    "counted as drawing the same power all month."
)
WORDS = (
    "P50 is as often too low as too high. The bill is the cost of a month. A pass is one run of "
    "the model: a token of text, or a step of a picture or a video. A replica is one copy of the "
    "model, on one accelerator or several. The factor of the engine says how far the measured "
    "speed of such software is off from what we count with; the factor of the sizes, how far files "
    "and answers are."
)


@dataclass(frozen=True)
class Section:
    """A part of the report: a heading, paragraphs, a drawing with its caption, and tables."""

    heading: str
    texts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    drawing: str = ""
    caption: str = ""


def report_html(one: Case, intervals: Mapping[str, Ends]) -> str:
    """Write the report: nothing in it is loaded from elsewhere."""
    from jinja2 import Environment

    template = files("estimator.lesson") / "templates" / "service_report.html"
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template.read_text(encoding="utf-8"))
    shown = [
        {
            "heading": section.heading,
            "texts": section.texts,
            "tables": [table.html() for table in section.tables],
            "drawing": section.drawing,
            "caption": section.caption,
        }
        for section in sections(one, intervals)
    ]
    words = your_service(one, intervals).text.replace("**", "")
    title = f"What {one.system.name} costs, give or take"
    return page.render(title=title, sentence=words, sections=shown)


def sections(one: Case, intervals: Mapping[str, Ends]) -> list[Section]:
    """The report's parts, in order."""
    picture = tornado_chart(one)
    drawn = (
        f"{number_text(DRAWS)} draws from the ranges below, each a {DISTRIBUTION}: one time in "
        "ten an answer lies under its P10, one time in ten above its P90."
        if any(swing.width for swing in one.swings)
        else "Nothing is doubted: every draw gives the same."
    )
    parts = [
        Section("The answer on one page", (drawn, WORDS), (one_page(one, intervals),)),
        Section(
            "What matters",
            ("Each bar is the bill as one input moves from its P10 to its P90, the others at "
             "their likely values.",),
            swing_tables(one), svg_of(picture), picture.alt,
        ),
        Section("What would halve the bill", (), (halving_table(one),)),
    ]  # fmt: skip
    if one.system.key in COURSE_SYSTEMS:
        load = (
            "The course's figures are for 100,000,000 users with 10 requests a day each; ours "
            "beside them, too, with everything at these lessons' defaults."
        )
        parts.append(Section("Published figures", (load,), (published_table(one.system.key),)))
    parts.append(
        Section(
            "Where the inputs come from",
            (),
            (system_facts(as_given(one)), range_table(one), price_table()),
        )
    )
    parts.append(Section("What is left out", (LEFT_OUT,)))
    return parts


def as_given(one: Case) -> System:
    """The system with the reader's numbers in place of its own, and with no source of theirs."""
    system, x = one.system, one.x
    own = {name: "the reader's" for name in ("prompt_tokens", "passes") if one.is_readers(name)}
    if one.is_readers("n_params"):
        own["model"] = f"parameters: the reader's; the rest: {system.sources['model']}"
    factor = x["size_factor"]
    if factor != 1:
        own["sizes"] = f"{number_text(factor)} times what follows: {system.sources['sizes']}"
    return replace(
        system,
        n_params=round(x["n_params"]),
        prompt_tokens=(x["prompt_tokens"],) * 3,
        passes=(x["passes"],) * 3,
        request_bytes=system.request_bytes * (factor if is_request_assumed(system) else 1),
        output_bytes=system.output_bytes * factor,
        interaction_bytes=system.interaction_bytes * factor,
        sources={**system.sources, **own},
    )


@dataclass(frozen=True)
class Page:
    """The reader's service in one output: a paragraph, tables, and where the report went."""

    start: Prose
    tables: tuple[Table, ...]
    end: Prose

    def _repr_html_(self) -> str:
        tables = "".join(table.html() for table in self.tables)
        return f"{self.start.html()}{tables}{self.end.html()}"

    def __repr__(self) -> str:
        return "\n\n".join(map(str, (self.start, *self.tables, self.end)))


def your_page(one: Case, intervals: Mapping[str, Ends], report_path: str = "") -> Page:
    """Show the answers, what they hang on and what would halve the bill; write the report."""
    swung = swing_tables(one)
    tables: tuple[Table, ...] = (one_page(one, intervals), *swung, halving_table(one))
    start, end = your_service(one, intervals), write_report(report_path, one, intervals)
    if _is_shown(one):
        tables = swung
        start = Prose(
            f"Nothing is changed yet: the page and the levers are those shown above. {start.text}"
        )
    return Page(start, tables, end)


def swing_tables(one: Case) -> tuple[Table, ...]:
    """The tornado in numbers, or nothing where nothing is doubted, so that nothing swings."""
    return (swing_table(one),) if one.swings[0].width else ()


def _is_shown(one: Case) -> bool:
    """Tell whether a service is the lesson's example, whose tables stand further up."""
    example = case("text")
    same = ("system", "precision", "accelerator", "x", "ranges")
    return all(getattr(one, name) == getattr(example, name) for name in same)


def write_report(path: str, one: Case, intervals: Mapping[str, Ends]) -> Prose:
    """Write the report to `path`, whole or not at all; an empty path writes nothing."""
    file = file_to_write(path, "report_path")
    if file is None:
        return Prose(
            "No report is written: set `report_path` to a file's name, such as `service.html`."
        )
    write_whole(file, report_html(one, intervals), "report_path")
    return Prose(
        f"The report of {one.system.name} is written. It is one file, which loads nothing from "
        "elsewhere."
    )
