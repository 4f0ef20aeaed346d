"""Half-done exercises: the dots say what belongs there, and nothing typed there is an error."""

import json
from pathlib import Path
from typing import Any

import pytest

from estimator.cost import accelerator_usd_per_month
from estimator.lesson import attempt, check, lesson_00, lesson_01, lesson_02, lesson_05
from estimator.lesson.attempts import Attempt
from estimator.model_storage import weight_bytes
from estimator.serving import accelerators, requests_per_s
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


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (rate(...), "the requests of a user a day."),
        (size(...), "the bits per weight."),
        (day(..., ...), "the size of an interaction, in bytes, and the index share."),
        (day(3_000, ...), "the index share."),
        (day(..., 0.2), "the size of an interaction, in bytes."),
        (attempt(accelerators, requests_per_s=9, compute_seconds=...),
         "the compute time of a request, in s."),
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
    given = attempt(accelerator_usd_per_month, 1, usd_per_accelerator_hour=exercise.answer)
    assert check(exercise, given).right is True


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


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_dots_stand_only_where_something_may_be_put(lesson: Path) -> None:
    """A comment with dots, once it is made code, adds a number to dots: an error without help."""
    for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if "exercise" not in cell["metadata"].get("tags", []):
            continue
        assert not any("..." in line.partition("#")[2] for line in source.splitlines()), source
        if "attempt(" in source:
            page = "".join(cell["outputs"][0]["data"]["text/markdown"])
            assert PUT in page
