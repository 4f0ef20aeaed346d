"""Lesson 05 on the page: its report, and under papermill."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.glossary import quantity
from estimator.lesson import lesson_05 as lesson
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS
from estimator.lesson.lesson_05_panel import service_panel
from estimator.lesson.lesson_05_report import as_given, report_html, write_report, your_page
from estimator.uncertainty import Range
from tests.running import warm_papermill
from tests.seen import column
from tests.services import given

NAME = "05-size-a-service"
TEXT = lesson.case("text")


# --- The report -----------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page has: its tags, and what each asks from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asks: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link", "br", "img", "hr", "input"}:
            self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "data", "action"} and value:
                self.asks += [] if value.startswith("#") else [value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_the_report_is_one_accessible_file_that_loads_nothing(key: str) -> None:
    one = lesson.case(key)
    html = report_html(one, one.intervals(500))
    page = Page()
    page.feed(html)
    assert page.open == []
    assert page.asks == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "<html lang=" in html
    assert page.tags.count("h1") == page.tags.count("title") == page.tags.count("main") == 1
    assert 'role="img" aria-label="Cost of a month' in html
    assert "<caption" in html
    assert 'scope="row"' in html
    assert "P90" in html
    assert "none published" in html or catalog.published(key)


def sources_of(one: lesson.Case) -> dict[str, str]:
    table = lesson.range_table(one)
    return dict(zip(column(table, "input"), column(table, table.headers[-1]), strict=True))


def test_a_number_of_the_reader_s_has_no_source_and_date_but_for_its_range() -> None:
    usual = sources_of(TEXT)
    assert not [source for source in usual.values() if "reader" in source]
    others = {
        "hot_usd_per_gb": 0.05, "egress_usd_per_gb": 0.2, "server_power_factor": 1.2, "pue": 1.1,
        "usd_per_kwh": 0.4, "grid_kg_per_kwh": 0.02,
    }  # fmt: skip
    own: dict[str, Any] = {"usd_per_accelerator_hour": 9, "prompt_tokens": 4000, "passes": 50}
    text = ", ".join(f"{name} = {value}" for name, value in others.items())
    changed = sources_of(lesson.case("text", **own, others=text))
    labels = {quantity(name).label for name in (*others, *own)}
    assert {label for label in usual if changed[label] != usual[label]} == labels
    for label in labels:
        assert changed[label] == f"the reader's; its range is scaled from: {usual[label]}"


def test_a_number_of_the_reader_s_that_is_the_catalog_s_keeps_its_source() -> None:
    same = lesson.case("text", prompt_tokens=500, others="pue = 1.56")
    assert sources_of(same) == sources_of(TEXT)


def test_a_range_of_the_reader_s_own_has_no_source() -> None:
    one = TEXT.ranged(Range("prompt_tokens", 400, 500, 600))
    label = quantity("prompt_tokens").label
    assert sources_of(one) == {**sources_of(TEXT), label: "the reader's range"}


def test_a_doubt_that_widens_the_ranges_is_told_below_them() -> None:
    assert lesson.range_table(TEXT).note == ""
    doubtful = lesson.range_table(lesson.case("text", doubt=2))
    assert doubtful.note.startswith("With a doubt of 2, each range is its source's with")


def test_the_main_answers_are_in_sight_and_the_whole_page_is_folded() -> None:
    found = lesson.first_page(TEXT, TEXT.intervals())
    page = lesson.one_page(TEXT, TEXT.intervals())
    assert found.folded is not None
    assert (found.folded.rows, found.folded.note) == (page.rows, page.note)
    (main,) = found.tables
    assert all(row in page.rows for row in main.rows)
    said = " ".join(str(row[0]) for row in main.rows)
    for part in ("kept", "memory", "accelerators", "traffic out", "month", "million", "power"):
        assert part in said


def test_the_report_has_the_facts_of_the_case() -> None:
    one = lesson.case("text", n_params=1e9, prompt_tokens=4000)
    rows = {row[0]: row[1:] for row in lesson.system_facts(as_given(one)).rows}
    model, source = rows["model"]
    assert model == "Llama 3.2 3B (as the course rounds it), 1,000,000,000 parameters"
    assert str(source).startswith("parameters: the reader's; the rest: the course's model")
    assert rows["prompt tokens"] == ("4,000 tokens", "the reader's")
    passes = lesson.system_facts(TEXT.system).rows[3]
    assert rows["passes of the model"] == passes[1:]
    assert lesson.system_facts(as_given(TEXT)).rows == lesson.system_facts(TEXT.system).rows
    html = report_html(one, one.intervals(50))
    assert "1,000,000,000 parameters" in html
    assert "3,000,000,000 parameters" not in html


def test_sizes_that_are_doubted_are_in_the_facts_too() -> None:
    image = lesson.case("image").ranged(Range("size_factor", 1, 2, 4))
    facts = {row[0]: row[1:] for row in lesson.system_facts(as_given(image)).rows}
    sizes, source = facts["bytes in, out and stored"]
    assert sizes == "4,000, 2,000,000, 2,000,000"
    assert str(source).startswith("2 times what follows: ")


def test_the_same_service_has_the_same_report() -> None:
    first, again = (report_html(lesson.case("text"), TEXT.intervals(200)) for _ in range(2))
    assert first == again


def test_the_page_has_the_paragraph_the_tables_and_where_the_report_went(tmp_path: Path) -> None:
    one = lesson.case("text", users=1_000_000)
    page = your_page(one, one.intervals())
    text, html = repr(page), page._repr_html_()
    assert text.startswith("**Text to text, Llama 3.2 3B")
    assert html.startswith("<p><strong>Text to text, Llama 3.2 3B")
    for caption in ("1,000,000 users", "One input at a time", "What would halve the bill"):
        assert caption in text
        assert caption in html
    assert "set <code>report_path</code>" in html
    written = your_page(one, one.intervals(), str(tmp_path / "service.html"))
    assert repr(written).endswith("which loads nothing from elsewhere.")
    assert (tmp_path / "service.html").is_file()


def test_what_the_lesson_has_shown_is_not_shown_again() -> None:
    shown = repr(your_page(TEXT, TEXT.intervals()))
    assert shown.startswith("Nothing is changed yet: the page and the levers are those shown above")
    assert "What would halve the bill" not in shown
    assert "One input at a time" in shown
    for other in (lesson.case("image"), lesson.case("text", doubt=2), lesson.case("text", seed=2)):
        assert "Nothing is changed" not in repr(your_page(other, other.intervals(50)))


def test_names_in_a_report_are_escaped() -> None:
    odd = replace(catalog.system("text"), key="odd", name="<b>odd</b> & co")
    one = lesson.case(odd)
    html = report_html(one, one.intervals(50))
    assert "<b>odd" not in html
    assert "&lt;b&gt;odd" in html.lower()


def test_the_report_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = TEXT.intervals(50)
    assert "No report" in write_report("", TEXT, found).text
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "report.html"
    write_report(str(path), TEXT, found)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            write_report(str(path), lesson.case("image"), found)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match=r"report_path is .* no folder"):
        write_report(str(tmp_path / "no" / "x.html"), TEXT, found)
    with pytest.raises(TypeError, match="report_path is 5"):
        write_report(5, TEXT, found)  # type: ignore[arg-type]


def test_where_nothing_is_doubted_no_sentence_speaks_of_draws_that_differ() -> None:
    for doubt, draws in ((0, False), (1, True)):
        one = lesson.case("text", doubt=doubt)
        report = report_html(one, one.intervals())
        assert ("one time in ten an answer lies under its P10" in report) == draws
        assert ("Nothing is doubted: every draw gives the same." in report) != draws
        shown = service_panel(given(doubt=doubt)).output.value
        assert ("its ends differ from these" in shown) == draws


# --- Under papermill ------------------------------------------------------------------------


def test_pictures_for_a_million_people_under_papermill(tmp_path: Path) -> None:
    done = warm_papermill(
        NAME, tmp_path, system="image", users="1e6", requests_per_user=2, accelerator="H100-SXM",
        precision="FP8", others="pue = 1.2", report_path=tmp_path / "report.html",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    found = {name: entry["value"] for name, entry in content["results"].items()}
    one = lesson.case(
        "image", users=1e6, requests_per_user=2, accelerator="H100-SXM", precision="FP8",
        others="pue = 1.2",
    )  # fmt: skip
    assert found == one.point | lesson.flat(one.intervals())
    assert content["results"]["usd_per_month_p90"]["unit"] == "USD/month"
    assert content["parameters"]["system"] == "image"
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "Text to image, Stable Diffusion 3.5 Large" in page
    assert "for one image" in page
    assert "Text to image" in (tmp_path / "report.html").read_text(encoding="utf-8")
    table = lesson.point_results(
        {
            "system": np.array(["image"]), "users": np.array([1e6]),
            "requests_per_user": np.array([2.0]), "accelerator": np.array(["H100-SXM"]),
            "precision": np.array(["FP8"]), "others": np.array(["pue = 1.2"]),
        }
    )  # fmt: skip
    assert {key: lesson.plain(values[0]) for key, values in table.items()} == one.point


def test_an_impossible_service_stops_the_run(tmp_path: Path) -> None:
    done = warm_papermill(NAME, tmp_path, accelerator="L4")
    assert done.returncode != 0
    assert "no price of an hour of L4 with a source stands there: give what you pay" in done.stderr
    assert not (tmp_path / "result.json").exists()
