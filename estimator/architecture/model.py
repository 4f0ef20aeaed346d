"""A model's configuration to its exact parameters and cache bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from estimator.architecture.description import CHUNKED, FULL, SLIDING, Decoder
from estimator.arithmetic import Number
from estimator.formula import unchecked
from estimator.glossary import quantity
from estimator.memory import window_tokens
from estimator.paged_cache import (
    engine_cache_bytes,
    local_chunk_blocks,
    sequence_blocks,
    window_blocks,
)

_engine_cache = unchecked(engine_cache_bytes)
_local_chunk_blocks = unchecked(local_chunk_blocks)
_sequence_blocks = unchecked(sequence_blocks)
_window_blocks = unchecked(window_blocks)
_window_tokens = unchecked(window_tokens)

_TOKENS, _BATCH, _WIDTH = map(quantity, ("tokens", "batch", "bytes_per_element"))
_BLOCK, _CHUNK = map(quantity, ("block_tokens", "chunk_tokens"))
_KINDS = (FULL, SLIDING, CHUNKED)
RULES = ("ideal", "engine", "full")
# vLLM makes its groups as large as the larger kind of layers where that is this close.
_CLOSE = 1.5


_Kept = TypeVar("_Kept")


class _Once(Generic[_Kept]):
    """A property that is computed once: `functools.cached_property` without Python 3.11's lock."""

    def __init__(self, compute: Callable[[Any], _Kept]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> _Kept:
        found = instance.__dict__[self.name] = self.compute(instance)
        return found


class Architecture:
    """A model as its configuration describes it: parameters by part, and bytes of its cache.

    Make one with `from_hf_config`. `assumed` names what the file left out and its family's
    default gave; `left_out` names the parts of the file that are no part of the language model.
    `remark` is a sentence on two places of the file that disagree, or nothing.
    """

    def __init__(
        self, decoder: Decoder, assumed: Mapping[str, Any], left_out: tuple[str, ...],
        remark: str = "",
    ) -> None:  # fmt: skip
        self.decoder = decoder
        self.assumed = dict(assumed)
        self.left_out = left_out
        self.remark = remark

    @classmethod
    def from_hf_config(cls, config: dict[str, Any]) -> Architecture:
        """Read a configuration in Hugging Face form: the content of a model's `config.json`.

        Every key is used, known not to change the size, or refused by name. A multimodal
        configuration gives its language model.

        Raises:
            ValueError: a family, a key or a value that is not known, in one sentence.
            TypeError: a value of the wrong type, in one sentence.

        >>> model = Architecture.from_hf_config(
        ...     {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16,
        ...      "n_positions": 1024, "vocab_size": 50257})
        >>> model.n_params, model.kv_bytes_per_token(2)
        (354823168, 98304)
        """
        from estimator.architecture.wrappers import read  # it needs Decoder, as this does

        return cls(*read(config))

    @property
    def family(self) -> str:
        """The family, as `model_type` names it."""
        return self.decoder.family

    @_Once
    def parts(self) -> dict[str, int]:
        """Trainable parameters by part; their sum is `n_params`. A tied head counts once."""
        return {name: params for name, params in self.decoder.parts().items() if params}

    @_Once
    def n_params(self) -> int:
        """Trainable parameters of the causal language model, tied ones once."""
        return sum(self.parts.values())

    @_Once
    def n_active_params(self) -> int:
        """Parameters that one token passes: without the experts that it does not visit."""
        decoder = self.decoder
        if decoder.mixture is None:
            return self.n_params
        idle = decoder.mixture_layers.count(True) * decoder.mixture.idle_params(decoder.d_model)
        return self.n_params - idle

    @_Once
    def prediction_parts(self) -> dict[str, int]:
        """Parameters of the extra prediction layers, by part."""
        return self.decoder.prediction_parts()

    @_Once
    def extra_parts(self) -> dict[str, int]:
        """Numbers of the checkpoint beside `n_params`: prediction layers and buffers."""
        parts = {
            "prediction layers": sum(self.prediction_parts.values()),
            "buffers": self.decoder.buffer_params(),
        }
        return {name: params for name, params in parts.items() if params}

    @property
    def n_checkpoint_params(self) -> int:
        """All numbers that the published checkpoint stores."""
        return self.n_params + sum(self.extra_parts.values())

    @_Once
    def cached_layers(self) -> dict[str, int]:
        """Layers that keep a cache, by kind; none in an encoder."""
        kinds = self.decoder.layer_kinds if self.decoder.cached else ()
        counts, left = {}, len(kinds)
        for kind in _KINDS:
            if left and (count := kinds.count(kind)):
                counts[kind] = count
                left -= count
        return counts

    def kv_bytes_per_token(self, bytes_per_element: Number = 2) -> Number:
        """Bytes that one token adds to the cache while every layer still keeps it."""
        width = _WIDTH.check(bytes_per_element)
        return self._layer_bytes(width) * sum(self.cached_layers.values())

    def cache_bytes(
        self, tokens: Number, batch: Number = 1, bytes_per_element: Number = 2, *,
        rule: str = "ideal", block_tokens: Number = 16, chunk_tokens: Number = 2048,
    ) -> Number:  # fmt: skip
        """Bytes of the cache of so many sequences of so many tokens, by one of three rules.

        "ideal": each layer keeps what it needs. "full": every layer keeps every token, as engines
        without windows for each layer do. "engine": what vLLM sets aside, in blocks, with
        `chunk_tokens` prompt tokens in a step; layers form groups of equal size that share pages.
        Arrays broadcast.

        Raises:
            ValueError: a number out of its range, or an unknown rule.
        """
        if rule not in RULES:
            raise ValueError(f"rule is {rule!r:.40}, but it must be one of {', '.join(RULES)}.")
        tokens = _TOKENS.check(tokens)
        batch = _BATCH.check(batch)
        layer_bytes = self._layer_bytes(_WIDTH.check(bytes_per_element))
        if rule == "engine":
            block = _BLOCK.check(block_tokens)
            chunk = _CHUNK.check(chunk_tokens)
            return self._engine_bytes(tokens, batch, layer_bytes, block, chunk)
        return self._kept_tokens(tokens, windows=rule == "ideal") * (layer_bytes * batch)

    def _layer_bytes(self, bytes_per_element: Number) -> Number:
        """Bytes of one token in one layer."""
        return self.decoder.attention.token_bytes(bytes_per_element)

    def _kept_tokens(self, tokens: Number, *, windows: bool) -> Number:
        """Tokens that are kept, summed over the layers."""
        kept: Number = 0
        for kind, layers in self.cached_layers.items():
            window = self.decoder.window if windows and kind != FULL else None
            kept = kept + layers * (tokens if window is None else _window_tokens(tokens, window))
        return kept

    @_Once
    def group_layers(self) -> int:
        """Layers of a group in vLLM: groups are equal in size, the last of a kind is padded."""
        counts = list(self.cached_layers.values())
        if not counts:
            return 0
        smallest, largest = min(counts), max(counts)
        return largest if largest < smallest * _CLOSE else smallest

    @_Once
    def groups(self) -> tuple[int, int]:
        """Groups of layers that keep every token, and of layers that look at a window."""
        full = self.cached_layers.get(FULL, 0)
        local = sum(self.cached_layers.values()) - full
        size = self.group_layers or 1
        return -(-full // size), -(-local // size)

    @property
    def why_above_full(self) -> str:
        """Why an engine may set aside more than all tokens of all layers need."""
        full, local = self.groups
        why = ["the last block of a sequence counts as a whole"]
        if local and CHUNKED not in self.cached_layers:
            why.append("a layer with a window has one more, which seldom starts where a block does")
        if (full + local) * self.group_layers > sum(self.cached_layers.values()):
            why.append("groups of layers are filled up to equal size")
        return f"engine is above full here: {', and '.join(why)}"

    def _engine_bytes(
        self, tokens: Number, batch: Number, layer_bytes: Number, block: Number, chunk: Number
    ) -> Number:
        """Pages of all groups, each a block of tokens in every layer of a group."""
        window = self.decoder.window or 1
        rule = _local_chunk_blocks if CHUNKED in self.cached_layers else _window_blocks
        page_bytes = self.group_layers * block * layer_bytes
        blocks = _sequence_blocks(tokens, block), rule(tokens, window, chunk, block)
        return _engine_cache(page_bytes, *self.groups, *blocks, batch)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Architecture({self.family}, {self.n_params:,} parameters)"
