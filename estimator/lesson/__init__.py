"""The teaching layer: formulas shown, tables, figures, panels, exercises, results."""

from estimator.lesson.attempts import attempt
from estimator.lesson.exercises import check
from estimator.lesson.inputs import inputs
from estimator.lesson.progress import progress
from estimator.lesson.result import write_result
from estimator.lesson.show import show
from estimator.lesson.tables import assumptions, breakdown, comparison

__all__ = [
    "assumptions",
    "attempt",
    "breakdown",
    "check",
    "comparison",
    "inputs",
    "progress",
    "show",
    "write_result",
]
