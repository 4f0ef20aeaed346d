"""All lessons with the numbers of one service."""

import json
from pathlib import Path

import pytest

from estimator.batch.declared import read_lesson
from tools import own_lessons
from tools.set_up import ROOT, CannotError

SERVICE = ROOT / "scenarios" / "own-service.yaml"


def some(*numbers: str) -> list[Path]:
    return [path for path in own_lessons.LESSONS if path.stem[:2] in numbers]


def test_each_lesson_takes_the_names_it_knows() -> None:
    lessons = {path.stem[:2]: read_lesson(path) for path in own_lessons.LESSONS}
    given = own_lessons.parameters(own_lessons.read_service(SERVICE), lessons)
    assert list(given) == [path.stem[:2] for path in own_lessons.LESSONS]
    assert given["00"]["users"] == given["05"]["users"] == 5_000_000
    assert "users" not in given["02"]
    assert (given["01"]["replicas"], given["02"]["replicas"]) == (4, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- users: 1", "has no parts"),
        ("all: {users: [1", "is no YAML"),
        ("all: {user: 5}", "a parameter under all is 'user', .* or 'users'"),
        ("'04': {replicas: 2}", "a parameter under 04 is 'replicas'"),
        ("'09': {users: 2}", "'09' is no lesson"),
    ],
)
def test_what_no_lesson_takes_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CannotError, match=said):
        own_lessons.main(str(file), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotError, match=r"none\.yaml"):
        own_lessons.main(str(tmp_path / "none.yaml"))


def test_the_readers_sections_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_lessons, "LESSONS", some("00"))
    file = tmp_path / "own.yaml"
    file.write_text("'0': {users: 8_640_000, requests_per_user: 1}", encoding="utf-8")
    own_lessons.main(str(file), str(tmp_path / "out"))
    notebook = json.loads((tmp_path / "out" / "00-start-here.ipynb").read_text(encoding="utf-8"))
    reader = [cell for cell in notebook["cells"] if "reader" in cell["metadata"].get("tags", [])]
    said = json.dumps([cell.get("outputs", "") for cell in reader])
    assert "8,640,000 users, 1 request a day each" in said
    assert "100 requests/s" in said


def test_values_that_cannot_be_are_told_by_lesson_before_any_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_lessons, "LESSONS", some("00", "01", "06"))
    file = tmp_path / "own.yaml"
    file.write_text("all: {users: -1}\n'06': {model: gpt}\n'01': {result_path: a}", "utf-8")
    with pytest.raises(CannotError) as told:
        own_lessons.main(str(file), str(tmp_path / "out"))
    head, *problems = str(told.value).split("\n  ")
    assert head == f"{file} cannot be run, and nothing was:"
    assert [problem.split(" is ")[0] for problem in problems] == [
        "Lesson 00: users",
        "Lesson 01: the key result_path",
        "Lesson 06: model",
    ]
    assert not (tmp_path / "out").exists()


def test_a_lesson_that_stops_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_lessons, "LESSONS", some("05"))
    file = tmp_path / "own.yaml"
    file.write_text("'05': {accelerator: T4}", encoding="utf-8")
    with pytest.raises(CannotError, match="Lessons 05 did not run: see above"):
        own_lessons.main(str(file), str(tmp_path / "out"))
    assert (
        "no price of an hour of T4 with a source stands there: give what you pay"
        in capfd.readouterr().err
    )


@pytest.mark.parametrize("path", own_lessons.LESSONS, ids=lambda path: path.stem)
def test_papermill_reads_every_parameter_of_a_lesson(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    names = {line.split(" = ")[0] for line in cell["source"]}
    assert names - {"result_path"} == set(read_lesson(path).defaults) - {"result_path"}
