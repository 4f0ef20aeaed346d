"""The spreadsheet in a real office: a cell is changed, the office recalculates, totals agree.

Needs LibreOffice Calc (`soffice`). Not part of `make test`.
"""

import csv
import shutil
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from estimator.lesson.lesson_02_sheet import StorageSheet, storage_sheet
from estimator.lesson.spreadsheet import write_spreadsheet
from estimator.units import KB, MB

SOFFICE = shutil.which("soffice")
needs_office = pytest.mark.skipif(SOFFICE is None, reason="soffice (LibreOffice Calc) is missing")


def recalculated(file: Path, folder: Path) -> Any:
    """The page as LibreOffice computes it, in a profile of its own."""
    out = folder / "out"
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation={(folder / 'home').as_uri()}"]
    command += ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return openpyxl.load_workbook(out / file.name, data_only=True)["Storage"]


def shown(file: Path, folder: Path) -> list[list[str]]:
    """The page's cells as LibreOffice shows them on the screen."""
    out = folder / "out"
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation={(folder / 'home').as_uri()}"]
    # Comma, quote, UTF-8, from row 1, no column formats, US English, not all quoted, as shown.
    as_shown = "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,false,true"
    command += ["--convert-to", as_shown, "--outdir", str(out), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    with (out / f"{file.stem}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def sheet() -> StorageSheet:
    made = storage_sheet().with_row("server logs", 1 * KB, per="interaction")
    return made.with_row("prompt templates", 5 * MB, per="once")


@needs_office
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"registered_users": 250_000_000, "active_share": 0.35},
        {"replicas": 3, "retention_days": 365, "compression_ratio": 2.5, "hot_days": 400},
        {"monthly_growth": 0, "months": 24, "row_1_size": 4 * KB, "other_bytes": 7_000_000_000_000},
    ],
    ids=["as written", "other users", "kept longer", "no growth"],
)
def test_a_changed_cell_gives_the_estimator_s_totals(
    tmp_path: Path, changes: dict[str, float]
) -> None:
    made = sheet()
    file = tmp_path / "storage.xlsx"
    write_spreadsheet(str(file), made)
    book = openpyxl.load_workbook(file)
    page: Any = book["Storage"]
    for given in made.with_values(**changes).inputs:
        if given.name in changes:
            page[f"B{made.number(given.name)}"] = given.shown
    book.save(file)
    office = recalculated(file, tmp_path)
    values = made.compute(changes)
    for number, row in enumerate(made.rows, start=1):
        assert office[f"A{number}"].value == row.label
        assert office[f"B{number}"].value == pytest.approx(
            values[row.name] / row.unit.size, rel=1e-9
        ), row.label


@needs_office
def test_numbers_are_shown_as_they_are(tmp_path: Path) -> None:
    made = storage_sheet().with_values(
        hot_usd_per_gb=0.0004, cold_usd_per_gb=0.00002, requests_per_user=1234.5
    )
    file = tmp_path / "storage.xlsx"
    write_spreadsheet(str(file), made)
    rows = shown(file, tmp_path)
    cells = {row.name: rows[made.number(row.name) - 1][1] for row in made.rows}
    assert cells["hot_usd_per_gb"] == "0.0004"
    assert cells["cold_usd_per_gb"] == "0.00002"
    assert cells["requests_per_user"] == "1234.5"
    assert cells["registered_users"] == "100"
    assert cells["monthly_bytes"] == "9,259"


@needs_office
def test_a_unit_that_is_changed_with_its_size_changes_the_number(tmp_path: Path) -> None:
    made = sheet()
    file = tmp_path / "storage.xlsx"
    write_spreadsheet(str(file), made)
    book = openpyxl.load_workbook(file)
    page: Any = book["Storage"]
    total = made.number("kept_bytes")
    page[f"C{total}"], page[f"D{total}"] = "GB", 10**9
    book.save(file)
    office = recalculated(file, tmp_path)
    assert office[f"B{total}"].value == pytest.approx(made.compute()["kept_bytes"] / 1e9)
