"""Who runs the scenarios: local processes, or the workers of a Dask scheduler.

Both are executors of the standard library's kind, so one loop serves both. A local worker that is
killed takes its whole pool with it; the loop then makes a new one. Scenarios that were under way
run again, later and one at a time: which of them ends its worker a second time is then certain.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver, resource_tracker
from typing import Any

from estimator.batch.lost import WorkersLostError
from estimator.batch.runner import Outcome, Task, run_scenario, without_result

KILLED_TWICE = "its worker was killed twice"
BROKEN = (BrokenProcessPool, EOFError, ConnectionError)
"""What a pool says whose workers, or the server that forks them, were killed."""
SCHEDULER_LOST = "The scheduler does not answer any more"
LOOK_S = 1
SERVER_TRIES = 3
UNTIL_GONE_S = 0.2
"""A process that was killed closes its files before it can be seen to have ended."""
Opener = Callable[[int], contextlib.AbstractContextManager[Executor]]


def unwatched() -> None:
    """Leave local workers to their pool, which knows of each that ends."""


def outcomes(
    tasks: Iterable[Task], workers: int, opened: Opener, watch: Callable[[], None]
) -> Iterator[Outcome]:
    """Run the tasks and give each outcome as soon as it is there.

    `watch` is called while none comes; it may say that none will, by an exception.
    """
    waiting, suspects = deque(tasks), deque[Task]()
    while waiting:
        with opened(workers) as executor:
            suspects += yield from _until_broken(executor, waiting, 2 * workers, watch)
    while suspects:
        with opened(1) as executor:
            for task in (yield from _until_broken(executor, suspects, 1, watch)):
                yield without_result(task, KILLED_TWICE)


def _until_broken(
    executor: Executor, waiting: deque[Task], at_once: int, watch: Callable[[], None]
) -> Generator[Outcome, None, list[Task]]:
    """Run tasks until none waits or the executor breaks; return those that were under way then."""
    running: dict[Future[Outcome], Task] = {}
    lost: list[Task] = []
    while running or (waiting and not lost):
        while waiting and not lost and len(running) < at_once:
            task = waiting.popleft()
            try:
                running[executor.submit(run_scenario, task)] = task
            except BROKEN:
                waiting.appendleft(task)
                lost += [] if running else [waiting.popleft()]
                break
        done = wait(running, LOOK_S, return_when=FIRST_COMPLETED).done
        if not done:
            watch()
        for future in sorted(done, key=Future.cancelled):  # what is finished is kept first
            task = running.pop(future)
            try:
                outcome = future.result()
            except BrokenProcessPool:
                lost.append(task)
            except CancelledError:  # Dask cancels all when the scheduler goes
                raise WorkersLostError(SCHEDULER_LOST) from None
            except Exception as error:  # Dask gives up on a task whose workers died
                yield without_result(task, f"its worker was lost ({type(error).__name__})")
            else:
                yield outcome
    return lost


@contextlib.contextmanager
def local(workers: int, module: str = "estimator.batch.runner") -> Iterator[Executor]:
    """Open a pool of local processes; leaving it ends them, whatever they do."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["estimator.batch.lean", module])
    _start_forkserver(context)
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
            process.join()


def _start_forkserver(context: Any) -> None:
    """Wait until the server of forks has done its imports, without workers that could break off.

    A server that is killed meanwhile is started again.

    Raises:
        WorkersLostError: it was killed again and again.
    """
    for _ in range(SERVER_TRIES):
        with contextlib.suppress(EOFError, OSError):
            _fork_once(context)
            return
        time.sleep(UNTIL_GONE_S)
    raise WorkersLostError(
        "The process that starts the workers was killed, or could not be started, "
        f"{SERVER_TRIES} times"
    )


def _fork_once(context: Any) -> None:
    """Have the server fork; it leaves Ctrl-C to the main process, from its first instant on.

    Blocked, not ignored: what comes meanwhile is delivered here afterwards.
    """
    resource_tracker.ensure_running()  # the server starts it, too, and it unblocks Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    first = context.Process(target=begin_worker, daemon=True)
    first.start()
    first.join()


def begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end when that one does, even by SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # for what it starts itself
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        connection.wait([parent.sentinel])
        os._exit(1)


def dask(address: str, patience_s: float) -> tuple[int, Opener, Callable[[], None]]:
    """Give the number of threads behind a scheduler, what opens its executor, and what watches it.

    Raises:
        ValueError: Dask is not installed, or no worker answers there, in one sentence.
    """
    try:
        client_of: Any = importlib.import_module("distributed").Client
        comm: Any = importlib.import_module("distributed.comm")
    except ImportError:
        raise ValueError(
            "--scheduler needs Dask: install it with "
            ".venv/bin/python -m pip install -e '.[dask]' -c constraints.txt."
        ) from None
    try:
        scheme, place = comm.parse_address(address)
        comm.registry.get_backend(scheme)
        comm.parse_host_port(place)  # all before a client, which closes with tracebacks
        client = client_of(address, timeout=patience_s, set_as_default=False)
        client.wait_for_workers(1, timeout=patience_s)
    except (OSError, TimeoutError, ValueError) as error:
        raise ValueError(
            f"--scheduler {address} has no worker that answers within {patience_s:g} s ({error}): "
            "start one, or leave --scheduler out."
        ) from None

    @contextlib.contextmanager
    def opened(_: int) -> Iterator[Executor]:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except Exception:
            if client.status == "running":
                raise
            raise WorkersLostError(SCHEDULER_LOST) from None
        finally:
            for name in ("distributed", "distributed.client"):  # a lost scheduler has been told
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            with contextlib.suppress(Exception):  # a client without a scheduler cannot cancel
                executor.shutdown(wait=False)
            client.close()

    alive_s = time.monotonic()

    def watch() -> None:
        nonlocal alive_s
        with contextlib.suppress(Exception):  # a scheduler that is lost is told by its futures
            if client.nthreads():
                alive_s = time.monotonic()
                return
        if time.monotonic() - alive_s > patience_s:
            raise WorkersLostError(f"The scheduler has had no worker for {patience_s:g} s")

    return sum(client.nthreads().values()), opened, watch
