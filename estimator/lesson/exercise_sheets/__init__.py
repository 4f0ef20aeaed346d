"""A bank of exercises for printed sheets: each kind is posed anew with every seed."""

from __future__ import annotations

from estimator.lesson.exercise_sheets import (
    memory,
    servers,
    services,
    storage,
    training,
    units,
    users,
)
from estimator.lesson.exercise_sheets.kind import Kind

KINDS: tuple[Kind, ...] = (
    *units.KINDS, *storage.KINDS, *users.KINDS, *memory.KINDS, *servers.KINDS, *training.KINDS,
    *services.KINDS,
)  # fmt: skip
