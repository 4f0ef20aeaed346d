"""Lesson 03's tables, figures and panel against published, logged and measured figures."""

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.catalog.measured import engine_log, measured_memory, verified_caches
from estimator.catalog.shapes import shape, shapes
from estimator.lesson import lesson_03
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_03_plan import Plan, accelerator_overhead, even_ranks, plan
from estimator.lesson.lesson_03_plan import sequence_bytes as one_sequence
from estimator.lesson.lesson_03_service import Step, fit_sentence, memory_panel, stack_table
from estimator.lesson.panel import Panel
from estimator.lesson.tables import Table
from estimator.memory import kv_cache_bytes
from estimator.units import GB, GiB
from tests.running import papermill, results

ROOT = Path(__file__).parents[1]
CONFIGS = json.loads((ROOT / "tests/data/model_configs.json").read_text(encoding="utf-8"))
START = {
    "model": "llama-3.1-8b", "accelerator": "A100-SXM-80GB", "tensor_parallel": 1, "batch": 1,
    "tokens": 8192, "weight_precision": "BF16", "cache_precision": "BF16",
}  # fmt: skip
RANKS = [(key, n) for key, s in shapes().items() for n in (1, 2, 8) if n in even_ranks(s)]


def rows(table: Table) -> dict[str, list[str]]:
    return {str(row[0]): [str(cell) for cell in row[1:]] for row in table.rows}


def panel(**changes: Any) -> Panel:
    return memory_panel(Inputs(**{**START, **changes}))


def status(shown: Panel) -> str:
    found = re.search(r'<p role="status"><strong>(.*?)</strong></p>', shown.output.value)
    assert found
    return html.unescape(found[1])


class TestTheGuide:
    def test_its_parameters_in_three_units(self) -> None:
        table = rows(lesson_03.weights_table())
        assert table["FP16"] == ["708,673,536", "0.70867", "0.66000", "0.66 GB"]
        assert table["INT8"] == ["354,336,768", "0.35434", "0.33000", "0.33 GB"]

    def test_its_activations_and_the_bound(self) -> None:
        table = list(rows(lesson_03.activation_table()).values())
        assert table[0] == ["49,152", "20,480", "200,000", "220,480"]
        assert table[1] == ["393,216", "163,840", "1,600,000", "1,763,840"]
        assert table[2] == ["49,152", "2,621,440", "200,000", "2,821,440"]

    def test_its_cache_is_twice_what_it_prints(self) -> None:
        assert [row[2] for row in lesson_03.factor_table().rows] == [
            "2", "128", "256", "4,096", "98,304", "12,582,912",
        ]  # fmt: skip
        errata = rows(lesson_03.cache_errata())
        assert errata["all layers, 128 tokens"][0] == "6,291,456 bytes"
        assert errata["all layers, 128 tokens"][1] == "12.58 MB (12.00 MiB)"
        assert errata["the printed number, rounded"][1] == "6.29 MB (6.00 MiB)"

    def test_its_total_taken_apart(self) -> None:
        table = lesson_03.total_table()
        assert [str(cell) for cell in table.total] == [
            "total", "821,305,600", "0.82131", "0.76490", "", "0.76 GB",
        ]  # fmt: skip
        assert rows(table)["cache"][:3] == ["12,582,912", "0.01258", "0.01172"]
        assert "821,568,768" in table.note
        assert sum(lesson_03.guide_parts().values()) == 821_568_768
        # What was printed: GiB of parameters and decimal overheads, without the cache.
        assert f"{708_673_536 / GiB + 0.1:.2f}" == "0.76"

    def test_its_growth(self) -> None:
        table = lesson_03.growth_table()
        assert str(table.rows[1][2]) == "100.66 MB (96.00 MiB)"
        assert "7.04 sequences of 1,024 tokens, 56.32 sequences of 128 tokens" in table.note


