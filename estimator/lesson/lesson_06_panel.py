"""Lesson 06's panel: a case of the reader's, its interval, and the measured runs around it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from estimator import catalog
from estimator.capacity import check_context
from estimator.catalog import serving
from estimator.catalog.serving import Fit
from estimator.engine import (
    Layout,
    Replica,
    Service,
    Uncertain,
    replica,
    roofline_token_seconds,
    sequences_that_fit,
    serve,
)
from estimator.glossary import quantity
from estimator.lesson.controls import Choice, numbers_within
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_runs import doubts, shipped
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.tables import Bar, Cell, Table, Unbroken
from estimator.units import number_text, seconds_text, share_text
from estimator.validate.serving import MARKS

MODELS = (
    "llama-3.1-8b",
    "qwen3-32b",
    "llama-3.3-70b",
    "gemma-3-12b",
    "gpt-oss-120b",
    "deepseek-v3",
)
ACCELERATORS = ("A100-SXM-80GB", "H100-SXM", "H200-SXM", "B200-SXM")
ENGINES = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"}
PRECISIONS = {"bfloat16": "BF16", "fp8": "FP8", "nvfp4": "NVFP4, or MXFP4 as published"}
TENSOR = {str(n): "one" if n == 1 else str(n) for n in (1, 2, 4, 8)}
NARROWED = {
    name: replace(quantity(name), low=1, whole=True)
    for name in ("batch", "prompt_tokens", "output_tokens")
}
NEAR = 2
SHOWN = 6
PROMISE_SECONDS = 0.015
TASK = (
    "Llama 3.1 8B at BF16 on two H100-SXM under TensorRT-LLM, 1,024 tokens in and 512 out: you "
    "promise a token every 15 ms and want to keep it in nine cases of ten. Find the largest batch."
)


@dataclass(frozen=True, slots=True)
class Case:
    """A load on a replica."""

    model: str
    accelerator: str
    engine: str
    precision: str
    tensor: int
    batch: float
    prompt_tokens: float
    output_tokens: float

    @property
    def group(self) -> str:
        """Name the group of measured runs that it would belong to."""
        return f"{self.model}/{self.accelerator}/{self.engine}"

    @property
    def as_published(self) -> bool:
        """Tell whether the model is published in few bits, and has them at every precision."""
        return serving.decoder(self.model).native_expert_bits is not None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the estimator says of a case; `seen` tells whether its group was measured."""

    token_seconds: Uncertain
    service: Service
    layer_seconds: float
    floor_seconds: float
    seen: bool


@functools.lru_cache(maxsize=256)
def _made(model: str, accelerator: str, engine: str, precision: str, tensor: int) -> Replica:
    decoder = serving.decoder(model)
    numerics = serving.numerics(decoder, precision, engine)
    return replica(decoder, numerics, serving.hardware(accelerator), Layout(tensor))


def replica_of(model: str) -> Replica:
    """One replica of a model, for what depends on the model alone."""
    return _made(model, ACCELERATORS[0], "vllm", "bfloat16", 1)


def _fit(group: str) -> tuple[Fit, bool]:
    constants = serving.step_constants()
    known = constants.left_out.get(group)
    return known or constants.fit, known is not None


def estimate(case: Case) -> Estimate:
    """Estimate a case as `validate serving` would: by a fit that has not seen its group.

    Raises: ValueError: weights or batch do not fit, or requests are longer than the model was
    made for, in one sentence.
    """
    made = _made(case.model, case.accelerator, case.engine, case.precision, case.tensor)
    check_context(made, case.prompt_tokens, case.output_tokens)
    tokens = case.prompt_tokens + case.output_tokens / 2
    fits = int(sequences_that_fit(made, tokens))
    if fits < 1:
        raise ValueError(
            f"{case.model} takes {made.stored_bytes / 1e9:.0f} GB on each of {case.tensor} x "
            f"{case.accelerator}, which leaves no room for a cache of {tokens:,.0f} tokens: give "
            "more accelerators to a replica, or fewer bits."
        )
    if case.batch > fits:
        raise ValueError(
            f"batch is {case.batch:,.0f}, but the caches of {fits:,} such requests fill the "
            f"memory: give {fits:,} or fewer, or more accelerators to a replica."
        )
    fit, seen = _fit(case.group)
    service = serve(made, fit.constants, case.batch, case.prompt_tokens, case.output_tokens)
    spreads = fit.spreads(serving.decoder(case.model).is_mixture)
    return Estimate(
        spreads.token.around(float(service.token_seconds)),
        service,
        float(made.n_layers) * fit.constants.layer_seconds,
        float(roofline_token_seconds(made, case.batch, tokens)),
        seen,
    )


