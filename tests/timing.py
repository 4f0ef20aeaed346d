"""How long a call takes."""

import time
from collections.abc import Callable


def least_seconds(call: Callable[[], object], repeats: int = 20) -> float:
    """Time of the fastest of some calls: other work on the machine only adds to it."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)
