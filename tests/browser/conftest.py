"""One JupyterLab and one Chromium for all tests; every lesson once, as a clone and then run."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.browser.reading import Clone, Lesson
from tools.jupyter import LESSONS, Server, Watch, copy_lessons, launch, serve
from tools.lesson_page import LessonPage, PanelPage

WINDOW = ViewportSize(width=1280, height=1000)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("jupyter")) as server:
        copy_lessons(server, "clone")
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def watch() -> Watch:
    """What goes wrong in any page of the run."""
    return Watch()


@pytest.fixture(scope="session")
def context(browser: Browser, watch: Watch) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=WINDOW) as context:
        watch.on(context)
        yield context


@pytest.fixture(params=["light", "dark"])
def offline(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page without network; and what went wrong in it."""
    # axe brings a script of its own, which the pages' own policy would not let in.
    context = browser.new_context(color_scheme=request.param, offline=True, bypass_csp=True)
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page, wrong
    context.close()


@pytest.fixture(autouse=True)
def nothing_goes_wrong(watch: Watch) -> Iterator[None]:
    """Fail the test during which a page met an error or wanted to go elsewhere."""
    watch.errors.clear()
    watch.outside.clear()
    yield
    assert watch.errors == []
    assert watch.outside == []


@pytest.fixture(scope="session", params=LESSONS, ids=lambda name: Path(name).stem)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    """What is committed of a lesson."""
    return Lesson.read(request.param)


@pytest.fixture(scope="session")
def clone(context: BrowserContext, server: Server, lesson: Lesson) -> Iterator[Clone]:
    """A lesson opened as it comes from git, and how it looked before anything ran."""
    opened = LessonPage.open(context, server, f"clone/{lesson.name}")
    yield Clone.look(opened, lesson, server)
    opened.page.close()


@pytest.fixture(scope="session")
def run(clone: Clone) -> LessonPage:
    """The same page after Run, Run All Cells."""
    clone.opened.run_all()
    return clone.opened


@pytest.fixture
def panels(run: LessonPage) -> list[PanelPage]:
    """The lesson's panels, as they begin."""
    run.run_all()
    return run.panels()


def page_of(item: pytest.Item) -> Page | None:
    """Find the page that a test looked at."""
    given = getattr(item, "funcargs", {})
    for name in ("run", "panels", "clone", "page"):
        match given.get(name):
            case LessonPage(page=page) | Clone(opened=LessonPage(page=page)):
                return page
            case [PanelPage(page=page), *_]:
                return page
            case Page() as page:
                return page
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of the page on which a test fails, and say where."""
    report = yield
    page = page_of(item)
    if report.failed and page and not page.is_closed():
        factory: pytest.TempPathFactory = getattr(item, "funcargs", {})["tmp_path_factory"]
        picture = factory.getbasetemp() / f"{item.name.replace('/', '-')}-{report.when}.png"
        page.screenshot(path=picture)
        report.sections.append(("picture", str(picture)))
    return report
