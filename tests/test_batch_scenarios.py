"""Scenario files: all that is wrong with one is told before anything runs, with row numbers."""

import os
from pathlib import Path

import pytest

from estimator.batch.declared import Lesson, check_file, read_lesson
from estimator.batch.scenarios import Scenario, ScenarioFile
from tests.scenarios import batch, read, small_lesson, told

ROOT = Path(__file__).parents[1]


def test_an_empty_cell_keeps_the_default_of_the_lesson(lesson: Lesson, tmp_path: Path) -> None:
    text = "name, users,accelerator\n a ,7e6,\nb,,T4\n\n"
    assert read(lesson, tmp_path / "s.csv", text) == [
        Scenario("a", {"users": 7_000_000}),
        Scenario("b", {"accelerator": "T4"}),
    ]


def test_everything_wrong_is_told_at_once_with_row_numbers(lesson: Lesson, tmp_path: Path) -> None:
    text = (
        "name,users,accelerator,usrs,result_path\n"
        "a,-1,T5,,\n"
        "A,many,,,\n"
        "../b,1,,,\n"
        ",1,,,\n"
        "c,1\n"
        "d,nan,,,\n"
        "e,1e400,L4,,\n"
        "con,1,,,\n"
    )
    found = told(lesson, tmp_path / "s.csv", text)
    wanted = [
        "the column 'usrs' is no parameter of the lesson: did you mean users?",
        "the column result_path is the batch's own",
        "row 2: users is -1, but the number of users must be a whole number, more than 0",
        "row 2: accelerator is 'T5', which is not on the list",
        "row 3: the name 'A' is that of row 2",
        "row 3: users is 'many', but it must be a number",
        "row 4: the name '../b' would leave the folder",
        "row 5: it has no name",
        "row 6: it has 2 fields, but the header has 5",
        "row 7: users is 'nan'",
        "row 8: users is '1e400'",
        "row 9: the name 'con' is reserved",
    ]
    assert len(found) == len(wanted)
    for sentence, start in zip(found, wanted, strict=True):
        assert sentence.startswith(start)


def test_the_ranges_are_those_of_the_lesson(lesson: Lesson, tmp_path: Path) -> None:
    # The glossary lets a count of parameters be 0; lesson 04 narrows it.
    found = told(lesson, tmp_path / "s.csv", "name,n_params\na,0\n")
    assert found == [
        "row 2: n_params is 0, but the number of parameters must be a whole number, "
        "from 1 to 1,000,000,000,000,000 parameters: give for example 3,000,000,000."
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no column name"),
        ("users\n1\n", "there is no column name"),
        ("name,users,users\na,1,2\n", "the column 'users' is there 2 times"),
        ("name\n", "it has no scenario"),
        ("name;users\na;1,5\n", "row 1: its fields stand between semicolons: save the file with"),
        ("name\tusers\na\t1\n", "row 1: its fields stand between tabs"),
        ("name,users,,\na,7,,\n", "column 3 has no name: give it one, or delete the column"),
        ('name\n"a\n', "line 2 is no CSV"),
    ],
)
def test_files_without_scenarios(lesson: Lesson, tmp_path: Path, text: str, sentence: str) -> None:
    assert told(lesson, tmp_path / "s.csv", text)[0].startswith(sentence)


