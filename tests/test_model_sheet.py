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
from estimator.units import prefixed_text
from tests.decoders import GPT2, LLAMA


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


def test_a_model_of_the_catalog_by_its_name_on_the_hub(capsys: pytest.CaptureFixture[str]) -> None:
    written = printed(capsys, "meta-llama/Llama-3.1-8B-Instruct")
    assert (
        written.pop("name") == "meta-llama/Llama-3.1-8B-Instruct, the architecture of Llama 3.1 8B"
    )
    plain = printed(capsys, "llama-3.1-8b")
    assert plain.pop("name") == "Llama 3.1 8B"
    assert written == plain


def test_an_encoder_keeps_no_cache(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "t5-v1.1-xxl")["cache"] is None
    assert main(["model", "t5-v1.1-xxl"]) == 0
    assert "an encoder keeps no keys and values" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lama-3.1-8b"], "did you mean 'llama-3.1-8b'"),
        (["none.json"], "none.json cannot be read"),
        (["none/of/these"], "none/of/these cannot be read"),
        (["./Qwen3-8B"], "./Qwen3-8B cannot be read"),
        (["acme/secret-7b"], "model is 'acme/secret-7b', which is not on the list"),
        (["Qwen/Qwen3-8B-FP8"], "does not tell: give its config.json, or qwen3-8b for its"),
        (["mistralai/Mixtral-8x22B-v0.1"], "not the catalog's mixtral-8x22b, whose vocabulary"),
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
    file = write(tmp_path, LLAMA | {"quantization_config": quantization})
    cache = printed(capsys, file)["cache"]
    assert cache["bytes_per_element"] == width
    assert cache["token_adds_bytes"] == 2 * 2 * 32 * width
    assert ("asks for a cache in" in cache["asked"]) == (width != 2)
    assert printed(capsys, file, "--cache-bytes", "4")["cache"]["token_adds_bytes"] == 512
    assert main(["model", file]) == 0
    page = capsys.readouterr().out
    assert ("asks for a cache in" in page) == (width != 2)
    assert ("bytes at 1 byte a number" in page) == (width == 1)


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
        (["LlamaForConditionalGeneration"], False, ""),
        # One class with a head is enough, and without any the first is named.
        (["LlamaModel", "LlamaForCausalLM"], False, ""),
        (["MistralModel", "LlamaModel"], False, "MistralModel"),
        (None, False, ""), ([], False, ""), ("LlamaModel", False, ""), ([3, {}], False, ""),
    ],
)  # fmt: skip
def test_a_file_of_a_class_without_an_output_head_is_told(
    classes: Any, tied: bool, told: str
) -> None:
    config = {**LLAMA, "tie_word_embeddings": tied, "architectures": classes}
    found = sizes_of("mine", config)
    how, head = found["checkpoint"], 4 * 64 * 100
    assert ("without an output head, as its class" in how) == bool(told)
    assert told in how
    assert found["n_params"] == Architecture.from_hf_config(config).n_params
    labels = 4 * 2 * 64 * told.endswith("ForSequenceClassification")
    whole = 4 * found["n_params"]
    assert found["checkpoint_bytes"] == (whole - head + labels if told else whole)
    assert (f"with one it would be {prefixed_text(whole, 'B')}" in how) == bool(told)
    assert how in checkpoint_text(config, Architecture.from_hf_config(config))
    assert "\n" not in how


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ({"num_labels": 1}, 1), ({"id2label": {"0": "a", "1": "b", "2": "c"}}, 3), ({}, 2),
        ({"num_labels": 0}, 2), ({"num_labels": 10**9}, 10**9),
        ({"num_labels": -5}, 2), ({"num_labels": "9"}, 2),
        ({"num_labels": 10**400}, 2), ({"num_labels": True}, 2), ({"id2label": []}, 2),
    ],
)  # fmt: skip
def test_what_tells_labels_is_in_the_checkpoint(told: dict[str, Any], labels: int) -> None:
    """As transformers builds them: Linear(hidden_size, num_labels), for tokens with a bias."""
    config = {**LLAMA, "torch_dtype": "bfloat16",
              "tie_word_embeddings": True, **told}  # fmt: skip
    bare = sizes_of("mine", config)["checkpoint_bytes"]
    for kind, each in (("Sequence", 64), ("Token", 65), ("QuestionAnswering", 0)):
        named = config | {"architectures": [f"LlamaFor{kind}Classification"]}
        if not each:
            named["architectures"] = [f"LlamaFor{kind}"]
        found = sizes_of("mine", named)
        assert found["checkpoint_bytes"] - bare == 2 * labels * each
        assert ("without what its class may have of its own" in found["checkpoint"]) == (not each)
    model = sizes_of("mine", config | {"architectures": ["LlamaModel"]})
    assert model["checkpoint"] == "stored as bfloat16"


