"""All lessons with the numbers of one service."""

import json
from pathlib import Path

import pytest

from estimator.batch.declared import Lesson, read_lesson
from estimator.batch.scenarios import ScenarioFile
from tools import own_lessons
from tools.own_service import Taken, rehearse
from tools.set_up import ROOT, CannotError

SERVICE = ROOT / "scenarios" / "own-service.yaml"


def some(*numbers: str) -> list[Path]:
    return [path for path in own_lessons.LESSONS if path.stem[:2] in numbers]


def read(*numbers: str) -> dict[str, Lesson]:
    """Some lessons by their numbers, or all."""
    paths = some(*numbers) if numbers else own_lessons.LESSONS
    return {path.stem[:2]: read_lesson(path) for path in paths}


def test_each_lesson_takes_the_names_it_knows() -> None:
    lessons = read()
    given = own_lessons.parameters(own_lessons.read_service(SERVICE), lessons)
    assert list(given) == [path.stem[:2] for path in own_lessons.LESSONS]
    values = {number: taken.values for number, taken in given.items()}
    # As a cell of CSV would be.
    assert values["00"]["users"] == values["05"]["users"] == "5_000_000"
    assert "users" not in values["02"]
    assert (values["01"]["replicas"], values["02"]["replicas"]) == (4, 3)
    assert [note for taken in given.values() for note in taken.notes] == []


def spread(**shared: object) -> dict[str, Taken]:
    lessons = read()
    return own_lessons.parameters({"all": shared}, lessons)


def test_a_model_given_once_is_used_where_a_lesson_can_use_it() -> None:
    given = spread(model="llama-3.2-1b", precision="FP8", users=500, output_tokens=7)
    n_params = 1_235_814_400
    assert given["00"].values == {
        "users": 500, "output_tokens": 7, "n_params": n_params, "bits_per_weight": 8,
    }  # fmt: skip
    assert given["01"].values == {"n_params": n_params, "bits_per_weight": 8}
    assert given["02"].values == {"registered_users": 500}
    assert given["03"].values == {"model": "llama-3.2-1b", "weight_precision": "FP8"}
    # By hand: 16 layers, keys and values, 8 heads of 64, 2 bytes each.
    assert given["04"].values["kv_bytes_per_token"] == 16 * 2 * 8 * 64 * 2
    assert given["04"].values["n_params"] == n_params
    assert given["05"].values["model"] == "llama-3.2-1b"
    assert given["05"].values["passes"] == 7
    assert given["06"].values == {"precision": "fp8", "output_tokens": 7}
    (note,) = given["06"].notes
    assert note == (
        "Lesson 06 keeps its own model, llama-3.1-8b, since it cannot use llama-3.2-1b: choose "
        "another for it under '06', if you like."
    )


def test_a_mixture_is_no_count_of_parameters_that_a_token_uses() -> None:
    given = spread(model="deepseek-v3", n_params=5)
    assert {given[n].values["n_params"] for n in ("00", "01", "04")} == {5}
    assert "n_params" not in given["05"].values, "it cannot use the model, nor a count of its own"
    given = spread(model="deepseek-v3")
    assert given["01"].values == {"n_params": 671_026_404_352}
    assert given["00"].values == given["04"].values == {}
    assert given["00"].notes == [
        "Lesson 00 keeps its own number of parameters, 3,000,000,000: it counts all of them for "
        "every token, and of deepseek-v3's 671,026,404,352 a token uses 37,552,282,624. Give "
        "n_params under '00', if you like."
    ]
    assert "Lesson 05 keeps its own model, since" in given["05"].notes[0]
    assert given["06"].values == {"model": "deepseek-v3"}


def test_an_encoder_is_kept_out_of_lessons_that_generate() -> None:
    given = spread(model="t5-v1.1-xxl")
    assert given["01"].values["n_params"] > 4e9
    for number in ("03", "05", "06"):
        assert f"Lesson {number} keeps its own model" in given[number].notes[0]
        assert "model" not in given[number].values


@pytest.mark.parametrize("system", ["image", "video"])
def test_a_text_s_tokens_are_no_passes_of_a_picture(system: str) -> None:
    lessons = read("04", "05")
    text: dict[str, object] = {
        "model": "llama-3.1-8b", "users": 7, "prompt_tokens": 50, "output_tokens": 200,
    }  # fmt: skip
    taken = own_lessons.parameters({"all": text, "05": {"system": system}}, lessons)["05"]
    assert taken.values == {"users": 7, "system": system}
    note, elsewhere = taken.notes
    assert note.startswith("Lesson 05 keeps its own model, prompt_tokens and passes: what all")
    assert elsewhere.startswith("Text is all that can be counted in lesson 04: without tokens")
    assert rehearse(lessons["05"], taken.values) == ""
    chosen = {"system": system, "passes": 30, "prompt_tokens": 60, "model": ""}
    taken = own_lessons.parameters({"all": text, "05": chosen}, lessons)["05"]
    assert taken.values == {"users": 7, **chosen}, "what is meant for the lesson stays"
    assert taken.notes == [elsewhere]
    taken = own_lessons.parameters({"all": {**text, "system": system}}, lessons)["05"]
    assert taken.values == {"users": 7, "system": system}


def test_pictures_are_told_before_lessons_that_count_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_lessons, "run_lesson", lambda *_: True)
    file = tmp_path / "own.yaml"
    file.write_text("all: {system: image, users: 2_000_000, requests_per_user: 3}", "utf-8")
    own_lessons.main(str(file), str(tmp_path / "out"))
    told, done = capsys.readouterr().out.splitlines()
    assert told == (
        "Text is all that can be counted in lessons 00, 03, 04 and 06: without tokens of yours, "
        "the prompt and the answer stay those of text. What text to image takes stands in lesson "
        "05."
    )
    assert done.startswith("7 lessons with your numbers")


