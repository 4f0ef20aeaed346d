"""Exercises: the right answer is right, each usual mistake is recognized, all else is measured."""

import contextlib
import dataclasses
import inspect
import pkgutil
import re
from collections.abc import Callable
from importlib import import_module

import pytest

import estimator.lesson
from estimator.lesson import check, lesson_00, lesson_01, lesson_03, lesson_04, lesson_06
from estimator.lesson.exercises import Exercise, Mistake, of_example, together

LESSONS = [
    import_module(f"estimator.lesson.{module.name}")
    for module in pkgutil.iter_modules(estimator.lesson.__path__)
    if re.fullmatch(r"lesson_\d\d", module.name)
]
EXERCISES: list[Callable[..., Exercise]] = [e for lesson in LESSONS for e in lesson.EXERCISES]


@pytest.mark.parametrize("make", EXERCISES, ids=lambda make: make.__name__)
class TestExercise:
    def test_unanswered_it_poses_itself(self, make: Callable[..., Exercise]) -> None:
        page = check(make(), ...)._repr_markdown_()
        assert make().question in page
        assert "Not answered yet" in page
        assert "<details><summary>Solution</summary>" in page

    def test_the_answer_is_right(self, make: Callable[..., Exercise]) -> None:
        verdict = check(make(), make().answer)
        assert verdict.right is True
        assert verdict.sentence.startswith("Right: ")

    def test_each_mistake_is_told_apart(self, make: Callable[..., Exercise]) -> None:
        exercise = make()
        for mistake in exercise.mistakes:
            right, sentence = exercise.verdict(mistake.value)
            assert right is False, f"too near the answer: {mistake.advice}"
            assert sentence == f"Not yet. {mistake.advice}"

    def test_mistakes_differ_from_each_other(self, make: Callable[..., Exercise]) -> None:
        values = [mistake.value for mistake in make().mistakes]
        assert len(set(values)) == len(values) >= 2

    def test_anything_else_is_measured(self, make: Callable[..., Exercise]) -> None:
        right, sentence = make().verdict(make().answer * 37.7)
        assert right is False
        assert "37.7 times too large. Check each factor" in sentence

    @pytest.mark.parametrize("answer", [0, -1, float("nan"), float("inf")])
    def test_impossible_numbers(self, make: Callable[..., Exercise], answer: float) -> None:
        right, sentence = make().verdict(answer)
        assert right is False
        assert "positive number" in sentence

    @pytest.mark.parametrize("answer", [5e-324, 1e-320, 1e-30, 1e30, 1.7e308, 10**308])
    def test_what_is_far_off_is_told_without_a_number(
        self, make: Callable[..., Exercise], answer: float
    ) -> None:
        right, sentence = make().verdict(answer)
        assert right is False
        assert len(sentence) < 150
        assert "inf" not in sentence
        if "Check each factor" in sentence:  # or else it is a slip, before it was rounded
            side = "small" if answer < 1 else "large"
            assert sentence == f"Not yet. That is far too {side}. Check each factor and its unit."

    def test_numbers_that_leave_no_answer_are_told(self, make: Callable[..., Exercise]) -> None:
        for name, parameter in inspect.signature(make).parameters.items():
            if not isinstance(parameter.default, int | float):
                continue
            for value in (-1, float("nan"), float("inf")):
                with pytest.raises(ValueError, match=f"^{name} is {value}, .* 0 or more, and fin"):
                    make(**{name: value})
            with pytest.raises(TypeError, match=f"^{name} is '7', but it must be a number"):
                make(**{name: "7"})
            for value in (0, 1):
                with contextlib.suppress(ValueError):  # and no ZeroDivisionError
                    assert make(**{name: value}).answer > 0

    @pytest.mark.parametrize("answer", ["6 GB", True, [6]])
    def test_what_is_no_number(self, make: Callable[..., Exercise], answer: object) -> None:
        right, sentence = make().verdict(answer)
        assert right is False
        assert "is not a plain number" in sentence


def test_every_lesson_has_two_exercises_or_more() -> None:
    assert all(len(lesson.EXERCISES) >= 2 for lesson in LESSONS)


def test_answers_from_outside() -> None:
    assert lesson_00.rate_of().answer == pytest.approx(1157.4074074)
    assert lesson_00.traffic_of().answer == 400_000_000
    assert lesson_01.size_at_int8().answer == 70_000_000_000
    assert lesson_01.size_with_scales().answer == 32_762_123_264 * 4.125 / 8
    assert lesson_01.how_many_hold().answer == 4
    assert lesson_01.gib_of().answer == 16_060_522_496


