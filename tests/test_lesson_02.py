"""Lesson 02: the course's printed figures digit for digit, exercises, other parameters."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from estimator.lesson import check, lesson_02
from estimator.units import TB
from tests.golden import golden
from tests.running import results, warm_papermill
from tests.sheets import LESSON, PARAMETERS

# --- Figures ------------------------------------------------------------------------------------


def test_computed_values_are_told_by_their_names_in_the_glossary() -> None:
    table = lesson_02.values_table(requests_per_day=1_000_000_000, profile_bytes=1e12)
    assert table.rows == [
        ("requests of a day", "1,000,000,000 requests/day"),
        ("size of the profiles", "1.00 TB (931.32 GiB)"),
    ]


def test_the_course_s_figures_and_the_slip() -> None:
    rows = [(row[1], row[2]) for row in lesson_02.published_table().rows]
    assert rows == [
        ("1 TB", "1.00 TB (931.32 GiB)"),
        ("2 TB", "2.00 TB (1.82 TiB)"),
        ("2.5 GB", "2.50 TB (2.27 TiB)"),
        ("75 TB", "75.00 TB (68.21 TiB)"),
    ]
    assert "1,000 times the printed figure" in str(lesson_02.published_table().rows[2][3])


def test_stored_and_moved() -> None:
    rows = [row[1:4] for row in lesson_02.moved_table().rows]
    assert rows == [
        ("2 KB", "2.5 TB", "75 TB"),
        ("2 KB", "2.5 TB", "75 TB"),
        ("10 KB", "12.5 TB", "375 TB"),
        ("12 KB", "15 TB", "450 TB"),
    ]


def test_the_course_s_other_systems_are_those_of_the_published_examples() -> None:
    rows = golden()
    names = {
        "text": "interactions-index",
        "documents (RAG)": "store-rag",
        "speech": "store-text-to-speech Fish Speech",
        "images": "store-text-to-image SD 3.5 Large",
        "video": "store-text-to-video Mochi 1",
    }
    table = {str(row[0]): row for row in lesson_02.systems_table().rows}
    assert list(table) == list(names)
    for name, key in names.items():
        given = json.loads(rows[key]["inputs"])
        size, index, published = lesson_02.SYSTEMS[name]
        assert (size, index) == (given["bytes_each"], given["index"])
        assert published.split()[:2] == rows[key]["published"].replace("/", " ").split()[:2]
    figures = {name: (str(row[3]), str(row[4]), str(row[6])) for name, row in table.items()}
    assert figures == {
        "text": ("2.5 TB", "75 TB", "1"),
        "documents (RAG)": ("100 TB", "3 PB", "40"),
        "speech": ("250 TB", "7.5 PB", "100"),
        "images": ("1.25 PB", "37.5 PB", "500"),
        "video": ("1.56 PB", "46.88 PB", "625"),
    }


def test_the_chart_draws_what_its_text_says() -> None:
    picture = lesson_02.growth_chart()
    lines = [np.asarray(line.get_ydata()) for line in picture.figure.axes[0].lines]
    assert [line[-1] for line in lines] == [pytest.approx(1193.784489), 900, 225]
    styles = [(line.get_marker(), line.get_linestyle()) for line in picture.figure.axes[0].lines]
    assert len(set(styles)) == 3
    assert "5 % a month 1,194 TB; no growth 900 TB; no growth, kept 90 days 225 TB" in picture.alt


def test_hot_and_cold() -> None:
    assert [list(row[1:]) for row in lesson_02.tiers_table().rows] == [
        ["2,737,500", "0", "54,750 USD/month"], ["52,500", "2,685,000", "11,790 USD/month"],
    ]  # fmt: skip


def test_another_service_s_habits() -> None:
    table = lesson_02.usage_table()
    assert [row[3] for row in table.rows] == ["-", "2.571", "0.3673"]
    assert table.note.startswith("18,000,000,000 messages a week, over 7 days.")


def test_exercises_from_outside() -> None:
    assert lesson_02.day_of().answer == pytest.approx(936e9)
    assert lesson_02.kept_of().answer == pytest.approx(600e12)
    assert lesson_02.console_of().answer == 51e12
    assert lesson_02.bill_of().answer == pytest.approx(14_550)
    assert lesson_02.day_of(users=1_000_000, index=0).answer == 18e9


@pytest.mark.parametrize(
    ("make", "answer", "sentence"),
    [
        (lesson_02.day_of, 720e9, "without the index"),
        (lesson_02.day_of, 900e9, "the example's index, 25 %: here it is 30 %"),
        (lesson_02.day_of, 216e9, "the index alone"),
        (lesson_02.day_of, 156e9, "one interaction of each: they make 6"),
        (lesson_02.day_of, 120e9, "one interaction of each, without the index"),
        (lesson_02.day_of, 504e9, "taken off"),
        (lesson_02.day_of, 624e9, "the example's size of an interaction, 2 KB: here it is 3 KB"),
        (lesson_02.day_of, 1.56e12, "the example's interactions of a user, 10 a day"),
        (lesson_02.day_of, 936e9 / 86_400, "a second adds"),
        (lesson_02.day_of, 936e9 * 30, "a month adds"),
        (lesson_02.day_of, 936e9 * 8, "These are bits"),
        (lesson_02.day_of, 936e9 / 8, "bytes are asked for"),
        (lesson_02.day_of, 936e12, "MB are millions"),
        (lesson_02.day_of, 936e6, "A thousand times too small"),
        (lesson_02.day_of, 936e9 * 1.024, "1,024 bytes are a KiB"),
        (lesson_02.day_of, 936, "the number of GB"),
        (lesson_02.day_of, 936e9 / 2**30, "the number of GiB"),
        (lesson_02.day_of, 0.936, "the number of TB"),
        (lesson_02.kept_of, 637.5e12, "indexes the profiles"),
        (lesson_02.kept_of, 2400e12, "only the active ones"),
        (lesson_02.kept_of, 200e12, "one copy"),
        (lesson_02.kept_of, 157.5e12, "keeps one day"),
        (lesson_02.kept_of, 375e12, "60 days, not 30"),
        (lesson_02.kept_of, 300e12, "one copy of the interactions"),
        (lesson_02.kept_of, 2280e12, "are swapped"),
        (lesson_02.kept_of, 800e12, "One copy too many"),
        (lesson_02.kept_of, 150e12, "the profiles alone"),
        (lesson_02.kept_of, 9450e12, "anew each day"),
        (lesson_02.kept_of, 195e12, "they make 10"),
        (lesson_02.kept_of, 600e12 * 1.048576, "1,048,576 bytes are a MiB"),
        (lesson_02.kept_of, 510e12, "The index is missing"),
        (lesson_02.kept_of, 465e12, "the example's record, 10 KB: here it is 100 KB"),
        (lesson_02.kept_of, 659.7e12, "A TB was taken for a TiB"),
        (lesson_02.kept_of, 600e12 / 1.024**4, "A TiB was taken for a TB"),
        (lesson_02.kept_of, 600e12 / 86_400, "Nothing is per second"),
        (lesson_02.kept_of, 600e12 * 86_400, "Nothing is per second"),
        (lesson_02.kept_of, 150e12 + 450e12 * 86_400, "Nothing is per second"),
        (lesson_02.console_of, 51e12 / 86_400, "Nothing is per second"),
        (lesson_02.console_of, 1.7e12 / 86_400, "a second's part"),
        (lesson_02.kept_of, 500e12, "one copy of the profiles"),
        (lesson_02.kept_of, 600e12 * 8, "These are bits"),
        (lesson_02.kept_of, 600e12 * 1.024, "1,024 bytes are a KiB"),
        (lesson_02.kept_of, 600e12 * 2**30 / 1e9, "a GB is 10^9"),
        (lesson_02.kept_of, 600, "the number of TB"),
        (lesson_02.kept_of, 600e9, "A thousand times too small"),
        (lesson_02.kept_of, 5.86e14, "1,024 bytes are a KiB"),
        (lesson_02.kept_of, 5.9e14, "1.017 times too small"),
        (lesson_02.console_of, 46.38e12, "at its word"),
        (lesson_02.console_of, 46.38 * 1024**3, "the power of 1,024 for tera is the fourth"),
        (lesson_02.console_of, 46.38e12 * 1.024, "Only one of four factors"),
        (lesson_02.console_of, 46.38e12 * 1.024**2, "Only two of four factors"),
        (lesson_02.console_of, 46.38e12 * 1.024**3, "The 7 % are a GiB's"),
        (lesson_02.console_of, 46.38e12 / 1.024**4, "the wrong way"),
        (lesson_02.console_of, 1.7e12, "a day's part"),
        (lesson_02.console_of, 51e12 * 8, "These are bits"),
        (lesson_02.bill_of, 54_750, "all days hot"),
        (lesson_02.bill_of, 10_950, "all days cold"),
        (lesson_02.bill_of, 11_790, "the example's hot part, 7 days: here it is 30 days"),
        (lesson_02.bill_of, 12_150, "the hot days in one copy"),
        (lesson_02.bill_of, 11_550, "the hot days in one copy"),
        (lesson_02.bill_of, 51_150, "swapped"),
        (lesson_02.bill_of, 4_500, "the hot part alone"),
        (lesson_02.bill_of, 10_050, "the cold part alone"),
        (lesson_02.bill_of, 15_450, "counted twice: cold are 335 days"),
        (lesson_02.bill_of, 14_550 / 365, "one day's data"),
        (lesson_02.bill_of, 485, "a day's bill"),
        (lesson_02.bill_of, 174_600, "a year's bill"),
        (lesson_02.bill_of, 14_550e3, "not for a MB"),
        (lesson_02.bill_of, 14_550 / 1.024**3, "A GiB was taken for a GB"),
        (lesson_02.bill_of, 14_550 * 1.024, "not 1,024"),
        (lesson_02.bill_of, 14_550 * 1.024**4, "A TiB was taken for a TB"),
        (lesson_02.bill_of, 14_550 * 8, "These are bits"),
        (lesson_02.bill_of, 14_550 / 8, "divided by eight"),
        (lesson_02.bill_of, 4_850, "one copy"),
        (lesson_02.bill_of, 4_850, "three to one"),
        (lesson_02.bill_of, 7_850, "the cold days in one copy"),
        (lesson_02.bill_of, 14_400, "twelve equal months, 360 days: here it is 365 days"),
        (lesson_02.bill_of, 18_187.5, "the 2.5 TB include it"),
        (lesson_02.bill_of, 19_400, "One copy too many"),
        (lesson_02.bill_of, 14.55, "a TB is a thousand GB"),
    ],
)
def test_usual_slips_are_named(make: Any, answer: float, sentence: str) -> None:
    verdict = check(make(), answer)
    assert verdict.right is False
    assert sentence in verdict.sentence


# --- The reader's numbers, and papermill --------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_number_past_any_service_is_refused_in_a_short_sentence(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is 1e\+300, but the .*: give") as refused:
        lesson_02.checked(**(PARAMETERS | {name: 1e300}))
    assert len(str(refused.value)) < 200


def test_the_reader_s_paragraph_follows_the_reader() -> None:
    given = lesson_02.checked(**(PARAMETERS | {"requests_per_user": 0, "registered_users": 1}))
    text = lesson_02.your_storage(given).text
    assert text.startswith("**0 B a day and 0 B a month come from 1 user a day; 10.00 KB")
    assert "days of interactions" not in text
    assert "with the users growing by 5 % a month." in text
    given = lesson_02.checked(**(PARAMETERS | {"monthly_growth": 0, "record_bytes": 25_000}))
    text = lesson_02.your_storage(given).text
    assert "as much as 1 day of interactions." in text
    assert text.endswith("will have been written, with as many users as today.")


def test_another_service(tmp_path: Path) -> None:
    done = warm_papermill(
        LESSON, tmp_path, registered_users="500e6", active_share=0.2, replicas=3,
        retention_days=90, monthly_growth=0, sheet_path=tmp_path / "mine.xlsx",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == pytest.approx(
        {
            "active_users": 100_000_000,
            "profile_bytes": 5 * TB,
            "daily_bytes": 2.5 * TB,
            "monthly_bytes": 75 * TB,
            "grown_bytes": 900 * TB,
            "retained_bytes": 675 * TB,
            "kept_bytes": 690 * TB,
            "cold_bytes": 622.5 * TB,
            "hot_storage_bytes": 67.5 * TB,
            "storage_usd_per_month": 67_500 * 0.02 + 622_500 * 0.004,
        }
    )
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert content["lesson"] == LESSON
    assert set(content["parameters"]) == set(PARAMETERS)
    text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "690.00 TB are kept" in text
    assert openpyxl.load_workbook(tmp_path / "mine.xlsx")["Storage"]["B1"].value == 500


def test_a_table_has_the_digits_of_the_page() -> None:
    large = {"registered_users": 7_777_777_777, "requests_per_user": 97, "index_share": 0,
             "interaction_bytes": 1_234_567, "replicas": 3, "compression_ratio": 3}  # fmt: skip
    services = [
        PARAMETERS | changes
        for changes in (
            {},
            {"monthly_growth": 0.2},
            {"monthly_growth": 1, "retention_days": 30.5},
            {"monthly_growth": 1, "retention_days": 3650},
            large,
            large | {"active_share": 0.3, "record_bytes": 987_654_321},
        )
    ]
    columns = {name: np.array([float(one[name]) for one in services]) for name in PARAMETERS}
    table = lesson_02.point_results(columns)
    for place, one in enumerate(services):
        page = lesson_02.results(lesson_02.storage_sheet(lesson_02.checked(**one)).compute())
        assert {name: float(values[place]) for name, values in table.items()} == {
            name: float(value) for name, value in page.items()
        }


def test_impossible_parameters_stop_the_run_and_are_all_told(tmp_path: Path) -> None:
    done = warm_papermill(
        LESSON, tmp_path, registered_users=0, record_bytes=-1, index_share=25,
        requests_per_user="many",
    )  # fmt: skip
    assert done.returncode != 0
    for sentence in (
        "registered_users is 0, but the number of registered users must be a whole number, from 1",
        "record_bytes is -1, but the size of a user's record must be from 0 to 1,000,",
        "index_share is 25, but the index share must be from 0 to 1:",
        "requests_per_user is 'many' (str)",
    ):
        assert sentence in done.stderr
    assert not (tmp_path / "result.json").exists()


def test_a_sheet_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    done = warm_papermill(LESSON, tmp_path, sheet_path="/no/such/folder/x.xlsx")
    assert done.returncode != 0
    assert "sheet_path is '/no/such/folder/x.xlsx', but there is no folder" in done.stderr
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("registered_users", float("nan"), "registered_users is nan"),
        ("registered_users", 1e300, "from 1 to 10,000,000,000 users"),
        ("active_share", 1.5, "must be from 0 to 1"),
        ("retention_days", 0, "must be from 1 to 36,500 days"),
        ("compression_ratio", 0, "must be from 1 to 1,000"),
        ("index_share", 1.01, "the index share must be from 0 to 1: give for example 0.25"),
        ("monthly_growth", 5, "the growth of a month must be from 0 to 1"),
    ],
)
def test_a_parameter_out_of_range_is_one_sentence(name: str, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lesson_02.checked(**(PARAMETERS | {name: value}))