class TestRealModels:
    @pytest.mark.parametrize("key", sorted(set(CONFIGS) & set(shapes())))
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

    @pytest.mark.parametrize(
        ("key", "exact"),
        [("llama-3.2-1b", 32_768), ("llama-3.2-3b", 114_688), ("llama-3.1-8b", 131_072),
         ("llama-3.1-70b", 327_680), ("llama-2-7b", 524_288), ("llama-2-13b", 819_200),
         ("deepseek-v3", 70_272), ("qwen2.5-72b", 327_680)],
    )  # fmt: skip
    def test_bytes_of_a_token(self, key: str, exact: int) -> None:
        assert plan(key, "MI300X").token_bytes == exact

    def test_the_formula_is_that_of_real_tensors(self) -> None:
        table = lesson_03.verified_table()
        assert {row[4] for row in table.rows} == {"1"}
        assert all(row[2] == row[3] for row in table.rows)
        assert verified_caches()["the guide's model"].tensor_bytes == 12_582_912
        assert {cache.attention for cache in verified_caches().values()} >= {"MHA", "GQA", "MQA"}
        assert "torch 2.13.0" in table.note

    def test_the_window_s_three_answers(self) -> None:
        sizes = [row[2] for row in lesson_03.window_table().rows]
        assert sizes == ["2,113,929,216", "2,469,003,264", "2,821,324,800", "2,818,572,288"]
        assert "2,752,512 bytes" in lesson_03.window_table().note

    def test_the_engine_s_own_log(self) -> None:
        table = rows(lesson_03.engine_table())
        assert table["tokens in the pool"][:2] == ["476,016 tokens", "476,037 tokens"]
        assert table["pool, from the log's own parts"][2] == "0.9998"
        assert table["the same with an FP8 cache"][0] == "952,032 tokens"
        assert table["Gemma 2 9B: pages"][:2] == ["21,110 pages", "21,111 pages"]
        assert table["Gemma 2 9B: sequences of 8,192 tokens"][2] == "0.9998"
        note = lesson_03.engine_table().note
        assert all(part in note for part in ("vLLM 0.19.0", "H100-SXM", "2026-04", "Apache-2.0"))

    def test_every_measured_row_says_where_it_is_from(self) -> None:
        for run in measured_memory():
            assert (run.licence, run.engine) == ("Apache-2.0", "vllm 0.19.0")
            assert run.measured.startswith("2026-04")
            assert "llm-d-planner" in run.place

    def test_what_nobody_measured_is_refused(self) -> None:
        with pytest.raises(ValueError, match="nobody measured 'gpt2' with bf16 weights"):
            engine_log("gpt2")


