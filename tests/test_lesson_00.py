"""Lesson 00's tables: what a reader needs to know of tokens and units before the first sum."""

from pathlib import Path
from typing import Any

import pytest

from estimator import catalog
from estimator.lesson import lesson_00
from estimator.lesson.inputs import inputs
from estimator.lesson.lesson_00_envelope import envelope
from estimator.serving import compute_seconds, requests_per_s
from tests.seen import rows

ROOT = Path(__file__).parents[1]


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


SERVICE: dict[str, Any] = {
    "users": 100_000_000, "requests_per_user": 10, "n_params": 3_000_000_000,
    "bits_per_weight": 16, "output_tokens": 500,
}  # fmt: skip


def told_of(**changes: Any) -> str:
    choice = {"accelerator": ("A100-SXM-80GB", catalog.accelerators())}
    return lesson_00.your_envelope(inputs(**{**SERVICE, **changes}, choices=choice)).text


def test_traffic_keeps_the_example_s_bytes_and_says_so() -> None:
    short, long = told_of(), told_of(output_tokens=8000)
    kept = "the example's (2 KB in, 10 KB out, 2 KB stored), and stay so when you change the length"
    assert kept in short
    assert kept in long
    assert "The text of 500 tokens alone is 2 KB: lesson 04 counts that." in short
    assert "The text of 8,000 tokens alone is 32 KB: lesson 04 counts that." in long
    assert all("925.93 Mbit/s of answers" in text for text in (short, long))


def test_how_wrong_the_floor_can_be_is_what_its_end_says() -> None:
    """The numbers stand there in words, which the lessons' own guard does not look up."""
    page = (ROOT / "notebooks/00-start-here.ipynb").read_text(encoding="utf-8")
    said = "three thousand tokens alone would make the 112 seven times as many; if all come within"
    assert f"{said} eight hours, twenty-one times." in page
    told = rows(lesson_00.published_table(envelope(**SERVICE, accelerator="A100-SXM-80GB")))
    assert told["accelerators"][:2] == ["112", "112 accelerators"]
    assert "111.29, rounded up" in told["accelerators"][2]

    def floor(tokens: int, hours: int) -> float:
        rate = requests_per_s(100_000_000, 10) * 24 / hours
        return float(rate * compute_seconds(3_000_000_000, tokens, 312e12))

    assert floor(3000 + 500, 24) / floor(500, 24) == pytest.approx(7)
    assert floor(3000 + 500, 8) / floor(500, 24) == pytest.approx(21)


def test_one_user_reads_as_one() -> None:
    text = told_of(users=1, requests_per_user=1, output_tokens=1)
    assert text.startswith("**1 user, 1 request a day.** That is 1 request/day, at least 1 acc")
    assert "The text of 1 token alone is 4 B" in text
    assert told_of(users=2).startswith("**2 users, 10 requests a day each.**")


def test_the_result_says_which_traffic_it_is() -> None:
    page = (ROOT / "notebooks/00-start-here.ipynb").read_text(encoding="utf-8")
    assert "traffic_bits_per_s | traffic out | 925.93 Mbit/s" in page
