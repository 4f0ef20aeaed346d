"""A JupyterLab of its own and a Chromium that drives it, for browser tests and speed figures."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Playwright, Route

from tools.browser import find_chromium
from tools.lab import HOST, choose_settings, server_arguments
from tools.set_up import ROOT, CannotError

LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_S = 60
# A server whose test was killed ends by itself: first its idle kernels, then the server.
LEFT_ALONE_S = 300
ENDS_ALONE = (
    f"--MappingKernelManager.cull_idle_timeout={LEFT_ALONE_S}",
    f"--ServerApp.shutdown_no_activity_timeout={LEFT_ALONE_S}",
)
# What a browser says in red while nothing is wrong with the page.
HARMLESS = (
    # A new workspace, or a server without extra kernels' resources, is asked for and not there.
    "Failed to load resource: the server responded with a status of 404 (Not Found)",
)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def stop(process: subprocess.Popen[bytes], patience_s: float = 10) -> None:
    """End a process that leads its own session, and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            break


def ask(address: str, token: str = "", method: str = "GET") -> bytes:
    """What a server answers, asked without any proxy."""
    request = urllib.request.Request(
        address, headers={"Authorization": f"token {token}"} if token else {}, method=method
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def answers(address: str) -> bool:
    """Tell whether a server answers."""
    try:
        ask(address)
    except (OSError, urllib.error.URLError):
        return False
    return True


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: where it is, and the folder that it serves."""

    address: str
    token: str
    root: Path

    def ask(self, path: str, method: str = "GET") -> bytes:
        """What its API answers."""
        return ask(f"{self.address}/api/{path}", self.token, method)

    def page(self, file: str) -> str:
        """Address of a file in a workspace of its own, so that pages do not restore each other."""
        workspace = f"w{secrets.token_hex(4)}"
        return f"{self.address}/lab/workspaces/{workspace}/tree/{quote(file)}?token={self.token}"


@contextlib.contextmanager
def serve(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run JupyterLab on an empty root in `folder`, with nothing of the user's own Jupyter.

    Its kernels see the `variables`.
    """
    root, own = folder / "root", folder / "jupyter"
    for made in (root, own / "runtime"):
        made.mkdir(mode=0o700, parents=True)
    choose_settings(Path(sys.prefix))
    token, port = secrets.token_hex(24), free_port()
    settings = {
        "HOME": str(folder),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTER_TOKEN": token,
        **(variables or {}),
    }
    command = [sys.executable, "-m", "jupyterlab", *server_arguments(root, port), *ENDS_ALONE]
    log = folder / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://{HOST}:{port}"
        give_up = time.monotonic() + PATIENCE_S
        while not answers(f"{address}/api"):
            if process.poll() is not None or time.monotonic() > give_up:
                reason = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise CannotError(f"JupyterLab did not start: {reason or 'it said nothing.'}")
            time.sleep(0.05)
        yield Server(address, token, root)
    finally:
        stop(process)


def copy_lessons(server: Server, folder: str) -> list[str]:
    """Put copies of all lessons into a folder of the server; return their paths there."""
    target = server.root / folder
    shutil.copytree(ROOT / "notebooks", target, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return [f"{folder}/{name}" for name in LESSONS]


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium, without a window and without calls of its own."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    return playwright.chromium.launch(executable_path=find_chromium(), args=flags)


@dataclass
class Watch:
    """What went wrong in a browser's context: errors, and requests that wanted to go out."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def on(self, context: BrowserContext) -> None:
        """Begin to watch: a request to another machine is noted and goes nowhere."""
        context.route("**/*", self._guard)
        context.on("weberror", lambda error: self.errors.append(f"page: {error.error}"))
        context.on("console", lambda said: self._heard(said.type, said.text, said.location))

    def _guard(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != HOST:
            self.outside.append(route.request.url)
            route.abort()
        else:
            route.fallback()

    def _heard(self, kind: str, text: str, place: object) -> None:
        if kind == "error" and not text.startswith(HARMLESS):
            self.errors.append(f"console: {text} at {place}")
