"""JupyterLab on the learner's own copy of the lessons, on this machine only, with no questions.

`make lab` starts it in `.venv/`; in an environment of conda's, `python -m tools.lab` does.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from errno import EACCES, EADDRINUSE
from pathlib import Path

from tools.course import COPY, LESSONS, add_missing
from tools.set_up import CannotError, told

HOST = "127.0.0.1"
FIRST_PORT, PORTS_TRIED = 8888, 50
FIRST_PAGE = "00-start-here.ipynb"
PROGRESS = "COURSE_PROGRESS"  # estimator.lesson.progress keeps there what the learner solves
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
NEWS_PLUGIN = "@jupyterlab/apputils-extension:notification"
SHORTCUTS_PLUGIN = "@jupyterlab/shortcuts-extension:shortcuts"
ANY_FOCUS = (" :focus", " :focus:not(:read-write)")
"""Ends of the selectors of keys that act wherever the focus is: those of cells, and 0 0 and I I."""
SHORTCUTS_OF = ("notebook-extension/tracker.json", "mainmenu-extension/plugin.json")
# A box that scrolls (estimator.lesson.wide, which is slow to import here) is known by its style:
# that is what JupyterLab leaves of it in a page that it does not trust.
ON_NO_CONTROL = ':not(select):not(.noUi-handle):not([style*="overflow-x:auto"])'


def port_problem(port: int) -> int:
    """Why this port cannot be served on, as an error number; 0 if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            return problem.errno or EADDRINUSE
    return 0


def choose_port(asked: str) -> int:
    """The port asked for and no other, or the first free one from 8888 on."""
    if not asked:
        for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
            if not port_problem(port):
                return port
        raise CannotError(
            f"Ports {FIRST_PORT} to {port} are all in use: name a free one with make lab PORT=9000."
        )
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked) <= 65535):
        raise CannotError(f"PORT={asked} is not a port: name a number from 1024 to 65535.")
    port = int(asked)
    problem = port_problem(port)
    if problem == EADDRINUSE:
        raise CannotError(
            f"Port {port} is in use by another program: stop that one, "
            "name another port after PORT=, or leave PORT out to get a free one."
        )
    if problem == EACCES:
        raise CannotError(f"Port {port} is reserved by the system: name one from 1024 to 65535.")
    if problem:
        raise CannotError(f"Port {port} cannot be used: {os.strerror(problem)}.")
    return port


def has_display(environment: Mapping[str, str], system: str = sys.platform) -> bool:
    """Whether a browser window could appear here."""
    if not system.startswith("linux"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def choose_settings(prefix: Path) -> None:
    """Set JupyterLab for the course, in this environment only.

    Its question about news is answered, and keys in a panel's list or slider, or in a box that
    scrolls, are theirs: the notebook's own commands, some of which cut the cell, are left to all
    that is none of these.
    """
    lab = prefix / "share" / "jupyter" / "lab"
    file = lab / "settings" / "overrides.json"
    chosen = {NEWS_PLUGIN: NO_NEWS, SHORTCUTS_PLUGIN: {"shortcuts": panel_keys(lab)}}
    wanted = json.dumps(chosen, indent=1) + "\n"
    if not file.is_file() or file.read_text(encoding="utf-8") != wanted:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted, encoding="utf-8")


def panel_keys(lab: Path) -> list[dict[str, object]]:
    """Turn the notebook's keys off, and on again where the focus is on no control and no box."""
    schemas = [lab / "schemas" / "@jupyterlab" / name for name in SHORTCUTS_OF]
    known = [
        shortcut
        for schema in schemas
        if schema.is_file()  # a JupyterLab of another layout keeps its keys as they are
        for shortcut in json.loads(schema.read_text(encoding="utf-8"))["jupyter.lab.shortcuts"]
    ]
    found: list[dict[str, object]] = []
    for shortcut in known:
        if shortcut["selector"].endswith(ANY_FOCUS):
            found.append({**shortcut, "disabled": True})
            found.append({**shortcut, "selector": shortcut["selector"] + ON_NO_CONTROL})
    return found


def jupyter_settings(prefix: Path, own: Path) -> dict[str, str]:
    """Variables that keep the user's other Jupyter (kernels, passwords, layouts) out."""
    settings = {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_DIR": str(own)}
    runtime = prefix / "share" / "jupyter" / "runtime"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Jupyter's secrets need a folder that nobody else can read; some mounted disks have none.
    if not runtime.stat().st_mode & 0o077:
        settings["JUPYTER_DATA_DIR"] = str(runtime.parent)
        settings["JUPYTER_RUNTIME_DIR"] = str(runtime)
    return settings


def server_arguments(root: Path, port: int) -> list[str]:
    """JupyterLab's command line."""
    arguments = [
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.open_browser=False",
        "--ServerApp.answer_yes=True",  # Ctrl-C stops it, without asking back
        "--Application.log_level=ERROR",
        "--KernelManager.transport_encryption=auto",  # else each kernel prints a warning
        "--ContentsManager.pre_save_hook=estimator.lesson.saving.keep_readable",
        "--ServerApp.kernel_websocket_connection_class=estimator.lesson.prompt_socket.PromptSocket",
        f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}",
    ]
    return [*arguments, "--allow-root"] if os.geteuid() == 0 else arguments


def open_browser(address: str) -> None:
    """Ask for a browser window, without a terminal: a text browser must not take ours."""
    environment = {key: value for key, value in os.environ.items() if key != "TERM"}
    subprocess.run(
        [sys.executable, "-m", "webbrowser", address],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


def announce(port: int, token: str, display: bool, patience_s: float = 120) -> None:
    """Wait until the server answers, then print its address and open it."""
    server = f"http://{HOST}:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        try:
            direct.open(f"{server}/api", timeout=5).close()
            break
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    else:
        return
    address = f"{server}/lab/tree/{FIRST_PAGE}?token={token}"
    invitation = "If no browser opens, the course is at" if display else "Open in a browser:"
    print(f"{invitation} {address} (Ctrl-C here stops it)", flush=True)
    if display:
        open_browser(address)


def start() -> None:
    """Serve the learner's copy until Ctrl-C."""
    port = choose_port(os.environ.get("PORT", "").strip())
    added = add_missing(LESSONS, COPY)
    if added:
        print(f"Copied into {COPY.name}/: {', '.join(map(str, added))}", flush=True)
    prefix = Path(sys.prefix)
    choose_settings(prefix)
    token = secrets.token_hex(24)
    os.environ.update(jupyter_settings(prefix, COPY / ".jupyter"), JUPYTER_TOKEN=token)
    os.environ[PROGRESS] = str(COPY / "progress.json")
    try:
        from jupyterlab.labapp import main  # late: it reads the variables when it is imported
    except ImportError as problem:
        raise CannotError(
            f"JupyterLab is not installed here ({problem}): run make lab, or activate the course's "
            "environment first."
        ) from None
    arguments = (port, token, has_display(os.environ))
    threading.Thread(target=announce, args=arguments, daemon=True).start()
    # On a terminal Jupyter handles Ctrl-C itself; elsewhere it would leave its kernels behind.
    signal.signal(signal.SIGINT, lambda *_: signal.raise_signal(signal.SIGTERM))
    main(server_arguments(COPY, port))


if __name__ == "__main__":
    sys.exit(told(start))
