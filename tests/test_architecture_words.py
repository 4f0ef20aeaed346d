"""What is wrong with a configuration is told by the name that the reader's file has for it."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from tests.decoders import LATENT, LLAMA, MIXTURE, read


@pytest.mark.parametrize(
    ("config", "family", "key"),
    [
        (LATENT, "deepseek_v3", "n_routed_experts"), (LATENT, "deepseek_v2", "n_routed_experts"),
        (MIXTURE, "qwen3_moe", "num_experts"), (MIXTURE, "mixtral", "num_local_experts"),
    ],
)  # fmt: skip
def test_missing_experts_have_the_family_s_own_name(
    config: dict[str, Any], family: str, key: str
) -> None:
    counts = ("n_routed_experts", "num_experts", "num_local_experts")
    without = {name: value for name, value in config.items() if name not in counts}
    with pytest.raises(ValueError, match=rf"^{key} is missing, but a {family} configuration"):
        read(without, model_type=family)


@pytest.mark.parametrize(
    "text", [None, 3, [LLAMA], "llama", {3: 4}, {f"k{n}": n for n in range(2000)}]
)
def test_a_text_part_that_is_no_object_is_named(text: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^text_config (is|has) "):
        Architecture.from_hf_config({"model_type": "llava", "text_config": text})
