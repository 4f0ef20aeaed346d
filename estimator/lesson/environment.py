"""Say whether the environment is right, in the first lesson."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from estimator.lesson.prose import Prose

PROJECT = "llm-sizing-course"


def environment_problems() -> list[str]:
    """List what is wrong with this kernel's environment, a sentence each."""
    from packaging.requirements import Requirement

    problems: list[str] = []
    try:
        needed = [Requirement(line) for line in requires(PROJECT) or []]
    except PackageNotFoundError:
        return [f"{PROJECT} is not installed in this kernel: start it with make lab."]
    for requirement in needed:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            problems.append(f"{requirement.name} is missing: run make lab again.")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            problems.append(
                f"{requirement.name} is {found}, but the lessons need {requirement.specifier}: "
                "run make lab again."
            )
    return problems


def check_environment() -> Prose:
    """Say in one sentence that the environment is right, or what is wrong and what to do."""
    problems = environment_problems()
    if problems:
        where = Path(sys.prefix).name
        return Prose(f"**The environment is not right ({where}).** " + " ".join(problems))
    return Prose("The environment is right: every package that the lessons need is here.")
