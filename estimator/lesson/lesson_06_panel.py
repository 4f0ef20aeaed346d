"""Lesson 06's panel: what a case's waits are, what they are made of, and the task."""

from __future__ import annotations

import functools
from dataclasses import replace

from estimator import catalog
from estimator.catalog.serving import decoder
from estimator.engine import Uncertain
from estimator.lesson.controls import Choice, numbers_within
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_case import (
    ACCELERATORS,
    ENGINES,
    MODELS,
    NARROWED,
    PRECISIONS,
    TENSOR,
    Case,
    Estimate,
    case_of,
    estimate,
    nearby,
)
from estimator.lesson.lesson_06_runs import doubts, shipped
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.tables import Bar, Cell, Table, Unbroken
from estimator.lesson.token_parts import part_names
from estimator.units import number_text, seconds_text, share_text
from estimator.validate.report import SCORED
from estimator.validate.serving import MARKS

SHOWN = 6
PROMISE_SECONDS = 0.015
PROMISED = Case("llama-3.1-8b", "H100-SXM", "trtllm", "bfloat16", 2, 1, 1024, 512)
"""The case of the task, but for its batch."""
TASK = (
    "Llama 3.1 8B at BF16 on two H100-SXM under TensorRT-LLM, 1,024 tokens in and 512 out: you "
    "promise a token every 15 ms and want to keep it in nine cases of ten. Find the largest batch."
)


def sentence(case: Case, found: Estimate) -> str:
    """The answer in one sentence or two."""
    p10, p50, p90 = (seconds_text(value) for value in _ends(found.token_seconds))
    places = nearby(case)
    text = (
        f"A token takes {p50}, in eight cases of ten {p10} to {p90}; the roofline alone says "
        f"{seconds_text(found.floor_seconds)}. "
    )
    if case.as_published and case.precision != "nvfp4":
        text += (
            f"{catalog.configuration(case.model).name} is published with experts of 4 bits, and is "
            "estimated so whatever the precision. "
        )
    if places:
        return text + _held_against(places)
    name = catalog.configuration(case.model).name.partition(",")[0]
    return text + (
        "No measured run is near this load."
        if found.seen
        else f"None of the measured runs is of {name} on "
        f"{case.accelerator} under {ENGINES[case.engine]}."
    )


def _held_against(places: tuple[int, ...]) -> str:
    """What the measured runs near a load say, and how many of them are doubtful."""
    inside = int(shipped().columns["inside"][list(places)].sum())
    odd = [marks for place in places if (marks := doubts(place))]
    names = ", ".join(sorted({mark for marks in odd for mark in marks}))
    if len(places) == 1:
        text = f"The one measured run near this load lay {'inside' if inside else 'outside'} its "
        return f"{text}interval{f', and is doubtful: {names}' if odd else ''}."
    are = "is" if len(odd) == 1 else "are"
    return (
        f"Of {number_text(len(places))} measured runs near this load, {inside} lay inside their "
        f"intervals{f'; {len(odd)} {are} doubtful: {names}' if odd else ''}."
    )


def _ends(one: Uncertain) -> tuple[float, float, float]:
    return float(one.p10), float(one.p50), float(one.p90)


def waits_table(found: Estimate) -> Table:
    """What a person waits for, each with its interval."""
    rows: list[tuple[Cell, ...]] = [
        (name, *(Unbroken(seconds_text(end)) for end in _ends(one)))
        for name, one in (
            ("the first token, with its queue", found.first_token_seconds),
            ("each next token", found.token_seconds),
        )
    ]
    off = share_text(shipped().report.first_token[SCORED].median, 1)
    note = (
        "The first token is known far less well: over the measured runs its estimate is "
        f"{off} off in the median."
    )
    return Table(("a person waits for", "P10", "P50", "P90"), rows, "Two waits", note)


def parts_table(found: Estimate, *, mixture: bool = False) -> Table:
    """What the estimate is made of, as bars."""
    names = part_names(found.service, mixture=mixture)
    total = float(found.service.token_seconds)
    rows = [
        (name, Unbroken(seconds_text(seconds)), Bar(seconds / total, share_text(seconds / total)))
        for name, seconds in zip(names, found.parts, strict=True)
    ]
    headers = ("part of a token's time", "time", "share")
    return Table(headers, rows, "Where the time goes", left=frozenset({"share"}))


def nearby_table(case: Case) -> Table:
    """The measured runs around a case."""
    columns = shipped().columns
    rows: list[tuple[Cell, ...]] = []
    marked: set[str] = set()
    places = nearby(case)
    for place in places[:SHOWN]:
        load = "/".join(
            f"{columns[name][place]:g}" for name in ("batch", "prompt_tokens", "output_tokens")
        )
        times = (
            Unbroken(seconds_text(float(columns[name][place])))
            for name in ("measured", "predicted")
        )
        inside = "inside" if columns["inside"][place] else "outside"
        rows.append((load, *times, ", ".join((inside, *doubts(place)))))
        marked.update(doubts(place))
    if not rows:
        rows.append(("none", "", "", ""))
    headers = ("batch/in/out", "measured", "estimated", "of its interval")
    note = " ".join(f"{mark}: {MARKS[mark]}." for mark in sorted(marked))
    only = f", the {SHOWN} nearest of {len(places)}" if len(places) > SHOWN else ""
    return Table(headers, rows, f"Measured runs near this load{only}", note)


