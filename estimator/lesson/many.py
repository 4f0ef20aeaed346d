"""Tables of scenarios, computed in arrays: what the lessons' vectorized results share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def groups(
    columns: Mapping[str, Any], names: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Give each combination of values that some columns hold, and the places where it stands.

    >>> import numpy as np
    >>> columns = {"model": np.array(["a", "b", "a"]), "batch": np.array([1, 1, 1])}
    >>> [(*values, *places.tolist()) for values, places in groups(columns, ("model", "batch"))]
    [('a', 1, 0, 2), ('b', 1, 1)]
    """
    import numpy as np

    codes = np.zeros(len(columns[names[0]]), dtype=np.int64)
    for name in names:
        kinds, inverse = np.unique(columns[name], return_inverse=True)
        # Numbered anew after each column, so that the codes stay small.
        codes = np.unique(codes * len(kinds) + inverse, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    for places in np.split(order, starts[1:]) if len(order) else ():
        yield tuple(columns[name][places[0]].item() for name in names), places
