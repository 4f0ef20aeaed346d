"""Build the real module of a configuration."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, T5EncoderModel
from transformers.utils import logging

logging.set_verbosity_error()
warnings.filterwarnings("ignore")


def hf_config(config: dict[str, Any]) -> Any:
    """The configuration as transformers reads it, without tokens out of a small vocabulary."""
    values = {key: value for key, value in config.items() if key != "model_type"}
    tokens = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    return AutoConfig.for_model(config["model_type"], **{**tokens, **values})


def build(config: dict[str, Any], device: str = "meta") -> Any:
    """The module, on the meta device unless it is to run."""
    made = hf_config(config)
    with torch.device(device):
        if config["model_type"] == "t5":
            return T5EncoderModel(made)
        return AutoModelForCausalLM.from_config(made, attn_implementation="eager")


def trainable(module: Any) -> int:
    """Parameters that training changes, tied ones once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
