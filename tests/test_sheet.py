"""Sheets in plain Python: what is computed, how a formula is written, what is refused."""

import math
import re
from typing import Any

import pytest

from estimator import user_data
from estimator.formula import facts_of
from estimator.lesson.lesson_02_sheet import checked_label, course_calculator, storage_sheet
from estimator.lesson.sheet import ComputedRow, InputRow, Row, Sheet, SumRow, expression_text, tidy
from estimator.units import KB, MB, TB
from tests.sheets import evaluate


def base_cells(sheet: Sheet, values: dict[str, float]) -> dict[str, float]:
    return {f"B{sheet.number(name)}": value for name, value in values.items()}


def test_the_course_s_calculator_is_the_course_s_to_the_digit() -> None:
    table = course_calculator().table()
    cells = [(str(row[1]), str(row[2]), str(row[3])) for row in table.rows]
    assert cells == [
        ("Number of users", "✎ 100", "million"),
        ("Size of a user's record", "✎ 10", "KB"),
        ("Profiles", "1", "TB"),
        ("Interactions of a user", "✎ 10", "a day"),
        ("Size of an interaction", "✎ 2", "KB"),
        ("Interactions", "2", "TB a day"),
        ("Index, of the interactions", "✎ 25", "%"),
        ("Interactions with index", "2.5", "TB a day"),
        ("Interactions with index, a month", "75", "TB a month"),
    ]


def test_yellow_is_marked_by_more_than_a_colour() -> None:
    page = course_calculator().table().html()
    assert page.count('background:#FFF2A8;color:#000000;padding:0 6px">✎ ') == 5


def test_the_whole_sheet_at_the_course_s_numbers() -> None:
    values = storage_sheet().compute()
    assert values["profile_bytes"] == 1 * TB
    assert values["interaction_data_bytes"] == 2 * TB
    assert values["daily_bytes"] == 2.5 * TB
    assert values["monthly_bytes"] == 75 * TB
    assert values["kept_bytes"] == 76 * TB
    assert values["cold_bytes"] + values["hot_storage_bytes"] == values["kept_bytes"]
    assert values["storage_usd_per_month"] == pytest.approx(600)


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"active_share": 0.2, "registered_users": 500_000_000}, "profile_bytes", 5 * TB),
        ({"active_share": 0.2, "registered_users": 500_000_000}, "daily_bytes", 2.5 * TB),
        ({"replicas": 3}, "retained_bytes", 225 * TB),
        ({"replicas": 3}, "profile_copies", 3 * TB),
        ({"replicas": 3, "compression_ratio": 3, "retention_days": 365}, "retained_bytes",
         912.5 * TB),
        ({"index_share": 0}, "daily_bytes", 2 * TB),
        ({"hot_days": 90}, "cold_bytes", 0),
        ({"hot_days": 0}, "cold_bytes", 75 * TB),
        ({"monthly_growth": 0}, "grown_bytes", 900 * TB),
        ({"months": 0}, "grown_bytes", 0),
        ({"monthly_growth": 0.05}, "grown_users", 179_585_632.6022),
    ],
)  # fmt: skip
def test_a_yellow_cell_moves_what_it_should(
    changes: dict[str, float], name: str, value: float
) -> None:
    sheet = storage_sheet().with_values(**changes)
    assert sheet.compute()[name] == pytest.approx(value)
    assert storage_sheet().compute(changes)[name] == pytest.approx(value)


def test_every_formula_of_the_lesson_can_be_written_and_says_the_same() -> None:
    for formula in vars(user_data).values():
        if not hasattr(formula, "facts"):
            continue
        inputs = facts_of(formula).inputs
        text = expression_text(formula, tuple((e.name, f"B{i}") for i, e in enumerate(inputs)))
        cells = {f"B{i}": e.usual for i, e in enumerate(inputs)}
        expected = formula(**{e.name: e.usual for e in inputs})
        assert evaluate(text, cells) == pytest.approx(expected), formula.__name__


def test_the_sheet_s_formulas_give_the_sheet_s_numbers() -> None:
    sheet = storage_sheet().with_values(replicas=3, hot_days=12, compression_ratio=2.5)
    sheet = sheet_with_rows(sheet)
    values = sheet.compute()
    cells = base_cells(sheet, values)
    for row in sheet.rows:
        if not isinstance(row, InputRow):
            text = sheet.formula_text(row).replace(" × ", "*").replace(" / ", "/")
            assert evaluate(text, cells) == pytest.approx(values[row.name]), row.label


def sheet_with_rows(sheet: Sheet) -> Any:
    grown: Any = type(storage_sheet())(sheet.rows)
    grown = grown.with_row("server logs", 1 * KB, per="interaction")
    grown = grown.with_row("metadata", 2 * KB, per="user")
    return grown.with_row("prompt templates", 5 * MB, per="once")


