"""A reader's own config.json in lesson 01."""

import json
from pathlib import Path
from typing import Any

import pytest

from estimator.catalog import configuration
from estimator.lesson import inputs, write_result
from estimator.lesson.architectures import configuration_results, parts_table
from tests.decoders import GPT2
from tests.running import warm_papermill


def test_a_file_of_the_readers_own(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    text = str(parts_table(str(path)))
    assert "total | 354,823,168 parameters" in text
    assert "A token uses 354,823,168 of them (100 %)." in text


def test_without_a_file_a_published_mixture_stands_in() -> None:
    text = str(parts_table(""))
    assert "Mixtral 8x7B" in text
    assert "total | 46,702,792,704 parameters" in text
    assert "A token uses 12,879,925,248 of them (28 %)." in text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is no valid JSON"),
        ("[]", "config"),
        ('{"model_type": "mamba"}', "'mamba', a family that is not known here"),
        (json.dumps(GPT2 | {"n_layer": -3}), "n_layer is -3"),
        (json.dumps(GPT2 | {"extra_towers": 2}), "extra_towers"),
    ],
)
def test_what_is_not_understood_is_one_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises((ValueError, TypeError)) as caught:
        parts_table(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_lesson_reads_the_file_and_stops_without_it(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    assert warm_papermill("01-model-storage", tmp_path, config_path=path).returncode == 0
    assert "354,823,168 parameters" in (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    done = warm_papermill("01-model-storage", tmp_path, config_path=tmp_path / "none.json")
    assert done.returncode != 0
    assert "none.json cannot be read (No such file or directory)" in done.stderr
    assert "config_path: " in done.stderr


def test_the_checkpoint_is_told_at_its_own_precision(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2 | {"torch_dtype": "float32"}))
    # Weights and the masks of 24 layers, four bytes a number.
    size = 4 * (354_823_168 + 24 * 1024**2)
    assert configuration_results(str(path))["config_checkpoint_bytes"] == size
    text = str(parts_table(str(path)))
    assert "The checkpoint, stored as float32, takes 1.52 GB (1.42 GiB)." in text
    published = str(parts_table(""))
    assert "at 16 bits, since the catalog names no precision, takes 93.41 GB" in published
    path.write_text(json.dumps(GPT2))
    assert "names no precision (at 16 bits it would be 759.98 MB), takes 1.52" in str(
        parts_table(str(path))
    )
    path.write_text(json.dumps(GPT2 | {"quantization_config": {"quant_method": "hqq"}}))
    assert "bytes are not told: quant_method is 'hqq'" in str(parts_table(str(path)))


def test_what_was_assumed_is_told_with_its_value(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    assert "the file does not say: tie_word_embeddings true (" in str(parts_table(str(path)))


def test_the_result_file_has_the_readers_own_counts(tmp_path: Path) -> None:
    path, result = tmp_path / "config.json", tmp_path / "result.json"
    mixtral = dict(configuration("mixtral-8x7b").config) | {"torch_dtype": "bfloat16"}
    path.write_text(json.dumps(mixtral))
    counts = configuration_results(str(path))
    write_result("01", str(result), inputs(n_params=3e9), None, None, **counts)
    results = json.loads(result.read_text())["results"]
    assert results["config_params"] == {"value": 46_702_792_704, "unit": "parameter"}
    assert results["config_active_params"] == {"value": 12_879_925_248, "unit": "parameter"}
    assert results["config_checkpoint_bytes"] == {"value": 2 * 46_702_792_704, "unit": "byte"}


def test_without_a_file_a_result_has_no_counts_of_its_own(tmp_path: Path) -> None:
    assert configuration_results("") == {}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2 | {"quantization_config": {"quant_method": "hqq"}}))
    assert set(configuration_results(str(path))) == {"config_params", "config_active_params"}
    with pytest.raises(ValueError, match=r"^config_path: .*none.json cannot be read"):
        configuration_results(str(tmp_path / "none.json"))
    with pytest.raises(ValueError, match=r"^config_path: \. cannot be read \(Is a directory\)"):
        configuration_results(".")


@pytest.mark.parametrize("path", [7, 1.5, True, None, [], {}, "a\0b"])
def test_a_path_that_is_none_is_a_sentence_and_no_stand_in(path: Any) -> None:
    for read in (parts_table, configuration_results):
        with pytest.raises(TypeError, match=r"config_path is .* the path of a config\.json"):
            read(path)
