"""Tables and bars: escaped, without scripts, with their totals and shares."""

import re

import pytest

from estimator.lesson.tables import Bar, Table, Unbroken, breakdown, comparison


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
    over = Bar(2, "200 %: does not fit", over=True).html()
    assert "repeating-linear-gradient" in over
    assert "does not fit" in over
    assert "repeating-linear-gradient" not in Bar(0.5, "50 %").html()


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
    assert '<span style="white-space:nowrap">9 ms</span>' in table.html()
    assert str(table) == "what | time\na step | 9 ms"