def test_an_answer_that_is_not_rounded_is_told_which_way() -> None:
    exercise = lesson_01.how_many_hold()
    right, sentence = exercise.verdict(exercise.answer - 0.4)
    assert right is False
    assert "Now round up" in sentence
    either = dataclasses.replace(exercise, rounds="")
    assert "Now round down" in either.verdict(exercise.answer + 0.4)[1]


def test_the_same_exercise_with_other_numbers() -> None:
    exercise = lesson_01.size_at_int8(n_params=13_000_000_000)
    assert exercise.answer == 13_000_000_000
    assert "13,000,000,000" in exercise.question


def test_the_wrong_answer_is_diagnosed_in_words() -> None:
    assert "Twice too large: INT8 is one byte" in check(lesson_01.size_at_int8(), 140e9).sentence


def test_an_answer_off_by_an_input_s_rounding_is_not_sent_the_wrong_way() -> None:
    held = lesson_01.how_many_hold()
    just_above = held.answer + 0.2
    said = check(held, just_above).sentence
    assert "round up once, at the end" in said
    assert "round down" not in said
    assert "Now round up" in check(held, held.answer - 0.3).sentence


@pytest.mark.parametrize(
    ("answer", "digits"), [(0.2, "1 digit:"), (0.19, "2 digits:"), (0.185, ""), (0.184, "")]
)
def test_an_answer_of_few_digits_is_told_so(answer: float, digits: str) -> None:
    exercise = Exercise("A share", "?", "mean_error", 28 / 150, (), "")
    sentence = exercise.verdict(answer)[1]
    assert ("right to its" in sentence) is bool(digits)
    assert digits in sentence


def test_a_mistake_is_known_by_two_digits_of_it_and_not_by_one() -> None:
    exercise = lesson_06.error_of_three()
    assert "take the sign off" in exercise.verdict(0.053)[1]
    assert "times too small" in exercise.verdict(0.05)[1]


