"""What an engine adds to weights and cache, as measured, and where each number comes from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from estimator.units import GiB

LARGE_BYTES = 70 * GiB
"""From here on vLLM is ready for more tokens and sequences in a step (see `chunk_tokens`)."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Where a number was measured: engine, version, accelerator, date of reading, place."""

    engine: str
    version: str
    accelerator: str
    date: str
    place: str


H100_LOG = Measurement(
    "vLLM", "0.19.0", "H100-SXM", "2026-11-21",
    "logs and accuracy report: llm-d-incubation/llm-d-planner accuracy/results/v0.19.0 "
    "@d3121e059da88662db39a926a3ead964be97359b",
)  # fmt: skip
OLD_LOG = Measurement(
    "vLLM", "of 2025, its release is not told", "H100-SXM", "2026-11-21",
    "llm-d/llm-d-benchmark config_explorer/empirical-vllm-memory-results.md "
    "@259334868c5075da530cc6c90b43fceb11b6e6a7",
)  # fmt: skip
VERSIONS = Measurement(
    "vLLM", "0.15.0 to 0.18.0", "H100-SXM", "2026-11-28",
    "a dense model on one accelerator: llm-d-incubation/llm-d-planner "
    "accuracy/accuracy_report.md @875a4fd609eef0d70810ac27174ca9b42156d13a",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Constant:
    """A measured number with its range, its unit and what it was measured on."""

    value: float
    low: float
    high: float
    unit: str
    meaning: str
    source: Measurement


@dataclass(frozen=True, slots=True)
class Engine:
    """What an engine adds to weights and cache, as measured.

    `sampler_states` counts vectors of the model's width that stay alive while it samples.
    """

    name: str
    version: str
    bytes_per_logit: Constant
    sampler_states: Constant
    non_torch_single: Constant
    non_torch_tensor: Constant
    non_torch_pipeline: Constant
    graph_bytes_per_layer: Constant
    layer_states: Constant
    pipeline_states: Constant
    block_tokens: int = 16

    def at(self, end: str) -> Engine:
        """The engine with every constant at its "low" or its "high" end."""
        constants: dict[str, Any] = {
            name: replace(constant, value=getattr(constant, end))
            for name in self.__dataclass_fields__
            if isinstance(constant := getattr(self, name), Constant)
        }
        return replace(self, **constants)


VLLM_0_19 = Engine(
    "vllm", "0.19",
    Constant(14.5, 14.2, 14.9, "byte", "a logit while sampling", H100_LOG),
    Constant(2, 1, 3, "vector", "hidden states while sampling", H100_LOG),
    Constant(0.25 * GiB, 0.24 * GiB, 0.46 * GiB, "byte", "outside torch, one GPU", H100_LOG),
    Constant(2.10 * GiB, 2.06 * GiB, 2.17 * GiB, "byte", "outside torch, tensor parallel",
             H100_LOG),
    Constant(0.07 * GiB, 0.05 * GiB, 0.25 * GiB, "byte", "outside torch, pipeline parallel",
             H100_LOG),
    Constant(28.0e6, 27.5e6, 28.5e6, "byte", "CUDA graphs of a layer, outside the budget",
             H100_LOG),
    # The sampler's peak hides a layer's in every log: with more than 20 it would not.
    Constant(4, 2, 20, "vector", "live at a layer's widest: no more than the logs allow", H100_LOG),
    Constant(7, 6.3, 7.1, "vector", "the same in a pipeline's first stage", H100_LOG),
)  # fmt: skip
VLLM_2025 = replace(
    VLLM_0_19,
    version="2025",
    bytes_per_logit=Constant(38.2, 38.1, 38.4, "byte", "a logit while sampling", OLD_LOG),
    sampler_states=Constant(1.3, 1.0, 1.6, "vector", "hidden states while sampling", OLD_LOG),
    non_torch_single=Constant(
        0.13 * GiB, 0.13 * GiB, 0.14 * GiB, "byte", "outside torch, one GPU", OLD_LOG
    ),
    non_torch_tensor=Constant(
        0.55 * GiB, 0.50 * GiB, 0.60 * GiB, "byte", "outside torch, tensor parallel", OLD_LOG
    ),
)  # fmt: skip


# Qwen3-14B's activations of 0.15 and 0.16 are those of 2025 to 0.01 GiB. They fell with 0.17; what
# lies outside torch on one accelerator grew with 0.18.
VLLM_0_16 = replace(
    VLLM_2025,
    version="0.16",
    non_torch_single=replace(VLLM_2025.non_torch_single, source=VERSIONS),
)
VLLM_0_17 = replace(VLLM_0_19, version="0.17", non_torch_single=VLLM_0_16.non_torch_single)
VLLM_0_18 = replace(VLLM_0_19, version="0.18")
# Each with the first release that takes its constants, and the releases that were seen.
_KNOWN = (
    (19, VLLM_0_19, (19,)), (18, VLLM_0_18, (18,)), (17, VLLM_0_17, (17,)),
    (12, VLLM_0_16, (15, 16)), (0, VLLM_2025, ()),
)  # fmt: skip


def engine(version: str) -> tuple[Engine, str]:
    """The measured engine that is nearest to a version, and what that assumes ("" for nothing).

    A version that was not measured takes the constants of the nearest earlier one that was, but
    for 0.12 to 0.14, which take those of 0.15 and 0.16, and older ones, which take those of 2025.
    """
    version = version.strip()[:20]
    minor = _minor(version)
    taken, seen = next((one, seen) for first, one, seen in _KNOWN if minor >= first)
    told = f"engine version {version or 'unknown'}: constants of vLLM {taken.version}"
    if minor in seen and taken is VLLM_0_19:
        return taken, ""
    if minor in seen:
        return taken, f"{told}, seen with one dense model on one accelerator"
    return taken, f"{told}, its own were not seen"


def _minor(version: str) -> float:
    """The second number of a version that begins with 0; of any other it is past all of them."""
    return _release(version)[0]


def _release(version: str) -> tuple[float, int]:
    """The second and the third number of a version that begins with 0, which may lack the third."""
    told = re.match(r"v*0\.(\d+)(?:\.(\d+)|\.|$)", version.strip()[:20])
    return (int(told[1]), int(told[2] or 0)) if told else (math.inf, 0)


_FIRST_HYBRID = (9, 1)


def keeps_all_layers_in_full(version: str) -> bool:
    """Tell whether a version keeps every token in every layer of a model that has both kinds.

    It counts layers with windows beside others as those of full attention (`ModelConfig` in
    vllm/config.py @0004438383). The hybrid allocator is pull request 17996 of vllm-project/vllm;
    notes of 0.9.0 name its preparations only, so that 0.9.1 is taken for the first release with it.

    >>> keeps_all_layers_in_full("0.8.2"), keeps_all_layers_in_full("0.9.1")
    (True, False)
    """
    return _release(version) < _FIRST_HYBRID


def chunk_tokens(large: bool) -> int:
    """Tokens of a step that vLLM is ready for unless told, on a large accelerator or another.

    The logs of `H100_LOG` show the larger sizes; nobody measured the smaller ones for this course.
    """
    return 8192 if large else 2048


def max_sequences(large: bool) -> int:
    """Sequences of a step that vLLM is ready for unless told, on a large accelerator or another."""
    return 1024 if large else 256


_FIRST_V1 = 8  # vLLM 0.8 is the first that runs its V1 engine unless told otherwise
_FIRST_2048 = (6, 5)
_LONG, _CHUNK, _LEAST, _SEQUENCES = 32_768, 512, 2048, 256


def step_defaults(
    version: str, large: bool, context: int | None, *, whole: bool = False
) -> tuple[int, int, str]:
    """Tokens and sequences of a step that a version is ready for unless told, and whose they are.

    Before 0.8, vLLM took prompts whole, and so made its steps as long as the model's `context`; but
    it cut those of models for more than 32,768 tokens, where it could: not where attention has
    windows or latents, which takes prompts `whole`. Sequences were 256 on every accelerator.
    (`SchedulerConfig` in vllm/config.py, `_set_default_args_v0` in vllm/engine/arg_utils.py.)
    A step of what is cut had 512 tokens, and 2,048 after pull request 10544 of November 2024, with
    which 0.6.5 was the next release; so vllm/config.py @0004438383, of 0.7, has it.

    >>> step_defaults("0.6.3", True, 8192)
    (8192, 256, "the default of vLLM before 0.8, for the model's whole context")
    >>> step_defaults("0.6.3", True, 131_072)
    (512, 256, 'the default of vLLM before 0.6.5, for contexts of more than 32,768 tokens')
    >>> step_defaults("0.7.3", True, 131_072)
    (2048, 256, 'the default of vLLM 0.6.5 to 0.7, for contexts of more than 32,768 tokens')
    >>> step_defaults("0.7.3", True, 32_768)[0]
    32768
    """
    if _minor(version) >= _FIRST_V1:
        why = "the default of vLLM 0.19 on such an accelerator"
        return chunk_tokens(large), max_sequences(large), why
    tokens = context or _LEAST
    if tokens > _LONG and not whole:
        older = _release(version) < _FIRST_2048
        chunk, which = (_CHUNK, "before 0.6.5") if older else (_LEAST, "0.6.5 to 0.7")
        why = f"the default of vLLM {which}, for contexts of more than {_LONG:,} tokens"
        return chunk, _SEQUENCES, why
    why = "the default of vLLM before 0.8, for the model's whole context"
    return max(tokens, _LEAST), _SEQUENCES, why
