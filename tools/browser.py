"""Find the Chromium that the browser tests and the speed figures drive."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.set_up import CannotError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_chromium(environment: Mapping[str, str] = os.environ) -> str:
    """The browser's path: what CHROMIUM names, else the first that is installed."""
    search = environment.get("PATH", "")
    named = environment.get("CHROMIUM")
    for name in [named] if named else [*NAMES, *MAC_APPS]:
        if path := shutil.which(name, path=search):
            return str(Path(path).absolute())
    missing = f"CHROMIUM={named} is not a program" if named else "No Chromium was found"
    raise CannotError(
        f"{missing}: install Chromium or Chrome (on Debian 'sudo apt install chromium', on a Mac "
        "'brew install --cask chromium'), or name one with CHROMIUM=/path/to/chromium."
    )
