"""Lesson 01's tables and chart against the course's printed figures, digit for digit."""

import pytest

from estimator import catalog
from estimator.lesson import lesson_01
from estimator.lesson.inputs import Inputs
from estimator.lesson.tables import Bar
from estimator.model_storage import weight_bytes


def test_the_courses_table_digit_for_digit() -> None:
    assert list(lesson_01.course_table().rows) == [
        ("Llama 3.2 (3B)", "6 GB", "12 GB"),
        ("Stable Diffusion 3.5 Large (8.1B)", "16.2 GB", "32.4 GB"),
        ("Fish Speech (2B)", "4 GB", "8 GB"),
        ("Mochi 1 + T5-XXL encoder (14.7B)", "29.4 GB", "58.8 GB"),
    ]


def test_the_chart_draws_the_tables_numbers() -> None:
    picture = lesson_01.course_chart()
    axes = picture.figure.axes[0]
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert widths == [
        pytest.approx([6, 16.2, 4, 29.4]),
        pytest.approx([12, 32.4, 8, 58.8]),
    ]
    assert axes.get_xlabel() == "weights, GB"
    assert "Fish Speech (2B) 4 GB and 8 GB" in picture.alt


def test_at_fp16_three_of_four_stay_left_of_the_line_and_at_fp32_two() -> None:
    memory = catalog.accelerator("RTX-4090").memory_bytes
    sizes = lesson_01.course_sizes().values()
    assert sum(half < memory for half, _ in sizes) == 3
    assert sum(full < memory for _, full in sizes) == 2


def test_llama_70b_fits_on_two_of_the_listed() -> None:
    size = weight_bytes(catalog.model("llama-3.1-70b").n_params, 16)
    bars = {row[0]: row[2] for row in lesson_01.fit_table(size).rows}
    fits = [name for name, bar in bars.items() if isinstance(bar, Bar) and not bar.over]
    assert fits == ["H200-SXM", "MI300X"]
    assert str(bars["A100-SXM-80GB"]) == "164\N{NO-BREAK SPACE}%: does not fit, 2 needed"


def test_exactly_full_fits() -> None:
    memory = catalog.accelerator("T4").memory_bytes
    assert "They fit on one T4 and leave 0 B" in lesson_01.fit_sentence(memory, "T4")
    assert "They do not fit on one T4" in lesson_01.fit_sentence(memory + 1, "T4")


def test_no_parameters_fit_anywhere() -> None:
    assert str(lesson_01.fit_table(0).rows[0][2]) == "0\N{NO-BREAK SPACE}%"


def test_the_readers_paragraph_follows_the_reader() -> None:
    given = Inputs(n_params=70_553_706_496, bits_per_weight=16, replicas=3, accelerator="L40S")
    text = lesson_01.your_model(given).text
    assert text.startswith("**70,553,706,496 parameters at 16 bits: 141.11 GB (131.42 GiB).**")
    assert "They do not fit on one L40S of 48.31 GB (44.99 GiB): 3 hold them together." in text
    assert text.endswith("The 3 copies together are 423.32 GB (394.25 GiB).")


def test_loading_is_slowest_from_a_hard_disk_and_quickest_from_memory() -> None:
    rows = lesson_01.load_table(141_107_412_992).rows
    assert str(rows[0][2]) == "8 min 15 s"
    assert str(rows[-1][2]) == "29.4 ms"


def test_the_slip_of_the_courses_table_and_what_it_weighs() -> None:
    rows = {row[0]: row[1:] for row in lesson_01.counts_table(354_336_768, 354_823_168).rows}
    assert rows["GPT-2 medium"][2] == "ratio 1, to KerasHub's count"
    assert rows["T5-XXL encoder"][1] == "4,762,310,656 parameters"
    assert rows["Stable Diffusion 3.5 Large (8.1B)"][:2] == ("16.2 GB", "25.72 GB (23.96 GiB)")
    guide, gpt2 = lesson_01.counts_table(354_336_768, 354_823_169).rows[:2]
    assert guide[1:3] == ("354,336,768", "354,336,768 parameters")
    assert gpt2[2] == "354,823,169 parameters"


def test_printed_gigabytes_are_gib() -> None:
    rows = {str(row[0]): tuple(map(str, row[1:])) for row in lesson_01.gigabytes_table().rows}
    assert rows["the guide's model at FP16"] == (
        "0.66 GB", "708,673,536", "0.7087 GB", "0.66 GiB",
    )  # fmt: skip
    assert rows["the guide's model at INT8"][3] == "0.33 GiB"
    assert rows["A100-SXM-80GB, by its driver"] == ("80 GB", "85,899,345,920", "85.9 GB", "80 GiB")
    assert rows["H100-SXM, to a framework"][0] == "80 GB"
    assert all(float(str(row[1]).replace(",", "")) > 1e8 for row in rows.values())


def test_a_mixture_s_counts_are_the_published_ones_and_reading_the_active_is_quicker() -> None:
    stored, active = lesson_01.mixture_table().rows
    assert stored[1] == stored[2] == "46,702,792,704"
    assert active[1] == "12,879,925,248"
    assert (str(stored[4]), str(active[4])) == ("19.46 ms", "5.367 ms")
