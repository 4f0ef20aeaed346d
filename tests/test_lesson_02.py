"""Lesson 02: the course's printed figures digit for digit, the live sheet, other parameters."""

import csv
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from estimator.lesson import check, lesson_02
from estimator.lesson.sheet import cell_text
from estimator.lesson.sheet_panel import SheetPanel
from estimator.units import TB
from tests.running import papermill, results

LESSON = "02-user-and-interaction-data"
PARAMETERS = {
    "registered_users": 100_000_000, "active_share": 1, "record_bytes": 10_000,
    "requests_per_user": 10, "interaction_bytes": 2_000, "index_share": 0.25,
    "monthly_growth": 0.05, "retention_days": 30, "replicas": 1, "compression_ratio": 1,
    "hot_days": 7, "hot_usd_per_gb": 0.02, "cold_usd_per_gb": 0.004,
}  # fmt: skip


def panel(**changes: Any) -> SheetPanel:
    return lesson_02.sheet_panel(lesson_02.checked(**(PARAMETERS | changes)))


def page(made: SheetPanel) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", made.output.value))


def status(made: SheetPanel) -> str:
    found = re.search(r'<p role="status"><strong>(.*?)</strong></p>', made.output.value)
    assert found
    return html.unescape(found[1])


# --- Figures ------------------------------------------------------------------------------------


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
    golden = Path(__file__).parent / "data" / "golden.csv"
    with golden.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file) if row["lesson"] == "2"}
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
    assert [row[3] for row in lesson_02.tiers_table().rows] == [
        "54,750 USD/month", "11,790 USD/month",
    ]  # fmt: skip


def test_another_service_s_habits() -> None:
    assert [row[3] for row in lesson_02.usage_table().rows] == ["7", "2.571", "0.3673"]


def test_exercises_from_outside_and_their_slips() -> None:
    assert lesson_02.day_of().answer == pytest.approx(864e9)
    assert lesson_02.kept_of().answer == pytest.approx(825e12)
    assert lesson_02.console_of().answer == 75e12
    assert lesson_02.bill_of().answer == pytest.approx(14_550)
    assert "a second adds" in check(lesson_02.day_of(), 864e9 / 86_400).sentence
    assert "MB are millions" in check(lesson_02.day_of(), 864e12).sentence
    assert "indexes the profiles" in check(lesson_02.kept_of(), 862.5e12).sentence
    assert "only the active ones" in check(lesson_02.kept_of(), 3525e12).sentence
    assert "one copy" in check(lesson_02.kept_of(), 275e12).sentence
    assert "at its word" in check(lesson_02.console_of(), 68.21e12).sentence
    assert lesson_02.day_of(users=1_000_000, index=0).answer == 18e9


# --- The live sheet -----------------------------------------------------------------------------


def test_the_sheet_at_the_course_s_numbers() -> None:
    made = panel()
    assert status(made) == (
        "2.50 TB a day and 75.00 TB a month come from 100,000,000 users a day; 76.00 TB are kept, "
        "for 600 USD a month."
    )
    cells = {name: cell.value for name, cell in made.cells.items()}
    assert (cells["profile_bytes"], cells["interaction_data_bytes"]) == ("1", "2")
    assert (cells["daily_bytes"], cells["monthly_bytes"]) == ("2.5", "75")


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
        ("index_share", 2500, "index_share is 2500, but the index share must be from 0 to 1,000 %"),
        ("active_share", 120, "must be from 0 to 100 %"),
        ("requests_per_user", float("nan"), "requests_per_user is nan"),
        ("replicas", 1.5, "must be a whole number"),
        ("hot_usd_per_gb", -1, "hot_usd_per_gb is -1"),
        ("requests_per_user", 1e308, "is too large for a number"),
        ("registered_users", 1e308, "registered_users is 1e+308 million, which is too large"),
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


def test_the_task_has_one_solution() -> None:
    made = panel()
    assert made.last.score == "set retention to 365 first."
    for name, value in (("retention_days", 365), ("replicas", 3), ("compression_ratio", 3)):
        made.boxes[name].value = value
    assert "one more day is in the budget" in made.last.score
    solved = []
    for days in range(20, 45):
        made.boxes["hot_days"].value = days
        solved += [days] if made.last.solved else []
    assert solved == [32]


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
        ("logs", -1, "size of 'logs' is -1, but the size in a row of your own must be 0 KB or "
         "more: give for example 1."),
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
        ("replicas", 0, "replicas is 0, but the number of copies must be a whole number, 1 copy "
         "or more: give for example 1."),
        ("requests_per_user", 1e308, "is too large for a number"),
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


def test_without_a_kernel_the_sheet_is_a_table() -> None:
    bundle = panel(replicas=3)._repr_mimebundle_()
    assert bundle["text/html"].count("✎ ") == 15 + 1  # and the legend
    assert "228.00 TB are kept" in bundle["text/html"]
    assert "run the notebook to type into it" in bundle["text/html"]
    assert bundle["text/plain"].startswith("Panel: The sheet, live.")


# --- The reader's numbers, and papermill --------------------------------------------------------


def test_the_reader_s_paragraph_follows_the_reader() -> None:
    given = lesson_02.checked(**(PARAMETERS | {"requests_per_user": 0, "registered_users": 1}))
    text = lesson_02.your_storage(given).text
    assert text.startswith("**0 B a day and 0 B a month come from 1 user a day; 10.00 KB")
    assert "days of interactions" not in text


def test_another_service(tmp_path: Path) -> None:
    done = papermill(
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


def test_impossible_parameters_stop_the_run_and_are_all_told(tmp_path: Path) -> None:
    done = papermill(
        LESSON, tmp_path, registered_users=0, record_bytes=-1, index_share=25,
        requests_per_user="many",
    )  # fmt: skip
    assert done.returncode != 0
    for sentence in (
        "registered_users is 0, but the number of registered users must be 1 user or more",
        "record_bytes is -1, but the size of a user's record must be 0 bytes or more",
        "index_share is 25, but the index share must be from 0 to 10",
        "requests_per_user is 'many' (str)",
    ):
        assert sentence in done.stderr
    assert not (tmp_path / "result.json").exists()


def test_a_sheet_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    done = papermill(LESSON, tmp_path, sheet_path="/no/such/folder/x.xlsx")
    assert done.returncode != 0
    assert "sheet_path is '/no/such/folder/x.xlsx', but there is no folder" in done.stderr
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("registered_users", float("nan"), "registered_users is nan"),
        ("active_share", 1.5, "must be from 0 to 1"),
        ("retention_days", 0, "must be from 1 to 36,500 days"),
        ("compression_ratio", 0, "must be from 1 to 1,000"),
        ("monthly_growth", 5, "the growth of a month must be from 0 to 1"),
    ],
)
def test_a_parameter_out_of_range_is_one_sentence(name: str, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lesson_02.checked(**(PARAMETERS | {name: value}))
