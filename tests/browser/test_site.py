"""The static pages in a browser without a network."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.reading import grave
from tools import publish
from tools.page import style

PAGES = ["index", *sorted(path.stem for path in publish.LESSONS.glob("*.ipynb"))]
# Whether a bracket is as tall as a fraction that stands in it.
TALL = """bracket => {
    const inside = bracket.parentElement.querySelector("mfrac");
    return !inside || bracket.getBoundingClientRect().height >
        0.8 * inside.getBoundingClientRect().height;
}"""
LEFT = "names => names.map(each => each.getBoundingClientRect().left)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    publish.publish(folder)
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_it_reads_without_a_network(name: str, site: Path, offline: tuple[Page, list[str]]) -> None:
    page, wrong = offline
    page.goto((site / f"{name}.html").as_uri())
    assert wrong == []
    for formula in page.locator("math").all():
        box = formula.bounding_box()
        assert box
        assert box["height"] > 5
    for picture in page.locator("img").all():
        assert picture.evaluate("each => each.naturalWidth") > 0
        assert len(picture.get_attribute("alt") or "") > 40
    assert page.get_by_role("status").count() == (0 if name == "index" else 1)
    for width in (1280, 600, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for picture in page.locator("img").all():
        box = picture.bounding_box()
        assert box
        assert box["width"] >= 500, "its text could not be read"
        assert picture.evaluate("each => each.closest('.wide').scrollWidth") > 320
    assert grave(page) == {}


def test_on_a_phone_a_row_s_name_stays_in_view_while_its_table_scrolls(
    site: Path, offline: tuple[Page, list[str]]
) -> None:
    page, _ = offline
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto((site / "05-size-a-service.html").as_uri())
    table = page.locator("table", has_text="The course's figures and ours")
    box = table.locator("xpath=..")
    assert box.evaluate("each => (each.scrollLeft = 150)") == 150
    names = table.locator("tbody th").evaluate_all(LEFT)
    assert len(set(names)) == 1
    assert names[0] == pytest.approx(
        box.evaluate("each => each.getBoundingClientRect().left"), abs=1
    )


def test_brackets_grow_with_what_stands_in_them(
    site: Path, offline: tuple[Page, list[str]]
) -> None:
    page, _ = offline
    page.goto((site / "04-servers-and-bandwidth.html").as_uri())
    brackets = page.locator("mo[fence=true]").all()
    assert len(brackets) > 4
    named = re.findall(r'"([^"]* Math[^"]*)"', style())
    assert named
    fonts = subprocess.run(["fc-list"], capture_output=True, text=True, check=False).stdout
    # Without any of them the browser has nothing to grow a bracket with.
    has_one = any(name in fonts for name in named)
    assert all(bracket.evaluate(TALL) for bracket in brackets) or not has_one