class TestPlan:
    def test_the_example_of_the_lesson(self) -> None:
        p = plan("llama-3.1-8b", "A100-SXM-80GB")
        assert (p.tokens_fit, p.largest_batch, p.longest) == (454_835, 55, 131_072)
        assert p.pool == pytest.approx(0.9 * 80 * GiB - p.weights - p.activations - p.overhead)
        assert p.with_batch(64).longest == 7104

    @pytest.mark.parametrize(("key", "ranks"), RANKS)
    @pytest.mark.parametrize("tokens", [1, 100, 8192])
    def test_what_fits_fits_and_one_more_does_not(self, key: str, ranks: int, tokens: int) -> None:
        p = plan(key, "H100-SXM", tensor_parallel=ranks, tokens=tokens)
        if p.largest_batch:
            assert p.with_batch(p.largest_batch).fits
        assert not p.with_batch(p.largest_batch + 1).fits
        if p.longest:
            assert one_sequence(p.shape, p.longest, ranks, 2) <= p.pool
        further = p.longest + 16
        assert further > p.shape.context_tokens or (
            one_sequence(p.shape, further, ranks, 2) > p.pool
        )

    def test_heads_are_split_and_a_latent_is_not(self) -> None:
        llama, deepseek = shape("llama-3.1-8b"), shape("deepseek-v3")
        assert one_sequence(llama, 16, 4, 2) * 4 == one_sequence(llama, 16, 1, 2)
        assert one_sequence(llama, 16, 16, 2) == one_sequence(llama, 16, 8, 2)
        assert one_sequence(deepseek, 16, 8, 2) == one_sequence(deepseek, 16, 1, 2)

    @pytest.mark.parametrize("width", [1, 2])
    @pytest.mark.parametrize("tokens", [1, 100, 4096, 5000, 8192, 20_000])
    def test_windows_are_counted_by_the_engine_s_pages(self, tokens: int, width: int) -> None:
        gemma, log = shape("gemma-2-9b"), engine_log("gemma-2-9b")
        size = catalog.architecture("gemma-2-9b").cache_bytes(
            tokens, 1, width, rule="engine", chunk_tokens=log.chunk_tokens
        )
        assert one_sequence(gemma, tokens, 1, width) == size
        assert one_sequence(gemma, tokens, 4, width) * 4 == size

    def test_as_many_sequences_with_windows_as_the_engine_logged(self) -> None:
        p, log = plan("gemma-2-9b", "H100-SXM"), engine_log("gemma-2-9b")
        assert log.kv_pool_bytes
        assert log.concurrency == pytest.approx(log.kv_pool_bytes / p.cache, rel=1e-3)
        assert p.largest_batch == p.pool // 2_821_324_800 == 19
        rule = "counted by the engine's pages, with 8,192 prompt tokens a step, not by the"
        assert rule in lesson_03.your_memory(p).text
        assert rule in status(panel(model="gemma-2-9b"))
        assert rule not in status(panel())

    @pytest.mark.parametrize(
        ("key", "ranks", "sentence"),
        [
            ("llama-3.1-8b", 3, "is 3, but the 32 query heads and 8 key-value heads of Llama 3.1 8B"
             " cannot be shared out evenly among so many: give 1, 2, 4, 8, 16 or 32.$"),
            ("llama-3.1-8b", 1000, "is 1000, but .* give 1, 2, 4, 8, 16 or 32.$"),
            ("llama-3.2-3b", 3, "the 24 query heads and 8 key-value heads .* 1, 2, 4, 8 or 24.$"),
            ("falcon-7b", 2, "the 71 query heads of Falcon 7B cannot .* give 1 or 71.$"),
        ],
    )  # fmt: skip
    def test_heads_are_never_cut(self, key: str, ranks: int, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            plan(key, "A100-SXM-80GB", tensor_parallel=ranks)
        shown = panel(model=key)
        shown.boxes["tensor_parallel"].value = ranks
        assert re.search(sentence, status(shown))

    def test_a_sequence_takes_whole_blocks(self) -> None:
        llama = shape("llama-3.1-8b")
        assert one_sequence(llama, 1, 1, 2) == one_sequence(llama, 16, 1, 2) == 16 * 131_072

    def test_overhead_is_the_next_fewer_that_was_measured(self) -> None:
        found = [round(accelerator_overhead(ranks) / GiB, 2) for ranks in (1, 2, 3, 4, 8)]
        assert found == [0.25, 2.07, 2.07, 2.13, 2.13]

    def test_the_stack_s_bars_follow_each_other(self) -> None:
        p = plan("llama-3.1-8b", "A100-SXM-80GB", batch=30)
        bars = [row[2] for row in stack_table(p).rows]
        assert all(isinstance(bar, Step) for bar in bars)
        end = 0.0
        for bar in bars[:-1]:
            assert isinstance(bar, Step)
            assert bar.start == pytest.approx(end)
            end += bar.share
        assert end == pytest.approx(p.needed / p.memory)
        assert not any(isinstance(bar, Step) and bar.over for bar in bars)

    def test_what_does_not_fit_is_striped(self) -> None:
        bars = {row[0]: row[2] for row in stack_table(plan("llama-3.1-8b", "T4")).rows}
        weights, cache = bars["weights"], bars["cache"]
        assert isinstance(weights, Step)
        assert isinstance(cache, Step)
        assert weights.over
        assert cache.over
        assert "repeating-linear-gradient" in cache.html()
        assert "width:0.0%" in cache.html()

    @pytest.mark.parametrize(
        ("p", "sentence"),
        [
            (plan("llama-3.1-8b", "A100-SXM-80GB"), "It fits, and leaves 58.54 GB (54.52 GiB)"),
            (plan("llama-3.1-8b", "A100-SXM-80GB", batch=56),
             "left for it. At this length, 55 sequences would fit; at this batch, 8,112 tokens"),
            (plan("llama-3.1-8b", "RTX-4090", tokens=100_000),
             "not even one sequence would fit; at this batch,"),
            (plan("llama-3.1-70b", "A100-SXM-80GB"), "It cannot fit at any batch: weights"),
            (plan("llama-3.1-70b", "A100-SXM-80GB", tensor_parallel=2, batch=999),
             "its cache is 1.34 TB (1.22 TiB) on each, and"),
        ],
    )  # fmt: skip
    def test_the_sentence_follows_the_numbers(self, p: Plan, sentence: str) -> None:
        assert sentence in fit_sentence(p)

    def test_past_the_model_s_context_it_says_so(self) -> None:
        text = lesson_03.your_memory(plan("gemma-2-9b", "MI300X", tokens=9000)).text
        assert "Mind that Gemma 2 9B was made for sequences of 8,192 tokens." in text

    @pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), "many"])
    @pytest.mark.parametrize("name", ["batch", "tokens", "tensor_parallel"])
    def test_what_is_no_service_is_refused(self, name: str, value: Any) -> None:
        with pytest.raises(ValueError, match=f"{name} is .*a whole number, 1 "):
            plan("llama-3.1-8b", "A100-SXM-80GB", **{name: value})