@functools.lru_cache(maxsize=64)
def nearby(case: Case) -> tuple[int, ...]:
    """Places of the measured runs of the same group, precision and size with a similar load.

    Batch and lengths are each within a factor of two; the nearest come first.
    """
    columns, settings = shipped().columns, shipped().settings
    mode = "" if case.precision == "bfloat16" else case.precision
    same = np.array(
        [
            one.group == case.group
            and (case.as_published or one.mode in (mode, case.precision))
            and one.layout == Layout(case.tensor)
            for one in settings
        ]
    )  # fmt: skip
    away = sum(
        np.abs(np.log2(columns[name] / getattr(case, name)))
        for name in ("batch", "prompt_tokens", "output_tokens")
    )
    near = same[columns["setting"]]
    for name in ("batch", "prompt_tokens", "output_tokens"):
        near &= np.abs(np.log2(columns[name] / getattr(case, name))) <= np.log2(NEAR)
    places = np.flatnonzero(near)
    return tuple(int(place) for place in places[np.argsort(away[places], kind="stable")])


def sentence(case: Case, found: Estimate) -> str:
    """The answer in one sentence or two."""
    p10, p50, p90 = (seconds_text(value) for value in _ends(found))
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
    return text + (
        "No measured run is near this load."
        if found.seen
        else f"None of the measured runs is on {case.accelerator} under {ENGINES[case.engine]}."
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


def _ends(found: Estimate) -> tuple[float, float, float]:
    one = found.token_seconds
    return float(one.p10), float(one.p50), float(one.p90)


def parts_table(found: Estimate) -> Table:
    """What the estimate is made of, as bars."""
    service = found.service
    products = "weights read" if service.weight_seconds >= service.matmul_seconds else "products"
    parts = {
        products: max(service.weight_seconds, service.matmul_seconds),
        "caches read": service.cache_seconds,
        "exchanges": service.exchange_seconds,
        "fixed cost of layers": found.layer_seconds,
        "routing and sequences": service.overhead_seconds - found.layer_seconds,
        "prompts of others": service.token_seconds - service.decode_step_seconds,
    }
    total = float(service.token_seconds)
    rows = [
        (name, Unbroken(seconds_text(float(value))),
         Bar(float(value) / total, share_text(float(value) / total)))
        for name, value in parts.items()
    ]  # fmt: skip
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
    case = Case("llama-3.1-8b", "H100-SXM", "trtllm", "bfloat16", 2, 1, 1024, 512)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            kept = estimate(replace(case, batch=middle)).token_seconds.p90 <= PROMISE_SECONDS
        except ValueError:
            kept = False
        low, high = (middle, high) if kept else (low, middle)
    return low


def _task(case: Case, found: Estimate) -> tuple[bool, str]:
    wanted = (
        (case.model == "llama-3.1-8b", "choose Llama 3.1 8B first."),
        (case.accelerator == "H100-SXM", "choose H100-SXM."),
        (case.engine == "trtllm", "choose TensorRT-LLM."),
        (case.precision == "bfloat16", "choose BF16."),
        (case.tensor == 2, "set two accelerators to a replica."),
        ((case.prompt_tokens, case.output_tokens) == (1024, 512), "set 1,024 tokens in, 512 out."),
    )
    for met, advice in wanted:
        if not met:
            return False, advice
    _, p50, p90 = _ends(found)
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
    return True, f"P90 is {seconds_text(p90)}, and one request more would break the promise."


def check_tensor(ranks: int) -> None:
    """Refuse a count of accelerators that this lesson shares no layers among."""
    if str(ranks) not in TENSOR:
        raise ValueError(
            f"tensor_parallel is {ranks}, but this lesson shares the layers among "
            f"{', '.join(list(TENSOR)[:-1])} or {list(TENSOR)[-1]} accelerators: give one of these."
        )


def case_of(given: Inputs) -> Case:
    """The reader's case."""
    check_tensor(given.tensor_parallel)
    return Case(
        given.model, given.accelerator, given.engine, given.precision, int(given.tensor_parallel),
        given.batch, given.prompt_tokens, given.output_tokens,
    )  # fmt: skip


def estimate_of(given: Inputs) -> Estimate:
    """The estimate of the reader's case."""
    return estimate(case_of(given))


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
        tables = (parts_table(found), nearby_table(case))
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
               "How weights are stored and computed with"),
        Choice("tensor", "Accelerators to a replica", TENSOR, str(start.tensor),
               "How many accelerators share each layer"),
        number("batch", start.batch, 1, 512, log=True),
        number("prompt_tokens", start.prompt_tokens, 64, 8192, step=64),
        number("output_tokens", start.output_tokens, 64, 8192, step=64),
    )  # fmt: skip
    return Panel(TASKS["06"], TASK, controls, answer)
