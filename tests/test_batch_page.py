"""The page of a batch: all in one file, escaped, and named for those who do not see it."""

import re
from html.parser import HTMLParser

from estimator.batch.page import page
from estimator.batch.table import Row

COLUMNS = ["users", "word"]
ROWS = [
    Row("a b", {"users": 5, "word": "<b>"}, {"weight_bytes": 3_500_000_000.0, "count": 2},
        {"weight_bytes": "byte", "count": ""}),
    Row("bad", {"users": 6}, {}, {}, "ValueError: <script>alert(1)</script>"),
]  # fmt: skip


class Reader(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(html)
    return reader.tags


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = page("01-model-storage", COLUMNS, ROWS)
    assert not re.search(r"https?:|//cdn|@import|url\(", html)
    assert not [tag for tag, attributes in tags(html) if tag in ("link", "img", "iframe")]
    assert not [1 for tag, attributes in tags(html) if tag == "script" and "src" in attributes]


def test_names_values_and_errors_are_escaped() -> None:
    html = page("01-model-storage", COLUMNS, ROWS)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert 'data-value="&lt;b&gt;"' in html


def test_each_row_leads_to_its_notebook_and_its_result() -> None:
    links = [
        attributes.get("href") for tag, attributes in tags(page("x", COLUMNS, ROWS)) if tag == "a"
    ]
    assert links == ["results.csv", "a%20b.ipynb", "a%20b.json", "bad.ipynb"]


def test_values_are_written_with_units_and_sorted_by_their_digits() -> None:
    html = page("x", COLUMNS, ROWS)
    assert '<td data-value="3500000000">3.50 GB (3.26 GiB)</td>' in html
    assert html.index(">a b</a>") < html.index(">bad</a>")
    assert "1 of 2 scenarios passed" in html


def test_controls_and_heads_are_named() -> None:
    found = tags(page("x", COLUMNS, ROWS))
    scopes = [attributes["scope"] for tag, attributes in found if tag == "th"]
    assert scopes == ["col"] * 7 + ["row"] * 2
    assert len([tag for tag, _ in found if tag == "button"]) == 7
    assert ("html", {"lang": "en"}) in found
    assert {"label", "caption", "h1"} <= {tag for tag, _ in found}
    assert [a for tag, a in found if a.get("role") == "status"]


def test_a_row_without_a_notebook_has_no_link() -> None:
    row = Row("gone", {}, {}, {}, "its worker was killed twice", has_notebook=False)
    assert "gone.ipynb" not in page("x", [], [row])


def test_a_run_that_failed_over_a_finished_result_shows_both() -> None:
    row = Row("kept", {}, {"count": 2}, {"count": ""}, "the kernel died; the result of before")
    html = page("x", [], [row])
    assert 'href="kept.json"' in html
    assert "the kernel died" in html
    assert "0 of 1 scenarios passed" in html


def test_ends_of_intervals_can_be_hidden() -> None:
    ends = {"bill": 5.0, "bill_p10": 1.0, "bill_p50": 4.0, "bill_p90": 9.0}
    html = page("x", [], [Row("a", {}, ends, dict.fromkeys(ends, "USD"))])
    assert html.count('class="range"') == 6
    assert 'type="checkbox"' in html
    assert 'type="checkbox"' not in page("x", COLUMNS, ROWS)
