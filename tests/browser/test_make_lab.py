"""`make lab` in a fresh folder, without a display: the address that it prints opens lesson 00."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tools.jupyter import answers, ask, free_port, stop
from tools.lesson_page import IDLE, LOAD_MS
from tools.set_up import ROOT

ADDRESS = re.compile(r"^Open in a browser: (http://127\.0\.0\.1:\d+)(/\S+\?token=(\w+)) ", re.M)
# A display, the Jupyter of this test run, and the make that may have started it.
NOT_OURS = ("DISPLAY", "WAYLAND_DISPLAY", "JUPYTER", "MAKE", "MFLAGS")


@dataclass(frozen=True)
class Lab:
    """A running `make lab`, and what it printed."""

    process: subprocess.Popen[bytes]
    folder: Path
    server: str
    path: str
    token: str


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The course's files in a new folder, with the environment that is set up already."""
    folder = tmp_path_factory.mktemp("clone") / "course"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "my-course", "tests")
    shutil.copytree(ROOT, folder, ignore=left_out)
    settings = {key: value for key, value in os.environ.items() if not key.startswith(NOT_OURS)}
    command = ["make", "lab", "SET_UP=:", f"COURSE={sys.executable}"]
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=settings | {"PORT": str(free_port())},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        give_up = time.monotonic() + 60
        while not (address := ADDRESS.search(log.read_text(encoding="utf-8"))):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < give_up, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield Lab(process, folder, *address.groups())
    finally:
        stop(process)


@pytest.fixture(scope="module")
def page(context: BrowserContext, lab: Lab) -> Iterator[Page]:
    page = context.new_page()
    page.goto(lab.server + lab.path)
    page.get_by_text(IDLE).wait_for(timeout=LOAD_MS)
    yield page
    page.close()


def test_lesson_00_is_open_in_the_learners_own_copy(lab: Lab, page: Page) -> None:
    expect(page.get_by_role("heading", name="00 Start here")).to_be_visible()
    tab = page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current")
    expect(tab).to_have_text("00-start-here.ipynb")
    copied = sorted(path.name for path in (lab.folder / "my-course").glob("*.ipynb"))
    assert copied == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_nothing_asks_or_offers(page: Page) -> None:
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".Toastify__toast, .jp-toast-button").count() == 0
    assert page.get_by_text(re.compile("get notified|Jupyter news", re.I)).count() == 0


def test_ctrl_c_ends_it_with_its_kernels(lab: Lab, page: Page) -> None:
    kernels = [one["id"] for one in json.loads(ask(f"{lab.server}/api/kernels", lab.token))]
    assert len(kernels) == 1
    page.goto("about:blank")  # a page whose server is gone complains
    os.killpg(lab.process.pid, signal.SIGINT)
    lab.process.wait(20)
    assert not answers(f"{lab.server}/api")
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert kernels[0] not in running.stdout
