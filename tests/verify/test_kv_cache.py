"""The cache formula against a cache: small models with random weights run on the CPU.

What counts for a cache is real (layers, key-value heads, head size), all else is kept small.
`python -m tests.verify.test_kv_cache` writes what it finds into `verified_cache.csv`, from which
lesson 03 reads; as a test it holds the formulas, and that file, to the byte.
"""

from __future__ import annotations

import csv
import datetime
import importlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from estimator.catalog.measured import verified_caches
from estimator.memory import kv_cache_bytes, window_cache_bytes

FILE = Path(__file__).parents[2] / "estimator" / "catalog" / "verified_cache.csv"
ELEMENT_BYTES = 2  # bfloat16
VOCABULARY = 64


@dataclass(frozen=True)
class Case:
    """A model to build: the shape of its cache, and how much is put into it."""

    case: str
    attention: str
    model_class: str
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    tokens: int
    batch: int = 1
    window: int = 0
    window_layers: int = 0


CASES = (
    Case("the guide's model", "MHA", "GPT2LMHeadModel", 24, 16, 16, 64, tokens=128),
    Case("Llama 3.1 8B", "GQA", "LlamaForCausalLM", 32, 32, 8, 128, tokens=128, batch=2),
    Case("Falcon 7B", "MQA", "LlamaForCausalLM", 32, 71, 1, 64, tokens=128, batch=2),
    Case("Gemma 2 9B, window of 64", "GQA with windows", "Gemma2ForCausalLM", 42, 16, 8, 256,
         tokens=96, batch=2, window=64, window_layers=21),
    Case("Mistral class, window of 64", "GQA with windows", "MistralForCausalLM", 32, 32, 8, 128,
         tokens=96, window=64, window_layers=32),
)  # fmt: skip


def build(case: Case) -> Any:
    """The model with random weights, narrow wherever the cache does not notice."""
    transformers, torch = map(importlib.import_module, ("transformers", "torch"))
    classes = {
        "GPT2LMHeadModel": transformers.GPT2Config,
        "LlamaForCausalLM": transformers.LlamaConfig,
        "Gemma2ForCausalLM": transformers.Gemma2Config,
        "MistralForCausalLM": transformers.MistralConfig,
    }
    no_tokens = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if case.model_class == "GPT2LMHeadModel":
        # GPT-2 has no head size of its own, so its width is that of all heads.
        config = classes[case.model_class](
            n_embd=case.n_heads * case.head_dim, n_layer=case.n_layers, n_head=case.n_heads,
            n_inner=64, vocab_size=VOCABULARY, n_positions=case.tokens, **no_tokens,
        )  # fmt: skip
    else:
        window = {"sliding_window": case.window} if case.window else {}
        config = classes[case.model_class](
            hidden_size=2 * case.n_heads, intermediate_size=64, num_hidden_layers=case.n_layers,
            num_attention_heads=case.n_heads, num_key_value_heads=case.n_kv_heads,
            head_dim=case.head_dim, vocab_size=VOCABULARY, **window, **no_tokens,
        )  # fmt: skip
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()


def tensor_bytes(case: Case) -> int:
    """Bytes of all keys and values that the model keeps after it has read a prompt."""
    torch = importlib.import_module("torch")
    ids = torch.zeros((case.batch, case.tokens), dtype=torch.long)
    with torch.no_grad():
        cache = build(case)(input_ids=ids, use_cache=True).past_key_values
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def formula_bytes(case: Case, window: int) -> int:
    """What the estimator says; a window of 0 is none."""
    shape = (case.n_kv_heads, case.head_dim, case.tokens)
    if not window:
        return int(kv_cache_bytes(case.n_layers, *shape, case.batch, ELEMENT_BYTES))
    full = case.n_layers - case.window_layers
    layers = (full, case.window_layers)
    return int(window_cache_bytes(*layers, *shape, window, case.batch, ELEMENT_BYTES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_the_formula_gives_the_bytes_of_the_tensors(case: Case) -> None:
    # The current token is the window's last, so only the others have to be kept for the next one.
    measured = tensor_bytes(case)
    assert formula_bytes(case, window=case.window and case.window - 1) == measured
    assert verified_caches()[case.case].tensor_bytes == measured


def test_the_file_holds_these_cases_and_no_others() -> None:
    kept = [asdict(cache) for cache in verified_caches().values()]
    assert [{name: row[name] for name in asdict(CASES[0])} for row in kept] == list(
        map(asdict, CASES)
    )


def write() -> None:
    """Measure every case and write the file that the lesson reads."""
    versions = {name: importlib.import_module(name) for name in ("transformers", "torch")}
    rows = [
        {
            **asdict(case),
            "element_bytes": ELEMENT_BYTES,
            "tensor_bytes": tensor_bytes(case),
            "transformers": versions["transformers"].__version__,
            "torch": versions["torch"].__version__.partition("+")[0],
            "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        for case in CASES
    ]
    with FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write()
