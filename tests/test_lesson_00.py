"""Lesson 00's tables: what a reader needs to know of tokens and units before the first sum."""

import pytest

from estimator.lesson import lesson_00
from estimator.lesson.tables import Table


def rows(table: Table) -> dict[str, list[str]]:
    return {str(first): [str(cell) for cell in rest] for first, *rest in table.rows}


def test_an_answer_s_tokens_are_given_as_text_too() -> None:
    told = rows(lesson_00.envelope_assumptions())
    assert told["tokens of an answer"][0] == "500"
    # By hand: 500 x 4 bytes.
    assert told["text of so many tokens"][0] == "2 KB"
    assert told["text of so many tokens"][1].startswith("4 bytes a token")


def test_both_families_of_prefixes_are_told() -> None:
    told = rows(lesson_00.units_table())
    assert told["KB, MB, GB, TB"][0] == "each 1,000 of the one before"
    assert told["KiB, MiB, GiB, TiB"][0] == "each 1,024 of the one before"


def test_both_formats_of_two_bytes_stand_in_one_row() -> None:
    size, sources = rows(lesson_00.heart_table())["bytes of a parameter at FP16 or BF16"]
    assert size == "2"
    assert "binary16" in sources
    assert "BFLOAT16" in sources


@pytest.mark.parametrize(
    ("users", "score"),
    [(8_640, "1 request a second, 0.001 times"), (17_280, "2 requests a second, 0.002 times")],
)
def test_the_task_counts_one_request_and_two(users: int, score: str) -> None:
    answer = lesson_00.envelope_answer(users, 10, 3_000_000_000, 16, 500, "A100-SXM-80GB")
    assert answer.score.startswith(score)
