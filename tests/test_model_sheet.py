"""`python -m estimator model`: one model's parameters, checkpoint and cache, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from estimator.__main__ import main
from estimator.architecture import Architecture
from estimator.model_sheet import checkpoint_text, sizes_of
from estimator.stored_cache import asked_precision
from estimator.units import bytes_text

GPT2 = {
    "model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "n_positions": 1024,
    "vocab_size": 50257,
}  # fmt: skip


def write(folder: Path, content: Any) -> str:
    file = folder / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["model", *arguments, "--json"]) == 0
    sizes: dict[str, Any] = json.loads(capsys.readouterr().out)
    return sizes


def test_a_dense_model_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = printed(capsys, "llama-3.1-8b")
    assert sizes["n_params"] == sizes["n_active_params"] == 8_030_261_248
    assert sizes["parts"]["mlp"] == 32 * 3 * 4096 * 14336
    assert sizes["checkpoint_bytes"] == 2 * 8_030_261_248
    assert sizes["cache"]["token_adds_bytes"] == 2 * 32 * 8 * 128 * 2
    assert set(sizes["cache"]["sequence_bytes"].values()) == {8192 * 131_072}


def test_published_quantizations_are_in_the_checkpoint_s_bytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """total_size of the published indexes; that of DeepSeek-V3 counts its files' headers, too."""
    assert printed(capsys, "gpt-oss-20b")["checkpoint_bytes"] == 13_761_264_768
    assert printed(capsys, "gpt-oss-120b")["checkpoint_bytes"] == 65_248_815_744
    deepseek = printed(capsys, "deepseek-v3")
    assert deepseek["checkpoint"] == "stored as fp8"
    assert 0.50 < deepseek["checkpoint_bytes"] / (2 * 684_489_845_504) < 0.51


def test_windows_by_three_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Gemma 3 12B: 8 layers keep everything, 40 a window of 1,024; 8,192 bytes a layer's token."""
    cache = printed(capsys, "gemma-3-12b", "--tokens", "32768")["cache"]
    each = 2 * 8 * 256 * 2
    assert cache["sequence_bytes"]["full"] == 48 * 32_768 * each
    assert cache["sequence_bytes"]["ideal"] == (8 * 32_768 + 40 * 1024) * each
    blocks = 2048 + 5 * ((1023 + 2048 + 15) // 16 + 1)
    assert cache["sequence_bytes"]["engine"] == blocks * 8 * 16 * each
    halved = printed(capsys, "gemma-3-12b", "--tokens", "32768", "--cache-bytes", "1")["cache"]
    assert halved["sequence_bytes"]["full"] == 24 * 32_768 * each


def test_the_page_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "deepseek-v3"]) == 0
    page = capsys.readouterr().out
    for told in (
        "DeepSeek-V3, a model of family deepseek_v3", "671,026,404,352", "37,552,282,624",
        "+ prediction layers", "a token adds 70,272 bytes", "made for 163,840 tokens at most",
        "ideal", "engine", "full",
    ):  # fmt: skip
        assert told in page


def test_a_file_at_its_own_precision_with_its_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, GPT2 | {"torch_dtype": "float32"})
    sizes = printed(capsys, file)
    assert sizes["checkpoint_bytes"] == 4 * (354_823_168 + 24 * 1024**2)
    assert sizes["checkpoint"] == "stored as float32"
    assert sizes["beside"] == {"buffers": 24 * 1024**2}
    assert sizes["cache"]["tokens"] == 1024
    assert "tie_word_embeddings true" in sizes["remarks"]


def test_a_checkpoint_that_cannot_be_told_leaves_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, GPT2 | {"quantization_config": {"quant_method": "hqq"}})
    assert main(["model", file]) == 0
    page = capsys.readouterr().out
    assert "not told: quant_method is 'hqq'" in page
    assert "354,823,168" in page


