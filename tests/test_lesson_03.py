"""Lesson 03's tables against published, logged and measured figures; exercises; papermill."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from estimator import catalog
from estimator.catalog.measured import engine_log, measured_memory, verified_caches
from estimator.catalog.shapes import shape, shapes
from estimator.lesson import check, lesson_03, write_result
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_03_plan import plan
from estimator.lesson.lesson_04 import course_service
from estimator.lesson.lesson_04_bounds import prompt_table
from estimator.memory import kv_cache_bytes
from estimator.units import GiB
from tests.golden import DATA, exact_golden
from tests.running import refusal, results, warm_papermill
from tests.seen import rows

ROOT = Path(__file__).parents[1]
CONFIGS = json.loads((DATA / "model_configs.json").read_text(encoding="utf-8"))


class TestTheGuide:
    def test_its_parameters_in_three_units(self) -> None:
        printed = rows(lesson_03.total_table())["parameters"]
        assert printed == ["708,673,536", "0.70867", "0.66000", "86.3 %", "0.66 GB"]

    def test_its_activations_copy_by_copy(self) -> None:
        sizes = [row[2] for row in lesson_03.activation_parts().rows]
        # By hand, two bytes a number: 1,024; 1,024; 4 x 16 x 64; 2 x 4,096; then 50,000 x 4 bytes.
        assert sizes == ["2,048", "2,048", "8,192", "16,384", "20,480", "200,000"]

    def test_its_cache_is_twice_what_it_prints(self) -> None:
        assert [row[2] for row in lesson_03.factor_table().rows] == [
            "2", "128", "256", "4,096", "98,304", "12,582,912",
        ]  # fmt: skip
        table = rows(lesson_03.factor_table())
        assert table["all heads of a layer"][1:] == ["4,096", "4.10 KB (4.00 KiB)", "2,048 bytes"]
        assert table["a prompt of 128 tokens"][3] == "6,291,456 bytes, ~6 MB"
        assert lesson_03.factor_table().note == (
            "6,291,456 bytes would be 6.29 MB (6.00 MiB): the guide's MB are MiB, too."
        )

    def test_its_total_taken_apart(self) -> None:
        table = lesson_03.total_table()
        assert [str(cell) for cell in table.total] == [
            "total", "821,305,600", "0.82131", "0.76490", "", "0.76 GB",
        ]  # fmt: skip
        assert rows(table)["cache"][:3] == ["12,582,912", "0.01258", "0.01172"]
        assert "821,568,768" in table.note
        assert "128 tokens x (8 bytes of id + 1,024 numbers x 2 bytes)" in table.note
        assert sum(lesson_03.guide_parts().values()) == 821_568_768
        # What was printed: GiB of parameters and decimal overheads, without the cache.
        assert f"{708_673_536 / GiB + 0.1:.2f}" == "0.76"

    def test_its_growth(self) -> None:
        table = lesson_03.growth_table()
        assert str(table.rows[1][2]) == "100.66 MB (96.00 MiB)"
        assert "7.04 sequences of 1,024 tokens, 56.32 sequences of 128 tokens" in table.note


class TestRealModels:
    @pytest.mark.parametrize("key", sorted(set(CONFIGS) & set(shapes()) - {"gpt2-medium"}))
    def test_a_shape_is_the_published_one(self, key: str) -> None:
        config, s = CONFIGS[key]["config"], shape(key)
        assert s.n_params == CONFIGS[key]["parameters"]
        assert s.n_layers == config["num_hidden_layers"]
        assert (s.n_heads, s.n_kv_heads) == (
            config["num_attention_heads"],
            config["num_key_value_heads"],
        )
        width = config.get("v_head_dim", config["hidden_size"] // s.n_heads)
        assert s.head_dim == config.get("head_dim", width)
        assert (s.vocab_size, s.d_model) == (config["vocab_size"], config["hidden_size"])
        # The catalog has the base model of Qwen2.5; the instructed one has a shorter context.
        context = 131_072 if key == "qwen2.5-72b" else config["max_position_embeddings"]
        assert s.context_tokens == context
        assert s.kv_lora_rank == config.get("kv_lora_rank", 0)

    @pytest.mark.parametrize("key", sorted(set(catalog.models()) & set(shapes())))
    def test_the_catalog_counts_the_same_parameters(self, key: str) -> None:
        assert shape(key).n_params == catalog.model(key).n_params

    @pytest.mark.parametrize("s", shapes().values(), ids=lambda s: s.key)
    def test_every_shape_has_a_source(self, s: Any) -> None:
        assert len(s.source) > 10
        assert len(s.place) > 10
        assert (s.window == 0) == (s.window_layers == 0)

    @pytest.mark.parametrize(("key", "exact"), exact_golden("kv-token-"))
    def test_bytes_of_a_token(self, key: str, exact: int) -> None:
        assert plan(key, "MI300X").token_bytes == exact

    def test_the_formula_is_that_of_real_tensors(self) -> None:
        table = lesson_03.verified_table()
        assert {row[4] for row in table.rows} == {"1"}
        assert all(row[2] == row[3] for row in table.rows)
        assert verified_caches()["the guide's model"].tensor_bytes == 12_582_912
        assert {cache.attention for cache in verified_caches().values()} >= {"MHA", "GQA", "MQA"}
        assert "torch 2.13.0" in table.note
        # A window layer there keeps its window less one: the token at work is the window's last.
        mistral = rows(table)["Mistral class, window of 64: GQA with windows"]
        assert mistral[1] == f"{2 * 32 * 8 * 128 * (64 - 1) * 2:,}"

    def test_the_window_s_three_answers(self) -> None:
        sizes = [row[2] for row in lesson_03.window_table().rows]
        assert sizes == ["2,113,929,216", "2,469,003,264", "2,821,324,800", "2,818,572,288"]
        assert "2,752,512 bytes" in lesson_03.window_table().note

    def test_the_engine_s_own_log(self) -> None:
        table = rows(lesson_03.engine_table())
        assert table["tokens in the pool"][:2] == ["476,016 tokens", "476,037 tokens"]
        assert table["pool, from the log's own parts"][2] == "0.9998"
        assert table["the same with an FP8 cache"][0] == "952,032 tokens"
        assert table["Gemma 2 9B: blocks"][:2] == ["21,110 blocks", "21,111 blocks"]
        assert table["Gemma 2 9B: sequences of 8,192 tokens"][2] == "0.9998"
        # The log's own line is met without reading it, and lies in the range.
        logged, predicted, ratio = table["pool, from this engine's measured constants"]
        assert logged == "62.40 GB (58.11 GiB)"
        assert float(ratio) == pytest.approx(1, abs=0.001)
        note = lesson_03.engine_table().note
        ends = re.search(r"the pool has .*\((.*) GiB\) to .*\((.*) GiB\)", note)
        assert ends
        assert float(ends[1]) < 58.11 < float(ends[2])
        assert float(ends[1]) < float(predicted.split("(")[1].split()[0]) < float(ends[2])
        assert all(part in note for part in ("vLLM 0.19.0", "H100-SXM", "2026-04", "Apache-2.0"))

    def test_every_measured_row_says_where_it_is_from(self) -> None:
        for run in measured_memory():
            assert (run.licence, run.engine) == ("Apache-2.0", "vllm 0.19.0")
            assert run.measured.startswith("2026-04")
            assert "llm-d-planner" in run.place

    def test_what_nobody_measured_is_refused(self) -> None:
        with pytest.raises(ValueError, match="nobody measured 'gpt2' with bf16 weights"):
            engine_log("gpt2")


def test_of_several_accelerators_each_is_told() -> None:
    one, four = (plan("llama-3.1-8b", "H100-SXM", tensor_parallel=ranks) for ranks in (1, 4))
    assert lesson_03.fit_table(one).caption == "Llama 3.1 8B on one H100-SXM"
    assert lesson_03.fit_table(four).caption == "Llama 3.1 8B on each of 4 x H100-SXM"
    # By hand: 8,192 x 2 bytes x (2 x 4,096 + 3 x 14,336); 1,024 x 128,256 x 4 bytes.
    assert "Llama 3.1 8B 838.86 MB and 525.34 MB" in lesson_03.fit_table(one).note
    # Volumes are the whole replica's, what is left for the cache is each accelerator's.
    told = lesson_03.results(four)
    assert told["kv_pool_bytes"] == four.pool
    assert told["weight_bytes"] == 4 * four.weights
    table = write_result("03-kv-cache-memory", "", Inputs(), kv_pool_bytes=told["kv_pool_bytes"])
    assert table.rows[0][1] == "memory left for the cache, on each accelerator"


def test_the_service_of_lesson_00_stands_beside_the_example() -> None:
    service = plan("llama-3.2-3b", "A100-SXM-80GB", tokens=1000)
    example = plan("llama-3.1-8b", "A100-SXM-80GB")
    table = rows(lesson_03.fit_table(service, example))
    # By hand: 1,000 tokens take 63 blocks of 16, of 114,688 bytes a token.
    left = 0.9 * 80 * GiB - 2 * 3_212_749_824 - service.activations - GiB / 4
    assert table["left for the cache"][0] == "69.59 GB (64.81 GiB)"
    assert f"{left / 1e9:.2f} GB" == "69.59 GB"
    assert table["conversations of 1,000 tokens: the largest batch"] == [
        f"{left // (63 * 16 * 114_688):.0f}",
        "451",
    ]
    assert table["conversations of 8,192 tokens: the largest batch"] == ["74", "55"]
    # The lesson says that lesson 04, with rounder numbers, finds two fewer.
    (row,) = [row for row in prompt_table(course_service()).rows
              if row[0] == "sequences that fit"]  # fmt: skip
    assert row[-1] == f"{service.largest_batch - 2} sequences"


def test_exercises_from_outside() -> None:
    assert lesson_03.cache_at_fp32().answer == 2 * 12 * 12 * 64 * 1000 * 4
    assert lesson_03.cache_of_a_batch().answer == 63 * GiB // 2
    assert lesson_03.cache_of_a_rank().answer == 25 * GiB // 2
    assert lesson_03.tokens_of_a_pool().answer == 24 * GiB // 65_536
    assert lesson_03.sequences_on().answer == 48


FP32, BATCH, RANK, POOL = 73_728_000, 63 * GiB // 2, 25 * GiB // 2, 393_216


@pytest.mark.parametrize(
    ("make", "answer", "sentence"),
    [
        (lesson_03.cache_at_fp32, FP32 / 4, "numbers, not bytes"),
        (lesson_03.cache_at_fp32, FP32 / 2, "keys and values are both kept"),
        (lesson_03.cache_at_fp32, FP32 / 8, "divided by eight"),
        (lesson_03.cache_at_fp32, FP32 / 8, "the numbers of the keys alone"),
        (lesson_03.cache_at_fp32, FP32 * 2, "keys and values once"),
        (lesson_03.cache_at_fp32, FP32 * 2, "the example's number of layers, 24: here it is 12"),
        (lesson_03.cache_at_fp32, FP32 / 12 * 16, "the example's number of heads, 16"),
        (lesson_03.cache_at_fp32, FP32 * 0.128, "the example's prompt, 128 tokens"),
        (lesson_03.cache_at_fp32, FP32 / 12, "one layer: every layer"),
        (lesson_03.cache_at_fp32, FP32 / 12, "one head: every head"),
        (lesson_03.cache_at_fp32, FP32 / 64, "a single number"),
        (lesson_03.cache_at_fp32, FP32 / 1000, "one token"),
        (lesson_03.cache_at_fp32, FP32 / 1000, "KB are thousands"),
        (lesson_03.cache_at_fp32, FP32 * 8, "These are bits"),
        (lesson_03.cache_at_fp32, FP32 / GiB, "the number of GiB"),
        (lesson_03.cache_of_a_batch, BATCH * 16, "each query head"),
        (lesson_03.cache_of_a_batch, BATCH * 17, "adds query heads to key-value heads"),
        (lesson_03.cache_of_a_batch, BATCH * 8, "These are bits"),
        (lesson_03.cache_of_a_batch, BATCH / 16, "one sequence"),
        (lesson_03.cache_of_a_batch, BATCH / 2, "Half of it"),
        (lesson_03.cache_of_a_batch, BATCH / 4, "the numbers of the keys alone"),
        (lesson_03.cache_of_a_batch, BATCH * 2, "keys and values once"),
        (lesson_03.cache_of_a_batch, BATCH / 8, "That keeps one head"),
        (lesson_03.cache_of_a_batch, BATCH / 8, "divided by eight"),
        (lesson_03.cache_of_a_batch, BATCH / 126, "one layer"),
        (lesson_03.cache_of_a_batch, BATCH / 128, "a single number"),
        (lesson_03.cache_of_a_batch, BATCH / 4096, "one token of each"),
        (lesson_03.cache_of_a_batch, 31.5, "the number of GiB"),
        (lesson_03.cache_of_a_rank, RANK * 4, "the whole cache"),
        (lesson_03.cache_of_a_rank, RANK / 4, "Divided twice"),
        (lesson_03.cache_of_a_rank, RANK / 4, "the numbers of the keys alone"),
        (lesson_03.cache_of_a_rank, RANK * 8, "only the key-value heads"),
        (lesson_03.cache_of_a_rank, RANK * 8, "These are bits"),
        (lesson_03.cache_of_a_rank, RANK / 20, "one sequence"),
        (lesson_03.cache_of_a_rank, RANK / 80, "one layer"),
        (lesson_03.cache_of_a_rank, RANK / 2, "keys and values are both kept"),
        (lesson_03.cache_of_a_rank, RANK / 2, "keeps one head: each accelerator has 2"),
        (lesson_03.cache_of_a_rank, RANK * 2, "keys and values once"),
        (lesson_03.cache_of_a_rank, RANK / 8192, "one token of each"),
        (lesson_03.cache_of_a_rank, 12.5, "the number of GiB"),
        (lesson_03.tokens_of_a_pool, POOL / 2, "the cache at 16 bits"),
        (lesson_03.tokens_of_a_pool, POOL * 2, "Keys and values are both kept"),
        (lesson_03.tokens_of_a_pool, 24e9 // 65_536, "given in GiB"),
        (lesson_03.tokens_of_a_pool, POOL * 2, "not half of one"),
        (lesson_03.tokens_of_a_pool, POOL // 4, "each of the query heads"),
        (lesson_03.tokens_of_a_pool, POOL // 4, "32 bits"),
        (lesson_03.tokens_of_a_pool, POOL * 8, "That keeps one head"),
        (lesson_03.tokens_of_a_pool, POOL * 8, "given in bytes"),
        (lesson_03.tokens_of_a_pool, POOL * 128, "a single number"),
        (lesson_03.tokens_of_a_pool, int(POOL * 1.024**3), "counted twice"),
        (lesson_03.tokens_of_a_pool, POOL * 32, "one layer"),
        (lesson_03.tokens_of_a_pool, POOL // 32, "The layers are counted twice"),
        (lesson_03.tokens_of_a_pool, POOL // 8, "bits for bytes"),
        (lesson_03.tokens_of_a_pool, 24 * GiB // 64_000, "counted in KiB"),
        (lesson_03.tokens_of_a_pool, 393_000, "asked exactly"),
        (lesson_03.tokens_of_a_pool, POOL + 1, "asked exactly"),
        (lesson_03.tokens_of_a_pool, POOL + 0.5, "Now round down"),
        (lesson_03.sequences_on, 77, "take them off first"),
        (lesson_03.sequences_on, 77.9, "take them off first"),
        (lesson_03.sequences_on, 78, "take them off first, and then round down"),
        (lesson_03.sequences_on, 49, "Rounded up"),
        (lesson_03.sequences_on, 47, "One too few"),
        (lesson_03.sequences_on, 44, "GiB were taken for GB"),
        (lesson_03.sequences_on, 96, "Twice too many"),
        (lesson_03.sequences_on, 24, "Half of it"),
        (lesson_03.sequences_on, (41.84 - 16.06 / 2) / 0.536870912, "weights at one byte"),
        (lesson_03.sequences_on, (41.84 - 16.06 * 2) / 0.536870912, "weights at four bytes"),
        (lesson_03.sequences_on, (41.84 - 14.96) / 0.536870912, "take GB of weights"),
        (lesson_03.sequences_on, (38.97 - 16.06) / 0.536870912, "take GiB of weights"),
        (lesson_03.sequences_on, 45, "take GiB from GiB, and divide by the GiB"),
        (lesson_03.sequences_on, (38.97 - 16.06) / 0.5, "take GiB from GiB"),
        (lesson_03.sequences_on, (41.84 - 14.96) / 0.5, "take GiB from GiB"),
        (lesson_03.sequences_on, (0.9 * 41.84 - 16.06) / 0.536870912, "was taken again"),
        (lesson_03.sequences_on, 48.02 * 8, "Eight times too many"),
        (lesson_03.sequences_on, 6, "An eighth of it"),
        (lesson_03.sequences_on, 48.02, "Now round down"),
    ],
)
def test_usual_slips_are_named(make: Any, answer: float, sentence: str) -> None:
    verdict = check(make(), answer)
    assert verdict.right is False
    assert sentence in verdict.sentence


def test_the_beginning_says_why_memory_matters() -> None:
    page = json.loads((ROOT / "notebooks/03-kv-cache-memory.ipynb").read_text(encoding="utf-8"))
    top = "".join(page["cells"][0]["source"])
    assert all(word in top for word in ("latency", "bottleneck", "at the same time", "optimizing"))


def test_another_service_under_papermill(tmp_path: Path) -> None:
    done = warm_papermill(
        "03-kv-cache-memory", tmp_path, model="llama-3.1-70b", accelerator="H100-SXM",
        tensor_parallel=4, batch=16, tokens="4096.0", cache_precision="FP8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert found["weight_bytes"] == 141_107_412_992
    assert found["kv_cache_bytes"] == kv_cache_bytes(80, 8, 128, 4096, 16, 1)
    assert found["kv_bytes_per_token"] == kv_cache_bytes(80, 8, 128, 1, 1, 1)
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert content["parameters"]["tokens"] == 4096
    assert content["results"]["longest_context"]["unit"] == "token"
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "Llama 3.1 70B (BF16 weights) on 4 x H100-SXM, 16 sequences of 4,096 tokens" in page


def test_a_batch_that_cannot_fit_reads_so(tmp_path: Path) -> None:
    done = warm_papermill("03-kv-cache-memory", tmp_path, model="llama-3.1-70b", batch=10**6)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)["sequences_that_fit"] == 0
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "It cannot fit at any batch" in page


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"batch": -1}, "batch is -1, but the batch size must be a whole number, from 1 "),
        ({"tokens": -1}, "tokens is -1, but the sequence length must be a whole number, from 1 "),
        ({"tensor_parallel": 3}, "shared out evenly among so many: give 1, 2, 4, 8, 16 or 32."),
        ({"batch": "many"}, "batch is 'many' (str)"),
        ({"tokens": math.nan}, "tokens is nan"),
        ({"tensor_parallel": 1.5}, "tensor_parallel is 1.5, but"),
        ({"accelerator": "H100"}, "did you mean 'H100-SXM' or 'H100-PCIe'?"),
        ({"model": "llama-3"}, "model is 'llama-3', which is not on the list"),
        ({"cache_precision": "INT4"}, "cache_precision is 'INT4', which is not on the list of 5"),
    ],
)
def test_impossible_parameters_are_refused(
    tmp_path: Path, parameters: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal("03-kv-cache-memory", tmp_path, **parameters)


def test_a_refusal_stops_the_run(tmp_path: Path) -> None:
    done = warm_papermill("03-kv-cache-memory", tmp_path, batch=0)
    assert done.returncode != 0
    assert "batch is 0, but the batch size must be a whole number, from 1 to" in done.stderr
    assert not (tmp_path / "result.json").exists()
