"""A file whose class is not of the family that its model_type names."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import configuration
from tests.decoders import LLAMA

SAME = "of the family {}; sized as its model_type says, llama, whose parameters are the same."
ADDS = "sized as its model_type says, llama: what that class adds is not counted."


def read(classes: Any, **more: Any) -> Architecture:
    return Architecture.from_hf_config(LLAMA | {"architectures": classes} | more)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("gpt2", "GPT2LMHeadModel"), ("gpt2", "GPT2Model"), ("llama-3.1-8b", "LlamaForCausalLM"),
        ("llama-3.1-8b", "LLaMAForCausalLM"), ("llama-3.1-8b", "LlamaModel"),
        ("llama-3.1-8b", "LlamaForSequenceClassification"), ("gpt-oss-20b", "GptOssForCausalLM"),
        ("qwen3-30b-a3b", "Qwen3MoeForCausalLM"), ("deepseek-v3", "DeepseekV3ForCausalLM"),
        ("qwen3-8b", "Qwen3ForRewardModel"),
    ],
)  # fmt: skip
def test_the_family_s_own_classes_need_no_word(key: str, name: str) -> None:
    config = dict(configuration(key).config) | {"architectures": [name]}
    assert Architecture.from_hf_config(config).remark == ""


def test_kimi_k2_is_built_by_the_class_of_deepseek_v3() -> None:
    config = dict(configuration("deepseek-v3").config)
    config |= {"model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"]}
    assert Architecture.from_hf_config(config).remark == ""
    config["architectures"] = ["DeepseekV2ForCausalLM"]
    with pytest.raises(ValueError, match="of the family deepseek_v2, but model_type is kimi_k2"):
        Architecture.from_hf_config(config)


@pytest.mark.parametrize(
    "named", [None, [], "MixtralForCausalLM", [3, None], {}, ["Remote", "LlamaForCausalLM"]]
)
def test_what_names_no_other_class_is_read_as_before(named: Any) -> None:
    assert read(named).remark == ""


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("MixtralForCausalLM", "of the family mixtral, but model_type is llama, which has other"),
        ("Qwen2ForCausalLM", "of the family qwen2, but model_type is llama"),  # biases
        ("GPT2LMHeadModel", "of the family gpt2, but model_type is llama"),
        ("LlamaForCausalLMEagle", "names LlamaForCausalLMEagle, a drafter with matrices beside"),
        ("EagleLlamaForCausalLM", "names EagleLlamaForCausalLM, a drafter"),
        ("LlamaForCausalLMEagle3", "names LlamaForCausalLMEagle3, a drafter"),
        ("DeepSeekMTPModel", "names DeepSeekMTPModel, a drafter"),
        ("DeepseekV3ForCausalLMNextN", "a drafter"), ("MedusaModel", "a drafter"),
        ("MLPSpeculatorPreTrainedModel", "a drafter"),
    ],
)  # fmt: skip
def test_a_class_of_other_parameters_is_refused(named: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        read([named])
    assert "\n" not in str(caught.value)


def test_a_drafter_beside_the_own_class_is_refused_too() -> None:
    with pytest.raises(ValueError, match="a drafter"):
        read(["LlamaForCausalLM", "LlamaForCausalLMEagle"])


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("MistralForCausalLM", SAME.format("mistral")),
        ("LlavaQwenForCausalLM", ADDS), ("LlamaForCausalLMPlus", ADDS),
        ("SmtpForCausalLM", "names the class SmtpForCausalLM; sized"), ("ForCausalLM", ADDS),
        ("x\n" * 500, "names the class " + "x" * 30 + "; sized"), ("", ADDS),
    ],
)  # fmt: skip
def test_other_classes_are_told(named: str, says: str) -> None:
    model = read([named])
    assert says in model.remark
    assert "\n" not in model.remark
    assert model.n_params == read(None).n_params


def test_the_other_family_counts_where_the_sizes_agree() -> None:
    told = read(["LlamaForCausalLM"], model_type="mistral").remark
    assert told.startswith("The file names the class LlamaForCausalLM, of the family llama; sized")
