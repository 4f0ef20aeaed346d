"""What a file of measured runs says of the estimate, as the command and lesson 06 tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from estimator.validate.reasons import Kind


@dataclass(frozen=True, slots=True)
class Score:
    """How well some rows were estimated; errors and coverage are shares, NaN without rows."""

    rows: int
    roofline_median: float
    roofline_mean: float
    median: float
    mean: float
    p90: float
    coverage: float


Scores = dict[str, dict[str, Score]]
SCORED = "rows scored"
WITH_FASTER = "with the faster"


@dataclass(frozen=True, slots=True)
class FirstToken:
    """How well the time to first token was estimated, of rows that give one; all but rows shares.

    `under_p50` is the share of rows that were faster than the median that was estimated for them.
    """

    rows: int
    under_floor: int
    median: float
    under_p50: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Worst:
    """A row that was estimated badly."""

    line: int
    group: str
    batch: float
    prompt_tokens: float
    output_tokens: float
    measured_ms: float
    predicted_ms: float
    error: float
    marks: str


@dataclass(slots=True)
class Report:
    """All that a file of measured runs says of the estimate.

    `rows` were estimated and are what the scores speak of. The `unread_rows` are not: they cannot
    be modelled, or are faster than the roofline of their load; `as_recorded` are the worst of the
    latter, estimated all the same.
    """

    file: str
    rows: int = 0
    fitted: int = 0
    scores: Scores = field(default_factory=dict)
    folds: Scores = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    first_token: dict[str, FirstToken] = field(default_factory=dict)
    worst: list[Worst] = field(default_factory=list)
    as_recorded: list[Worst] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    unread: dict[str, Kind] = field(default_factory=dict)
    unread_rows: int = 0
