"""Lesson 03's plan, figures and panel: what fits, drawn and told, and what is refused."""

import re
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.catalog.measured import engine_log
from estimator.catalog.shapes import shape, shapes
from estimator.lesson import lesson_03
from estimator.lesson.inputs import inputs
from estimator.lesson.lesson_03_plan import (
    CACHE_PRECISIONS,
    NARROWED,
    Plan,
    accelerator_overhead,
    even_ranks,
    plan,
    stored_form,
)
from estimator.lesson.lesson_03_plan import sequence_bytes as one_sequence
from estimator.lesson.lesson_03_service import TASK as TOLD
from estimator.lesson.lesson_03_service import fit_sentence, stack_table
from estimator.lesson.tables import Bar
from estimator.units import GB, GiB, bytes_text
from tests.lesson_03_panel import panel
from tests.seen import rows, status

TASK = {"model": "llama-3.1-70b", "accelerator": "H100-SXM", "batch": 32, "tokens": 16_384}
RANKS = {key: [n for n in (1, 2, 8) if n in even_ranks(s)] for key, s in shapes().items()}


class TestPlan:
    def test_the_example_of_the_lesson(self) -> None:
        p = plan("llama-3.1-8b", "A100-SXM-80GB")
        assert (p.tokens_fit, p.largest_batch, p.longest) == (454_835, 55, 131_072)
        assert p.pool == pytest.approx(0.9 * 80 * GiB - p.weights - p.activations - p.overhead)
        assert p.with_batch(64).longest == 7104

    @pytest.mark.parametrize("key", shapes())
    def test_what_fits_fits_and_one_more_does_not(self, key: str) -> None:
        for ranks, tokens in product(RANKS[key], (1, 100, 8192)):
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
        rule = "counted by the engine's blocks, with 8,192 prompt tokens a step, not by the"
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

    def test_the_lesson_tells_each_overhead_that_its_panel_takes(self) -> None:
        told = [str(row[1]) for row in lesson_03.memory_assumptions().rows]
        for ranks in (1, 2, 4, 8):
            assert bytes_text(accelerator_overhead(ranks)) in told

    def test_the_stack_s_bars_follow_each_other(self) -> None:
        p = plan("llama-3.1-8b", "A100-SXM-80GB", batch=30)
        bars = [row[2] for row in stack_table(p).rows]
        assert all(isinstance(bar, Bar) for bar in bars)
        end = 0.0
        for bar in bars[:-1]:
            assert isinstance(bar, Bar)
            assert bar.start == pytest.approx(end)
            end += bar.share
        assert end == pytest.approx(p.needed / p.memory)
        assert not any(isinstance(bar, Bar) and bar.over for bar in bars)

    def test_what_does_not_fit_is_striped(self) -> None:
        bars = {row[0]: row[2] for row in stack_table(plan("llama-3.1-8b", "T4")).rows}
        weights, cache = bars["weights"], bars["cache"]
        assert isinstance(weights, Bar)
        assert isinstance(cache, Bar)
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
        assert "Mind that Gemma 2 9B was made for sequences of 8,192 tokens, and" in text

    @pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), "many"])
    @pytest.mark.parametrize("name", ["batch", "tokens", "tensor_parallel"])
    def test_what_is_no_service_is_refused(self, name: str, value: Any) -> None:
        with pytest.raises(ValueError, match=f"{name} is .*a whole number, from 1 to 1,000,"):
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
        assert "there is room for 55 sequences; asked for: 7." in picture.alt

    @pytest.mark.parametrize(
        ("p", "title", "alt"),
        [
            (plan("llama-3.1-8b", "A100-SXM-80GB", batch=55),
             "the cache fills what the weights leave", "there is room for 55 sequences; asked"),
            (plan("llama-3.1-8b", "A100-SXM-80GB", batch=56),
             "the cache outgrows what the weights leave", "there is room for 55 sequences; asked"),
            (plan("llama-3.1-8b", "A100-SXM-80GB", tokens=300_000),
             "the cache fills what the weights leave", "there is room for 1 sequence; asked"),
            (plan("llama-3.1-8b", "RTX-4090", tokens=100_000),
             "not even one sequence fits", "A single sequence goes beyond the line at"),
            (plan("llama-3.1-8b", "L4", batch=9, weight_precision="FP32"),
             "the weights alone do not fit", "The weights alone are above the line at"),
            (plan("gemma-3-12b", "L4"),
             "the weights alone do not fit", "The weights alone are above the line at"),
            (plan("mixtral-8x7b", "L40S", batch=10_000),
             "the weights alone do not fit", "The weights alone are above the line at"),
            (replace(plan("llama-3.1-8b", "L4"), overhead=8e9, pool=0),
             "the weights leave no room for a cache", "without any cache; asked for: 1."),
        ],
    )  # fmt: skip
    def test_what_a_figure_says_follows_its_case(self, p: Plan, title: str, alt: str) -> None:
        picture = lesson_03.fill_figure(p)
        assert picture.figure.get_suptitle() == f"{p.shape.name}: {title}"
        assert alt in picture.alt
        axes = picture.figure.axes[0]
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert all(float(tick).is_integer() for tick in ticks)
        assert len(ticks) >= 2

    def test_the_line_s_text_can_be_read_and_the_dot_is_whole(self) -> None:
        picture = lesson_03.fill_figure(plan("llama-3.1-70b", "A100-SXM-80GB"))
        axes = picture.figure.axes[0]
        (text,) = axes.texts
        ground: Any = text.get_bbox_patch()
        assert ground.get_facecolor() == (1, 1, 1, 1)
        assert text.get_color() == "black"
        _, dot = axes.get_lines()
        (low, high), at = axes.get_xlim(), float(np.asarray(dot.get_xdata())[0])
        assert low < at < high
        assert not dot.get_clip_on()

    def test_what_is_asked_for_is_drawn_where_nothing_fits(self) -> None:
        axes = lesson_03.fill_figure(plan("gemma-3-12b", "L4", batch=4)).figure.axes[0]
        _, dot = axes.get_lines()
        assert dot.get_label() == "asked for: 4"
        assert axes.get_xlim()[1] > 4

    def test_what_is_asked_for_beyond_the_figure_is_not_drawn_beside_it(self) -> None:
        axes = lesson_03.fill_figure(plan("llama-3.1-405b", "T4", batch=10_000)).figure.axes[0]
        _, dot = axes.get_lines()
        assert dot.get_clip_on()
        assert dot.get_label() == "asked for: 10,000 (beyond this figure)"


