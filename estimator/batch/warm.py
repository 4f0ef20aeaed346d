"""Kernels that are forks of a warm template, through jupyter_client's kernel provisioners."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Float, Type, Unicode
from traitlets import Tuple as TupleTrait

CAN_BE_WARM = sys.platform == "linux" and hasattr(os, "pidfd_open")
_MODULE = "estimator.batch.template"
UNHEARD_S = 0.2  # a kernel that says nothing for so long does not know of the subscription
LOOK_S = 0.002


class StartError(RuntimeError):
    """The template gave no kernel; `late` where that was for want of time alone."""

    late = False


class Forked:
    """A kernel that is no child of this process, with the methods of Popen that are used."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = handle

    def poll(self) -> int | None:
        """Tell whether it has ended; with what status only the template knows."""
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self.returncode = 0
            os.close(self._handle)
        return self.returncode

    def wait(self) -> int | None:
        """Wait for its end."""
        if self.returncode is None:
            select.select([self._handle], [], [])
        return self.poll()

    def send_signal(self, signum: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signum)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class Template:
    """A process that has done the imports, and forks on request."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-Xfrozen_modules=off",
                    "-m",
                    _MODULE,
                    str(theirs.fileno()),
                    *modules,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def fork(self, request: dict[str, Any], timeout_s: float) -> Forked:
        """Have a kernel forked.

        Raises:
            OSError: the template is gone, or did not answer in time.
        """
        self.channel.settimeout(timeout_s)
        self.channel.send(json.dumps(request).encode())
        said, handles, _, _ = socket.recv_fds(self.channel, 100, 1)
        if not handles:
            raise ConnectionError("it ended")
        return Forked(int(said), handles[0])

    def end(self) -> None:
        """End it and its kernels."""
        self.channel.close()
        self.process.kill()
        self.process.wait()


_templates: dict[tuple[str, ...], Template] = {}
_lock = threading.Lock()


@atexit.register
def end_templates() -> None:
    """End the templates of this process."""
    while _templates:
        _templates.popitem()[1].end()


def fork_kernel(modules: tuple[str, ...], request: dict[str, Any], timeout_s: float) -> Forked:
    """Have a kernel forked off the template of these modules, which is made on first use."""
    with _lock:
        if (old := _templates.get(modules)) and old.process.poll() is not None:  # killed, say
            _templates.pop(modules).end()
        template = _templates.get(modules) or _templates.setdefault(modules, Template(modules))
        try:
            return template.fork(request, timeout_s)
        except (OSError, ValueError) as error:
            del _templates[modules]
            template.end()
            told = StartError(f"the warm template did not answer: {error}")
            told.late = isinstance(error, TimeoutError)
            raise told from None


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the template, with the command, folder and settings given."""

    async def launch_kernel(self, cmd: list[str], **settings: Any) -> KernelConnectionInfo:
        """Fork instead of starting the command; its arguments go to the kernel."""
        manager = self.parent
        assert isinstance(manager, WarmKernelManager)
        folder = settings.get("cwd") or Path.cwd()
        arguments = cmd[cmd.index("-f") :]
        listens = Path(f"{arguments[1]}.listens")
        request = {
            "arguments": arguments,
            "settings": settings["env"],
            "folder": str(folder),
            "listens": str(listens),
            "said": manager.said,
        }
        forked: Any = fork_kernel(manager.modules, request, manager.start_s)
        # Who connects to a port that nobody has taken yet may be given that very port for its own
        # end, be connected to itself, and keep the kernel out.
        give_up = time.monotonic() + manager.start_s
        while not listens.exists() and forked.poll() is None and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_S)
        self.process = forked  # in place of a Popen
        self.pid = self.pgid = forked.pid
        self.cwd = folder
        return self.connection_info


class TimelyClient(AsyncKernelClient):
    """A client that waits as long as its manager says; papermill knows whole seconds only."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers.

        Raises:
            RuntimeError: it died, or did not answer in time, which is a late `StartError`.
        """
        manager: Any = self.parent
        try:
            await asyncio.wait_for(self._ready(), manager.start_s)
        except TimeoutError:
            late = StartError(f"Kernel didn't respond in {manager.start_s:g} seconds")
            late.late = True
            raise late from None

    async def _ready(self) -> None:
        await super().wait_for_ready()


class PromptClient(TimelyClient):
    """A client that is ready as soon as its kernel is.

    The usual one listens at the end for a fifth of a second of silence. But the kernel says itself
    when it knows of the subscription (`iopub_welcome`) and when it is done with the greeting.
    """

    async def _ready(self) -> None:
        """Greet the kernel until it answers on both channels."""
        while not await self._greet():
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")

    async def _greet(self) -> bool:
        with contextlib.suppress(Empty):
            while (await self.get_iopub_msg(timeout=UNHEARD_S))["msg_type"] != "iopub_welcome":
                pass
        greeting = self.kernel_info()
        with contextlib.suppress(Empty):
            while (await self.get_shell_msg(timeout=1))["parent_header"]["msg_id"] != greeting:
                pass
            while True:
                message = await self.get_iopub_msg(timeout=UNHEARD_S)
                is_answer = message["parent_header"].get("msg_id") == greeting
                if is_answer and message["content"].get("execution_state") == "idle":
                    return True
        return False


class TimelyKernelManager(AsyncKernelManager):
    """A kernel manager that waits for a start as long as it is told, parts of a second too."""

    client_factory = Type(TimelyClient, AsyncKernelClient).tag(config=True)
    start_s = Float(60, help="how long to wait for a kernel, and for a template").tag(config=True)
    said = Unicode(help="a file for what a kernel says outside of its notebook").tag(config=True)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **settings: Any) -> None:
        """Keep a kernel's warnings off the terminal: one that is left alone says that it ends."""
        if not self.said:
            await super()._async_launch_kernel(kernel_cmd, **settings)
            return
        with Path(self.said).open("wb") as file:
            await super()._async_launch_kernel(kernel_cmd, **settings, stderr=file)


class WarmKernelManager(TimelyKernelManager):
    """A kernel manager whose kernels are forks of a template."""

    client_factory = Type(PromptClient, AsyncKernelClient).tag(config=True)
    modules = TupleTrait(help="what the template imports").tag(config=True)

    async def _async_pre_start_kernel(self, **settings: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = WarmProvisioner(
                parent=self, kernel_spec=self.kernel_spec, kernel_id=self.kernel_id or ""
            )
        return await super()._async_pre_start_kernel(**settings)

    pre_start_kernel: Any = AsyncKernelManager.pre_start_kernel
