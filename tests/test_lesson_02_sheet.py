"""Lesson 02's live sheet: what is typed, what is refused, rows that are added, the file."""

import json
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from estimator.lesson import lesson_02
from estimator.lesson.sheet import cell_text
from estimator.lesson.sheet_panel import SheetPanel
from tests.seen import page, status
from tests.sheets import LESSON, PARAMETERS


def panel(**changes: Any) -> SheetPanel:
    return lesson_02.sheet_panel(lesson_02.checked(**(PARAMETERS | changes)))


def test_a_bill_below_a_dollar_is_not_nothing() -> None:
    assert status(panel(registered_users=5_000)).endswith("for less than 1 USD a month.")
    assert status(panel(hot_usd_per_gb=0, cold_usd_per_gb=0)).endswith("for 0 USD a month.")


def test_the_sheet_at_the_course_s_numbers() -> None:
    made = panel()
    assert status(made) == (
        "2.50 TB a day and 75.00 TB a month come from 100,000,000 users a day; 76.00 TB are kept, "
        "for 600 USD a month."
    )
    cells = {name: cell.value for name, cell in made.cells.items()}
    assert (cells["profile_bytes"], cells["interaction_data_bytes"]) == ("1", "2")
    assert (cells["daily_bytes"], cells["monthly_bytes"]) == ("2.5", "75")


def test_notes_on_its_rows_stand_beside_the_sheet_of_a_service_alone() -> None:
    note = "At most: the days before had fewer users."
    assert note in panel().children[2].value
    grown = lesson_02.storage_sheet().with_row("logs", 1_000, per="interaction")
    assert note in grown.table().html()
    assert note not in lesson_02.course_calculator().table().html()


def test_a_typed_number_moves_the_answer_and_then_the_cells() -> None:
    made = panel()
    order: list[str] = []
    made.output.observe(lambda _: order.append("answer"), "value")
    for name, cell in made.cells.items():
        cell.observe(lambda _, name=name: order.append(name), "value")
    made.boxes["replicas"].value = 3
    assert order[0] == "answer"
    assert order.count("answer") == 1
    assert made.cells["retained_bytes"].value == "225"
    assert "daily_bytes" not in order


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("registered_users", 0, "registered_users is 0, but the number of registered users must"),
        ("interaction_bytes", -2, "interaction_bytes is -2, but the size of an interaction"),
        ("index_share", 101, "index_share is 101, but the index share must be from 0 to 100 %"),
        ("active_share", 120, "must be from 0 to 100 %"),
        ("requests_per_user", float("nan"), "requests_per_user is nan"),
        ("replicas", 1.5, "must be a whole number"),
        ("hot_usd_per_gb", -1, "hot_usd_per_gb is -1"),
        ("interaction_bytes", 1e300, "must be from 0 to 1,000,000,000 KB: give"),
        ("record_bytes", 1e308, "record_bytes is 1e+308, but the size of a user's record"),
        ("requests_per_user", 1e308, "must be from 0 to 100,000 requests/day: give for"),
        ("registered_users", 1e308, "must be from 0.000001 to 10,000 million: give for"),
    ],
)
def test_what_cannot_be_is_told_and_the_sheet_keeps_the_last_answer(
    name: str, value: float, sentence: str
) -> None:
    made = panel()
    cells = {key: cell.value for key, cell in made.cells.items()}
    before = made.boxes[name].value
    made.boxes[name].value = value
    assert sentence in status(made)
    assert "Below stands the last answer" in page(made)
    assert {key: cell.value for key, cell in made.cells.items()} == cells
    assert "course-last" in made.children[3]._dom_classes
    made.boxes[name].value = before
    assert "Below stands" not in page(made)
    assert "course-last" not in made.children[3]._dom_classes


def ready() -> SheetPanel:
    made = panel()
    for name, value in (("retention_days", 365), ("replicas", 3), ("compression_ratio", 3)):
        assert not made.last.solved
        made.boxes[name].value = value
    return made


