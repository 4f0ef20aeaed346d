"""One general description of a decoder, which every family fills in, and its parameters by part."""

from __future__ import annotations

from dataclasses import dataclass

from estimator.arithmetic import Number
from estimator.formula import unchecked
from estimator.memory import kv_bytes_per_token, latent_cache_bytes
from estimator.model_storage import (
    attention_bias_params,
    attention_params,
    embedding_params,
    latent_kv_params,
    latent_query_params,
    linear_params,
    mlp_bias_params,
    mlp_params,
    norm_params,
    position_params,
    router_params,
    weight_bytes,
)

# A configuration is checked once, when it is read: from there on the bare formulas do.
_attention = unchecked(attention_params)
_bytes = unchecked(weight_bytes)
_attention_bias = unchecked(attention_bias_params)
_embedding = unchecked(embedding_params)
_kv_bytes = unchecked(kv_bytes_per_token)
_latent_cache = unchecked(latent_cache_bytes)
_latent_kv = unchecked(latent_kv_params)
_latent_query = unchecked(latent_query_params)
_linear = unchecked(linear_params)
_mlp = unchecked(mlp_params)
_mlp_bias = unchecked(mlp_bias_params)
_norm = unchecked(norm_params)
_positions = unchecked(position_params)
_router = unchecked(router_params)

FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
GATED, PLAIN = 3, 2


@dataclass(frozen=True, slots=True)
class Latent:
    """Latent attention (MLA): its widths; without a `q_rank`, queries pass no latent."""

    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int


@dataclass(frozen=True, slots=True)
class Attention:
    """The attention of a layer; `latent` replaces keys and values by a latent.

    `qk_norm` is "" (none), "head" (one norm that all heads share) or "all" (a weight for every
    head's channels). `sinks` adds one learned number a head.
    """

    n_heads: int
    n_kv_heads: int
    head_dim: int
    input_bias: bool = False
    output_bias: bool = False
    qk_norm: str = ""
    sinks: bool = False
    latent: Latent | None = None

    def params(self, d_model: int) -> int:
        """Parameters of the matrices with their biases, and of the sinks."""
        if self.latent is not None:
            return self._latent_params(d_model, self.latent)
        shape = (self.n_heads, self.n_kv_heads, self.head_dim)
        params: int = _attention(d_model, *shape) + self.sinks * self.n_heads
        if self.input_bias:
            # The output's bias has d_model numbers: without it, a width of 0.
            params += _attention_bias(d_model if self.output_bias else 0, *shape)
        elif self.output_bias:
            params += d_model
        return params

    def _latent_params(self, d_model: int, latent: Latent) -> int:
        query = (latent.nope_dim, latent.rope_dim)
        if latent.q_rank is None:
            params: int = _linear(d_model, self.n_heads * sum(query))
        else:
            params = _latent_query(d_model, self.n_heads, latent.q_rank, *query)
        params += _latent_kv(d_model, self.n_heads, latent.kv_rank, *query, latent.v_dim)
        params += _linear(self.n_heads * latent.v_dim, d_model)
        if self.input_bias:
            params += (latent.q_rank or 0) + latent.kv_rank + latent.rope_dim
        return params + (d_model if self.output_bias else 0)

    def norm_params(self) -> int:
        """Parameters of the norms on queries and keys, or on the latents."""
        if self.latent is not None:
            norms: int = _norm(self.latent.q_rank or 0) + _norm(self.latent.kv_rank)
            return norms
        if not self.qk_norm:
            return 0
        heads = self.n_heads + self.n_kv_heads if self.qk_norm == "all" else 2
        return heads * int(_norm(self.head_dim))

    def token_bytes(self, bytes_per_element: Number) -> Number:
        """Bytes that one token leaves in the cache of one layer."""
        if self.latent is not None:
            ranks = (self.latent.kv_rank, self.latent.rope_dim)
            cached: Number = _latent_cache(1, *ranks, 1, 1, bytes_per_element)
        else:
            cached = _kv_bytes(1, self.n_kv_heads, self.head_dim, bytes_per_element)
        return cached


