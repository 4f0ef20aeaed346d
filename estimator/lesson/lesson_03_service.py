"""Lesson 03's sentences and panel for the reader's own service."""

from __future__ import annotations

import functools
from typing import Any

from estimator import catalog
from estimator.architecture import RULES, Architecture
from estimator.architecture.output_head import why_headless
from estimator.catalog.shapes import Shape, shape, shape_of, shapes
from estimator.checkpoint import stored_head_params, without_head
from estimator.files import parse_json
from estimator.lesson.controls import OWN, Choice, Text, numbers_within
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_03_plan import (
    BLOCK_TOKENS,
    CACHE_PRECISIONS,
    NARROWED,
    Plan,
    Stored,
    even_ranks,
    plan,
    step_tokens,
    stored_form,
)
from estimator.lesson.panel import Answer, Panel, still_to_set
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose, past_context
from estimator.lesson.tables import Bar, Table, unbroken
from estimator.model_sheet import remarks
from estimator.stored_cache import asked_precision
from estimator.units import bytes_text, number_text, plural, quantity_text, share_text

TASK_MODEL, TASK_ACCELERATOR, TASK_BATCH, TASK_TOKENS = "llama-3.1-70b", "H100-SXM", 32, 16_384
_MODEL = shape(TASK_MODEL)
TASK = (
    f"{TASK_BATCH} conversations of {TASK_TOKENS:,} tokens each with {_MODEL.name} "
    f"({_MODEL.n_layers} layers, {_MODEL.n_kv_heads} key-value heads of {_MODEL.head_dim}), its "
    f"{number_text(_MODEL.n_params)} weights at BF16, on {TASK_ACCELERATOR}: find the fewest "
    "accelerators that hold them all. The cache's precision is yours to choose."
)
LONGEST_TEXT = 1_000_000


def _setting(p: Plan) -> str:
    copies = f"{p.tensor_parallel} x {p.accelerator}"
    where = f"one {p.accelerator}" if p.tensor_parallel == 1 else copies
    sequences = quantity_text(p.batch, "sequence")
    name = p.shape.name[0].upper() + p.shape.name[1:]
    return (
        f"{name} ({p.weights_name} weights) on {where}, {sequences} of "
        f"{quantity_text(p.tokens, 'token')} ({p.cache_precision} cache)"
    )


def _needs(p: Plan) -> str:
    return f"{_setting(p)}: {bytes_text(p.needed)}{_each(p)}"


def _each(p: Plan) -> str:
    """Say that a figure is one accelerator's, where there are several."""
    return " on each" if p.tensor_parallel > 1 else ""


def fit_sentence(p: Plan) -> str:
    """Say whether a plan fits and, where it does not, what would."""
    if not p.model_fits:
        alone = p.needed - p.cache
        return (
            f"It cannot fit at any batch: weights, activations and overhead take "
            f"{bytes_text(alone)}{_each(p)}, and the engine may use {bytes_text(p.usable)}. Take "
            "more accelerators, larger ones, or fewer bits a weight."
        )
    if p.fits:
        left = p.usable - p.needed
        return f"It fits, and leaves {bytes_text(left)}{_each(p)} for more cache."
    sentence = (
        f"The batch does not fit: its cache is {bytes_text(p.cache)}{_each(p)}, and "
        f"{bytes_text(p.pool)} are left for it."
    )
    if p.largest_batch:
        sentence += f" At this length, {quantity_text(p.largest_batch, 'sequence')} would fit"
    else:
        sentence += " At this length not even one sequence would fit"
    if p.longest:
        sentence += f"; at this batch, {quantity_text(p.longest, 'token')} each"
    return f"{sentence}."


def your_memory(p: Plan) -> Prose:
    """The reader's service in one paragraph that follows the reader's numbers."""
    text = f"**{_needs(p)}.** {fit_sentence(p)}"
    if p.model_fits:
        text += (
            f" The cache weighs as much as the weights at "
            f"{_sequences(p.equal_batch)} of this length."
        )
    return Prose(text + _stored(p) + _rule(p) + _past_limit(p))


def _sequences(count: float) -> str:
    """Write a number of sequences that need not be whole."""
    return f"{number_text(count, 3)} {plural('sequence', count)}"


def _rule(p: Plan) -> str:
    """Say how a cache with windows is counted; any other has one size only."""
    if not p.shape.window_layers:
        return ""
    return (
        " Its layers have windows: its cache is counted by the engine's blocks, with "
        f"{number_text(step_tokens())} prompt tokens a step, not by the smaller ideal."
    )