def test_files_that_cannot_be_read(lesson: Lesson, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        ScenarioFile(tmp_path / "none.csv", lesson).scenarios()
    (tmp_path / "latin.csv").write_bytes(b"name\n\xe9\n")
    with pytest.raises(ValueError, match="no text in UTF-8"):
        ScenarioFile(tmp_path / "latin.csv", lesson).scenarios()


def test_what_a_spreadsheet_leaves_behind_is_read(lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"\xef\xbb\xbfname,users\r\na,7\r\n,\r\n , \r\n\r\nb,8\r\n,\r\n")
    assert ScenarioFile(path, lesson).scenarios() == [
        Scenario("a", {"users": 7}), Scenario("b", {"users": 8}),
    ]  # fmt: skip
    path.write_bytes(b"name,users\r\na,7\r\n,\r\n,9\r\n")
    with pytest.raises(ValueError, match="1 problem; nothing was run:\n  row 4: it has no name"):
        ScenarioFile(path, lesson).scenarios()
    path.write_bytes("name,users\na,7\n".encode("utf-16"))
    with pytest.raises(ValueError, match="1 problem; nothing was run:\n  row 1: it is no text in"):
        ScenarioFile(path, lesson).scenarios()


def test_many_problems_are_counted_and_the_first_shown(lesson: Lesson, tmp_path: Path) -> None:
    found = told(
        lesson, tmp_path / "s.csv", "name,users\n" + "".join(f"s{n},x\n" for n in range(999))
    )
    assert len(found) == 101
    assert found[0].startswith("row 2:")
    assert found[-1] == "and 899 more, in rows 102 to 1000"


def test_a_wrong_file_ends_with_status_2_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = small_lesson(tmp_path / "small.ipynb")
    scenarios = tmp_path / "s.csv"
    scenarios.write_text("name,exact,share,users\na,maybe,x,\nb,true,0.5,1_000\n")
    out = tmp_path / "out"
    assert batch(notebook, scenarios, out) == 2
    said = capsys.readouterr().err
    assert "row 2: exact is 'maybe', but it must be true or false" in said
    assert "row 2: share is 'x', but it must be a number" in said
    assert not out.exists()


def test_what_is_no_lesson_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(ValueError, match="is no notebook that can be read"):
        read_lesson(tmp_path / "a.ipynb")
    plain = small_lesson(tmp_path / "b.ipynb")
    plain.write_text(plain.read_text().replace("result_path", "other_path"))
    with pytest.raises(ValueError, match="has no parameter result_path"):
        read_lesson(plain)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_lesson_tells_its_checks(path: Path) -> None:
    found = read_lesson(path)
    checked = {*found.checks.quantities, *found.checks.choices}
    files = {name for name in found.defaults if name.endswith("_path")}
    # Of these the lessons have checks of their own.
    assert set(found.defaults) - files - checked <= {"others", "measurements"}
    assert None not in found.defaults.values()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_files_that_a_lesson_writes_are_no_columns(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_lesson(path)
    source = path.read_text(encoding="utf-8")
    read_only = {"config_path"}  # lesson 01 reads a model's configuration there
    for name in {name for name in found.defaults if name.endswith("_path")} - read_only:
        assert f"{name} = " in source
        scenarios = tmp_path / "s.csv"
        scenarios.write_text(f"name,{name}\na,/tmp/out.html\n")
        for option in ([], ["--table-only"] if path.stem[:2] == "05" else []):
            assert batch(path, scenarios, tmp_path / "out", *option) == 2
            assert f"the column {name} " in capsys.readouterr().err
    if "config_path" in found.defaults:
        assert read(found, tmp_path / "c.csv", f"name,config_path\na,{path}\n")


def test_values_that_no_result_file_can_hold_are_refused(tmp_path: Path) -> None:
    notebook = small_lesson(tmp_path / "small.ipynb")
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace("share = 0.5", "share = [1, 2]"), encoding="utf-8")
    lesson = read_lesson(notebook)
    table = 'name,share\na,"{1, 2}"\nb,1j\nc,"[1, 3]"\nd,(1j)\n'
    found = told(lesson, tmp_path / "s.csv", table)
    assert [line.split(", but")[0] for line in found] == [
        "row 2: share is '{1, 2}'", "row 3: share is '1j'", "row 5: share is '(1j)'",
    ]  # fmt: skip
    dates = told(lesson, tmp_path / "s.yaml", "- {name: a, share: 2026-01-02}\n")
    assert dates[0].startswith("item 1: share is datetime.date(2026, 1, 2), but it must be plain")
    assert read(lesson, tmp_path / "t.csv", 'name,share\nc,"[1, 3]"\n')[0].parameters == {
        "share": [1, 3]
    }


def test_rows_before_a_broken_quote_are_told_too(lesson: Lesson, tmp_path: Path) -> None:
    found = told(lesson, tmp_path / "s.csv", 'name,users\na,-1\nb,"7"x\nc,-1\n')
    assert found[0].startswith("row 2: users is -1")
    assert found[1].startswith("line 3 is no CSV")


def test_rows_that_are_no_utf_8_are_told_with_their_numbers(lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"name,users\na,-1\nb\xe9,7\nc,7\n")
    with pytest.raises(ValueError, match="nothing was run") as caught:
        ScenarioFile(path, lesson).scenarios()
    found = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert found[0].startswith("row 2: users is -1")
    assert found[1] == "row 3: it is no text in UTF-8: save the file as such"
    assert not [line for line in found if line.startswith("row 4")]


def test_what_can_be_read_of_a_row_of_another_width_is_checked(
    lesson: Lesson, tmp_path: Path
) -> None:
    text = "name,users,accelerator\n../a,-1\nb,7,T5,9\nc,7\nC,8,T4\n"
    assert [line.partition(",")[0] for line in told(lesson, tmp_path / "s.csv", text)] == [
        "row 2: it has 2 fields",
        "row 2: the name '../a' would leave the folder or be hidden: name a file",
        "row 2: users is -1",
        "row 3: it has 4 fields",
        "row 3: accelerator is 'T5'",
        "row 4: it has 2 fields",
        "row 5: the name 'C' is that of row 4: give another",
    ]
    text = "users,name\n-1\n"  # too short for its name
    assert len(told(lesson, tmp_path / "s.csv", text)) == 2


def test_a_column_that_is_there_twice_hides_no_value(lesson: Lesson, tmp_path: Path) -> None:
    text = "name,users,name,users\na,-1,../b,7\nc/d,8,e,-2\n"
    assert [line.partition(",")[0] for line in told(lesson, tmp_path / "s.csv", text)] == [
        "the column 'name' is there 2 times",
        "the column 'users' is there 2 times",
        "row 2: the name '../b' would leave the folder or be hidden: name a file",
        "row 2: users is -1",
        "row 3: the name 'c/d' would leave the folder or be hidden: name a file",
        "row 3: users is -2",
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [("name,users\na,1\nb,2\n", 2), ("name\na", 1), ("name\n", 0), ("", 0),
     ('name,word\na,"x\ny"\n', None)],
)  # fmt: skip
def test_the_rows_of_a_plain_file_are_counted(
    lesson: Lesson, tmp_path: Path, content: str, rows: int | None
) -> None:
    (tmp_path / "s.csv").write_text(content)
    assert ScenarioFile(tmp_path / "s.csv", lesson).count_plainly() == rows
    assert ScenarioFile(tmp_path / "s.yaml", lesson).count_plainly() is None


def test_a_pipe_is_no_file_of_a_parameter(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"measurements is '.*pipe', which cannot be read \(it is"):
        check_file("measurements", tmp_path / "pipe")
