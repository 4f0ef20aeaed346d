"""A sheet as an .xlsx file: the same rows, yellow cells to type into, formulas that are alive.

Column D says how many base units one of column C's units is, and every formula reads it, so a unit
that is changed there changes its number, and no total can carry a wrong unit in silence.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from estimator.lesson.prose import Prose
from estimator.lesson.sheet import ComputedRow, InputRow, Row, Sheet, SumRow
from estimator.lesson.writing import file_to_write, write_whole
from estimator.quantity import LARGEST

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SHEET, NOTES = "Storage", "How to use it"
YELLOW = "FFFFF2A8"
# A yellow cell shows all that was typed, a price of 0.0004 too; a large result has its commas.
INPUT_FORMAT, FORMULA_FORMAT = "General", "[>=1000]#,##0;General"
WIDTHS = {"A": 40, "B": 14, "C": 18, "D": 18, "E": 12, "F": 22, "G": 80}
HELP = (
    "Type into the yellow cells of the sheet 'Storage', marked 'input' in column E: the cells "
    "marked 'formula' follow.",
    "A is what a row is, B its number, C its unit, D how many base units (bytes, users, shares) "
    "one of these is, F its part of the sheet, G where it comes from.",
    "To change a unit, change C and D together: 'GB' and 1000000000.",
    "To add a row of your own, insert one above 'Anything else, in all copies', write its name in "
    "A, its number in B, 'TB' in C and 1000000000000 in D: the total takes it in.",
    "FV(g, n, -1) adds up n months, the first of them 1, each of them larger by the share g.",
    "KB, MB, GB and TB are powers of 1000. Prices are examples: look up your own.",
)


def write_spreadsheet(path: str, sheet: Sheet) -> Prose:
    """Write a sheet to an .xlsx file, unless `path` is empty, and say so.

    The file is complete or absent. An error says what is wrong with the path.
    """
    place = file_to_write(path, "sheet_path")
    if place is None:
        return Prose("No spreadsheet was written: `sheet_path` is empty.")
    if place.suffix != ".xlsx":
        raise ValueError(
            f"sheet_path is {path!r}, but a spreadsheet's name must end in .xlsx: "
            "give for example 'storage.xlsx'."
        )
    buffer = io.BytesIO()
    workbook(sheet).save(buffer)
    write_whole(place, buffer.getvalue(), parameter="sheet_path")
    return Prose(
        f"The sheet's {len(sheet.rows)} rows were written to `{place.name}`: open it with any "
        "spreadsheet program and type into the yellow cells."
    )


def workbook(sheet: Sheet) -> Workbook:
    """Make the workbook: the sheet, row for row, and a page that says how to use it."""
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    assert page is not None
    page.title = SHEET
    for number, row in enumerate(sheet.rows, start=1):
        _write_row(page, number, row, sheet)
    for column, width in WIDTHS.items():
        page.column_dimensions[column].width = width
    notes = book.create_sheet(NOTES)
    notes.column_dimensions["A"].width = 120
    for number, line in enumerate(HELP, start=1):
        _write_text(notes, f"A{number}", line)
    return book


def cell_formula(sheet: Sheet, row: ComputedRow | SumRow) -> str:
    """A computed cell's formula: base units come of columns B and D, its own unit divides."""
    number = sheet.number(row.name)
    if isinstance(row, SumRow):
        first, last = sheet.number(row.first), sheet.number(row.last)
        # A range grows with the rows that a reader puts into it.
        return f"=SUMPRODUCT(B{first}:B{last},D{first}:D{last})/D{number}"

    def in_base_units(each: Row) -> str:
        place = sheet.number(each.name)
        return f"(B{place}*D{place})"

    return f"=({sheet.written(row, in_base_units)})/D{number}"


def _write_row(page: Worksheet, number: int, row: Row, sheet: Sheet) -> None:
    from openpyxl.styles import Font, PatternFill

    is_input = isinstance(row, InputRow)
    _write_text(page, f"A{number}", row.label)
    cell = page[f"B{number}"]
    cell.number_format = INPUT_FORMAT if is_input else FORMULA_FORMAT
    _write_text(page, f"C{number}", row.unit.name)
    page[f"D{number}"] = row.unit.size
    _write_text(page, f"E{number}", "input" if is_input else "formula")
    _write_text(page, f"F{number}", row.part)
    if isinstance(row, InputRow):
        cell.value = row.shown
        cell.fill = PatternFill("solid", start_color=YELLOW, end_color=YELLOW)
        _check_while_typing(page, cell.coordinate, row)
        entry = row.shown_entry
        _write_text(page, f"G{number}", f"yours; {entry.meaning}: {entry.range_text}")
    else:
        cell.value = cell_formula(sheet, row)
        cell.font = Font(bold=isinstance(row, SumRow))
        source = row.source if isinstance(row, ComputedRow) else "the sum of the rows above"
        _write_text(page, f"G{number}", source)


def _write_text(page: Worksheet, place: str, text: str) -> None:
    """Write a text that stays one, even if it begins like a formula."""
    cell = page[place]
    cell.value = text
    cell.data_type = "s"


def _check_while_typing(page: Worksheet, place: str, row: InputRow) -> None:
    """Let the spreadsheet refuse what the estimator would refuse, with the same range."""
    from openpyxl.worksheet.datavalidation import DataValidation

    entry = row.shown_entry
    check = DataValidation(
        "whole" if entry.whole else "decimal", formula1=f"{entry.low:g}", allow_blank=False
    )
    if entry.high < LARGEST:
        check.operator, check.formula2 = "between", f"{entry.high:.15g}"
    else:
        check.operator = "greaterThan" if entry.low_open else "greaterThanOrEqual"
    check.showErrorMessage = True
    check.errorTitle = "Out of range"
    check.error = f"The {entry.label} must be {entry.range_text}."
    page.add_data_validation(check)
    check.add(place)