@pytest.mark.parametrize(
    ("name", "headless"),
    [
        ("Qwen3-Embedding-8B/config.json", True), ("Qwen/Qwen3-VL-Embedding-8B", True),
        ("/models/Salesforce--SFR-Embedding-Mistral/config.json", True),
        ("nv-embed-v2.json", True), ("embeddings/config.json", False),
        ("Qwen3-Reranker-8B/config.json", False), ("my-embedded-model/config.json", False),
        ("/home/qwen3-embedding-8b/mine/other/config.json", False),
        ("/hub/models--Qwen--Qwen3-Embedding-8B/snapshots/1d8ad4c/config.json", True),
    ],
)  # fmt: skip
def test_a_name_that_says_embedding_has_no_head_in_its_files(name: str, headless: bool) -> None:
    config = {**LLAMA, "model_type": "qwen3", "torch_dtype": "bfloat16",
              "tie_word_embeddings": False, "architectures": ["Qwen3ForCausalLM"]}  # fmt: skip
    sizes = sizes_of(name, config)
    head = 64 * 100 if headless else 0
    assert sizes["checkpoint_bytes"] == 2 * (sizes["n_params"] - head)
    assert ("as its name says embedding" in sizes["checkpoint"]) == headless
    tied = sizes_of(name, config | {"tie_word_embeddings": True})
    assert tied["checkpoint"] == "stored as bfloat16"
    inside = sizes_of("config.json", config | {"_name_or_path": name.removesuffix("/config.json")})
    assert ("embedding" in inside["checkpoint"]) == headless


def test_a_file_that_names_no_precision_is_of_float32(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, LLAMA)
    sizes = printed(capsys, file)
    assert sizes["checkpoint_bytes"] == 4 * sizes["n_params"]
    assert "as float32, for which transformers takes a file that names no" in sizes["checkpoint"]
    narrow = prefixed_text(2 * sizes["n_params"], "B")
    assert f"(at 16 bits it would be {narrow})" in sizes["checkpoint"]
    # A quantized file that leaves it out, as gpt-oss's did, keeps the rest in 16 bits.
    fp8 = {**LLAMA, "quantization_config": {"quant_method": "fp8"}}
    assert printed(capsys, write(tmp_path, fp8))["checkpoint_bytes"] < 2 * sizes["n_params"]
    assert "since the catalog names no precision" in printed(capsys, "gpt2")["checkpoint"]


VL = {
    "model_type": "qwen2_vl", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300, "vision_config": {},
}  # fmt: skip


def test_keys_of_other_parts_are_printed_as_text() -> None:
    """A file may name anything there: a line's end, a terminal's colours, half a character."""
    odd = {"vision_\nx": 1, "image_\x1b[31m": 1, "video_\ud800": 1, "vision_" + "x" * 10**5: 1}
    config = {**VL, **odd}
    remark = sizes_of("mine", config)["remarks"]
    assert remark.isprintable()
    assert (
        "language model: vision_config, 'vision_\\nx', 'image_\\x1b[31m', 'video_\\ud800'" in remark
    )
    assert len(remark) < 400
    many = {f"vision_{n}": n for n in range(900)}
    told = sizes_of("mine", {**VL, **many})["remarks"]
    assert "vision_18, and 881 more." in told
