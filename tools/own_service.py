"""Which lesson takes which of a service's numbers, and what would stop it, before anything is run.

What stands under `all` is given to every lesson that can use it: by its name, or as what follows
from it, such as a model's number of parameters where a lesson asks for no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from estimator import catalog
from estimator.architecture import Architecture
from estimator.batch.declared import Lesson
from estimator.catalog import System
from estimator.choosing import choose

ALL = "all"
OF_MODEL = ("n_params", "kv_bytes_per_token")
OF_TEXT = ("model", "n_params", "prompt_tokens", "passes")
IN_TOKENS = frozenset({"tokens", "output_tokens"})
"""What a lesson that counts text alone asks for: one of any system asks for passes."""
CACHE_BYTES = 2
"""Bytes of a number in the cache, where a lesson asks for the bytes of a token."""
PRECISIONS = {"BF16": "bfloat16", "FP16": "bfloat16", "FP8": "fp8", "NVFP4": "nvfp4"}
"""What measured runs call the precisions of the catalog: no run tells 16 bits from 16 bits."""

Given = Mapping[str, Mapping[str, Any]]


@dataclass
class Taken:
    """The numbers of one lesson, and a sentence on each that it cannot use."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def unknown_names(service: Given, lessons: Mapping[str, Lesson]) -> list[str]:
    """Say which parts are no lesson, and which names no lesson takes."""
    problems = []
    for part, values in service.items():
        if part != ALL and part not in lessons:
            problems.append(f"{part!r} is no lesson: write all, or one of {', '.join(lessons)}.")
            continue
        takers = lessons.values() if part == ALL else [lessons[part]]
        known = sorted({name for lesson in takers for name in lesson.defaults})
        for name in values:
            try:
                choose(f"a parameter under {part}", name, known)
            except ValueError as error:
                problems.append(str(error))
    return problems


def spread(service: Given, lessons: Mapping[str, Lesson]) -> dict[str, Taken]:
    """Give each lesson its numbers: its own part first, then what it can use of `all`."""
    shared = {n: value for n, value in service.get(ALL, {}).items() if value not in (None, "")}
    # In a lesson's own part, nothing stands for the lesson's own value, whatever all others take.
    return {
        number: _taken(number, lesson, shared, service.get(number, {}), lessons)
        for number, lesson in lessons.items()
    }


def _taken(
    number: str, lesson: Lesson, shared: Mapping[str, Any], own: Mapping[str, Any],
    lessons: Mapping[str, Lesson],
) -> Taken:  # fmt: skip
    taken = Taken({name: value for name, value in shared.items() if name in lesson.defaults})
    for name, make in _FOLLOWS.items():
        if name in lesson.defaults and name not in shared:
            value = make(shared, lesson)
            taken.values |= {} if value is None else {name: value}
    if note := _leave_text(number, lesson, taken, own):
        taken.notes.append(note)
    if note := _other_lessons_note(number, lesson, taken, own, lessons):
        taken.notes.append(note)
    if note := _mixture_note(number, lesson, shared, own):
        taken.notes.append(note)
    for name in [n for n in taken.values if n in lesson.checks.choices and n not in own]:
        value, listed = taken.values[name], lesson.checks.choices[name]
        if name == "precision" and value not in listed and PRECISIONS.get(str(value)) in listed:
            taken.values[name] = PRECISIONS[value]
        elif value not in listed and _is_known_elsewhere(name, value, lessons):
            del taken.values[name]
            kept = f", {lesson.defaults[name]}" if lesson.defaults[name] else ""
            taken.notes.append(
                f"Lesson {number} keeps its own {name}{kept}, since it cannot use {value}: choose "
                f"another for it under {number!r}, if you like."
            )
            if name == "model":  # a count of another model's parameters would be half a model
                taken.values = {k: v for k, v in taken.values.items() if k not in OF_MODEL}
    taken.values |= own
    return taken


def _leave_text(number: str, lesson: Lesson, taken: Taken, own: Mapping[str, Any]) -> str:
    """Take a text's numbers back from a system whose passes give no tokens, and say so."""
    known = _without_tokens(lesson, taken, own)
    left = [name for name in OF_TEXT if name in taken.values and name not in own]
    if known is None or not left:
        return ""
    taken.values = {name: value for name, value in taken.values.items() if name not in left}
    *others, last = left
    names = f"{', '.join(others)} and {last}" if others else last
    return (
        f"Lesson {number} keeps its own {names}: what all lessons have is a text's, and a pass of "
        f"{known.name} gives no token. Give what you mean under {number!r}, if you like."
    )


