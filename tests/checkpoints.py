"""Small quantized checkpoints and their bytes, for the tests of stored weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from estimator.architecture import Architecture
from estimator.stored_weights import StoredWeights, checkpoint_bytes, stored_by_config
from tests.decoders import LATENT, LLAMA, Config

FP8 = {"quant_method": "fp8"}
# A dense layer, then two of experts, all with latent attention.
MIXTURE: Config = {**LATENT, "num_nextn_predict_layers": 0}


def stored(config: Config, quantization: Config, **changes: Any) -> StoredWeights:
    return stored_by_config({**config, "quantization_config": {**quantization, **changes}})


def blocks_alone(found: StoredWeights) -> StoredWeights:
    """Without what each matrix has once, whose tests are those of `test_once_a_matrix`."""
    return replace(found, scales=tuple(one for one in found.scales if one.rows or one.columns))


def size(config: Config, quantization: Config, **changes: Any) -> float:
    """Bytes of a checkpoint, without what each matrix has once."""
    model = Architecture.from_hf_config(config)
    return checkpoint_bytes(model, blocks_alone(stored(config, quantization, **changes)))


def whole_size(quantization: Config, config: Config = LLAMA) -> float:
    """Bytes of a checkpoint with all that stands in it, what is not quantized at 16 bits."""
    whole = {**config, "torch_dtype": "bfloat16", "quantization_config": quantization}
    model = Architecture.from_hf_config(whole)
    return checkpoint_bytes(model, stored_by_config(whole, model))