@functools.cache
def largest_promised() -> int:
    """The largest batch whose P90 keeps the promise of the task."""
    low, high = 1, 1024
    while high - low > 1:
        middle = (low + high) // 2
        try:
            kept = estimate(replace(PROMISED, batch=middle)).token_seconds.p90 <= PROMISE_SECONDS
        except ValueError:
            kept = False
        low, high = (middle, high) if kept else (low, middle)
    return low


def _task(case: Case, found: Estimate) -> tuple[bool, str]:
    wanted = (
        (case.model == PROMISED.model, "choose Llama 3.1 8B first."),
        (case.accelerator == PROMISED.accelerator, "choose H100-SXM."),
        (case.engine == PROMISED.engine, "choose TensorRT-LLM."),
        (case.precision == PROMISED.precision, "choose BF16."),
        (case.tensor == PROMISED.tensor, "set two accelerators to a replica."),
        (replace(case, batch=PROMISED.batch) == PROMISED, "set 1,024 tokens in, 512 out."),
    )
    for met, advice in wanted:
        if not met:
            return False, advice
    _, p50, p90 = _ends(found.token_seconds)
    if p50 <= PROMISE_SECONDS < p90:
        return False, (
            f"the estimate keeps {seconds_text(PROMISE_SECONDS)}, but P90 is {seconds_text(p90)}: "
            "one case in ten is slower than that."
        )
    if p90 > PROMISE_SECONDS:
        return False, f"P90 is {seconds_text(p90)}: too slow even in the middle."
    if case.batch < largest_promised():
        return (
            False,
            f"P90 is {seconds_text(p90)}: the promise is kept, a larger batch keeps it too.",
        )
    return True, (
        f"P90 is {seconds_text(p90)}, and by the estimate one request more would break the "
        f"promise.{_measured_beyond(case)}"
    )


def _measured_beyond(case: Case) -> str:
    """Tell of a run of the same lengths that kept the promise with more in flight, if there is."""
    columns = shipped().columns
    beyond = [
        place
        for place in nearby(case)
        if columns["batch"][place] > case.batch
        and columns["prompt_tokens"][place] == case.prompt_tokens
        and columns["output_tokens"][place] == case.output_tokens
        and columns["measured"][place] <= PROMISE_SECONDS
        and not doubts(place)
    ]
    if not beyond:
        return ""
    most = max(beyond, key=lambda place: columns["batch"][place])
    inside = "inside" if columns["inside"][most] else "quicker than"
    return (
        f" But somebody measured just this with {number_text(float(columns['batch'][most]))} in "
        f"flight: {seconds_text(float(columns['measured'][most]))}, {inside} its interval. Where "
        "there is such a run, trust it."
    )


def step_panel(given: Inputs) -> Panel:
    """The lesson's panel, starting at the reader's case."""

    def answer(
        model: str, accelerator: str, engine: str, precision: str, tensor: str, batch: float,
        prompt_tokens: float, output_tokens: float,
    ) -> Answer:  # fmt: skip
        case = Case(
            model, accelerator, engine, precision, int(tensor), batch, prompt_tokens, output_tokens
        )
        found = estimate(case)
        solved, score = _task(case, found)
        mixture = decoder(model).is_mixture
        tables = (waits_table(found), parts_table(found, mixture=mixture), nearby_table(case))
        return Answer(sentence(case, found), tables, score, solved)

    number = numbers_within(NARROWED)
    start = case_of(given)
    controls = (
        Choice("model", "Model", {name: catalog.configuration(name).name for name in MODELS},
               start.model,
               "The model that answers"),
        Choice("accelerator", "Accelerator", {name: name for name in ACCELERATORS},
               start.accelerator, "The hardware that serves"),
        Choice("engine", "Engine", ENGINES, start.engine,
               "The program that serves; it sets the cache's precision and the interval"),
        Choice("precision", "Precision", PRECISIONS, start.precision,
               "How weights are stored, and computed with where the accelerator has a rate for it"),
        Choice("tensor", "Accelerators of a replica", TENSOR, str(start.tensor),
               "How many accelerators share each layer"),
        number("batch", start.batch, 1, 512, log=True),
        number("prompt_tokens", start.prompt_tokens, 64, 8192, step=64),
        number("output_tokens", start.output_tokens, 64, 8192, step=64),
    )  # fmt: skip
    return Panel(TASKS["06"], TASK, controls, answer)
