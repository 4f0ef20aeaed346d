"""Lesson 03's real models: three answers, rules of thumb, and a configuration that is pasted."""

import json

import pytest

from estimator import catalog
from estimator.catalog.shapes import shapes
from estimator.lesson import lesson_03
from estimator.lesson.controls import OWN
from estimator.lesson.lesson_03_plan import plan
from tests.lesson_03_panel import panel, rows, status

TINY = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 1000,
    "max_position_embeddings": 512,
}  # fmt: skip


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


class TestPasted:
    def test_a_configuration_is_taken_at_once_and_left_again(self) -> None:
        shown = panel()
        shown.boxes["config_text"].value = json.dumps(TINY)
        assert shown.boxes["model"].value == OWN
        assert status(shown).startswith("The pasted llama model (BF16 weights) on one A100")
        assert "for sequences of 512 tokens. It has 202,048 parameters." in status(shown)
        shown.boxes["model"].value = "mixtral-8x7b"
        assert status(shown).startswith("Mixtral 8x7B")
        assert not shown.errors

    def test_it_counts_as_the_catalog_does(self) -> None:
        key = "deepseek-v3"
        shown = panel(model=key)
        published = status(shown)
        shown.boxes["config_text"].value = json.dumps(dict(catalog.configuration(key).config))
        own = status(shown)
        assert own.partition(": ")[2].startswith(published.partition(": ")[2].partition(". ")[0])

    def test_what_the_file_does_not_say_is_told(self) -> None:
        shown = panel()
        config = {key: value for key, value in TINY.items() if key != "num_key_value_heads"}
        shown.boxes["config_text"].value = json.dumps(config | {"model_type": "mistral"})
        assert "num_key_value_heads" in status(shown)

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
