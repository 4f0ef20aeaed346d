"""A warm template: a process that has imported what a lesson imports, and forks kernels of it.

`python -m estimator.batch.template FD MODULE...` imports the modules, then answers requests on
the socket FD. Each kernel is a fresh process with nothing of another scenario in it; what it
saves is the time of the imports. The template ends, and its kernels with it, when the socket
closes: so nothing outlives a worker, however that worker ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

# What every kernel loads before its first cell, and what the lesson layer loads when it is called.
ALWAYS = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "psutil", "sqlite3",
    "tornado.platform.asyncio",
)  # fmt: skip
LAYER = "estimator.lesson"
BY_THE_LAYER = (
    "ipywidgets", "matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.style",
    "numpy", "pandas", "sympy",
)  # fmt: skip
WARM_UP = "warm_up"
"""A function that a lesson's module may have: it computes what all runs of the lesson share, and
keeps it in caches, so that it is there in each fork."""
LARGEST_REQUEST = 1 << 20


def preload(modules: Sequence[str]) -> None:
    """Import modules; what cannot be imported is left to the kernel, which tells it in a cell."""
    for name in (*ALWAYS, *modules, *(BY_THE_LAYER if LAYER in modules else ())):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if LAYER in modules:
        with contextlib.suppress(Exception):
            draw_once()
    for name in modules:
        if warm_up := getattr(sys.modules.get(name), WARM_UP, None):
            with contextlib.suppress(Exception):
                warm_up()


def draw_once() -> None:
    """Draw and forget a figure: Matplotlib then has found its fonts and Pillow its formats."""
    from estimator.lesson.figures import grouped_bars

    bars = {"a": [1.0], "b": [2.0]}
    texts = {name: [name] for name in bars}
    grouped_bars(["c"], bars, title="d", axis="e", texts=texts, alt="f").html()


def serve(channel: socket.socket) -> None:
    """Fork a kernel for each request, and send back its number and a handle of its life."""
    children: set[int] = set()
    try:
        while request := channel.recv(LARGEST_REQUEST):
            children = {pid for pid in children if not os.waitpid(pid, os.WNOHANG)[0]}
            pid = os.fork()
            if not pid:
                become_kernel(channel, json.loads(request))
            children.add(pid)
            handle = os.pidfd_open(pid)
            socket.send_fds(channel, [str(pid).encode()], [handle])
            os.close(handle)
    except OSError:
        pass  # whoever asked is gone
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def become_kernel(channel: socket.socket, request: dict[str, Any]) -> NoReturn:
    """Turn this fork into a kernel, as if the command of its request had been started."""
    status = 1
    try:
        os.setsid()
        channel.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["settings"])
        os.chdir(request["folder"])
        if request["said"]:
            os.dup2(os.open(request["said"], os.O_WRONLY | os.O_APPEND), 2)
        _run_kernel(request["arguments"], Path(request["listens"]))
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run_kernel(arguments: list[str], listens: Path) -> None:
    """Run a kernel, and make a file once it has taken its ports."""
    from ipykernel.kernelapp import IPKernelApp

    random = sys.modules.get("numpy.random")
    if random:
        random.seed()  # Python's own generator does this by itself after a fork
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [launcher.origin or "" if launcher else "", *arguments]
    del sys.path[0]  # the folder that the template was started in
    application: Any = IPKernelApp.instance(parent_handle=os.getppid())
    application.initialize(arguments)
    listens.touch()
    application.start()


def main() -> None:
    """Import, then serve on the socket that was inherited."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # ipykernel reads both when it is imported
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    fd, *modules = sys.argv[1:]
    preload(modules)
    gc.collect()
    gc.freeze()  # a kernel's collections then pass over what was here before it
    serve(socket.socket(fileno=int(fd)))


if __name__ == "__main__":
    main()