def _other_lessons_note(
    number: str, lesson: Lesson, taken: Taken, own: Mapping[str, Any],
    lessons: Mapping[str, Lesson],
) -> str:  # fmt: skip
    """Say which lessons count text all the same, where the service gives no tokens."""
    known = _without_tokens(lesson, taken, own)
    text = [
        n for n, one in lessons.items() if n != number and not IN_TOKENS.isdisjoint(one.defaults)
    ]
    if known is None or not text:
        return ""
    *others, last = text
    names = f"s {', '.join(others)} and {last}" if others else f" {last}"
    return (
        f"Text is all that can be counted in lesson{names}: without tokens of yours, the prompt "
        f"and the answer stay those of text. What {known.name} takes stands in lesson {number}."
    )


def _without_tokens(lesson: Lesson, taken: Taken, own: Mapping[str, Any]) -> System | None:
    """Give the system that a lesson is told, if its passes give no tokens."""
    system = own.get("system") or taken.values.get("system") or lesson.defaults.get("system")
    known = catalog.systems().get(str(system))
    return None if known is None or known.gives_tokens else known


def _mixture_note(
    number: str, lesson: Lesson, shared: Mapping[str, Any], own: Mapping[str, Any]
) -> str:
    asked = "n_params" in lesson.defaults and "model" not in lesson.defaults
    model = str(shared.get("model"))
    if not asked or "n_params" in {*shared, *own} or model not in catalog.configurations():
        return ""
    built = catalog.architecture(model)
    if not _is_too_wide(built, lesson):
        return ""
    return (
        f"Lesson {number} keeps its own number of parameters, {lesson.defaults['n_params']:,}: "
        f"it counts all of them for every token, and of {model}'s {built.n_params:,} a token uses "
        f"{built.n_active_params:,}. Give n_params under {number!r}, if you like."
    )


def _is_known_elsewhere(name: str, value: Any, lessons: Mapping[str, Lesson]) -> bool:
    if name == "model" and str(value) in catalog.configurations():
        return True
    return any(value in lesson.checks.choices.get(name, ()) for lesson in lessons.values())


def _n_params(shared: Mapping[str, Any], lesson: Lesson) -> int | None:
    built = _model(shared, lesson)
    return built.n_params if built else None


def _kv_bytes_per_token(shared: Mapping[str, Any], lesson: Lesson) -> int | None:
    built = _model(shared, lesson)
    return int(built.kv_bytes_per_token(CACHE_BYTES)) if built and built.cached_layers else None


def _model(shared: Mapping[str, Any], lesson: Lesson) -> Architecture | None:
    """Give the model of all lessons to one that asks for no model, if its numbers can stand in."""
    model = str(shared.get("model"))
    if model not in catalog.configurations() or "model" in lesson.defaults:
        return None
    built = catalog.architecture(model)
    return None if _is_too_wide(built, lesson) else built


def _is_too_wide(built: Architecture, lesson: Lesson) -> bool:
    """Tell whether a lesson would count arithmetic that a mixture of experts does not do."""
    return built.n_active_params < built.n_params and "output_tokens" in lesson.defaults


def _bits_per_weight(shared: Mapping[str, Any], lesson: Lesson) -> float | None:
    known = catalog.precisions().get(str(shared.get("precision")))
    return known.bits_per_weight if known else None


_FOLLOWS: Mapping[str, Callable[[Mapping[str, Any], Lesson], Any]] = {
    "n_params": _n_params,
    "kv_bytes_per_token": _kv_bytes_per_token,
    "bits_per_weight": _bits_per_weight,
    "weight_precision": lambda shared, _: shared.get("precision"),
    # Lesson 02 starts from those who are registered: all of them come every day, if nobody says.
    "registered_users": lambda shared, _: shared.get("users"),
    # Lesson 05 counts passes of the model: one for each token of an answer.
    "passes": lambda shared, _: shared.get("output_tokens"),
}
"""What follows from other numbers under `all`, where a lesson asks for it by another name."""


def rehearse(lesson: Lesson, values: Mapping[str, Any]) -> str:
    """Compute a lesson's cells with its numbers, without a page; say what stops it, if anything."""
    import nbformat

    notebook = nbformat.reads(lesson.text, as_version=4)  # type: ignore[no-untyped-call]
    names: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
        except (TypeError, ValueError) as error:
            return str(error)
        if "parameters" in cell.metadata.get("tags", []):
            names |= values
    return ""
