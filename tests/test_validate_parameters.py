"""`python -m estimator validate parameters`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from estimator.__main__ import main
from estimator.catalog import configurations
from tests import decoders
from tests.decoders import GPT2

LLAMA = {**decoders.LLAMA, "vocab_size": 1000}


def write(folder: Path, content: Any) -> str:
    file = folder / "models.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, {"gpt2-medium": {"parameters": 354823168, "config": GPT2}})
    assert main(["validate", "parameters", file]) == 0
    printed = capsys.readouterr().out
    assert "354,823,168" in printed
    assert printed.endswith("1 of 1 models match.\n")


def test_a_wrong_count_and_an_unknown_family_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {
        "right": {"parameters": 354823168, "config": GPT2},
        "wrong": {"parameters": 354823167, "config": GPT2},
        "other": {"parameters": 1, "config": {"model_type": "mamba"}},
        "empty": 3,
    }
    assert main(["validate", "parameters", write(tmp_path, models), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["models"], answer["matching"]) == (4, 1)
    right, wrong, other, empty = answer["comparisons"]
    assert right["matches"]
    assert right["kv_bytes_per_token"] == 98304
    assert not wrong["matches"]
    assert "mamba" in other["problem"]
    assert "object" in empty["problem"]


def test_one_config_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "parameters", write(tmp_path, GPT2)]) == 0
    assert "354,823,168" in capsys.readouterr().out


def test_assumptions_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    llava = {"model_type": "llava", "text_config": {"model_type": "llama"}}
    assert main(["validate", "parameters", write(tmp_path, llava)]) == 0
    assert "hidden_size 4096" in capsys.readouterr().out


def test_the_catalog_matches_itself(tmp_path: Path) -> None:
    models = {
        row.key: {"parameters": row.n_params, "config": row.config}
        for row in configurations().values()
    }
    assert main(["validate", "parameters", write(tmp_path, models)]) == 0


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "null", '{"a": NaN}', "[" * 10**6, '{"a": ' + "9" * 10**5 + "}",
     '{"a": {"config": {"model_type": "gpt2", "n_embd": 1e999}}'],
)  # fmt: skip
def test_damaged_files_get_a_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "parameters", write(tmp_path, content)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Traceback" not in told


def test_missing_huge_and_binary_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (huge, binary, tmp_path, tmp_path / "none.json"):
        assert main(["validate", "parameters", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_keys_that_are_there_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = json.dumps(GPT2)[:-1] + ', "n_layer": 48}'
    for content in (twice, f'{{"a": {{"config": {twice}}}}}'):
        assert main(["validate", "parameters", write(tmp_path, content)]) == 2
        assert "'n_layer' is there twice" in capsys.readouterr().err
    many = "{" + ", ".join(f'"{n % 300_000}": 1' for n in range(300_001)) + "}"
    start = time.perf_counter()
    assert main(["validate", "parameters", write(tmp_path, many)]) == 2
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("kind", ["parameters", "memory", "serving"])
def test_pipes_and_devices_are_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        assert main(["validate", kind, str(path)]) == 2
        told = capsys.readouterr().err
        assert "plain file" in told
        assert told.count("\n") == 1


def test_parts_that_are_left_out_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    llava = {"model_type": "llava", "text_config": {"model_type": "llama"}, "vision_config": {}}
    file = write(tmp_path, llava)
    assert main(["validate", "parameters", file]) == 0
    printed = capsys.readouterr().out
    assert "left out, no part of the language model: vision_config" in printed
    assert printed.endswith("1 without a published count to compare with.\n")
    assert main(["validate", "parameters", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparisons"][0]["left_out"] == ["vision_config"]


def test_a_configuration_without_its_family_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {key: value for key, value in GPT2.items() if key != "model_type"}
    assert main(["validate", "parameters", write(tmp_path, bare | {"rope_scaling": {}})]) == 2
    assert "the file has no model_type and holds no models" in capsys.readouterr().err


def test_files_without_an_output_head_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The count is the causal language model's; its class, or its name, stores less."""
    whole = 2 * 64_000 + 2 * (12_288 + 24_576 + 128) + 64
    models = {
        "reward": {
            "parameters": whole - 64_000,
            "config": LLAMA | {"architectures": ["LlamaModel"]},
        },
        "Qwen3-Embedding-8B": {"parameters": whole, "config": LLAMA},
        "chat": {"parameters": whole, "config": LLAMA | {"architectures": ["LlamaForCausalLM"]}},
        "tied-embedding": {"config": LLAMA | {"tie_word_embeddings": True}},
    }
    file = write(tmp_path, models)
    assert main(["validate", "parameters", file]) == 1
    printed = capsys.readouterr().out
    told = "its files hold no output head, as its class LlamaModel has none: 138,048, as published"
    assert told in printed
    assert "no output head, as its name says embedding" in printed
    assert printed.count("hold no output head") == 2
    assert main(["validate", "parameters", file, "--json"]) == 1
    heads = [one["head"] for one in json.loads(capsys.readouterr().out)["comparisons"]]
    assert heads == [64_000, 64_000, 0, 0]
    folder = tmp_path / "Qwen3-Embedding-8B"
    folder.mkdir()
    assert main(["validate", "parameters", write(folder, LLAMA)]) == 0
    assert "its name says embedding" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"parameters": "202,048", "config": LLAMA}, "parameters is '202,048', but it must be a"),
        (
            {"parameters": 202048.0, "config": LLAMA},
            "parameters is 202048.0, but it must be",
        ),
        ({"parameters": 0, "config": LLAMA}, "parameters is 0, but it must be"),
        ({"parameters": True, "config": LLAMA}, "parameters is True, but it must be"),
        ({"n_params": 202048, "config": LLAMA}, "the key 'n_params' is not read: name the count"),
    ],
)
def test_a_count_that_is_none_is_told(
    entry: dict[str, Any], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "parameters", write(tmp_path, {"mine": entry})]) == 1
    printed = capsys.readouterr().out
    assert sentence in printed
    assert "0 of 1 models match." in printed


def test_configurations_may_stand_under_their_names_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"bare": LLAMA, "counted": LLAMA | {"parameters": 202_048}, "other": LLAMA}
    assert main(["validate", "parameters", write(tmp_path, models)]) == 0
    printed = capsys.readouterr().out
    assert "1 of 1 models match. 2 without a published count" in printed
    assert main(["validate", "parameters", write(tmp_path, "")]) == 2
    assert "is empty: give JSON." in capsys.readouterr().err