def test_an_encoder_keeps_no_cache(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "t5-v1.1-xxl")["cache"] is None
    assert main(["model", "t5-v1.1-xxl"]) == 0
    assert "an encoder keeps no keys and values" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lama-3.1-8b"], "did you mean 'llama-3.1-8b'"),
        (["none.json"], "none.json cannot be read"),
        (["/dev/zero"], "plain file"),
        (["gpt2", "--tokens", "1025"], "made for sequences of 1,024 tokens at most"),
        (["gpt2", "--tokens", "0"], "tokens is 0"),
        (["gpt2", "--cache-bytes", "0"], "bytes_per_element is 0"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", *arguments]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is no valid JSON"),
        ("[" * 10**6, "nested too deeply"),
        ({"model_type": "mamba"}, "'mamba', a family that is not known here"),
        (GPT2 | {"extra_towers": 2}, "extra_towers"),
        ({"gpt2": {"config": GPT2}}, "model_type"),
    ],
)
def test_a_file_that_cannot_be_sized_is_one_sentence(
    content: Any, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", write(tmp_path, content)]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


FP8_CACHE = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}
SCHEME = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False}


@pytest.mark.parametrize(
    ("quantization", "width"),
    [
        (FP8_CACHE, 1), ({"quant_method": "fp8", "kv_cache_scheme": SCHEME}, 1),
        ({**FP8_CACHE, "kv_cache_quant_algo": "NVFP4"}, 4.5 / 8),
        ({**FP8_CACHE, "kv_cache_quant_algo": None}, 2), ({"quant_method": "fp8"}, 2),
        ({**FP8_CACHE, "kv_cache_scheme": SCHEME}, 1),
        ({"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "int"}}, 1),
        ({"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 4, "type": "float"}}, 4.5 / 8),
    ],
)  # fmt: skip
def test_the_cache_is_as_the_configuration_asks_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quantization: dict[str, Any], width: float
) -> None:
    config = {
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    }  # fmt: skip
    file = write(tmp_path, config | {"quantization_config": quantization})
    cache = printed(capsys, file)["cache"]
    assert cache["bytes_per_element"] == width
    assert cache["token_adds_bytes"] == 2 * 2 * 32 * width
    assert ("asks for a cache in" in cache["asked"]) == (width != 2)
    assert printed(capsys, file, "--cache-bytes", "4")["cache"]["token_adds_bytes"] == 512
    assert main(["model", file]) == 0
    assert ("asks for a cache in" in capsys.readouterr().out) == (width != 2)


@pytest.mark.parametrize(
    "asked",
    [
        {"kv_cache_quant_algo": "FP6"}, {"kv_cache_scheme": {"num_bits": 3, "type": "float"}},
        {"kv_cache_scheme": {"num_bits": [8], "type": {}}}, {"kv_cache_scheme": [1]},
        {"kv_cache_quant_algo": 8}, {"kv_cache_quant_algo": "FP8", "kv_cache_scheme": "NVFP4"},
        {"kv_cache_scheme": {}}, {"kv_cache_scheme": False}, {"kv_cache_quant_algo": ""},
    ],
)  # fmt: skip
def test_a_cache_that_is_not_known_is_told(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^kv_cache_(quant_algo|scheme) (is|and)") as caught:
        asked_precision({"text_config": {"quantization_config": asked}})
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("classes", "tied", "told"),
    [
        (["LlamaForSequenceClassification"], False, "LlamaForSequenceClassification"),
        (["MistralModel"], False, "MistralModel"),
        (["a|b\n" * 99], False, "abab"),
        (["MistralModel"], True, ""),
        (["LlamaForCausalLM"], False, ""),
        (["InternVLChatModel"], False, ""),
        (["Qwen2ForConditionalGeneration"], False, ""),
        (None, False, ""), ([], False, ""), ("LlamaModel", False, ""), ([3, {}], False, ""),
    ],
)  # fmt: skip
def test_a_file_of_a_class_without_an_output_head_is_told(
    classes: Any, tied: bool, told: str
) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000}  # fmt: skip
    config = {"model_type": "llama", **sizes, "tie_word_embeddings": tied, "architectures": classes}
    found = sizes_of("mine", config)
    how = found["checkpoint"]
    assert ("is not one by its name" in how) == bool(told)
    assert told in how
    if told:
        assert bytes_text(found["checkpoint_bytes"] - 2 * 64 * 1000) in how
    assert how in checkpoint_text(config, Architecture.from_hf_config(config))
    assert "\n" not in how
