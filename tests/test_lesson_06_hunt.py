"""Lesson 06: the hunt for wrong figures, and what the checks of its exercises tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from estimator.lesson import lesson_06 as lesson
from estimator.lesson.exercises import Exercise
from estimator.lesson.lesson_06_hunt import figures
from estimator.step_time import running_requests
from tests.golden import golden


@pytest.mark.parametrize(
    ("letter", "name", "wrong"),
    [
        ("A", "llama-3.2-3b-true-fp32", True), ("B", "profile", False),
        ("C", "interactions-index", True), ("D", "gpt2-medium-params", False),
        ("E", "seed2-kv-128", True), ("F", "seed2-total", True),
        ("G", "kv-token-deepseek-v3", False), ("H", "seed2-flops", True),
        ("I", "gpus-a100", False), ("J", "gpus-text-to-speech Fish Speech", True),
        ("K", "gpus-text-to-video Mochi 1", True), ("L", "baseten-A100", True),
    ],
)  # fmt: skip
def test_a_figure_is_computed_and_judged_as_the_published_examples_are(
    letter: str, name: str, wrong: bool
) -> None:
    figure, known = figures()[letter], golden()[name]
    assert figure.compute() == pytest.approx(float(known["exact"]), rel=1e-9)
    assert figure.wrong is wrong
    assert (known["relation"] == "erratum") is wrong


def test_all_errata_of_the_examples_are_hunted_but_one_of_two_alike() -> None:
    errata = {name for name, line in golden().items() if line["relation"] == "erratum"}
    # Baseten's T4 has the slip of its A100; 6 GB for 6.43 are right to the digit.
    assert len(errata) == 10
    assert sum(one.wrong for one in figures().values()) == 8


NUMBER_IN_TEXT = re.compile(r"[\d.]+")
SCALES = {"bytes": 1, "KB": 1e3, "GB": 1e9, "TB": 1e12}


@pytest.mark.parametrize("letter", list("ABCDEFGHIJKL"))
def test_a_figure_right_to_its_printed_digits_is_right_and_no_other(letter: str) -> None:
    """The lesson's rule, by itself: rounded to the digits that were printed; accelerators up."""
    figure = figures()[letter]
    digits = figure.printed.replace(",", "")
    (number,) = NUMBER_IN_TEXT.findall(digits)
    scale = SCALES.get(digits.split()[-1], 1)
    places = len(number.partition(".")[2])
    found = figure.compute() / scale
    if figure.unit == "accelerator":
        found = math.ceil(found)
    assert (round(found, places) == float(number)) is not figure.wrong


def test_the_figures_can_be_worked_out_from_the_page() -> None:
    # H: the two matrices of its MLP alone take more than what is printed.
    mlp = 24 * 1024 * 2 * 2 * 1024 * 4096
    assert mlp > 312_711_577_600
    for size in ("24 layers", "width 1,024", "MLP 4,096"):
        assert size in figures()["H"].what
    # D: the vocabulary and the positions, the layers with biases and norms, the last norm.
    layers = 24 * (12 * 1024**2 + 13 * 1024)
    assert figures()["D"].compute() == (50_257 + 1024) * 1024 + layers + 2 * 1024
    for size in ("24 layers", "width 1,024", "MLP 4,096", "50,257", "1,024 positions"):
        assert size in figures()["D"].what
    # L: prefill at the rate and 150 reads of the weights, by the note under the table.
    assert "312 TFLOP/s and reads 2.04 TB/s" in lesson.hunt().table.note
    request = 350 * 2 * 7e9 / 312e12 + 150 * 2 * 7e9 / 2.04e12
    assert figures()["L"].compute() == pytest.approx(request, rel=0.001)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("", "Not hunted yet"),
        (" , ", "Not hunted yet"),
        (None, "is no text"),
        (7, "is no text"),
        ("Z", "there is no such figure"),
        ("AC", "there is no such figure"),
        ("B", "B is right as printed: it is 1.00 TB"),
        ("A B C", "Caught among the others: 2."),
        ("g", "G is right as printed: it is 70,272 bytes"),
        ("A", "1 caught, 7 still hide. A is 12.85 GB"),
        ("a, c", "2 caught, 6 still hide. A is 12.85 GB"),
        ("a, c", "come near 12 is chance. C is 2.50 TB"),
        ("A C E F H J K", "7 caught, 1 still hides. A is"),
        ("A C E F H J K L", "Right: all 8"),
        ("L K J H F E C A A", "Right: all 8"),
    ],
)
def test_the_hunt_says_what_is_wrong_with_the_hunter(found: object, says: str) -> None:
    text = lesson.hunt(found)._repr_html_()
    assert says in text
    assert "<details><summary>Solution</summary>" in text


def running(generation_seconds: float) -> float:
    """What the half-done exercise answers when its blank is filled with this."""
    return float(running_requests(256, 36, generation_seconds))


@pytest.mark.parametrize(
    ("make", "answer", "says"),
    [
        (lesson.error_of_three, 0.19, "right to its 2 digits: give one digit more"),
        (lesson.error_of_three, 0.053, "take the sign off"),
        (lesson.error_of_three, -0.0533, "take the sign off"),
        (lesson.wait_for_prompts, 0.0179, "all 221 tokens: between them lie 220 gaps"),
        (lesson.wait_for_prompts, 90 / 221 * 0.044, "all 221 tokens: between them lie 220 gaps"),
        (lesson.error_of_three, 0.56, "That is the sum"),
        (lesson.wait_for_prompts, 18, "These are milliseconds"),
        (lesson.wait_for_prompts, 1.8e-05, "A thousand times too little"),
        (lesson.error_of_three, 0.134, "the longest run counts most"),
        (lesson.error_of_three, 0.02, "Those are the sums compared"),
        (lesson.requests_that_run, running(12_000), "Milliseconds were taken for seconds"),
        (lesson.requests_that_run, running(0.012), "as if an answer had one token"),
        (lesson.requests_that_run, running(1000), "takes a second for each token"),
        (lesson.requests_that_run, running(36), "was put in twice"),
    ],
)
def test_what_a_reader_answered_is_diagnosed(
    make: Callable[[], Exercise], answer: float, says: str
) -> None:
    right, sentence = make().verdict(answer)
    assert right is False
    assert says in sentence
