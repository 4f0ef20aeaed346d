"""Lesson 06's hunt: a dozen published figures, some of them wrong, each computed anew."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from estimator import catalog
from estimator.catalog.shapes import shape
from estimator.lesson.progress import keep
from estimator.lesson.tables import Table, Unbroken
from estimator.memory import activation_rule_bytes, inference_bytes, kv_cache_bytes
from estimator.model_storage import weight_bytes
from estimator.serving import (
    accelerators,
    bandwidth_step_seconds,
    compute_seconds,
    first_token_floor_seconds,
    generation_seconds,
    prefill_floor_seconds,
    request_floor_seconds,
    requests_per_s,
)
from estimator.training import counted_forward_flops
from estimator.units import MB, number_text, plural, quantity_text
from estimator.user_data import daily_bytes, profile_bytes

TITLE = "The hunt"
RIGHT = "✔ Right"
USERS, ASKS = 100_000_000, 10
A100 = catalog.accelerator("A100-SXM-80GB")
A100_FLOPS = A100.flops_per_s[16]
GUIDE_PARAMS = shape("guide").n_params


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure: what it is of, what was printed, what it is, and what went wrong."""

    what: str
    printed: str
    compute: Callable[[], float]
    unit: str
    slip: str = ""

    @property
    def wrong(self) -> bool:
        """Tell a figure that is not what its own inputs give."""
        return bool(self.slip)

    @property
    def text(self) -> str:
        """The computed figure with its unit; a count to its last digit."""
        value = self.compute()
        if self.unit in ("parameter", "FLOP", "byte/token"):
            return f"{number_text(int(value))} {plural(self.unit.partition('/')[0], value)}"
        return quantity_text(value, self.unit)


def _fleet(n_params: int, passes: int) -> float:
    each = compute_seconds(n_params, passes, A100_FLOPS)
    return float(accelerators(requests_per_s(USERS, ASKS), each))


def _guide_total() -> float:
    cache = kv_cache_bytes(24, 16, 64, tokens=128)
    acts = activation_rule_bytes(24, 1024, 1, 2)
    return float(inference_bytes(weight_bytes(GUIDE_PARAMS), acts, cache, 100 * MB))


def _whole_request() -> float:
    first = first_token_floor_seconds(prefill_floor_seconds(7_000_000_000, 350, A100_FLOPS))
    step = bandwidth_step_seconds(14_000_000_000, A100.bytes_per_s)
    return float(request_floor_seconds(first, generation_seconds(step, 150)))


@functools.cache
def figures() -> dict[str, Figure]:
    """The figures by letter."""
    each = (
        Figure("weights of Llama 3.2 3B, 3,212,749,824 parameters at 32 bits", "12 GB",
               lambda: float(weight_bytes(catalog.model("llama-3.2-3b").n_params, 32)), "byte",
               "12 is what 3 billion parameters give, and a name is not a count; that its GiB come "
               "near 12 is chance"),
        Figure("profiles of 100 million users, 10 KB each", "1 TB",
               lambda: float(profile_bytes(USERS, 10_000)), "byte"),
        Figure("their interactions of a day: 10 of 2 KB each, a quarter more for the index",
               "2.5 GB", lambda: float(daily_bytes(USERS, ASKS, 2_000, 0.25)), "byte",
               "a factor of a thousand, lost in a unit"),
        Figure("parameters of GPT-2 medium: 24 layers of width 1,024 with biases and norms, MLP "
               "4,096, a vocabulary of 50,257 and 1,024 positions", "354,823,168",
               lambda: catalog.architecture("gpt2-medium").n_params, "parameter"),
        Figure("16-bit cache of 24 layers, 16 heads of 64, 128 tokens", "6,291,456 bytes",
               lambda: float(kv_cache_bytes(24, 16, 64, tokens=128)), "byte",
               "numbers were counted, and each takes two bytes"),
        Figure("memory of that model: 708,673,536 bytes of weights, 49,152 of activations, its "
               "cache and 100 MB of overheads", "0.76 GB", _guide_total, "byte",
               "GiB were added to MB, and the cache was dropped"),
        Figure("cache of a token of DeepSeek-V3: 61 layers, a latent of 512 + 64, 16 bits",
               "70.272 KB",
               lambda: float(catalog.architecture("deepseek-v3").kv_bytes_per_token(2)),
               "byte/token"),
        Figure("forward pass of 24 layers, width 1,024, MLP 4,096, 16 heads, over 1,024 tokens",
               "312,711,577,600 FLOP",
               lambda: float(counted_forward_flops(24, 1024, 4096, 16, tokens=1024)), "FLOP",
               "the width is missing once in the MLP, which alone takes more than that"),
        Figure("A100 for 11,574 answers a second, 3 billion parameters, 500 tokens", "112",
               lambda: _fleet(3_000_000_000, 500), "accelerator"),
        Figure("A100 for as much speech, 2 billion parameters, 1,000 tokens", "148",
               lambda: _fleet(2_000_000_000, 1000), "accelerator",
               "rounded down, and the rest needs one, too"),
        Figure("A100 for as many videos, 14.7 billion parameters, 7,500 passes", "8,208",
               lambda: _fleet(14_700_000_000, 7500), "accelerator",
               "a rate was cut to two decimals before the division"),
        Figure("an answer of 7 billion parameters at 16 bits on one A100: 350 tokens in, 150 out",
               "0.92 s",
               _whole_request, "s", "each step's fraction of a millisecond was cut off"),
    )  # fmt: skip
    return dict(zip("ABCDEFGHIJKL", each, strict=True))