def test_the_task_has_one_solution() -> None:
    assert panel().last.score == 'set "Retention" to 365 days first.'
    made = ready()
    assert made.last.score == "7 days hot cost 3,990 USD a month: one more day is in the budget."
    solved = []
    for days in [*range(366), 31.5, 32.4]:
        made.boxes["hot_days"].value = days
        solved += [days] if made.last.solved else []
    assert solved == [32]
    # By hand: 912.5 TB in 365 days, the profiles' 3 TB always hot.
    for days in (32, 33):
        hot = 912_500 * days / 365
        cost = (3_000 + hot) * 0.02 + (912_500 - hot) * 0.004
        assert (cost <= 5_000) == (days == 32)


def test_the_task_tells_what_is_nearly_right() -> None:
    made = ready()
    for days, score in (
        (31.5, "31.5 days hot cost 4,970 USD a month: give whole days."),
        (31, "31 days hot cost 4,950 USD a month: one more day is in the budget."),
        (33, "33 days hot cost 5,030 USD a month, 30 USD too much."),
    ):
        made.boxes["hot_days"].value = days
        assert (made.last.solved, made.last.score) == (False, score)


@pytest.mark.parametrize(
    ("name", "value", "score"),
    [
        ("hot_usd_per_gb", 0, 'set "Price of hot storage" to 0.02 USD a GB a month first.'),
        ("registered_users", 1, 'set "Registered users" to 100 million first.'),
        ("index_share", 0, 'set "Index, of the interactions" to 25 % first.'),
        ("other_bytes", 1, 'set "Anything else, in all copies" to 0 TB first.'),
    ],
)
def test_a_cheaper_service_does_not_solve_the_task(name: str, value: float, score: str) -> None:
    made = ready()
    made.boxes["hot_days"].value = 32
    assert made.last.solved
    made.boxes[name].value = value
    assert (made.last.solved, made.last.score) == (False, score)


def test_a_row_is_added_on_the_page_and_goes_on_living() -> None:
    made = panel()
    made.boxes["retention_days"].value = 10
    made.adder.label.value = "server <logs>"
    made.adder.size.value = 2
    made.adder.button.click()
    assert made.adder.label.value == ""
    assert made.cells["row_1_kept"].value == "20"
    assert made.boxes["retention_days"].value == 10
    assert "46.00 TB are kept" in status(made)
    made.boxes["row_1_size"].value = 4
    assert made.cells["row_1_kept"].value == "40"
    assert "66.00 TB are kept" in status(made)
    made.boxes["requests_per_user"].value = 20
    assert made.cells["row_1_kept"].value == "80"
    assert "server &lt;logs&gt;" in made.sheet.table().html()