def _stored(p: Plan) -> str:
    """Say how a quantized model's own files are stored, and whether they are counted so."""
    if p.stored is None:
        return ""
    name = p.stored.weights.name
    if p.as_stored:
        nearest = f"; {p.weight_precision} is the nearest choice" if p.stored.named else ""
        return (
            f" Its weights are counted as its files store them ({name}{nearest}), as wide as an "
            "engine holds them: with scales, and with the parts that stay wider."
        )
    if p.stored.named:
        name = p.stored.named
    known = f" ({p.stored.precisions[0]})" if p.stored.precisions and not p.stored.named else ""
    return f" Its files are stored as {name}{known}; here every parameter has the chosen precision."


def _past_limit(p: Plan) -> str:
    said = past_context(p.shape.name, p.tokens, p.shape.context_tokens)
    return f" {said}" * bool(said)


def stack_table(p: Plan) -> Table:
    """What fills each accelerator, one part upon the other."""
    parts = {
        "weights": p.weights,
        "activations of a full step": p.activations,
        "overhead": p.overhead,
        "cache": p.cache,
    }
    rows, start = [], 0.0
    for name, size in parts.items():
        share = size / p.memory
        over = "does not fit" if start + share > p.usable / p.memory else ""
        bar = Bar(share, share_text(share, 1), over=over, start=start)
        rows.append((name, unbroken(bytes_text(size)), bar))
        start += share
    spare = (p.memory - p.usable) / p.memory
    rows.append(("kept back from the engine", unbroken(bytes_text(p.memory - p.usable)),
                 Bar(spare, share_text(spare, 1), start=1 - spare)))  # fmt: skip
    headers = ("part", "bytes", f"of {unbroken(bytes_text(p.memory))}")
    note = (
        "Weights: every parameter at the chosen precision, embeddings and output head too; only a "
        "model whose own files are stored at that precision keeps wide what they keep wide."
    )
    return Table(headers, rows, f"On each {p.accelerator}", note, left=frozenset({headers[2]}),
                 total=("needed", unbroken(bytes_text(p.needed)),
                        unbroken(share_text(p.needed / p.memory, 1))),
                 )  # fmt: skip


def capacity_table(p: Plan) -> Table:
    """What fits: the largest batch, the longest context, and where the cache takes over."""
    length, batch = quantity_text(p.tokens, "token"), quantity_text(p.batch, "sequence")
    # Beside a batch of longer sequences, a shorter longest context would seem to contradict it.
    within = ", within what the model was made for" * bool(_past_limit(p))
    rows = [
        ("left for the cache", unbroken(bytes_text(p.pool))),
        (f"largest batch at {length} each", number_text(p.largest_batch)),
        (f"longest context at {batch}", quantity_text(p.longest, "token") + within),
        (f"cache equals weights at {length} each",
         _sequences(p.equal_batch)),
    ]  # fmt: skip
    if p.shape.window_layers:
        rows[1:1] = [
            (f"one sequence of {length}, {rule}", unbroken(bytes_text(p.sequence_by(rule))))
            for rule in RULES
        ]
    return Table(("what fits", "how much"), rows)


@functools.lru_cache(maxsize=8)
def pasted(text: str) -> tuple[Architecture, Shape, Stored | None, str]:
    """The model that a pasted configuration describes, how its files store it, and why not.

    Raises:
        ValueError: what is no configuration, or none of a model with a cache, in one sentence.
    """
    if not text.strip():
        raise ValueError(
            "the box for a configuration is empty: paste the content of a model's config.json "
            "into it, or choose a model."
        )
    if len(text) > LONGEST_TEXT:
        raise ValueError(
            f"the pasted text has {len(text):,} characters, but at most {LONGEST_TEXT:,} are "
            "read: paste the content of one model's config.json."
        )
    try:
        config = parse_json(text, "the pasted text")
        model = Architecture.from_hf_config(config)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not model.cached_layers:
        raise ValueError(
            f"the pasted {model.family} model keeps no cache, and this panel is about the cache: "
            "paste the configuration of a decoder, or choose a model."
        )
    told = _cache_told(config)
    if (why := why_headless(config)) and stored_head_params(model):
        told = f" It is counted without an output head, {why}.{told}"
        model = without_head(model)
    taken = shape_of(model, f"the pasted {model.family} model", OWN, "pasted by the reader")
    try:
        return model, taken, stored_form(config, model), told
    except ValueError as error:  # the cache can be told all the same
        unknown = "Its weights have the chosen precision, as that of its files is not known"
        return model, taken, None, f" {unknown}: {error}{told}"


