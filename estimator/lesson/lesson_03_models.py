"""Lesson 03's tables of real models: three answers for each, and how far rules of thumb are off."""

from __future__ import annotations

import re
from dataclasses import replace

from estimator.architecture import Architecture, FeedForward
from estimator.architecture.description import CHUNKED, FULL
from estimator.catalog import architecture, configuration
from estimator.lesson.lesson_03_plan import BLOCK_TOKENS, ENGINE, NARROWED, step_tokens
from estimator.lesson.tables import Bar, Cell, Table, unbroken
from estimator.memory import kv_bytes_per_token
from estimator.model_storage import weight_bytes
from estimator.units import number_text, prefixed_text, share_text

SHOWN = (
    "llama-3.1-8b", "mixtral-8x7b", "mistral-7b-v0.1", "gemma-3-12b", "gpt-oss-20b",
    "llama-4-scout", "deepseek-v3",
)  # fmt: skip
TOKENS = 32_768
_NOT_TOLD = "-"
_MEANT = 1e9  # a B in a model's name


def answers_table(tokens: int = TOKENS) -> Table:
    """One sequence of each model: what its layers need, an engine takes, and all layers keep."""
    NARROWED["tokens"].check(tokens)
    rows: list[tuple[Cell, ...]] = []
    for key in SHOWN:
        model = architecture(key)
        ideal, engine, full = (
            float(model.cache_bytes(tokens, rule=rule, block_tokens=BLOCK_TOKENS,
                                    chunk_tokens=step_tokens()))
            for rule in ("ideal", "engine", "full")
        )  # fmt: skip
        sizes = [unbroken(prefixed_text(size, "B")) for size in (ideal, engine, full)]
        bar = Bar(engine / full, unbroken(share_text(engine / full)))
        rows.append((_name(key), _kept(model), *sizes, bar))
    headers = ("model", "what its layers keep of a token", "ideal", "engine", "full",
               "engine against full")  # fmt: skip
    note = (
        "8 x 128, twice: a key and a value of 128 numbers for each of 8 heads. "
        f"Engine: the blocks of {ENGINE}, with {number_text(step_tokens())} prompt tokens a step. "
        "A chunk is a window that starts anew: its layers see what came since its start. Where "
        "each configuration was read stands in the catalog's configs.json."
    )
    caption = f"One sequence of {number_text(tokens)} tokens, cache at 16 bits"
    return Table(headers, rows, caption, note, left=frozenset({headers[1], headers[5]}))


def _name(key: str) -> str:
    return configuration(key).name.removesuffix(", language model")


def _kept(model: Architecture) -> str:
    """What the layers keep, and how many of them only for a while."""
    decoder, counts = model.decoder, model.cached_layers
    heads = decoder.attention
    kept = f"{heads.n_kv_heads} x {heads.head_dim}, twice"
    if heads.latent:
        kept = f"a latent of {heads.latent.kv_rank} + {heads.latent.rope_dim}"
    local = decoder.n_layers - counts.get(FULL, 0)
    if not local:
        return f"{kept}; {decoder.n_layers} layers"
    kind = "chunks" if CHUNKED in counts else "windows"
    window = number_text(decoder.window or 0)
    return f"{kept}; {local} of {decoder.n_layers} layers in {kind} of {window}"


def rules_table(tokens: int = TOKENS) -> Table:
    """Four rules of thumb, each as a multiple of the truth, model by model."""
    NARROWED["tokens"].check(tokens)
    rows = []
    for key in SHOWN:
        model = architecture(key)
        found = (
            _by_name(key, model), _one_expert(model), _by_width(model), _without(model, tokens)
        )  # fmt: skip
        rows.append((_name(key), *map(_times, found)))
    headers = ("model", "weights by the name's billions, 2 bytes each",
               "weights of a mixture, as if one expert were all",
               "cache as if the key-value heads were as wide as the model",
               "cache as if there were no window and no latent")  # fmt: skip
    note = (
        f"Each rule divided by the truth, caches at {number_text(tokens)} tokens and 16 bits. "
        f"{_NOT_TOLD}: the rule has nothing to say, or nothing to be wrong about."
    )
    return Table(headers, rows, "Rules of thumb against the truth", note)


def _times(ratio: float | None) -> str:
    if ratio is None:
        return _NOT_TOLD
    return f"{ratio:.3f} x" if ratio < 1 else f"{ratio:.2f} x"


def _by_name(key: str, model: Architecture) -> float | None:
    """Weights by the billions in the name: 8x7B is taken as 56."""
    found = re.search(r"(?:(\d+)x)?(\d+(?:\.\d+)?)B\b", configuration(key).name)
    if not found:
        return None
    told = weight_bytes(int(found[1] or 1) * float(found[2]) * _MEANT, 16)
    return float(told / weight_bytes(model.n_params, 16))


def _one_expert(model: Architecture) -> float | None:
    """Weights of the same file read as a dense model: a block of the width that it names."""
    decoder = model.decoder
    if decoder.mixture is None:
        return None
    block = decoder.dense or FeedForward(decoder.mixture.expert.d_ff)
    dense = replace(decoder, mixture=None, dense=block,
                    mixture_layers=(False,) * decoder.n_layers)  # fmt: skip
    return Architecture(dense, {}, ()).n_params / model.n_params


def _by_width(model: Architecture) -> float:
    """The cache of a token as if the width of the model were that of its key-value heads."""
    told = kv_bytes_per_token(model.decoder.n_layers, 1, model.decoder.d_model)
    return float(told / model.kv_bytes_per_token())


def _without(model: Architecture, tokens: int) -> float | None:
    """The cache as if every layer kept a key and a value of each head for every token."""
    decoder, latent = model.decoder, model.decoder.attention.latent
    if latent:
        widths = latent.nope_dim + latent.rope_dim + latent.v_dim  # of a key and a value
        each = kv_bytes_per_token(decoder.n_layers, decoder.attention.n_heads, widths) / 2
        return float(each / model.kv_bytes_per_token())
    if set(model.cached_layers) == {FULL}:
        return None
    return float(model.cache_bytes(tokens, rule="full") / model.cache_bytes(tokens))
