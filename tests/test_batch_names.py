"""Names of scenarios: which are refused, and which are taken for the same."""

from pathlib import Path

import pytest

from estimator.batch.declared import Lesson
from estimator.batch.names import are_plain, name_problem
from tests.scenarios import batch, told

SERVICE = Path(__file__).parents[1] / "notebooks" / "05-size-a-service.ipynb"


@pytest.mark.parametrize("name", ["a", "Llama 3.1 (70B)", "x" * 100, "été", "7", "a.b_c+d=e,f"])
def test_names_that_are_fine(name: str) -> None:
    assert name_problem(name) == ""


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["..", "a/b", "a\\b", ".x"], "would leave the folder or be hidden: name a file"),
        (["-x", "=1+1", "a ", "a.", "a\nb", "a:b", "a\0b", "a*", '"'], "cannot be a file's name"),
        (["NUL", "com1.txt"], "is reserved on some systems: give another"),
        (["x" * 101, "é" * 51], "bytes: 100 at most"),
        (["", None], "it has no name: give one"),
        ([3], "the name 3 is no text: put it in quotes"),
    ],
)
def test_names_that_are_refused(names: list[object], says: str) -> None:
    for name in names:
        assert says in name_problem(name)


def test_names_that_a_system_takes_for_one_file(lesson: Lesson, tmp_path: Path) -> None:
    text = "name\nCafé\ncafe\N{COMBINING ACUTE ACCENT}\n"
    assert "is that of row 2" in told(lesson, tmp_path / "s.csv", text)[0]


def test_a_name_with_a_line_break_is_not_two_names() -> None:
    assert are_plain(["a", "b"])
    assert not are_plain(["a\nb", "c"])


def test_a_last_row_without_a_name_is_seen() -> None:
    assert not are_plain(["a", ""])
    assert not are_plain([""])
    assert not are_plain([])


def test_a_file_without_names_is_read_on(lesson: Lesson, tmp_path: Path) -> None:
    found = told(lesson, tmp_path / "s.csv", "users,accelerator\n-5,T4\n7,T5\n")
    assert [line.partition(":")[0] for line in found[1:]] == ["row 2", "row 3"]
    assert found[0] == "there is no column name: give each scenario a name"
    found = told(lesson, tmp_path / "s.yaml", "- users: -5\n- users: 7\n")
    assert [line.partition(":")[0] for line in found[1:]] == ["item 1"]


@pytest.mark.parametrize("options", [[], ["--table-only"]])
def test_a_name_that_is_that_of_a_row_of_another_width_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    scenarios = tmp_path / "s.csv"
    scenarios.write_text("name,users\na,7\nc\nC,8\n")
    assert batch(SERVICE, scenarios, tmp_path / "out", *options) == 2
    found = [line.strip() for line in capsys.readouterr().err.splitlines() if "  row" in line]
    assert found == [
        "row 3: it has 1 fields, but the header has 2",
        "row 4: the name 'C' is that of row 3: give another",
    ]
