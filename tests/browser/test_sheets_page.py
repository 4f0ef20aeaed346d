"""The exercise sheets in a browser without a network, and on paper."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.reading import grave
from tools import sheets


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheets")
    sheets.main(["--students", "3", "--exercises", "4", "--out", str(folder)])
    return folder


@pytest.mark.parametrize("name", ["sheets", "sheets-with-solutions", "key"])
def test_it_reads_and_prints(name: str, room: Path, offline: tuple[Page, list[str]]) -> None:
    page, wrong = offline
    page.goto((room / f"{name}.html").as_uri())
    assert wrong == []
    for width in (1280, 600, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave(page) == {}
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    assert pages == 3 if name != "key" else 1 < pages < 7