@dataclass(frozen=True, slots=True)
class FeedForward:
    """A feed-forward block: its inner width, 2 matrices or 3 where it is gated, biases or none."""

    d_ff: int
    matrices: int = GATED
    bias: bool = False

    def params(self, d_model: int) -> int:
        """Parameters with the biases."""
        params: int = _mlp(d_model, self.d_ff, self.matrices)
        if self.bias:
            params += _mlp_bias(d_model, self.d_ff, self.matrices)
        return params


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts: all are stored, `top_k` of them and the shared ones compute.

    `shared_gate` is a column of its own that weighs the shared expert. `score_buffer` counts
    numbers that balance the experts: in the checkpoint, but not trained as parameters.
    """

    n_experts: int
    top_k: int
    expert: FeedForward
    shared: FeedForward | None = None
    shared_gate: bool = False
    router_bias: bool = False
    score_buffer: bool = False

    def parts(self, d_model: int) -> dict[str, int]:
        """Parameters of one mixture layer by part."""
        router: int = _router(d_model, self.n_experts) + self.router_bias * self.n_experts
        shared = self.shared.params(d_model) if self.shared else 0
        return {
            "experts": self.n_experts * self.expert.params(d_model),
            "shared experts": shared + (int(_linear(d_model, 1)) if self.shared_gate else 0),
            "router": router,
        }

    def idle_params(self, d_model: int) -> int:
        """Parameters of the experts that a token does not visit."""
        return (self.n_experts - self.top_k) * self.expert.params(d_model)


@dataclass(frozen=True, slots=True)
class Decoder:
    """What of a model changes its size; an encoder is one that keeps no cache and has no head.

    `mixture_layers` tells of each layer whether it is a mixture, `layer_kinds` whether it sees
    every token. `n_positions` are those of the family's own key, `context_tokens` the longest
    sequence that an engine takes; `learned_positions` are parameters. `positional_params` are those
    of neither kind. `mask` is "float" or "byte" where published files hold each layer's causal
    mask, a number as wide as a weight or a byte for each pair of positions. `first_layer` is above
    0 in a stage of a pipeline.
    """

    family: str
    d_model: int
    n_layers: int
    vocab_size: int
    attention: Attention
    dense: FeedForward | None
    mixture: Mixture | None
    mixture_layers: tuple[bool, ...]
    layer_kinds: tuple[str, ...]
    window: int | None
    tied: bool
    mask: str = ""
    norms_per_layer: int = 2
    norm_vectors: int = 1
    final_norm: bool = True
    embedding_dim: int | None = None
    learned_positions: int = 0
    positional_params: int = 0
    n_positions: int | None = None
    context_tokens: int | None = None
    rotary_dim: int = 0
    has_head: bool = True
    cached: bool = True
    prediction_layers: int = 0
    first_layer: int = 0

    @property
    def rotations(self) -> int:
        """Positions in the table of rotations: as many as an engine may be asked for."""
        return max(self.n_positions or 0, self.context_tokens or 0)

    @property
    def norm(self) -> int:
        """Parameters of one norm of the model's width."""
        return int(_norm(self.d_model, self.norm_vectors))

    def layer_parts(self, *, mixture: bool) -> dict[str, int]:
        """Parameters of one layer by part."""
        return self._common_parts() | self._block_parts(mixture=mixture)

    def _common_parts(self) -> dict[str, int]:
        """Parameters by part of what every layer has."""
        norms = self.norms_per_layer * self.norm + self.attention.norm_params()
        return {"attention": self.attention.params(self.d_model), "norms": norms}

    def _block_parts(self, *, mixture: bool) -> dict[str, int]:
        """Parameters by part of a layer's dense block or mixture."""
        if mixture and self.mixture:
            return self.mixture.parts(self.d_model)
        return {"mlp": self.dense.params(self.d_model) if self.dense else 0}

    def parts(self, *, first: bool = True, last: bool = True) -> dict[str, int]:
        """Parameters by part: of the whole model, or of a stage that is not the first or last."""
        parts = self.embedding_parts() if first else {}
        mixtures = self.mixture_layers.count(True)
        for name, params in self._common_parts().items():
            parts[name] = self.n_layers * params
        for count, mixture in ((self.n_layers - mixtures, False), (mixtures, True)):
            if count:
                for name, params in self._block_parts(mixture=mixture).items():
                    parts[name] = count * params
        for name, params in (self.head_parts() if last else {}).items():
            parts[name] = parts.get(name, 0) + params
        return parts

    def embedding_parts(self) -> dict[str, int]:
        """Parameters that stand once, before the layers: tokens, positions, a projection in."""
        width = self.embedding_dim or self.d_model
        positions = _positions(self.learned_positions, self.d_model) + self.positional_params
        return {
            "embedding": _embedding(self.vocab_size, width) + self._projection(),
            "positions": positions,
        }

    def head_parts(self) -> dict[str, int]:
        """Parameters that stand once, behind the layers; a tied head counts nothing here."""
        head = 0 if self.tied or not self.has_head else self.head_matrix()
        head += self._projection() if self.has_head else 0
        return {"norms": self.norm if self.final_norm else 0, "output head": head}

    def head_matrix(self) -> int:
        """Parameters of the output head as a matrix, tied or not."""
        return int(_embedding(self.vocab_size, self.embedding_dim or self.d_model))

    @property
    def live_d_ff(self) -> int:
        """Inner width that a token fills at a time: of a dense block, or of all its experts."""
        dense = self.dense.d_ff if self.dense else 0
        if self.mixture is None:
            return dense
        shared = self.mixture.shared.d_ff if self.mixture.shared else 0
        return max(dense, self.mixture.top_k * self.mixture.expert.d_ff + shared)

    def _projection(self) -> int:
        """Parameters between an embedding of another width and the model's."""
        if self.embedding_dim is None or self.embedding_dim == self.d_model:
            return 0
        return int(_linear(self.embedding_dim, self.d_model))

    def prediction_parts(self) -> dict[str, int]:
        """Parameters of the extra prediction layers, with their copies of embedding and head.

        Each joins the last state and the next token's embedding (two norms, a matrix from twice
        the width), runs one more layer, and has a norm before the head.
        """
        if not self.prediction_layers:
            return {}
        parts = self.layer_parts(mixture=self.mixture is not None)
        parts["norms"] += 3 * self.norm
        parts["join"] = int(_linear(2 * self.d_model, self.d_model))
        parts["embedding"] = parts["output head"] = self.head_matrix()
        return {name: self.prediction_layers * params for name, params in parts.items()}

    def buffer_params(self) -> int:
        """Numbers of the checkpoint that are no parameters: balancing scores and causal masks."""
        return self._scores() + self._masks()

    def buffer_bytes(self, bits: float) -> float:
        """Bytes of those numbers: scores at 32 bits, masks at the `bits` of a weight or at 8."""
        mask_bits = bits if self.mask == "float" else 8
        return float(_bytes(self._scores(), 32) + _bytes(self._masks(), mask_bits))

    def _scores(self) -> int:
        if self.mixture is None or not self.mixture.score_buffer:
            return 0
        layers = self.mixture_layers.count(True) + self.prediction_layers
        return layers * self.mixture.n_experts

    def _masks(self) -> int:
        return self.n_layers * (self.n_positions or 0) ** 2 if self.mask else 0
