"""Lesson 05's parameters, with some changed."""

from typing import Any

from estimator.lesson import lesson_05 as lesson
from estimator.lesson.inputs import Inputs


def given(**changes: Any) -> Inputs:
    parameters = {name: lesson.DEFAULTS[name] for name in lesson.PARAMETERS}
    return lesson.given_of(**{**parameters, "others": "", **changes})