def test_added_rows_are_kept_copied_and_counted() -> None:
    plain = storage_sheet().with_values(replicas=2, retention_days=10)
    sheet = sheet_with_rows(plain)
    values = sheet.compute()
    added = values["kept_bytes"] - plain.compute()["kept_bytes"]
    logs, metadata, templates = (values[f"row_{n}_kept"] for n in (1, 2, 3))
    assert logs == 1e9 * 1 * KB * 10 * 2
    assert metadata == 1e8 * 2 * KB * 2
    assert templates == 5 * MB * 2
    assert added == pytest.approx(logs + metadata + templates)
    assert values["hot_storage_bytes"] + values["cold_bytes"] == pytest.approx(values["kept_bytes"])
    assert len(sheet.rows) == len(plain.rows) + 3 + 3 + 2


def test_the_total_is_told_in_cells_and_grows_with_the_rows() -> None:
    sheet = sheet_with_rows(storage_sheet())
    total = sheet.row("kept_bytes")
    assert isinstance(total, SumRow)
    assert [row.name for row in sheet.between(total)] == [
        "retained_bytes", "profile_copies", "row_1_kept", "row_2_kept", "row_3_kept", "other_bytes",
    ]  # fmt: skip
    assert sheet.formula_text(total).count("+") == 5


@pytest.mark.parametrize("label", ["", "   ", "x" * 61, "bell\x07"])
def test_a_row_s_name_that_cannot_be_shown_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"the name of a row is .* give a short name"):
        storage_sheet().with_row(label, 1000, per="once")


def test_what_is_no_name_no_size_or_no_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a text"):
        checked_label(3)
    with pytest.raises(
        ValueError, match=r"size of 'logs' is -1, but the size in a row of your own"
    ):
        storage_sheet().with_row("logs", -1, per="once")
    with pytest.raises(ValueError, match="did you mean 'interaction'"):
        storage_sheet().with_row("logs", 1, per="interactions")


@pytest.mark.parametrize(
    ("name", "shown", "sentence"),
    [
        ("registered_users", 0, "registered_users is 0, but the number of registered users must "
         "be from 0.000001 to 10,000 million: give for example 500."),
        ("registered_users", 1e294, "registered_users is 1e+294, but the number of registered "
         "users must be from 0.000001 to 10,000 million: give for example 500."),
        ("record_bytes", -5, "record_bytes is -5, but the size of a user's record must be from 0 "
         "to 1,000,000,000 KB: give for example 10."),
        ("other_bytes", -0.5, "other_bytes is -0.5, but the size in a row of your own must be from "
         "0 to 1,000,000 TB: give for example 1."),
        ("row_1_size", -2, "size of 'model' is -2, but the size in a row of your own must be from "
         "0 to 1,000,000,000,000 MB: give for example 1."),
        ("hot_usd_per_gb", -1, "must be from 0 to 1,000 USD: give for example 0.02."),
        ("record_bytes", 1e308, "record_bytes is 1e+308, but the size of a user's record must be "
         "from 0 to 1,000,000,000 KB: give for example 10."),
        ("index_share", 101, "index_share is 101, but the index share must be from 0 to 100 %: "
         "give for example 25."),
        ("active_share", 101, "must be from 0 to 100 %: give for example 20."),
        ("active_share", math.nan, "active_share is nan"),
        ("monthly_growth", 5000, "must be from 0 to 100 %"),
        ("retention_days", 0, "must be from 1 to 36,500 days"),
        ("compression_ratio", 0.5, "must be from 1 to 1,000"),
        ("months", 1.5, "must be a whole number"),
        ("replicas", math.inf, "replicas is inf"),
    ],
)  # fmt: skip
def test_what_is_typed_is_checked_in_the_unit_in_which_it_is_typed(
    name: str, shown: float, sentence: str
) -> None:
    row = storage_sheet().with_row("model", 6e9, per="once").row(name)
    assert isinstance(row, InputRow)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        row.to_base(shown)


@pytest.mark.parametrize("percent", [7, 29, 35, 57, 0.1, 12.5])
def test_a_per_cent_comes_back_as_it_was_typed(percent: float) -> None:
    row = storage_sheet().row("index_share")
    assert isinstance(row, InputRow)
    share = row.to_base(percent)
    again = storage_sheet().with_values(index_share=share).row("index_share")
    assert isinstance(again, InputRow)
    assert again.shown == percent


def test_a_cell_that_is_not_yellow_takes_no_value() -> None:
    with pytest.raises(ValueError, match="kept_bytes is no yellow cell"):
        storage_sheet().with_values(kept_bytes=5)


def test_rows_read_only_rows_above_them() -> None:
    sheet = sheet_with_rows(storage_sheet())
    for row in sheet.rows:
        if isinstance(row, ComputedRow):
            above = [sheet.row(name) for name in row.reads.values()]
            assert all(
                isinstance(each, InputRow) or sheet.number(each.name) < sheet.number(row.name)
                for each in above
            )


def test_names_of_rows_are_unique() -> None:
    rows: tuple[Row, ...] = sheet_with_rows(storage_sheet()).rows
    assert len({row.name for row in rows}) == len(rows)


def test_tidy_keeps_whole_numbers_whole() -> None:
    assert tidy(7.000000000000001) == 7
    assert isinstance(tidy(100.0), int)
    assert tidy(0.0025) == 0.0025