def hunt_table() -> Table:
    """The figures as they were printed."""
    rows = [(letter, one.what, Unbroken(one.printed)) for letter, one in figures().items()]
    headers = ("letter", "what it is", "printed")
    note = (
        f"An A100 computes {quantity_text(A100_FLOPS, 'FLOP/s')} and reads "
        f"{quantity_text(A100.bytes_per_s, 'byte/s')}; a parameter costs 2 FLOP a token or pass. "
        "A GB is a billion bytes. H can be no less than that of the weights in its layers, which "
        "lesson 01 counts."
    )
    return Table(headers, rows, "Published figures", note, left=frozenset({"what it is"}))


@dataclass(frozen=True, slots=True)
class Hunt:
    """The figures, what is said of the letters that were given, and the solution, folded away."""

    table: Table
    verdict: str
    note: str = ""

    def _repr_html_(self) -> str:
        said = f"<em>{html.escape(self.verdict)}</em>{html.escape(self.note)}"
        told = f"<p><strong>{TITLE}:</strong> {said}</p>"
        return f"{self.table.html()}{told}{_solution()}"

    def __repr__(self) -> str:
        return f"{self.table}\n{TITLE}: {self.verdict}"


def hunt(found: object = "") -> Hunt:
    """Judge a list of letters: which of the figures are wrong?

    In the learner's own folder, a hunt that has caught all is remembered.
    """
    wrong = {letter for letter, one in figures().items() if one.wrong}
    verdict = _verdict(found, wrong)
    note = keep(TITLE) if verdict.startswith(RIGHT) else ""
    return Hunt(hunt_table(), verdict, f" {note}" * bool(note))


def _verdict(found: object, wrong: set[str]) -> str:
    if not isinstance(found, str):
        return f'{found!r:.40} is no text: give the letters, as in "A K".'
    letters = set(re.findall(r"\w+", found.upper()))
    if not letters:
        return "Not hunted yet: put the letters of the wrong figures between the quotes."
    strange = sorted(letters - figures().keys())
    if strange:
        return f"{', '.join(strange)[:40]}: there is no such figure; leave a space between letters."
    spared = sorted(letters - wrong)
    if spared:
        one = figures()[spared[0]]
        right = len(letters & wrong)
        others = f" Caught among the others: {right}." if right else ""
        return f"Not yet. {spared[0]} is right as printed: it is {one.text}.{others}"
    caught, missing = sorted(letters & wrong), sorted(wrong - letters)
    told = " ".join(f"{one} is {figures()[one].text}: {figures()[one].slip}." for one in caught)
    if missing:
        hide = "hides" if len(missing) == 1 else "hide"
        return f"Not yet: {len(caught)} caught, {len(missing)} still {hide}. {told}"
    return f"{RIGHT}: all {len(wrong)}. {told}"


def _solution() -> str:
    lines = [
        f"{letter}: printed {one.printed}, right {one.text}; {one.slip}"
        if one.wrong
        else f"{letter}: {one.printed} is right"
        for letter, one in figures().items()
    ]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<details><summary>Solution</summary><ul>{items}</ul></details>"
