"""The measuring script, on the CPU and on models small enough for it."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

from tools.measure_steps import TINY, Decoder, main


def measured(tmp_path: Path, *arguments: str) -> list[dict[str, str]]:
    out = tmp_path / "steps.csv"
    small = ["--device=cpu", "--dtype=float32", "--repeats=3", f"--out={out}"]
    assert main([*arguments, *small]) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("model", sorted(TINY))
def test_every_load_is_a_row_with_its_bytes(model: str, tmp_path: Path) -> None:
    loads = ["--batches=1,4", "--contexts=8,64", "--lengths=16,32"]
    rows = measured(tmp_path, model, *loads)
    assert [(row["kind"], row["batch"], row["tokens"]) for row in rows] == [
        ("decode", "1", "8"), ("decode", "1", "64"), ("decode", "4", "8"), ("decode", "4", "64"),
        ("prefill", "1", "16"), ("prefill", "1", "32"),
    ]  # fmt: skip
    facts = TINY[model]
    for row in rows:
        assert float(row["seconds"]) > 0
        assert row["device"] == "cpu"
        assert row["torch"]
        if row["kind"] == "decode":
            each = 2 * facts["n_layers"] * facts["n_kv_heads"] * facts["head_dim"] * 4
            assert int(row["cache_bytes"]) == each * int(row["batch"]) * int(row["tokens"])
    d_model, mlp = facts["d_model"], facts["d_ff"] or facts["expert_d_ff"]
    layer = 2 * d_model * (facts["n_heads"] + facts["n_kv_heads"]) * facts["head_dim"]
    layer += 3 * d_model * mlp * facts.get("n_experts", 1) + d_model * facts.get("n_experts", 0)
    weights = 4 * (facts["n_layers"] * layer + d_model * facts["vocab_size"])
    assert {int(row["weight_bytes"]) for row in rows} == {weights}


@pytest.mark.parametrize("model", sorted(TINY))
def test_a_decode_step_says_the_same_as_a_prefill(model: str) -> None:
    torch = importlib.import_module("torch")
    decoder = Decoder(TINY[model], 2, "cpu", "float32")
    prompt = decoder._random(3, 9, 64)
    cache = decoder.cache(3, 9)
    with torch.inference_mode():
        whole = decoder.forward(prompt, None)
        for place in range(9):
            part = [(keys[:, :, : place + 1], values[:, :, : place + 1]) for keys, values in cache]
            last = decoder.forward(prompt[:, place : place + 1], part)
    assert torch.equal(whole, last)


def test_fewer_layers_and_models_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loads = ["--batches=1", "--contexts=8", "--lengths=8"]
    assert {row["n_layers"] for row in measured(tmp_path, "tiny", "--layers=1", *loads)} == {"1"}
    for model, says in (
        ("deepseek-v3", "latent attention"),
        ("none", "is 'none', which is not on"),
    ):
        assert main([model, "--device=cpu", f"--out={tmp_path / 'no.csv'}"]) == 2
        assert says in capsys.readouterr().err
