"""The bank of exercises: every kind over many seeds, and against values worked out by hand."""

import functools
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.lesson.exercise_sheets import KINDS
from estimator.lesson.exercise_sheets.kind import Kind, distinct, pose
from estimator.lesson.exercises import Exercise, Mistake
from tests.exercise_values import VALUES

BY_NAME = {kind.name: kind for kind in KINDS}
SEEDS = 100


def draw(kind: Kind, seeds: int) -> tuple[Exercise, ...]:
    return tuple(kind.pose(Random(seed)) for seed in range(seeds))


@functools.cache
def posed(name: str) -> tuple[Exercise, ...]:
    return draw(BY_NAME[name], SEEDS)


def texts(exercise: Exercise) -> list[str]:
    advice = [mistake.advice for mistake in exercise.mistakes]
    return [exercise.question, exercise.solution, *advice]


def test_there_are_kinds_for_every_lesson_and_no_two_share_a_name_or_a_title() -> None:
    assert len(KINDS) == len(BY_NAME) >= 40
    titles = Counter(kind.pose(Random(0)).title for kind in KINDS)
    assert titles.most_common(1)[0][1] == 1
    lessons = Path(__file__).parents[1].joinpath("notebooks").glob("*.ipynb")
    kinds = Counter(kind.lesson for kind in KINDS)
    count = {path.stem[:2]: kinds[path.stem[:2]] for path in lessons}
    few = {lesson: number for lesson, number in count.items() if number < 5}
    assert not few, "each lesson has five kinds or more, in KINDS of a module that __init__ names"
    assert set(kinds) == set(count)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
class TestKind:
    def test_a_seed_makes_the_same_exercise(self, kind: Kind) -> None:
        assert draw(kind, 10) == draw(kind, 10) == posed(kind.name)[:10]

    def test_there_are_enough_variants_for_a_room(self, kind: Kind) -> None:
        questions = {exercise.question for exercise in posed(kind.name)}
        assert len(questions) >= 25, f"{kind.name} needs more numbers to choose from"

    def test_right_is_right_and_each_mistake_is_told_apart(self, kind: Kind) -> None:
        for exercise in posed(kind.name):
            assert 0 < exercise.answer < float("inf")
            assert exercise.verdict(exercise.answer)[0] is True
            assert len(exercise.mistakes) >= 2
            for mistake in exercise.mistakes:
                assert exercise.verdict(mistake.value) == (False, f"Not yet. {mistake.advice}")

    def test_sentences_end_and_numbers_are_rounded(self, kind: Kind) -> None:
        for exercise in posed(kind.name):
            for text in texts(exercise):
                assert re.search(r"[.?]$", text), text
                assert not re.search(
                    r"\.\d{6}|(?<!PCIe )\b\d+\.0\b|[{}]|\bnan\b|\binf\b|  ", text
                ), text
                assert not re.search(r"(?<![\w.,-])\d{4,}(?! PRO|[\d.]*\.\d)|\d%", text), text
                assert not re.search(r"\ba 8|(?<![\d.,])1 (?:layers|heads|accelerators)\b", text), (
                    text
                )


@pytest.mark.parametrize(("name", "numbers", "answer"), VALUES, ids=lambda value: str(value)[:24])
def test_the_answer_is_the_one_on_paper(
    name: str, numbers: dict[str, object], answer: float
) -> None:
    kind = BY_NAME[name]
    assert set(numbers) == set(kind.choices)
    made = kind.make(**numbers)
    if isinstance(made.answer, int) and made.answer <= 1000:
        assert made.answer == answer
    assert made.answer == pytest.approx(answer, rel=1e-5)


def test_every_kind_has_a_value_worked_out_by_hand() -> None:
    odd = {name for name, _, _ in VALUES} ^ set(BY_NAME)
    assert not odd, "tests/exercise_values.py has a row of each kind, and of nothing else"


@given(st.integers(0, 10**9), st.sampled_from(KINDS))
@settings(max_examples=200, deadline=None)
def test_any_seed_makes_an_exercise(seed: int, kind: Kind) -> None:
    exercise = kind.pose(Random(seed))
    assert exercise.verdict(exercise.answer)[0] is True


def example(*values: float) -> Exercise:
    wrong = [(value, f"This is {value}.") for value in values]
    return pose("T", "How many?", "weight_bytes", 7 * 10**9, "It is {answer}.", *wrong)


def test_mistakes_that_cannot_be_told_apart_are_left_out() -> None:
    kept = distinct(example(14e9, 7.01e9, 14.01e9, 0, -1, float("inf"), 3.5e9)).mistakes
    assert [mistake.value for mistake in kept] == [14e9, 3.5e9]


def test_the_solution_has_the_answer_with_its_unit() -> None:
    assert example().solution == "It is 7.00 GB (6.52 GiB)."


def test_a_kind_without_any_good_numbers_says_so() -> None:
    def lonely(size: int) -> Exercise:
        return replace(example(14e9), mistakes=(Mistake(size, "Wrong."),))

    with pytest.raises(ValueError, match="lonely makes no exercise of its numbers: widen"):
        Kind("01", lonely, {"size": (1, 2)}).pose(Random(1))