@pytest.mark.parametrize(("factor", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds")])
def test_seconds_that_are_others_are_told(factor: float, unit: str) -> None:
    exercise = lesson_06.wait_for_prompts()
    assert f"These are {unit}" in exercise.verdict(exercise.answer * factor)[1]


@pytest.mark.parametrize(
    ("make", "answer", "advice"),
    [
        (lesson_00.rate_of, 20e6 / 5 / 86_400, "so multiply"),
        (lesson_00.traffic_of, 50, "Those are megabytes"),
        (lesson_00.traffic_of, 400_000, "A thousand times too small"),
        (lesson_00.traffic_of, 200_000, "That is one answer"),
        (lesson_00.fleet_of, 0.00404, "the time of one request, in seconds"),
        (lesson_00.fleet_of, 4.044, "the time of one request, in milliseconds"),
        (lesson_00.traffic_of, 3.2e9, "Multiplied by eight twice"),
        (lesson_00.fleet_of, 12_131, "The milliseconds were taken for seconds"),
        (lesson_00.fleet_of, 12_132, "The milliseconds were taken for seconds"),
        (lesson_01.how_many_hold, 1, "the active parameters at one byte each"),
        (lesson_00.fleet_of, 6.07, "one operation a parameter"),
        (lesson_00.fleet_of, 6.07, "sparse"),
        (lesson_04.peak_fleet, 21, "sparse"),
        (lesson_00.fleet_of, 39, "the A100 of the example"),
        (lesson_01.size_with_scales, 2 * 32_762_123_264, "every weight in 16 bits"),
        (lesson_01.size_with_scales, 16_445_034_529, "divided by eight on its own"),
        (lesson_01.size_with_scales, 20_476_327_040, "a scale 16 bytes: it has 16 bits"),
        (lesson_01.how_many_hold, 1.813, "one byte a parameter"),
        (lesson_01.how_many_hold, 2, "the active parameters only"),
        (lesson_01.how_many_hold, 2, "one byte a parameter"),
        (lesson_01.how_many_hold, 5, "eight times seven billion: 46,702,792,704 are stored"),
        (lesson_01.how_many_hold, 2.5, "1.6 times too small"),
        (lesson_01.gib_of, 8_030_261_248, "the number of parameters"),
        (lesson_01.gib_of, 16.1e9, "right to its 3 digits"),
        (lesson_01.size_with_scales, 16.5e9, "Qwen3 32B has 32,762,123,264 parameters"),
        (lesson_01.how_many_hold, 66.8e9, "a number of bytes"),
        (lesson_00.traffic_of, 160e6, "the example's size of an answer, 10 KB: here it is 25 KB"),
        (lesson_00.fleet_of, 25, "the example's length of an answer, 500 tokens"),
        (lesson_00.fleet_of, 5, "the example's model, 3,000,000,000 parameters"),
        (lesson_00.fleet_of, 47, "the example's load, 11,574 requests/s: here it is 3,000"),
        (lesson_01.size_with_scales, 32_762_123_264 * 4.0625 / 8, "of 8 bits for every 128"),
        (lesson_01.size_with_scales, 32_762_123_264 * 4.5 / 8, "of 8 bits for every 16 w"),
    ],
)
def test_usual_slips_are_named(make: Callable[..., Exercise], answer: float, advice: str) -> None:
    right, sentence = make().verdict(answer)
    assert right is False
    assert advice in sentence


def test_two_slips_of_the_same_number_are_both_told() -> None:
    first, last = together(Mistake(50, "One."), Mistake(70, "Two."), Mistake(50, "Three."))
    assert (first.value, first.advice) == (50, "One. Or else: Three.")
    assert last == Mistake(70, "Two.")


@pytest.mark.parametrize(
    ("rounds", "answer", "sentence"),
    [("down", 50.9, "Fifty."), ("up", 50.9, "Fifty-one."), ("down", 51.2, "Fifty-one.")],
)
def test_a_slip_that_is_not_rounded_yet_is_the_one_it_would_become(
    rounds: str, answer: float, sentence: str
) -> None:
    slips = (Mistake(50, "Fifty."), Mistake(51, "Fifty-one."))
    exercise = Exercise("A count", "?", "sequences_that_fit", 40, slips, "", rounds=rounds)
    assert exercise.verdict(answer)[1] == f"Not yet. {sentence}"


def test_a_named_slip_is_told_before_the_digits_are() -> None:
    slip = (Mistake(900e9, "The other index."),)
    exercise = Exercise("A day", "?", "daily_bytes", 864e9, slip, "")
    assert exercise.verdict(900e9)[1] == "Not yet. The other index."
    assert "right to its 1 digit" in dataclasses.replace(exercise, mistakes=()).verdict(900e9)[1]


def test_the_example_s_input_is_no_slip_where_the_exercise_has_the_same() -> None:
    assert of_example(1.0, "index", "25 %", "25 %") == ()
    (slip,) = of_example(1.0, "index", "25 %", "20 %")
    assert slip.advice == "That takes the example's index, 25 %: here it is 20 %."


def test_two_digits_of_a_slip_near_the_answer_are_as_well_something_else() -> None:
    slips = (Mistake(805.7e12, "A unit."), Mistake(405.7e12, "A half."))
    exercise = Exercise("A store", "?", "kept_bytes", 825e12, slips, "", tolerance=0.001)
    assert "times too small" in exercise.verdict(810e12)[1]
    assert exercise.verdict(806e12)[1] == "Not yet. A unit."
    assert exercise.verdict(410e12)[1] == "Not yet. A half."


def test_few_digits_are_no_fault_of_an_answer_that_is_asked_exactly() -> None:
    exercise = Exercise("A count", "?", "tokens_that_fit", 393_216, (), "", tolerance=0)
    assert "asked exactly" in exercise.verdict(393_200)[1]
    assert "4 digits" in dataclasses.replace(exercise, tolerance=1e-5).verdict(393_200)[1]


def test_of_two_slips_that_are_close_the_nearer_is_told() -> None:
    slips = (Mistake(1000e6, "This."), Mistake(1003e6, "That."))
    exercise = Exercise("A size", "?", "kv_cache_bytes", 7e8, slips, "")
    assert exercise.verdict(1003e6)[1] == "Not yet. That."
    assert exercise.verdict(1001e6)[1] == "Not yet. This."


def test_an_exercise_without_an_answer_names_its_numbers() -> None:
    with pytest.raises(
        ValueError, match=r"cache_at_fp32 has no positive .* n_layers 0, n_heads 0, t"
    ):
        lesson_03.cache_at_fp32(0, 0)
    with pytest.raises(
        ValueError, match=r"output_tokens 1: give for example batch 100, prompt_sec"
    ):
        lesson_06.wait_for_prompts(output_tokens=1)
