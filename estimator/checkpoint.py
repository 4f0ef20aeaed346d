"""What a configuration's own files hold, and how an engine serves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from estimator.architecture import Architecture
from estimator.architecture.output_head import class_without_head, label_params, why_headless
from estimator.matrices import HEAD
from estimator.stored_weights import (
    StoredWeights,
    checkpoint_bytes,
    stored_as,
    stored_by_config,
    tells_precision,
)
from estimator.units import prefixed_text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Bytes of a checkpoint, or None where they cannot be told, and how it is stored, or why."""

    size: float | None
    how: str


def checkpoint(
    config: Mapping[str, Any], model: Architecture, name: str = "", *, published: bool = False
) -> Checkpoint:
    """Size the files of a configuration: as it says, and as files of its kind are.

    A file that names no precision is one of float32: so transformers has it (pull request 12316,
    by which later files name theirs), and vLLM's `get_torch_dtype`, where it sees no weights. A
    `published` configuration of the catalog keeps no precision, whatever the file says.

    A class without an output head, or a model of embeddings, stores none; what such a class
    has instead is counted where it tells labels.
    """
    why = why_headless(config, name)
    try:
        stored, how = _stored(config, model, published=published)
        size = _size(config, model, stored, why)
    except ValueError as error:
        return Checkpoint(None, str(error))
    if not (tells_precision(config) or published):
        narrow = _size(config, model, stored_as("bf16"), why)
        how += f" (at 16 bits it would be {prefixed_text(narrow, 'B')})"
    if why and stored_head_params(model):
        whole = checkpoint_bytes(model, stored)
        how += f", without an output head, {why} (with one it would be {prefixed_text(whole, 'B')})"
    if labels := _labels(config, model):
        how += f", with {labels:,} numbers that tell its labels"
    elif "For" in class_without_head(config):  # and no LlamaModel, which has nothing instead
        how += ", without what its class may have of its own"
    return Checkpoint(size, how)


def _size(
    config: Mapping[str, Any], model: Architecture, stored: StoredWeights, why: str
) -> float:  # fmt: skip
    """Bytes of all that is stored; `why` says that no head is."""
    size = checkpoint_bytes(model, stored)
    if not why:
        return size
    return size - _head_bytes(model, stored) + _labels(config, model) * stored.bits / 8


def _labels(config: Mapping[str, Any], model: Architecture) -> int:
    return label_params(config, model.decoder.embedding_dim or model.decoder.d_model)


def _stored(
    config: Mapping[str, Any], model: Architecture, *, published: bool
) -> tuple[StoredWeights, str]:
    if tells_precision(config):
        stored = stored_by_config(config, model)
        left_out = f" (not counted: {stored.left_out})" if stored.left_out else ""
        return stored, f"stored as {stored.name}{left_out}"
    stored_by_config(config, model)  # refuses what is not known
    if published:
        return stored_as("bf16"), "at 16 bits, since the catalog names no precision"
    return stored_as(
        "float32"
    ), "as float32, for which transformers takes a file that names no precision"


def stored_head_params(model: Architecture) -> int:
    """Parameters that the output head adds to a checkpoint: none where it is tied."""
    decoder = model.decoder
    return 0 if decoder.tied or not decoder.has_head else decoder.head_matrix()


def _head_bytes(model: Architecture, stored: StoredWeights) -> float:
    """Bytes of the model's own output head; its prediction layers keep their copies."""
    head = stored_head_params(model)
    if not head:
        return 0
    decoder = replace(model.decoder, prediction_layers=0)
    return sum(stored.decoder_bytes(decoder, {HEAD: head}, on_disk=True).values())


def without_head(model: Architecture) -> Architecture:
    """The same model without its output head, as engines run one that embeds or tells classes."""
    decoder = replace(model.decoder, has_head=False)
    return Architecture(decoder, model.assumed, model.left_out, model.remark)


def served_by_config(config: Mapping[str, Any]) -> tuple[StoredWeights, str]:
    """How vLLM serves a file's weights unless it is told otherwise, and why.

    Its `auto` takes what is stored in 32 bits, or names no precision, at 16 (`_resolve_auto_dtype`
    in vllm/config/model.py).

    >>> served_by_config({"torch_dtype": "float32"})[0].bits
    16
    """
    stored = stored_by_config(config)
    if not tells_precision(config):
        return stored_as("bf16"), "vLLM's auto, as the configuration names none"
    if stored.bits <= 16:
        return stored, "the model's configuration"
    name = stored.name if stored.element_bits is not None else "bf16"
    return replace(stored, name=name, bits=16), f"vLLM's auto, for a file in {stored.bits:g} bits"


# Methods of which a name alone tells no size, with the bits where it tells those; the first are
# what engines and tools call them.
_METHODS: dict[str, tuple[str, int | None]] = {
    "awq_marlin": ("awq", None), "gptq_marlin": ("gptq", None),
    "w4a16": ("compressed-tensors", 4), "w8a16": ("compressed-tensors", 8),
    "w8a8": ("compressed-tensors", 8),
} | {
    one: (one, None)
    for one in ("compressed-tensors", "bitsandbytes", "auto-round", "fbgemm_fp8", "eetq")
}  # fmt: skip


def method_of_files(name: str) -> tuple[str, int | None] | None:
    """The method, and the bits, that a name such as awq_marlin means; None for any other name.

    >>> method_of_files("AWQ_Marlin")
    ('awq', None)
    """
    return _METHODS.get(name.strip().lower())


def served_by_method(
    config: Mapping[str, Any], name: str, method: tuple[str, int | None]
) -> StoredWeights:
    """How a file's weights are served, where its configuration names that `method`.

    Raises:
        ValueError: it names another, or none.
    """
    stored = served_by_config(config)[0]
    meant, bits = method
    if stored.name == meant and bits in (None, stored.element_bits):
        return stored
    raise ValueError(
        f"the precision of the weights is {name[:40]!r}, a method whose size the model's "
        f"configuration must tell, but that one says {stored.name}: give the config.json of "
        "what was served (--configs), or a name such as int4, awq or gptq."
    )