class TestFigures:
    def test_the_cache_is_drawn_tile_by_tile(self) -> None:
        picture = lesson_03.cache_figure()
        drawn = [len(axes.patches) for axes in picture.figure.axes]
        assert drawn == [64, 2, 2 * 16, 2 * 24, 2 * 128]
        texts = [axes.get_xlabel() for axes in picture.figure.axes]
        assert texts == ["128 B", "256 B", "4.10 KB", "98.30 KB", "12.58 MB"]
        assert "All" not in picture.alt
        assert picture.alt.endswith("all tokens (x 128): 12,582,912 bytes.")
        colours = {patch.get_facecolor() for patch in picture.figure.axes[1].patches}
        hatches = {patch.get_hatch() for patch in picture.figure.axes[1].patches}
        assert len(colours) == len(hatches) == 2

    def test_the_memory_fills_up_to_the_line_at_the_largest_batch(self) -> None:
        p = plan("llama-3.1-8b", "A100-SXM-80GB", batch=7)
        picture = lesson_03.fill_figure(p)
        axes = picture.figure.axes[0]
        line, dot = axes.get_lines()
        assert np.asarray(line.get_ydata())[0] == pytest.approx(p.usable / GB)
        assert np.asarray(dot.get_xydata())[0] == pytest.approx([7, p.needed / GB])
        edge: Any = axes.collections[2].get_paths()[0].vertices
        upper = max(y for x, y in edge if x == 55)
        assert upper == pytest.approx(p.with_batch(55).needed / GB)
        assert upper <= p.usable / GB
        assert "is reached at 55 sequences; asked for are 7." in picture.alt

    @pytest.mark.parametrize("batch", [1, 10_000])
    def test_a_model_that_does_not_fit_is_drawn_as_well(self, batch: int) -> None:
        picture = lesson_03.fill_figure(plan("llama-3.1-405b", "T4", batch=batch))
        assert "reached at 0 sequences" in picture.alt


