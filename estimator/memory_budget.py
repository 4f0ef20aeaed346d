"""The memory of one accelerator under an engine: what is used, and what is left for the cache.

Its constants stand in `engine_memory`, each with its measurement and a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from estimator.architecture import Architecture, Decoder
from estimator.architecture.description import FULL, FeedForward
from estimator.engine_memory import (
    LARGE_BYTES,
    VLLM_0_19,
    Constant,
    Engine,
    chunk_tokens,
    max_sequences,
)
from estimator.formula import unchecked
from estimator.glossary import quantity
from estimator.memory import (
    engine_layer_bytes,
    expert_workspace_bytes,
    kv_heads_per_rank,
    kv_pool_bytes,
    rotary_table_bytes,
    sampler_bytes,
)
from estimator.model_storage import linear_params
from estimator.stored_weights import StoredWeights

_layer = unchecked(engine_layer_bytes)
_workspace = unchecked(expert_workspace_bytes)
_linear = unchecked(linear_params)
_kv_heads = unchecked(kv_heads_per_rank)
_pool = unchecked(kv_pool_bytes)
_rotary = unchecked(rotary_table_bytes)
_sampler = unchecked(sampler_bytes)
_STAGES = replace(quantity("pipeline_stages"), name="pipeline_parallel")
_SEQUENCES = replace(quantity("batch"), name="max_sequences", low=1, whole=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is served: its weights, its cache, and the accelerators that share it."""

    weights: StoredWeights
    cache_bytes_per_element: float = 2
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    chunk_tokens: int | None = None
    max_sequences: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One accelerator of a stage: bytes of each component, and bytes left for the cache.

    `graph_bytes` lie outside the share that the engine may use, and outside the pool.
    """

    weight_parts: Mapping[str, float]
    activation_bytes: float
    non_torch_bytes: float
    graph_bytes: float
    pool_bytes: float
    page_bytes: float
    groups: int
    block_tokens: int

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights and of the table of rotations."""
        return sum(self.weight_parts.values())

    def tokens_in(self, pool_bytes: float) -> int:
        """Tokens that a pool takes when every group of layers keeps them, as vLLM logs it."""
        return self.pages_in(pool_bytes) // max(self.groups, 1) * self.block_tokens

    def pages_in(self, pool_bytes: float) -> int:
        """Whole pages that a pool takes."""
        return int(max(pool_bytes, 0) // self.page_bytes) if self.page_bytes else 0


def budget(
    model: Architecture,
    plan: Plan,
    visible_bytes: float,
    utilization: float = 0.9,
    measured: Engine = VLLM_0_19,
    *,
    large: bool | None = None,
) -> tuple[Stage, ...]:
    """What each stage of a pipeline holds on each of its accelerators, the first stage first.

    `large` says whether the engine plans for a large accelerator (from 70 GiB, but for the A100);
    by default the visible memory decides.

    Raises:
        ValueError: a number out of range, or heads that cannot be shared so.
    """
    quantity("memory_bytes").check(visible_bytes)
    quantity("memory_utilization").check(utilization)
    _check(plan)
    decoders = stages(shard(model.decoder, plan.tensor_parallel), plan.pipeline_parallel)
    large = visible_bytes >= LARGE_BYTES if large is None else large
    plan = replace(
        plan,
        chunk_tokens=plan.chunk_tokens or chunk_tokens(large),
        max_sequences=plan.max_sequences or max_sequences(large),
    )
    budgets = []
    for number, decoder in enumerate(decoders):
        ends = number == 0, number == len(decoders) - 1
        budgets.append(_stage(model, decoder, plan, visible_bytes, utilization, measured, ends))
    return tuple(budgets)


def _check(plan: Plan) -> None:
    """Refuse a plan with a number out of its range, under the plan's own name for it."""
    quantity("bytes_per_element").check(plan.cache_bytes_per_element)
    _STAGES.check(plan.pipeline_parallel)
    if plan.chunk_tokens is not None:
        quantity("chunk_tokens").check(plan.chunk_tokens)
    if plan.max_sequences is not None:
        _SEQUENCES.check(plan.max_sequences)


def pool_range(
    model: Architecture,
    plan: Plan,
    visible_bytes: float,
    utilization: float = 0.9,
    measured: Engine = VLLM_0_19,
) -> tuple[float, float, float]:
    """Bytes left for the cache on the fullest stage: least, expected, most.

    The ends take every constant of the engine at the end of its range.
    """
    engines = (measured.at("high"), measured, measured.at("low"))
    least, expected, most = (
        min(stage.pool_bytes for stage in budget(model, plan, visible_bytes, utilization, one))
        for one in engines
    )
    return least, expected, most


def all_in_full(model: Architecture) -> Architecture:
    """The same model with every token kept in every layer, as before vLLM's hybrid allocator."""
    decoder = replace(model.decoder, layer_kinds=(FULL,) * model.decoder.n_layers)
    return Architecture(decoder, model.assumed, model.left_out, model.remark)


def shard(decoder: Decoder, ranks: int) -> Decoder:
    """One rank's share of every layer: heads, inner widths and vocabulary are cut.

    A rank keeps a copy of a key-value head where there are more ranks than those; norms, routers
    and a latent's way down are copied to every rank.
    """
    quantity("tensor_parallel").check(ranks)
    heads = decoder.attention
    if heads.n_heads % ranks or (heads.n_kv_heads % ranks and ranks % heads.n_kv_heads):
        raise ValueError(
            f"tensor_parallel is {ranks}, but it must divide the {heads.n_heads} attention heads "
            f"and fit the {heads.n_kv_heads} key-value heads: give a divisor of them."
        )
    mixture = decoder.mixture
    return replace(
        decoder,
        vocab_size=-(-decoder.vocab_size // ranks),
        attention=replace(
            heads, n_heads=heads.n_heads // ranks, n_kv_heads=_kv_heads(heads.n_kv_heads, ranks)
        ),
        dense=_narrow(decoder.dense, ranks),
        mixture=mixture and replace(
            mixture,
            expert=replace(mixture.expert, d_ff=-(-mixture.expert.d_ff // ranks)),
            shared=_narrow(mixture.shared, ranks),
        ),
    )  # fmt: skip


def _narrow(block: FeedForward | None, ranks: int) -> FeedForward | None:
    return block and replace(block, d_ff=-(-block.d_ff // ranks))


def stages(decoder: Decoder, count: int) -> list[Decoder]:
    """A pipeline's stages; layers that do not divide evenly go to those before the last.

    The embedding sits on the first stage; the last norm and the head on the last one, which keeps
    a copy of a tied matrix.
    """
    _STAGES.check(count)
    if count > decoder.n_layers:
        raise ValueError(
            f"pipeline_parallel is {count}, but the model has {decoder.n_layers} layers: "
            "give at most as many stages."
        )
    sizes = [decoder.n_layers // count] * count
    for extra in range(decoder.n_layers % count):
        sizes[-2 - extra] += 1
    starts = [sum(sizes[:number]) for number in range(count)]
    return [_cut(decoder, start, size) for start, size in zip(starts, sizes, strict=True)]


def _cut(decoder: Decoder, start: int, size: int) -> Decoder:
    layers = slice(start, start + size)
    return replace(
        decoder, n_layers=size, mixture_layers=decoder.mixture_layers[layers],
        layer_kinds=decoder.layer_kinds[layers], first_layer=start,
    )  # fmt: skip


def _stage(
    model: Architecture, decoder: Decoder, plan: Plan, visible_bytes: float, utilization: float,
    measured: Engine, ends: tuple[bool, bool],
) -> Stage:  # fmt: skip
    """The budget of one accelerator; `ends` tells the first and the last stage."""
    first, last = ends
    weights = _weights(decoder, plan.weights, first=first, last=last)
    activations = _activations(model.decoder, decoder, plan, measured, last=last)
    non_torch = _non_torch(plan, measured).value
    token_bytes = decoder.attention.token_bytes(plan.cache_bytes_per_element)
    return Stage(
        weight_parts=weights,
        activation_bytes=activations,
        non_torch_bytes=non_torch,
        graph_bytes=decoder.n_layers * measured.graph_bytes_per_layer.value,
        pool_bytes=_pool(visible_bytes, utilization, sum(weights.values()), activations, non_torch),
        page_bytes=float(_page_layers(model, decoder) * measured.block_tokens * token_bytes),
        groups=sum(model.groups),
        block_tokens=measured.block_tokens,
    )


def _page_layers(model: Architecture, stage: Decoder) -> int:
    """Layers of a page in a stage: those of its largest group.

    vLLM groups the layers of the whole model and deals each kind out in turns, so that a stage
    has as many of each group as can be; pages are as large as its largest group.
    """
    full = stage.layer_kinds.count(FULL)
    counts = (full, stage.n_layers - full)
    pairs = zip(counts, model.groups, strict=True)  # of a model without a cache, no groups
    return max((-(-count // groups) for count, groups in pairs if groups), default=0)


def _weights(
    decoder: Decoder, stored: StoredWeights, *, first: bool, last: bool
) -> dict[str, float]:
    table = _rotary(decoder.rotations, decoder.rotary_dim, stored.bits / 8)
    return {
        **stored.decoder_bytes(decoder, _stage_parts(decoder, first=first, last=last)),
        "table of rotations": table,
        "absorbed latents": _absorbed(decoder, stored.bits / 8),
    }


def _stage_parts(decoder: Decoder, *, first: bool, last: bool) -> dict[str, int]:
    """Parameters of a stage by part; the last keeps a copy of a tied matrix."""
    parts = decoder.parts(first=first, last=last)
    if last and not first and decoder.tied and decoder.has_head:
        parts["output head"] += decoder.head_matrix()
    return parts


def _absorbed(decoder: Decoder, width: float) -> float:
    """Copies of a latent's way up, which vLLM keeps unquantized to decode in the latent."""
    latent = decoder.attention.latent
    if latent is None:
        return 0
    heads = decoder.attention.n_heads * (latent.nope_dim + latent.v_dim)
    return float(decoder.n_layers * _linear(latent.kv_rank, heads) * width)


def _activations(
    whole: Decoder, decoder: Decoder, plan: Plan, measured: Engine, *, last: bool
) -> float:
    """The peak of a step: a layer at the largest chunk, or the sampler on the last stage.

    Every rank samples from the whole vocabulary. Stages of a pipeline hold what they receive.
    """
    chunk, width = plan.chunk_tokens or 1, plan.weights.bits / 8
    pipeline = plan.pipeline_parallel > 1
    states = (measured.pipeline_states if pipeline else measured.layer_states).value
    live = decoder.live_d_ff
    peak = float(_layer(chunk, decoder.d_model, live, states, width))
    # Inputs of the matrices are copied in 8 bits, but where weights alone are stored so.
    if plan.weights.element_bits == 8 and plan.weights.name not in ("gptq", "awq"):
        peak += float(_linear(chunk, live + decoder.d_model))
    if not last or not decoder.has_head:
        return peak
    # The wider the weights, the wider the logits before they are made 32-bit.
    per_logit = measured.bytes_per_logit.value + (width - 2)
    sampler = _sampler(plan.max_sequences or 1, whole.vocab_size, per_logit)
    kept = measured.sampler_states.value * chunk * decoder.d_model * width
    return max(peak, float(sampler + kept + _experts(decoder, plan, chunk, width)))


def _experts(decoder: Decoder, plan: Plan, chunk: int, width: float) -> float:
    """Workspace of the experts, which outlives its layer; MXFP4 experts run without it."""
    if decoder.mixture is None or plan.weights.name == "mxfp4":
        return 0
    mixture = decoder.mixture
    shape = (mixture.top_k, decoder.d_model, mixture.expert.d_ff)
    return float(_workspace(chunk, *shape, width))


def _non_torch(plan: Plan, measured: Engine) -> Constant:
    if plan.tensor_parallel > 1:
        return measured.non_torch_tensor
    return measured.non_torch_pipeline if plan.pipeline_parallel > 1 else measured.non_torch_single
