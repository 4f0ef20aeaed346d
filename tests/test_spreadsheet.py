"""The spreadsheet file: its rows, its formulas, its yellow cells, and that it is whole."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from estimator.lesson.lesson_02_sheet import course_calculator, storage_sheet
from estimator.lesson.sheet import InputRow, SumRow
from estimator.lesson.spreadsheet import HELP, cell_formula, write_spreadsheet
from tests.sheets import evaluate


def written(folder: Path, sheet: Any) -> Any:
    path = folder / "storage.xlsx"
    said = write_spreadsheet(str(path), sheet)
    assert f"{len(sheet.rows)} rows were written to `storage.xlsx`" in said.text
    return openpyxl.load_workbook(path)


def test_the_course_s_rows_in_the_course_s_order(tmp_path: Path) -> None:
    page = written(tmp_path, course_calculator())["Storage"]
    assert [page[f"B{n}"].value for n in (1, 2, 4, 5, 7)] == [100, 10, 10, 2, 25]
    assert page["A1"].value == "Number of users"
    assert page["B3"].value == "=((B1*D1)*(B2*D2))/D3"
    assert [page[f"C{n}"].value for n in (3, 6, 8, 9)] == [
        "TB", "TB a day", "TB a day", "TB a month",
    ]  # fmt: skip


def test_input_cells_alone_are_yellow_and_marked(tmp_path: Path) -> None:
    sheet = storage_sheet().with_row("server logs", 1000, per="interaction")
    page = written(tmp_path, sheet)["Storage"]
    for number, row in enumerate(sheet.rows, start=1):
        yellow = page[f"B{number}"].fill.start_color.rgb == "FFFFF2A8"
        assert yellow == isinstance(row, InputRow)
        assert page[f"E{number}"].value == ("input" if yellow else "formula")
        assert page[f"B{number}"].data_type == ("n" if yellow else "f")


def test_the_file_s_formulas_give_the_estimator_s_numbers(tmp_path: Path) -> None:
    sheet = storage_sheet().with_values(replicas=3, compression_ratio=2.5, index_share=0.3)
    sheet = type(sheet)(sheet.rows)
    page = written(tmp_path, sheet)["Storage"]
    values = sheet.compute()
    cells = {f"D{n}": page[f"D{n}"].value for n in range(1, page.max_row + 1)}
    cells |= {
        f"B{n}": values[row.name] / row.unit.size for n, row in enumerate(sheet.rows, start=1)
    }
    for number, row in enumerate(sheet.rows, start=1):
        if isinstance(row, SumRow):
            assert page[f"B{number}"].value == "=SUMPRODUCT(B20:B22,D20:D22)/D23"
        elif not isinstance(row, InputRow):
            computed = evaluate(page[f"B{number}"].value.removeprefix("="), cells)
            assert computed == pytest.approx(values[row.name] / row.unit.size)


def test_the_total_s_range_takes_in_added_rows() -> None:
    sheet = storage_sheet().with_row("logs", 1, "interaction").with_row("model", 6e9, "once")
    total = sheet.row("kept_bytes")
    assert isinstance(total, SumRow)
    assert cell_formula(sheet, total) == "=SUMPRODUCT(B23:B27,D23:D27)/D28"


def test_a_name_that_begins_like_a_formula_stays_a_text(tmp_path: Path) -> None:
    sheet = storage_sheet().with_row("=HYPERLINK(1)", 1000, per="once")
    page = written(tmp_path, sheet)["Storage"]
    cell = next(row[0] for row in page.iter_rows() if str(row[0].value).startswith("=HYPER"))
    assert cell.data_type == "s"


def test_a_cell_refuses_what_the_estimator_refuses(tmp_path: Path) -> None:
    page = written(tmp_path, storage_sheet())["Storage"]
    checks = {str(each.sqref): each for each in page.data_validations.dataValidation}
    assert (checks["B2"].operator, checks["B2"].formula1) == ("between", "0")
    assert checks["B2"].formula2 == "1000000000"
    assert (checks["B1"].operator, checks["B1"].formula2) == ("between", "10000")
    assert float(checks["B1"].formula1) == 1e-6
    assert (checks["B9"].operator, checks["B9"].formula1, checks["B9"].formula2) == (
        "between", "0", "100",
    )  # fmt: skip
    assert checks["B13"].type == "whole"
    assert "must be from 0 to 100 %" in checks["B4"].error
    assert all(len(each.error) <= 225 for each in checks.values())


def test_ranges_are_told_in_the_cell_s_unit(tmp_path: Path) -> None:
    page = written(tmp_path, storage_sheet())["Storage"]
    checks = {str(each.sqref): each for each in page.data_validations.dataValidation}
    assert checks["B1"].error.endswith("must be from 0.000001 to 10,000 million.")
    assert page["G2"].value.endswith(": from 0 to 1,000,000,000 KB")


def test_a_small_price_is_not_shown_as_nothing(tmp_path: Path) -> None:
    sheet = storage_sheet().with_values(cold_usd_per_gb=0.0004)
    page = written(tmp_path, sheet)["Storage"]
    price = page[f"B{sheet.number('cold_usd_per_gb')}"]
    # "General" rounds to the column's width alone: tests/office reads it in an office.
    assert (price.value, price.number_format) == (0.0004, "General")
    cost = page[f"B{sheet.number('storage_usd_per_month')}"]
    assert cost.number_format == "[>=1000]#,##0;General"


def test_the_file_says_how_to_use_it(tmp_path: Path) -> None:
    notes = written(tmp_path, course_calculator())["How to use it"]
    assert [row[0].value for row in notes.iter_rows()] == list(HELP)


def test_no_path_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "No spreadsheet was written" in write_spreadsheet("", storage_sheet()).text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("storage.csv", "sheet_path is 'storage.csv', but a spreadsheet's name must end in .xlsx"),
        ("no/such/storage.xlsx", "sheet_path is 'no/such/storage.xlsx', but there is no folder"),
    ],
)
def test_a_path_that_cannot_be_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        write_spreadsheet(path, storage_sheet())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["q\0.xlsx", " ", 5, None])
def test_what_names_no_file_is_told(path: Any) -> None:
    with pytest.raises(
        TypeError, match=r"sheet_path is .*, but it must be the path of a file: give"
    ):
        write_spreadsheet(path, storage_sheet())


def test_a_file_cut_off_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "storage.xlsx"
    write_spreadsheet(str(path), course_calculator())
    before = path.read_bytes()

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write_spreadsheet(str(path), storage_sheet())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_openpyxl_loads_late() -> None:
    code = "import sys; from estimator.lesson import lesson_02; print('openpyxl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