class TestPanel:
    def test_it_answers_the_lesson_s_example(self) -> None:
        shown = panel()
        assert status(shown).startswith(
            "Llama 3.1 8B (BF16 weights) on one A100-SXM-80GB, 1 sequence of 8,192 tokens "
            "(BF16 cache): 18.77 GB (17.48 GiB). It fits"
        )
        assert shown.last.score == "1 of 5 are set; choose Llama 3.1 70B."

    def test_its_task_tells_all_that_a_pencil_needs(self) -> None:
        assert "80 layers, 8 key-value heads of 128" in TOLD
        assert "70,553,706,496 weights at BF16" in TOLD

    def test_its_task_leads_from_setting_to_setting(self) -> None:
        shown, scores = panel(), []
        for name, value in TASK.items():
            scores.append(shown.last.score)
            shown.boxes[name].value = value
        assert [score[0] for score in scores] == ["1", "2", "3", "4"]
        assert not shown.errors
        shown.boxes["tensor_parallel"].value = 8
        assert not shown.last.solved
        shown.boxes["weight_precision"].value = "INT8"
        assert shown.last.score == "4 of 5 are set; set the weights to BF16."

    def test_its_task_is_solved_by_four_with_a_byte_a_number(self) -> None:
        shown, solved = panel(**TASK), set()
        for ranks in (1, 2, 4, 8, 16, 32, 64):
            for precision in CACHE_PRECISIONS:
                shown.boxes["tensor_parallel"].value = ranks
                shown.boxes["cache_precision"].value = precision
                solved |= {(ranks, precision)} if shown.last.solved else set()
        assert solved == {(4, "FP8"), (4, "INT8")}
        # By hand: what 90 % of an H100 leaves beside a quarter of the weights, and the caches.
        left = 0.9 * 80 * GiB - 141_107_412_992 / 4
        cache = 32 * 16_384 * 2 * 80 * (8 // 4) * 128
        assert cache < left < 2 * cache

    @pytest.mark.parametrize(
        ("ranks", "precision", "score"),
        [
            (4, "BF16", "5.75 GB (5.35 GiB) too much on each of 4, with this cache."),
            (1, "FP8", "152.51 GB (142.04 GiB) too much on one, with this cache."),
            (8, "BF16", "8 accelerators hold them, but fewer would do."),
            (8, "FP8", "8 accelerators hold them, but fewer would do."),
        ],
    )  # fmt: skip
    def test_its_task_tells_what_is_nearly_right(
        self, ranks: int, precision: str, score: str
    ) -> None:
        shown = panel(**TASK, tensor_parallel=ranks, cache_precision=precision)
        assert (shown.last.solved, shown.last.score) == (False, score)

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
            ("batch", 0, "batch is 0, but the batch size must be a whole number, from 1 "),
            ("batch", 2.5, "batch is 2.5, but"),
            ("tokens", -5, "tokens is -5, but the sequence length must be a whole number, from 1 "),
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
        assert table["Batch size"][1] == "a whole number, from 1 to 1,000,000,000 sequences"
        assert table["Sequence length"][1] == "a whole number, from 1 to 1,000,000,000,000 tokens"

    def test_an_absurd_request_is_still_answered(self) -> None:
        shown = panel()
        shown.boxes["tokens"].value = 1e12
        shown.boxes["batch"].value = 1e9
        assert "not even one sequence would fit" in status(shown)
        assert not shown.errors


@pytest.mark.parametrize("name", NARROWED)
def test_a_number_past_any_service_is_refused_in_a_short_sentence(name: str) -> None:
    values: dict[str, Any] = {name: 1e300}
    with pytest.raises(ValueError, match=rf"^{name} is 1e\+300, but the .*: give") as refused:
        inputs(narrowed=NARROWED, **values)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("quantization", "choice"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, "INT4 g128"),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "INT4 g128"),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, "INT8"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8"),
        ({"quant_method": "fp8"}, "FP8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4"),
    ],
)
def test_a_quantized_file_stands_at_the_choice_of_its_elements(
    quantization: dict[str, Any], choice: str
) -> None:
    config = dict(catalog.configuration("llama-3.1-8b").config)
    found = stored_form(config | {"quantization_config": quantization})
    assert found is not None
    assert found.precisions == (choice,)