@pytest.mark.parametrize("system", ["text", "speech"])
def test_a_text_s_tokens_are_passes_where_each_gives_a_token(system: str) -> None:
    lessons = read("04", "05")
    service: dict[str, dict[str, object]] = {
        "all": {"output_tokens": 200}, "05": {"system": system},
    }  # fmt: skip
    taken = own_lessons.parameters(service, lessons)["05"]
    assert taken.values == {"passes": 200, "system": system}
    assert taken.notes == []


def test_an_empty_value_in_a_lesson_s_part_keeps_the_lesson_s_own(tmp_path: Path) -> None:
    lessons = read("05")
    service: dict[str, dict[str, object]] = {
        "all": {"model": "llama-3.1-8b", "users": 7}, "05": {"model": "", "users": None},
    }  # fmt: skip
    taken = own_lessons.parameters(service, lessons)["05"]
    scenario = own_lessons.write_scenario(lessons["05"], taken.values, tmp_path)
    (found,) = ScenarioFile(scenario, lessons["05"]).scenarios()
    assert found.parameters == {}


def test_values_of_odd_kinds_are_told_and_empty_ones_left_out() -> None:
    given = spread(model=["llama-3.2-1b"], precision={"FP8": 1}, users=None, n_params="7e9")
    assert all("users" not in taken.values for taken in given.values())
    assert given["03"].values["model"] == ["llama-3.2-1b"], "the lesson's own check tells it"
    assert not any(taken.notes for taken in given.values())


def test_a_number_that_yaml_takes_for_text_is_a_number_in_the_rehearsal(tmp_path: Path) -> None:
    lesson = read("00")["00"]
    scenario = own_lessons.write_scenario(lesson, {"n_params": "7e9"}, tmp_path)
    assert own_lessons.problems_of(lesson, scenario) == []


def test_a_lesson_s_own_part_goes_before_what_all_have() -> None:
    lessons = read()
    service: dict[str, dict[str, object]] = {
        "all": {"accelerator": "L4", "users": 5}, "02": {"registered_users": 9},
               "06": {"accelerator": "H200-SXM"}}  # fmt: skip
    given = own_lessons.parameters(service, lessons)
    assert given["06"].values == {"accelerator": "H200-SXM"}
    assert given["02"].values == {"registered_users": 9}
    assert given["00"].values == {"accelerator": "L4", "users": 5}
    assert not any(taken.notes for taken in given.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- users: 1", "has no parts"),
        ("all: {users: [1", "is no YAML"),
        ("all: {user: 5}", "a parameter under all is 'user', .* or 'users'"),
        ("'04': {replicas: 2}", "a parameter under 04 is 'replicas'"),
        ("'09': {users: 2}", "'09' is no lesson"),
        ("all: {users: 5, users: 6}", "the key 'users' is there twice"),
        ("all: {users: 5}\nall: {users: 6}", "the key 'all' is there twice"),
        ("all: {requests_per_user: 1:30}", "requests_per_user is '1:30', but it must be a number"),
        ("", "has no parts"),
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


def test_numbers_that_do_not_go_together_are_told_before_any_lesson_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "all: {model: llama-3.1-405b}\n'03': {tensor_parallel: 3}\n'05': {accelerator: T4}", "utf-8"
    )
    with pytest.raises(CannotError) as told:
        own_lessons.main(str(file), str(tmp_path / "out"))
    head, *problems = str(told.value).split("\n  ")
    assert head == f"{file} cannot be run, and nothing was:"
    assert [problem[:9] for problem in problems] == ["Lesson 03", "Lesson 04", "Lesson 05"]
    assert "tensor_parallel is 3, but the 128 query heads" in problems[0]
    assert "do not fit on 8 A100-SXM-80GB" in problems[1]
    assert "Under '04' you may set users, requests_per_user, n_params" in problems[1]
    assert "no price of an hour of T4 with a source stands there: give what you pay" in problems[2]
    assert "result_path" not in str(told.value)
    assert "Lesson 06 keeps its own model" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_rehearsal_takes_the_values_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lesson = read("00")["00"]
    assert rehearse(lesson, {"users": 7}) == ""
    assert "users is -7, but" in rehearse(lesson, {"users": -7})
    assert list(tmp_path.iterdir()) == []


def test_a_lesson_that_stops_all_the_same_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_lessons, "LESSONS", some("04"))
    monkeypatch.setattr(own_lessons, "rehearse", lambda *_: "")
    file = tmp_path / "own.yaml"
    file.write_text("'04': {n_params: 9e13}", encoding="utf-8")
    with pytest.raises(CannotError, match="Lessons 04 did not run: see above"):
        own_lessons.main(str(file), str(tmp_path / "out"))
    assert "do not fit on 8 A100-SXM-80GB" in capfd.readouterr().err


def test_inputs_that_contradict_each_other_are_told_before_any_lesson_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_lessons, "LESSONS", some("00", "05"))
    file = tmp_path / "own.yaml"
    file.write_text("'05': {accelerator: T4}", encoding="utf-8")
    with pytest.raises(CannotError, match=r"Lesson 05: .* but no price of an hour of T4 with"):
        own_lessons.main(str(file), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", own_lessons.LESSONS, ids=lambda path: path.stem)
def test_papermill_reads_every_parameter_of_a_lesson(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    names = {line.split(" = ")[0] for line in cell["source"]}
    assert names - {"result_path"} == set(read_lesson(path).defaults) - {"result_path"}
