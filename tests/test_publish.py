"""The course as static pages: what a lesson shows, links that lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import nbformat
import pytest

from estimator.lesson.wide import SCROLLS
from tools import page as pages
from tools import publish
from tools.set_up import CannotError

LESSONS = sorted(path.stem for path in publish.LESSONS.glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "new"
    publish.publish(folder)
    return folder


def page(site: Path, stem: str) -> str:
    return (site / f"{stem}.html").read_text(encoding="utf-8")


def outputs(stem: str) -> Iterator[dict[str, Any]]:
    path = publish.LESSONS / f"{stem}.ipynb"
    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield cast("dict[str, Any]", output["data"])


@pytest.mark.parametrize("stem", LESSONS)
def test_each_output_stands_in_the_page(site: Path, stem: str) -> None:
    text = page(site, stem)
    shown = list(outputs(stem))
    formulas = sum("$$" in data.get("text/markdown", "") for data in shown)
    assert text.count('class="formula"') == formulas
    assert text.count("data:image/png;base64,") == sum(
        "<img " in data.get("text/html", "") for data in shown
    )
    tables = sum(data.get("text/html", "").count("<table") for data in shown)
    assert text.count("<table") >= tables
    assert "$" not in re.sub(r"(?s)<pre.*?</pre>|<style>.*?</style>", "", text)


@pytest.mark.parametrize("stem", LESSONS)
def test_what_is_wide_stands_in_one_box_with_a_name(site: Path, stem: str) -> None:
    text = page(site, stem)
    boxes = re.findall(r'<div class="wide"([^>]*)><(?:table|img)\b', text)
    assert len(boxes) == text.count("<table") + text.count("<img ")
    for box in boxes:
        told = (r'role="group"', r'aria-label="[^"]+"', r'tabindex="0"')
        assert all(re.search(f" {each}", box) for each in told), box
    assert SCROLLS not in re.sub(r"(?s)<style>.*?</style>", "", text)


@pytest.mark.parametrize("stem", LESSONS)
def test_solutions_are_folded_and_no_tag_is_shown(site: Path, stem: str) -> None:
    text = page(site, stem)
    solutions = [data for data in outputs(stem) if "<details>" in data.get("text/markdown", "")]
    assert len(solutions) > 1
    assert text.count("<details>") >= len(solutions)
    assert not re.findall(r"&lt;/?[a-z]", re.sub(r"(?s)<pre.*?</pre>", "", text))


@pytest.mark.parametrize("stem", ["index", *LESSONS])
def test_links_lead_to_pages_that_are_there(site: Path, stem: str) -> None:
    links = re.findall(r'href="([^"#]+)', page(site, stem))
    assert "index.html" in links
    for link in links:
        assert link.startswith("https://") or (site / link).is_file(), link


def test_every_lesson_is_on_the_front_page_with_its_question(site: Path) -> None:
    front = page(site, "index")
    for stem in LESSONS:
        assert f'href="{stem}.html"' in front
        question = re.search(r"<strong>(.+?)</strong>", page(site, stem))
        assert question
        assert question[1] in front


@pytest.mark.parametrize(
    "piece",
    [
        '<script src="a.js"></script>',
        '<link rel="stylesheet" href="https://example.org/a.css">',
        '<img alt="x" src="https://example.org/a.png">',
        '<img alt="x" src="a.png">',
        '<iframe src="a.html"></iframe>',
        "<style>@import 'a.css';</style>",
        "<style>p { background: url(a.png) }</style>",
    ],
)
def test_what_would_be_loaded_is_seen(piece: str) -> None:
    assert pages.outside(f'<p>text</p><img alt="x" src="data:image/png;base64,AA">{piece}')


def test_what_is_in_the_page_or_followed_by_a_reader_is_not_loaded() -> None:
    stays = '<a href="https://example.org">x</a><img src="data:image/png;base64,AA">'
    assert pages.outside(stays) == []


def test_a_formula_that_cannot_be_typeset_is_told() -> None:
    with pytest.raises(CannotError, match=r"cannot be typeset: 'a &= b"):
        publish.mathml("a &= b", "block")
