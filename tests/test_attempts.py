"""Half-done exercises: the dots say what belongs there, and nothing typed there is an error."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.cost import accelerator_hours, accelerator_usd_per_month
from estimator.lesson import (
    attempt,
    check,
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_04,
    lesson_05,
    lesson_06,
)
from estimator.lesson.attempts import Attempt
from estimator.lesson.exercises import Exercise
from estimator.model_storage import weight_bytes
from estimator.serving import accelerators, queries_per_s, requests_per_s
from estimator.step_time import running_requests
from estimator.user_data import daily_bytes

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
PUT = "In place of the dots put what is missing: "


def rate(requests_per_user: Any) -> Attempt:
    return attempt(requests_per_s, 20_000_000, requests_per_user=requests_per_user)


def size(bits_per_weight: Any) -> Attempt:
    return attempt(weight_bytes, 70_000_000_000, bits_per_weight=bits_per_weight)


def day(interaction_bytes: Any, index_share: Any) -> Attempt:
    blanks = {"interaction_bytes": interaction_bytes, "index_share": index_share}
    return attempt(daily_bytes, 40_000_000, 6, **blanks)


def fleet(compute_seconds: Any) -> Attempt:
    peak = 3 * requests_per_s(40_000_000, 6)
    return attempt(accelerators, peak, compute_seconds=compute_seconds)


def month(price: Any) -> Attempt:
    hours = accelerator_hours(40)
    return attempt(accelerator_usd_per_month, hours, usd_per_accelerator_hour=price)


def served(generation_seconds: Any) -> Attempt:
    return attempt(running_requests, 256, 36, generation_seconds=generation_seconds)


# The lessons' half-done exercises, each with what one puts into it, and what its dots stand for.
DATA = "the size of an interaction, in bytes, and the index share"
HALF_DONE: tuple[tuple[Exercise, Callable[[Any], Attempt], str], ...] = (
    (lesson_00.rate_of(), rate, "the requests of a user a day"),
    (lesson_01.size_at_int8(), size, "the bits per weight"),
    (lesson_02.day_of(), lambda typed: day(typed, typed), DATA),
    (lesson_02.day_of(), lambda typed: day(typed, ...), DATA),
    (lesson_02.day_of(), lambda typed: day(3_000, typed), DATA),
    (lesson_04.peak_fleet(), fleet, "the compute time of a request, in s"),
    (lesson_05.month_of_accelerators(), month, "the price of an accelerator, in USD/h"),
    (lesson_06.requests_that_run(), served, "the time to generate, in s"),
)


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (rate(...), "the requests of a user a day."),
        (size(...), "the bits per weight."),
        (day(..., ...), "the size of an interaction, in bytes, and the index share."),
        (day(3_000, ...), "the index share."),
        (day(..., 0.2), "the size of an interaction, in bytes."),
        (fleet(...), "the compute time of a request, in s."),
    ],
)  # fmt: skip
def test_a_blank_that_is_left_is_named_with_its_unit(left: Attempt, wanted: str) -> None:
    verdict = check(lesson_00.rate_of(), left)
    assert verdict.right is None
    assert verdict.sentence == f"Not answered yet. {PUT}{wanted}"


def test_the_missing_input_solves_it() -> None:
    assert check(lesson_00.rate_of(), rate(5)).sentence == "Right: 1,157 requests/s."
    assert check(lesson_01.size_at_int8(), size(8)).right is True
    assert check(lesson_02.day_of(), day(3_000, 0.3)).right is True


def test_the_result_in_place_of_an_input_solves_it_too() -> None:
    told = check(lesson_00.rate_of(), rate(1157))
    assert told.right is True
    assert "dots stand for the requests of a user a day: the line does the rest" in told.sentence
    assert check(lesson_01.size_at_int8(), size(70e9)).right is True  # which the formula refuses
    assert check(lesson_02.day_of(), day(936e9, ...)).right is True
    assert check(lesson_02.day_of(), day(3_000, 936e9)).right is True
    exercise = lesson_05.month_of_accelerators()
    assert check(exercise, month(exercise.answer)).right is True


@pytest.mark.parametrize(("exercise", "put", "wanted"), HALF_DONE)
def test_a_wrong_result_in_place_of_an_input_gets_its_advice(
    exercise: Exercise, put: Callable[[Any], Attempt], wanted: str
) -> None:
    told = f" (The dots stand for {wanted}: the line does the rest.)"
    for mistake in exercise.mistakes:
        given = check(exercise, put(mistake.value))
        assert given.right is False
        assert given.sentence == f"Not yet. {mistake.advice}{told}", mistake.value


@pytest.mark.parametrize(
    ("exercise", "given", "advice"),
    [
        (lesson_00.rate_of(), rate(2300), "That is the example's ten"),  # to two digits
        (lesson_01.size_at_int8(), size(70), "That is the number of GB"),
        (lesson_04.peak_fleet(), fleet(40.44), "Now round up"),
    ],
)
def test_a_wrong_result_is_known_by_its_rounding_and_unit_too(
    exercise: Exercise, given: Attempt, advice: str
) -> None:
    sentence = check(exercise, given).sentence
    assert sentence.startswith(f"Not yet. {advice}")
    assert "(The dots stand for the" in sentence


@pytest.mark.parametrize(
    ("exercise", "given", "said"),
    [
        (lesson_00.rate_of(), rate(7),
         "You typed 7. That makes 1,620 requests/s: 1.4 times too large. Check each factor and its "
         "unit. In place of the dots put the requests of a user a day."),
        (lesson_02.day_of(), day(4_000, 0.3),
         "You typed 4,000 and 0.3. That makes 1.25 TB a day: 1.333 times too large. Check each "
         f"factor and its unit. In place of the dots put {DATA}."),
        (lesson_05.month_of_accelerators(), month(86_400),
         "You typed 86,400. In place of the dots put the price of an accelerator, in USD/h."),
        (lesson_00.rate_of(), rate(0),
         "You typed 0. In place of the dots put the requests of a user a day."),
        # One part of an accelerator, rounded up, is a slip of the result: this was no result.
        (lesson_04.peak_fleet(), fleet(0.01),
         "You typed 0.01. That makes 84 accelerators: 2.049 times too large. Check each factor "
         "and its unit. In place of the dots put the compute time of a request, in s."),
        (lesson_04.peak_fleet(), fleet(4.853),
         "These are milliseconds of work: a second has a thousand."),
        (lesson_00.rate_of(), rate(10),
         "That is the example's ten requests a user: here each makes 5."),
    ],
)  # fmt: skip
def test_a_wrong_input_is_named_and_measured_only_where_it_may_be_meant(
    exercise: Exercise, given: Attempt, said: str
) -> None:
    assert check(exercise, given).sentence == f"Not yet. {said}"


def test_what_no_formula_takes_is_told_what_the_dots_stand_for() -> None:
    assert check(lesson_02.day_of(), day(7e11, 7e11)).sentence == (
        "Not yet. index_share is 700000000000, but the index share must be from 0 to 1: give for "
        f"example 0.25. In place of the dots put {DATA}."
    )
    said = check(lesson_00.rate_of(), rate(np.array([4.0, 6.0]))).sentence
    assert "is not a plain number" in said
    assert said.endswith("In place of the dots put the requests of a user a day.")


def test_a_known_number_is_not_taken_for_a_result() -> None:
    """There are as many bytes at INT8 as parameters, and those were given."""
    told = check(lesson_01.size_at_int8(), size(16))
    assert told.right is False
    assert told.sentence.startswith("Not yet. Twice too large: INT8 is one byte a parameter")


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (size(70), "bits_per_weight is 70, but the bits per weight must be more than 0, at most"),
        (size("8"), "bits_per_weight is '8' (str), but the bits per weight must be a number"),
        (size([8]), "bits_per_weight is [8] (list), but"),
        (day(3_000, 20), "index_share is 20, but the index share must be from 0 to 1"),
        (rate(-1), "requests_per_user is -1, but"),
        (rate(1e308), "requests_per_s"),
        (attempt(weight_bytes, bits_per_weight=8), "weight_bytes() missing 1 required"),
    ],
)
def test_what_a_formula_refuses_is_told_without_an_error(refused: Attempt, sentence: str) -> None:
    verdict = check(lesson_01.gib_of(), refused)
    assert verdict.right is False
    assert verdict.sentence.startswith(f"Not yet. {sentence}")


def test_an_attempt_shows_what_came_of_it() -> None:
    assert repr(size(8)) == "70000000000"
    assert repr(size(70)).startswith("bits_per_weight is 70")
    assert repr(rate(...)) == f"Not answered yet. {PUT}the requests of a user a day."
    assert f"{rate(...):,.0f}" == str(rate(...)) == repr(rate(...))
    assert "Ellipsis" not in repr(attempt(requests_per_s, ..., requests_per_user=5))


def test_an_attempt_goes_where_its_number_goes() -> None:
    answer: Any = rate(5)
    number = requests_per_s(20_000_000, 5)
    assert (answer / 1e9, 2 * answer, 1 - answer, answer**2, 7 // answer, answer % 7) == (
        number / 1e9, 2 * number, 1 - number, number**2, 7 // number, number % 7,
    )  # fmt: skip
    assert (round(answer), round(answer, 1), int(answer)) == (1157, 1157.4, 1157)
    assert (-answer, abs(answer), float(answer), math.ceil(answer)) == (
        -number, number, number, 1158,
    )  # fmt: skip
    assert f"{answer:,.0f}" == "1,157"
    assert answer > 3
    assert 3 <= answer <= number
    assert answer == number
    assert number == answer
    assert answer == rate(5)
    assert answer != 1157
    assert {number: "known"}[answer] == "known"
    assert size(8) == 70_000_000_000
    assert answer + rate(5) == 2 * number
    assert math.sqrt(answer) == math.sqrt(number)
    assert bool(answer) is True
    assert bool(rate(0)) is False
    assert queries_per_s(answer) == queries_per_s(number)  # a formula takes it
    assert check(lesson_00.rate_of(), round(answer)).right is True
    assert check(lesson_00.rate_of(), rate(rate(5))).right is True


@pytest.mark.parametrize(("given", "said"), [(rate(...), "Not answered"), (size(70), "bits_per_w")])
def test_an_attempt_without_a_number_says_so_in_a_calculation(given: Any, said: str) -> None:
    for calculate in (
        lambda: given / 1e9, lambda: 2 * given, lambda: given > 3, lambda: round(given),
        lambda: float(given), lambda: queries_per_s(given),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{said}"):
            calculate()
    assert given != 5
    assert given == given


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_dots_stand_only_where_something_may_be_put(lesson: Path) -> None:
    """A comment with dots, once it is made code, adds a number to dots: an error without help."""
    for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if "exercise" not in cell["metadata"].get("tags", []):
            continue
        assert not any("..." in line.partition("#")[2] for line in source.splitlines()), source
        if "attempt(" in source:
            # By name, what is known would be taken for something that the reader put in.
            call = source.partition("attempt(")[2]
            assert set(re.findall(r"\w+=(\S+?)[,)]", call)) == {"..."}
            assert "**" not in call
            page = "".join(cell["outputs"][0]["data"]["text/markdown"])
            assert PUT in page
