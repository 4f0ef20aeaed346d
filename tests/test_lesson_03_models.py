"""Lesson 03's real models: three answers, rules of thumb, and a configuration that is pasted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from estimator import catalog
from estimator.catalog.shapes import shapes
from estimator.lesson import lesson_03
from estimator.lesson.controls import OWN
from estimator.lesson.lesson_03_engine import window_table
from estimator.lesson.lesson_03_figures import cache_figure
from estimator.lesson.lesson_03_models import answers_table, rules_table
from estimator.lesson.lesson_03_plan import plan
from estimator.lesson.lesson_03_service import memory_answer, stack_table
from estimator.memory_budget import Plan as BudgetPlan
from estimator.memory_budget import budget
from estimator.stored_weights import stored_as
from estimator.units import GiB
from tests.decoders import LLAMA
from tests.lesson_03_panel import panel
from tests.seen import rows, status

TINY = {**LLAMA, "vocab_size": 1000, "max_position_embeddings": 512}


def test_three_answers_by_hand() -> None:
    table = rows(lesson_03.answers_table())
    n = 32_768
    by_hand = {
        "Llama 3.1 8B": (32 * 4096 * n, 32 * 4096 * n),
        "Mixtral 8x7B": (32 * 4096 * n, 32 * 4096 * n),
        "Mistral 7B v0.1": (32 * 4096 * 4096, 32 * 4096 * n),
        "Gemma 3 12B": (8192 * (8 * n + 40 * 1024), 48 * 8192 * n),
        "gpt-oss 20B": (2048 * (12 * n + 12 * 128), 24 * 2048 * n),
        "Llama 4 Scout": (4096 * (12 * n + 36 * 8192), 48 * 4096 * n),
        "DeepSeek-V3": (61 * 1152 * n, 61 * 1152 * n),
    }
    assert list(table) == list(by_hand)
    for name, sizes in by_hand.items():
        told = [table[name][place] for place in (1, 3)]
        for size, text in zip(sizes, told, strict=True):
            number, unit = text.split()
            assert float(number) == pytest.approx(size / {"GB": 1e9, "MB": 1e6}[unit], abs=0.0051)
    # Gemma 3 12B: a group of 8 layers that see all, five with windows; a page is 8 x 16 x 8,192.
    pages = 2048 + 5 * ((1023 + 8192 + 15) // 16 + 1)
    assert table["Gemma 3 12B"][2].split() == f"{pages * 8 * 16 * 8192 / 1e9:.2f} GB".split()


def test_rules_of_thumb_by_hand() -> None:
    table = rows(lesson_03.rules_table())
    assert table["Llama 3.1 8B"] == [f"{8e9 / 8_030_261_248:.3f} x", "-", "4.00 x", "-"]
    assert table["Mixtral 8x7B"][0] == f"{56e9 / 46_702_792_704:.2f} x"
    # Mistral 7B v0.1 is Mixtral's dense brother, to the vocabulary.
    assert table["Mixtral 8x7B"][1] == f"{7_241_732_096 / 46_702_792_704:.3f} x"
    deepseek = table["DeepSeek-V3"]
    assert deepseek[2] == f"{2 * 7168 / 576:.2f} x"
    assert deepseek[3] == f"{128 * (192 + 128) / 576:.2f} x"
    assert table["Mistral 7B v0.1"][3] == "8.00 x"


def test_the_panel_takes_every_model_of_the_catalog_that_keeps_a_cache() -> None:
    offered = {key for _, key in panel().boxes["model"].options} - {OWN}
    assert offered == set(shapes())
    assert set(catalog.configurations()) - offered == {"t5-v1.1-xxl"}
    for key in ("mixtral-8x7b", "gpt-oss-20b", "gemma-3-12b", "llama-4-scout"):
        p = plan(key, "H100-SXM", tensor_parallel=2)
        exact = catalog.architecture(key)
        assert p.all_weights == exact.n_params * 2
        assert p.cache * 2 == exact.cache_bytes(8192, rule="engine", chunk_tokens=8192)


def eight(kind: str) -> dict[str, Any]:
    weights = {"num_bits": 8, "type": kind, "strategy": "tensor"}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return {"quant_method": "compressed-tensors", "config_groups": groups}


def test_a_model_at_its_files_own_precision_takes_their_bytes() -> None:
    p = plan("gpt-oss-120b", "H100-SXM", weight_precision="MXFP4")
    stage = budget(catalog.architecture("gpt-oss-120b"), BudgetPlan(stored_as("mxfp4")), 80 * GiB)
    parts = stage[0].weight_parts
    assert p.as_stored
    assert p.all_weights == pytest.approx(stage[0].weight_bytes - parts["table of rotations"])
    assert p.all_weights / GiB == pytest.approx(64.38, rel=0.01), "as vLLM logged it"
    answer = status(panel(model="gpt-oss-120b", weight_precision="MXFP4"))
    assert "counted as its files store them (mxfp4)" in answer
    for precision in ("BF16", "NVFP4"):
        other = plan("gpt-oss-120b", "H100-SXM", weight_precision=precision)
        bits = catalog.precision(precision).bits_per_weight
        assert other.all_weights == other.shape.n_params * bits / 8
        answer = status(panel(model="gpt-oss-120b", weight_precision=precision))
        assert "stored as mxfp4 (MXFP4); here every parameter has the chosen" in answer
    assert "embeddings and output head too" in stack_table(p).note


@pytest.mark.parametrize("make", [answers_table, rules_table, window_table, cache_figure])
def test_a_sequence_has_a_token_at_least(make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="tokens is 0, but the sequence length must be a whole"):
        make(tokens=0)


def packed(rows: int) -> dict[str, Any]:
    weights = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": rows}
    return {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }  # fmt: skip


class TestPasted:
    def test_a_configuration_is_taken_at_once_and_left_again(self) -> None:
        shown = panel()
        shown.boxes["config_text"].value = json.dumps(TINY)
        assert shown.boxes["model"].value == OWN
        assert status(shown).startswith("The pasted llama model (BF16 weights) on one A100")
        assert (
            "for sequences of 512 tokens, and these have 8,192. It has 202,048 parameters."
            in status(shown)
        )
        shown.boxes["model"].value = "mixtral-8x7b"
        assert status(shown).startswith("Mixtral 8x7B")
        assert not shown.errors

    def test_a_longer_length_of_the_file_is_no_longer_warned_of(self) -> None:
        command_r = dict(catalog.configuration("command-r-v01").config)
        command_r["dtype"] = "float16"
        text = {
            told: json.dumps(command_r | {"model_max_length": told}) for told in (131_072, None)
        }
        given = (OWN, "B200-SXM", 1, 1, 131_072, "FP8", "FP8")
        long, short = (memory_answer(given[0], text[told], *given[1:]) for told in (131_072, None))
        assert "Mind that" not in long.sentence
        assert "was made for sequences of 8,192 tokens" in short.sentence
        fits = str(long.tables[1]), str(short.tables[1])
        assert "longest context at 1 sequence | 131,072 tokens\n" in fits[0]
        assert "longest context at 1 sequence | 8,192 tokens, within what the model was" in fits[1]

    def test_it_counts_as_the_catalog_does(self) -> None:
        key = "deepseek-v3"
        shown = panel(model=key, weight_precision="FP8")
        published = status(shown)
        shown.boxes["config_text"].value = json.dumps(dict(catalog.configuration(key).config))
        own = status(shown)
        assert own.partition(": ")[2].startswith(published.partition(": ")[2].partition(". ")[0])

    @pytest.mark.parametrize(
        ("quantization", "precision"),
        [
            ({"quant_method": "fp8"}, "FP8"), ({"quant_algo": "NVFP4"}, "NVFP4"),
            ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "INT4 g128"),
            ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8"),
            (eight("int"), "INT8"), (eight("float"), "FP8"),
        ],
    )  # fmt: skip
    def test_a_quantized_one_starts_at_its_own_precision(
        self, quantization: dict[str, Any], precision: str
    ) -> None:
        shown = panel()
        config = TINY | {"quantization_config": quantization}
        shown.boxes["config_text"].value = json.dumps(config)
        assert shown.boxes["weight_precision"].value == precision
        assert f"({precision} weights)" in status(shown)
        assert "counted as its files store them (" in status(shown)
        shown.boxes["weight_precision"].value = "BF16"
        assert f"({precision}); here every parameter has the chosen" in status(shown)
        shown.boxes["model"].value = "llama-3.1-8b"
        assert "files" not in status(shown)

    @pytest.mark.parametrize(
        ("quantization", "named"),
        [
            ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "4-bit bitsandbytes"),
            (packed(32), "4-bit compressed-tensors"), (packed(128), "INT4 g128"),
            ({"quant_method": "awq", "bits": 4, "group_size": 128}, "INT4 g128"),
            ({"quant_method": "awq", "bits": 4, "group_size": 64}, "4-bit awq"),
        ],
    )  # fmt: skip
    def test_weights_of_4_bits_are_named_as_they_are_stored(
        self, quantization: dict[str, Any], named: str
    ) -> None:
        shown = panel()
        shown.boxes["config_text"].value = json.dumps(TINY | {"quantization_config": quantization})
        assert f"({named} weights)" in status(shown)
        assert ("; INT4 g128 is the nearest choice)" in status(shown)) == (named != "INT4 g128")
        shown.boxes["weight_precision"].value = "BF16"
        own = named if named != "INT4 g128" else f"{quantization['quant_method']} (INT4 g128)"
        assert f"Its files are stored as {own}; here every" in status(shown)

    def test_a_mark_before_the_text_is_no_part_of_it(self) -> None:
        shown = panel()
        shown.boxes["config_text"].value = "\ufeff" + json.dumps(TINY)
        assert "The pasted llama model" in status(shown)
        assert not shown.errors

    def test_the_cache_starts_at_the_precision_that_is_asked(self) -> None:
        shown = panel()
        fp8 = {"quant_method": "modelopt", "quant_algo": "FP8"}
        config = TINY | {"quantization_config": fp8 | {"kv_cache_quant_algo": "FP8"}}
        shown.boxes["config_text"].value = json.dumps(config)
        assert shown.boxes["cache_precision"].value == "FP8"
        assert "Its files ask for a cache in FP8." in status(shown)
        config["quantization_config"] = fp8 | {"kv_cache_quant_algo": "NVFP4"}
        shown.boxes["cache_precision"].value = "BF16"
        shown.boxes["config_text"].value = json.dumps(config)
        assert shown.boxes["cache_precision"].value == "BF16"
        assert "Its files ask for a cache in NVFP4." in status(shown)
        config["quantization_config"] = fp8 | {"kv_cache_quant_algo": "FP3"}
        shown.boxes["config_text"].value = json.dumps(config)
        assert "Of its cache: kv_cache_quant_algo is 'FP3'" in status(shown)
        config["quantization_config"] = fp8
        shown.boxes["config_text"].value = json.dumps(config)
        assert "ask for a cache" not in status(shown)

    @pytest.mark.parametrize(
        ("quantization", "sentence"),
        [
            (
                {"quant_method": "gptq", "bits": 3, "group_size": 128},
                "stored as gptq; here every parameter has",
            ),
            ({"quant_method": "hqq"}, "that of its files is not known: quant_method is 'hqq'"),
            ([1], "quantization_config is a list, but in a llama configuration it must be an"),
        ],
    )
    def test_a_precision_that_is_not_listed_is_told(
        self, quantization: object, sentence: str
    ) -> None:
        shown = panel()
        config = TINY | {"quantization_config": quantization}
        shown.boxes["config_text"].value = json.dumps(config)
        assert shown.boxes["weight_precision"].value == "BF16"
        assert sentence in status(shown)

    def test_what_the_file_does_not_say_is_told(self) -> None:
        shown = panel()
        config = {key: value for key, value in TINY.items() if key != "num_key_value_heads"}
        shown.boxes["config_text"].value = json.dumps(config | {"model_type": "mistral"})
        assert "num_key_value_heads" in status(shown)

    @pytest.mark.parametrize("named", ["Qwen2Model", "Qwen2ForSequenceClassification"])
    def test_a_class_without_an_output_head_is_counted_without_one(self, named: str) -> None:
        config = dict(catalog.configuration("qwen2.5-7b").config) | {"dtype": "bfloat16"}
        given = ("H100-SXM", 1, 1, 8192, "BF16", "BF16")
        whole = memory_answer(OWN, json.dumps(config | {"architectures": ["Qwen2ForCausalLM"]}),
                              *given)  # fmt: skip
        told = memory_answer(OWN, json.dumps(config | {"architectures": [named]}), *given)
        assert rows(whole.tables[0])["weights"][0].startswith("15.23")
        assert rows(told.tables[0])["weights"][0].startswith(
            "14.14"
        )  # less 152,064 x 3,584 weights
        head = f"It is counted without an output head, as its class {named} has none."
        assert head in told.sentence
        assert head not in whole.sentence
        assert f"It has {7_615_616_512 - 152_064 * 3584:,} parameters." in told.sentence

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("{", "the pasted text is no valid JSON"),
            ("[1]", "the configuration is a list, but it must be a JSON object"),
            ('{"model_type": "mamba"}', "model_type is 'mamba', a family that is not known here"),
            (json.dumps(TINY | {"hidden_size": "64"}), "hidden_size is '64', but in a llama"),
            (json.dumps(TINY | {"n_slots": 3}), "the key 'n_slots' (3) is not understood"),
            ("[" * 100_000, "the pasted text is nested too deeply to read"),
            (" " * 1_000_001 + "{}", "but at most 1,000,000 are read"),
            ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
            (json.dumps(dict(catalog.configuration("t5-v1.1-xxl").config)), "keeps no cache"),
        ],
        ids=["damaged", "list", "family", "type", "key", "deep", "long", "twice", "encoder"],
    )  # fmt: skip
    def test_what_is_none_gets_a_sentence(self, text: str, sentence: str) -> None:
        shown = panel()
        shown.boxes["config_text"].value = text
        assert sentence in status(shown)
        assert all(isinstance(error, ValueError) for error in shown.errors)
        assert "Below stands the last answer" in shown.output.value
        shown.boxes["model"].value = "llama-3.1-70b"
        assert "Below stands the last answer" not in shown.output.value

    def test_without_a_text_it_asks_for_one(self) -> None:
        shown = panel()
        shown.boxes["model"].value = OWN
        assert "the box for a configuration is empty: paste the content" in status(shown)

    def test_a_name_of_a_file_cannot_write_on_the_page(self) -> None:
        shown = panel()
        shown.boxes["config_text"].value = json.dumps(TINY | {"<b>": 1})
        assert "<b>" not in shown.output.value