@pytest.mark.parametrize(
    ("label", "size", "sentence"),
    [
        ("", 1, "the name of a row is ''"),
        ("logs", -1, "size of 'logs' is -1, but the size in a row of your own must be from 0 "
         "to 1,000,000,000 KB: give for example 1."),
        ("logs", float("nan"), "size of 'logs' is nan"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_told_and_nothing_changes(
    label: str, size: float, sentence: str
) -> None:
    made = panel()
    rows = made.sheet.rows
    made.adder.label.value, made.adder.size.value = label, size
    made.adder.button.click()
    assert sentence in status(made)
    assert made.sheet.rows == rows
    made.boxes["replicas"].value = 2
    assert "152.00 TB are kept" in status(made)


def test_a_row_waits_until_the_sheet_is_right() -> None:
    made = panel()
    made.boxes["replicas"].value = 0
    assert made.add_row("logs", 1000, "interaction") is False
    assert "replicas is 0" in status(made)
    assert len(made.sheet.rows) == 31


def test_the_file_has_what_was_typed_and_the_rows_that_were_added(tmp_path: Path) -> None:
    made, path = panel(), tmp_path / "mine.xlsx"
    made.boxes["registered_users"].value = 3
    made.boxes["hot_usd_per_gb"].value = 0.0004
    assert made.add_row("server logs", 2, "interaction")
    assert made.add_row("templates", 5_000, "once")
    made.boxes["row_1_size"].value = 4
    said = made.write_spreadsheet(str(path))
    assert f"{len(made.sheet.rows)} rows were written to `mine.xlsx`" in said.text
    written = openpyxl.load_workbook(path)["Storage"]
    live = made.present()
    assert written.max_row == len(live.rows) == 31 + 5
    for number, row in enumerate(live.rows, start=1):
        assert written[f"A{number}"].value == row.label
        if row.name in made.boxes:
            assert written[f"B{number}"].value == made.boxes[row.name].value, row.label
        else:
            assert cell_text(row, live.compute()[row.name]) == made.cells[row.name].value


def test_after_the_notebook_s_cells_the_file_is_the_live_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lesson's own cells, as a reader runs them: panel, typing, parameters, the sheet leaves.
    notebook = Path(__file__).parents[1] / "notebooks" / f"{LESSON}.ipynb"
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in content["cells"]}
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"lesson": lesson_02}
    parameters = cells["registered-users-100-000-000-active-shar"]
    for code in (parameters, cells["given-lesson-checked-registered-users-re"],
                 cells["panel-lesson-sheet-panel-given-panel-glo"]):  # fmt: skip
        exec(code, names)
    names["panel"].boxes["record_bytes"].value = 77
    assert names["panel"].add_row("server logs", 2, "interaction")
    exec(parameters.replace('sheet_path = ""', 'sheet_path = "mine.xlsx"'), names)
    exec(cells["write-spreadsheet-sheet-path-lesson-stor"], names)
    written = openpyxl.load_workbook(tmp_path / "mine.xlsx")["Storage"]
    assert written["B2"].value == 77
    assert "server logs, for each interaction" in [row[0].value for row in written.iter_rows()]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("replicas", 0, "replicas is 0, but the number of copies must be a whole number, from 1 "
         "to 100,000 copies: give for example 1."),
        ("interaction_bytes", 1e300, "must be from 0 to 1,000,000,000 KB: give"),
    ],
)  # fmt: skip
def test_a_live_sheet_that_cannot_be_is_told_and_not_written(
    tmp_path: Path, name: str, value: float, sentence: str
) -> None:
    made, path = panel(), tmp_path / "mine.xlsx"
    made.boxes[name].value = value
    said = made.write_spreadsheet(str(path)).text
    assert said.startswith("No spreadsheet was written: in the live sheet, ")
    assert sentence in said
    assert not list(tmp_path.iterdir())
    assert made.write_spreadsheet("").text == ("No spreadsheet was written: `sheet_path` is empty.")


def test_every_example_that_a_cell_advises_can_be_typed() -> None:
    made = panel()
    assert made.add_row("server logs", 2, "interaction")
    assert made.add_row("templates", 5_000, "once")
    for name, box in made.boxes.items():
        before, box.value = box.value, -1
        found = re.search(r"^⚠ .* is -1, but .*: give for example ([\d.,]+)\.$", status(made))
        assert found, name
        box.value = float(found[1].replace(",", ""))
        assert "Below stands" not in page(made), name
        base = made.values()[name]
        assert base == pytest.approx(made.sheet.row(name).entry.usual), name  # type: ignore[union-attr]
        box.value = before


def test_every_box_has_a_name_and_the_yellow_class() -> None:
    made = panel()
    names = [box.description for box in made.boxes.values()]
    assert len(set(names)) == len(names) == 15
    assert all("course-given" in box._dom_classes for box in made.boxes.values())
    assert made.adder.label.description
    assert [row[0] for row in made.glossary().rows] == names


def test_the_table_of_the_controls_counts_one_day_and_two() -> None:
    texts = [row[3] for row in panel(retention_days=1, hot_days=2).glossary().rows]
    assert "1 day" in texts
    assert "2 days" in texts


def test_without_a_kernel_the_sheet_is_a_table() -> None:
    bundle = panel(replicas=3)._repr_mimebundle_()
    assert bundle["text/html"].count("✎ ") == 15 + 1  # and the legend
    assert "228.00 TB are kept" in bundle["text/html"]
    assert "run the notebook to type into it" in bundle["text/html"]
    assert bundle["text/plain"].startswith("Panel: The sheet, live.")
