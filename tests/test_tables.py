"""Tables and bars: escaped, without scripts, with their totals and shares."""

import json
import re
from html import escape

import pytest

from estimator.lesson.tables import (
    BLUE,
    VERMILLION,
    Bar,
    Given,
    Table,
    Unbroken,
    breakdown,
    comparison,
    unbroken,
)
from tools.set_up import ROOT

LESSONS = ROOT / "notebooks"


def test_text_is_escaped_everywhere() -> None:
    evil = "<script>alert(1)</script>"
    page = Table((evil, evil), [(evil, Bar(0.5, evil))], evil, evil, total=(evil, evil)).html()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 8


def test_breakdown_has_shares_and_a_total() -> None:
    page = str(breakdown({"a": 1, "b": 3}, "parameter", left_out="c, which is small."))
    assert page.splitlines() == [
        "part | parameters | share",
        "a | 1 parameter | 25.0 %",
        "b | 3 parameters | 75.0 %",
        "total | 4 parameters | ",
        "Left out: c, which is small.",
    ]
    with pytest.raises(ValueError, match="add up to 0"):
        breakdown({"a": 0}, "byte")


def test_a_bar_that_starts_where_another_ends_is_cut_at_the_right_end() -> None:
    assert "margin-left:25.0%;width:50.0%" in Bar(0.5, "x", start=0.25).html()
    assert "margin-left:75.0%;width:25.0%" in Bar(0.5, "x", start=0.75).html()
    assert "margin-left" not in Bar(0.5, "x").html()


@pytest.mark.parametrize(("share", "width"), [(-1, "0.0"), (0.25, "25.0"), (3, "100.0")])
def test_a_bar_stays_in_its_frame(share: float, width: str) -> None:
    assert f"width:{width}%" in Bar(share, "x").html()


def test_over_the_limit_is_told_by_stripes_and_text_and_not_by_colour_alone() -> None:
    over = Bar(2, "200 %", over="does not fit").html()
    assert "repeating-linear-gradient" in over
    assert ">200\xa0%: does not fit<" in over
    assert "repeating-linear-gradient" not in Bar(0.5, "50 %").html()
    # JupyterLab takes gradients out of notebooks that nobody has run: a plain colour comes first.
    assert re.search(r"background:#\w{6};background:repeating-linear-gradient", over)


BAR = re.compile(rf"height:11px;background:({BLUE}|{VERMILLION}).*?<span[^>]*>([^<]*)</span>")


def test_every_bar_past_a_limit_says_so_in_a_lesson_that_shows_no_stripes() -> None:
    bars = []
    for path in LESSONS.glob("*.ipynb"):
        page = "".join(
            "".join(output.get("data", {}).get("text/html", ""))
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            for output in cell.get("outputs", [])
        )
        assert "striped" not in page
        found = BAR.findall(page)
        assert len(found) == page.count("height:11px")
        bars += found
    assert {colour for colour, _ in bars} == {BLUE, VERMILLION}
    for colour, text in bars:
        said = re.search(": [a-z]", text) is not None
        assert said == (colour == VERMILLION), text


def test_a_table_that_a_phone_scrolls_is_a_named_stop_of_tab() -> None:
    three = Table(("a", "b", "c"), [("x", 1, 2)], 'The "3"').html()
    assert ' role="group" aria-label="The &quot;3&quot;" tabindex="0"><table' in three
    assert ' aria-label="table" ' in Table(("a", "b", "c"), []).html()
    assert "tabindex" not in Table(("a", "b"), [("x", 1)]).html()


def test_rows_and_columns_are_named_for_a_screen_reader() -> None:
    page = Table(("a", "b"), [("x", 1), ("y", 2)], "Caption").html()
    assert len(re.findall(r'<th scope="col"', page)) == 2
    assert len(re.findall(r'<th scope="row"', page)) == 2
    assert "<caption" in page


def test_published_beside_computed() -> None:
    text = str(comparison([("weights", "6 GB", 6_000_000_000, "byte", "exact")]))
    assert "weights | 6 GB | 6.00 GB (5.59 GiB) | exact" in text


def test_a_number_stays_with_its_unit() -> None:
    table = Table(("what", "time"), [("a step", Unbroken("9 ms"))])
    assert '<span style="white-space:nowrap">9\xa0ms</span>' in table.html()
    assert str(table) == "what | time\na step | 9 ms"


@pytest.mark.parametrize(
    "text",
    ["2.957 ms", "500 µs", "75 %", "1.63 MW", "589 kW", "8 min", "29.4 s", "0.481 kg", "< 0.1 %",
     "11,574 requests/s", "185.19 Mbit/s", "3.93 million USD", "2.79 USD/h"],
)  # fmt: skip
def test_no_number_parts_from_its_unit(text: str) -> None:
    whole = text.replace(" ", "\xa0")
    assert unbroken(text) == whole
    page = Table((text, text), [(text, text)], text, text, total=("total", text)).html()
    assert page.count(escape(whole)) == 7
    assert escape(text) not in page


@pytest.mark.parametrize(
    "text", ["112 accelerators", "10 requests/day", "600 USD/month", "5 to 20", "3 a day", "8 of 9"]
)
def test_words_may_wrap_after_a_number(text: str) -> None:
    assert unbroken(text) == text


def test_a_value_that_was_typed_stays_with_its_mark() -> None:
    assert "white-space:nowrap" in Given("0.004").html()


def test_sentences_are_not_squeezed_and_numbers_take_no_more_than_they_need() -> None:
    sentence = "a forecast is off by a quarter; a guess"
    for times, width in ((1, ""), (2, "11em"), (4, "18em")):
        table = Table(("a", "n", "why"), [("x", 1, sentence * times)], left=frozenset({"why"}))
        assert re.findall(r"min-width:min\((\d+em),", table.html()) == ([width] if width else [])
    assert "min-width" not in Table(("a", "n"), [("x", sentence * 4)]).html()