def _cache_told(config: dict[str, Any]) -> str:
    """Say for which cache a quantized checkpoint was made, where its configuration tells."""
    try:
        asked = asked_precision(config)
    except ValueError as error:
        return f" Of its cache: {error}"
    return f" Its files ask for a cache in {asked[0].upper()}." if asked else ""


def _own_precision(text: str) -> dict[str, str]:
    """The precisions at which a pasted configuration starts: those that it tells."""
    found = {}
    try:
        stored = pasted(text)[2]
        if stored and stored.precisions:
            found["weight_precision"] = stored.precisions[0]
        asked = asked_precision(parse_json(text, "the pasted text"))
        if asked and asked[0].upper() in CACHE_PRECISIONS:
            found["cache_precision"] = asked[0].upper()
    except ValueError:
        pass  # the answer says what is wrong with it
    return found


def memory_answer(
    model: str, config_text: str, accelerator: str, tensor_parallel: float, batch: float,
    tokens: float, weight_precision: str, cache_precision: str,
) -> Answer:  # fmt: skip
    """The panel's answer: the stack, what fits, and the task's score."""
    taken, told, stored = shape(model) if model != OWN else None, "", None
    if taken is None:
        read, taken, stored, unknown = pasted(config_text)
        told = f"{unknown} It has {number_text(read.n_params)} parameters.{remarks(read)}"
    p = plan(
        taken, accelerator, tensor_parallel=int(tensor_parallel), batch=int(batch),
        tokens=int(tokens), weight_precision=weight_precision, cache_precision=cache_precision,
        stored=stored,
    )  # fmt: skip
    solved, score = _task(p)
    sentence = f"{_needs(p)}. {fit_sentence(p)}{_stored(p)}{_rule(p)}{_past_limit(p)}{told}"
    return Answer(sentence, (stack_table(p), capacity_table(p)), score, solved)


def _task(p: Plan) -> tuple[bool, str]:
    wanted = (
        (p.shape.key == TASK_MODEL, "choose Llama 3.1 70B"),
        (p.accelerator == TASK_ACCELERATOR, f"choose {TASK_ACCELERATOR}"),
        (p.weight_precision == "BF16", "set the weights to BF16"),
        (p.batch == TASK_BATCH, f"set the batch to {TASK_BATCH}"),
        (p.tokens == TASK_TOKENS, f"set the length to {TASK_TOKENS:,} tokens"),
    )
    if unset := still_to_set(wanted):
        return False, unset
    many = quantity_text(p.tensor_parallel, "accelerator")
    if not p.fits:
        lack = bytes_text(p.needed - p.usable)
        each = "one" if p.tensor_parallel == 1 else f"each of {p.tensor_parallel}"
        return False, f"{lack} too much on {each}, with this cache."
    if p.tensor_parallel > fewest_ranks():
        return False, f"{many} hold them, but fewer would do."
    return True, f"{many} hold them with a cache at {p.cache_precision}, and fewer never do."


@functools.cache
def fewest_ranks() -> int:
    """Fewest accelerators that hold the task's conversations, at any precision of the cache."""
    fits = [
        plan(TASK_MODEL, TASK_ACCELERATOR, tensor_parallel=ranks, batch=TASK_BATCH,
             tokens=TASK_TOKENS, cache_precision=precision).fits
        and ranks
        for ranks in even_ranks(shape(TASK_MODEL))
        for precision in CACHE_PRECISIONS
    ]  # fmt: skip
    return min(ranks for ranks in fits if ranks)


def memory_panel(given: Inputs) -> Panel:
    """The lesson's panel, starting at the reader's inputs."""
    weights = {name: name for name in catalog.precisions()}
    number = numbers_within(NARROWED)
    controls = (
        Choice("model", "Model",
               {key: s.name for key, s in shapes().items()} | {OWN: "the pasted configuration"},
               given.model, "A model of the catalog, or the one that is pasted below"),
        Text("config_text", "A model's config.json", "A configuration of your own, pasted",
             "JSON, as it is published with the model", chooses="model",
             sets=_own_precision),
        Choice("accelerator", "Accelerator", {name: name for name in catalog.accelerators()},
               given.accelerator, "What the model runs on"),
        number("tensor_parallel", given.tensor_parallel, 1, 8),
        number("batch", given.batch, 1, 1024, log=True),
        number("tokens", given.tokens, 128, 131_072, step=BLOCK_TOKENS, log=True),
        Choice("weight_precision", "Precision of the weights", weights, given.weight_precision,
               "How each weight is stored"),
        Choice("cache_precision", "Precision of the cache",
               {name: name for name in CACHE_PRECISIONS}, given.cache_precision,
               "How each number of the cache is stored"),
    )  # fmt: skip
    return Panel(TASKS["03"], TASK, controls, memory_answer)