class TestPanel:
    def test_it_answers_the_lesson_s_example(self) -> None:
        shown = panel()
        assert status(shown).startswith(
            "Llama 3.1 8B (BF16 weights) on one A100-SXM-80GB, 1 sequence of 8,192 tokens "
            "(BF16 cache): 18.77 GB (17.48 GiB). It fits"
        )
        assert shown.last.score == "it fits, but so does one more."

    def test_its_task_has_one_solution(self) -> None:
        shown = panel()
        shown.boxes["batch"].value = 56
        assert shown.last.score == "too many: the cache does not fit into what the weights leave."
        shown.boxes["batch"].value = 55
        assert shown.last.solved
        assert "the cache is 3.7 times the model" in shown.last.score
        shown.boxes["cache_precision"].value = "FP8"
        assert "set the model" in shown.last.score

    def test_a_batch_that_cannot_fit_is_told_and_the_page_goes_on(self) -> None:
        shown = panel()
        shown.boxes["batch"].value = 1000
        assert "The batch does not fit: its cache is 1.07 TB" in status(shown)
        shown.boxes["model"].value = "llama-3.1-405b"
        assert "It cannot fit at any batch" in status(shown)
        shown.boxes["tensor_parallel"].value = 8
        shown.boxes["weight_precision"].value = "INT4 g128"
        shown.boxes["batch"].value = 4
        assert "8 x A100-SXM-80GB, 4 sequences" in status(shown)
        assert "It fits" in status(shown)
        assert not shown.errors

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("batch", 0, "batch is 0, but the batch size must be a whole number, 1 sequence or"),
            ("batch", 2.5, "batch is 2.5, but"),
            ("tokens", -5, "tokens is -5, but the sequence length must be a whole number, 1 token"),
            ("tokens", float("nan"), "tokens is nan, but"),
            ("tensor_parallel", 0, "tensor_parallel is 0, but"),
        ],
    )
    def test_what_cannot_be_is_told_and_the_last_answer_stays(
        self, name: str, value: float, sentence: str
    ) -> None:
        shown = panel()
        before = shown.boxes[name].value
        shown.boxes[name].value = value
        assert sentence in status(shown)
        assert "Below stands the last answer" in shown.output.value
        assert "18.77 GB (17.48 GiB)" in shown.output.value
        shown.boxes[name].value = before
        assert "Below stands the last answer" not in shown.output.value

    def test_a_dragged_slider_gives_whole_sequences(self) -> None:
        shown = panel(batch=56)
        shown.sliders["batch"].value = 59.7
        assert shown.boxes["batch"].value == 60
        assert not shown.errors

    @pytest.mark.parametrize("key", shapes())
    def test_every_model_on_every_accelerator(self, key: str) -> None:
        shown = panel(model=key)
        for name in catalog.accelerators():
            shown.boxes["accelerator"].value = name
        assert not shown.errors

    def test_the_glossary_says_what_a_service_may_have(self) -> None:
        table = rows(panel().glossary())
        assert table["Batch size"][1] == "a whole number, 1 sequence or more"
        assert table["Sequence length"][1] == "a whole number, 1 token or more"

    def test_an_absurd_request_is_still_answered(self) -> None:
        shown = panel()
        shown.boxes["tokens"].value = 1e12
        shown.boxes["batch"].value = 1e9
        assert "not even one sequence would fit" in status(shown)
        assert not shown.errors


def test_the_beginning_says_why_memory_matters() -> None:
    page = json.loads((ROOT / "notebooks/03-kv-cache-memory.ipynb").read_text(encoding="utf-8"))
    top = "".join(page["cells"][0]["source"])
    assert all(word in top for word in ("latency", "bottleneck", "at the same time", "optimizing"))


def test_another_service_under_papermill(tmp_path: Path) -> None:
    done = papermill(
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
    done = papermill("03-kv-cache-memory", tmp_path, model="llama-3.1-70b", batch=10**6)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)["sequences_that_fit"] == 0
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "It cannot fit at any batch" in page


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"batch": 0}, "batch is 0, but the batch size must be a whole number, 1 sequence or more"),
        ({"batch": -1}, "batch is -1, but the batch size must be a whole number, 1 sequence or"),
        ({"tokens": -1}, "tokens is -1, but the sequence length must be a whole number, 1 token"),
        ({"tensor_parallel": 3}, "shared out evenly among so many: give 1, 2, 4, 8, 16 or 32."),
        ({"batch": "many"}, "batch is 'many' (str)"),
        ({"tokens": "nan"}, "tokens is nan"),
        ({"tensor_parallel": 1.5}, "tensor_parallel is 1.5, but"),
        ({"accelerator": "H100"}, "did you mean 'H100-SXM' or 'H100-PCIe'?"),
        ({"model": "llama-3"}, "model is 'llama-3', which is not on the list"),
        ({"cache_precision": "INT4"}, "cache_precision is 'INT4', which is not on the list of 5"),
    ],
)
def test_impossible_parameters_stop_the_run(
    tmp_path: Path, parameters: dict[str, Any], sentence: str
) -> None:
    done = papermill("03-kv-cache-memory", tmp_path, **parameters)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert not (tmp_path / "result.json").exists()
