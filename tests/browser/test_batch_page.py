"""The page of a batch in a real browser: it filters and sorts, with the keyboard too."""

from pathlib import Path

from playwright.sync_api import Browser

from estimator.batch.page import page as page_text
from estimator.batch.table import Row


def rows() -> list[Row]:
    values = (("ten", 10.0), ("nine", 9.0), ("big", 2e12), ("none", None))
    return [
        Row(name, {"word": name}, {} if value is None else {"count": value}, {"count": ""},
            "" if value else "ValueError: no")
        for name, value in values
    ]  # fmt: skip


def test_filter_and_sort(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(page_text("a lesson", ["word"], rows()), encoding="utf-8")
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    shown = "[...document.querySelectorAll('tbody tr:not([hidden]) th a:first-child')]"
    names = f"{shown}.map((link) => link.textContent)"
    assert page.evaluate(names) == ["ten", "nine", "big", "none"]
    head = page.get_by_role("button", name="count")
    head.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(names) == ["nine", "ten", "big", "none"]
    page.keyboard.press("Enter")
    assert page.evaluate(names) == ["big", "ten", "nine", "none"]
    sorted_by = page.locator("th[aria-sort]")
    assert sorted_by.get_attribute("aria-sort") == "descending"
    page.get_by_label("Show rows that contain").fill("N")
    page.get_by_label("Status").select_option("passed")
    assert page.evaluate(names) == ["ten", "nine"]
    assert page.get_by_role("status").text_content() == "2 of 4 rows"
    assert asked == [path.as_uri()]
    page.close()
