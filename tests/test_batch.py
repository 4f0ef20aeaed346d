"""Batches: what a scenario leaves, what is run again, and results that cannot be used."""

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from estimator.batch.declared import read_lesson
from estimator.batch.fingerprint import digest, file_digest, fingerprint, source_files
from estimator.batch.scenarios import ScenarioFile
from tests.scenarios import batch, scenario_file, small_lesson, table

ROOT = Path(__file__).parents[1]


def files(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if path.name != ".batch"}


def outputs(path: Path) -> str:
    """What the cells of a notebook gave, as text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return json.dumps([cell.get("outputs", []) for cell in cells])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A batch in which some scenarios fail, each in its own way."""
    folder = tmp_path_factory.mktemp("first")
    lesson = small_lesson(folder / "small.ipynb")
    rows: list[dict[str, Any]] = [
        {"name": "zeta", "users": "7e9", "word": "change"},
        {"name": "raises", "users": 3, "word": "raise"},
        {"name": "dies", "word": "die"},
        {"name": "sleeps", "sleep_s": 60},
        {"name": "alpha beta", "users": 5, "share": 0.25},
    ]
    scenarios = scenario_file(folder / "s.csv", rows)
    status = batch(lesson, scenarios, folder / "out", "--workers", "1", "--cell-timeout", "2")
    return folder, status


class TestFirstRun:
    def test_the_exit_status_tells_that_some_failed(self, first: tuple[Path, int]) -> None:
        assert first[1] == 1

    def test_a_notebook_and_a_result_named_after_each_scenario(
        self, first: tuple[Path, int]
    ) -> None:
        assert files(first[0] / "out") == {
            *("zeta.ipynb", "zeta.json", "alpha beta.ipynb", "alpha beta.json"),
            *("raises.ipynb", "dies.ipynb", "sleeps.ipynb", "results.csv", "index.html"),
        }
        result = json.loads((first[0] / "out" / "alpha beta.json").read_text(encoding="utf-8"))
        assert result["results"]["part"] == {"value": 1.25, "unit": ""}

    def test_the_table_is_in_the_order_of_the_scenarios(self, first: tuple[Path, int]) -> None:
        rows = table(first[0] / "out")
        assert [row["name"] for row in rows] == ["zeta", "raises", "dies", "sleeps", "alpha beta"]
        assert [row["status"] for row in rows] == ["passed", *["failed"] * 3, "passed"]
        assert rows[0]["twice"] == "14000000000"
        assert rows[4] | {"users": "5", "share": "0.25", "twice": "10", "part": "1.25"} == rows[4]

    def test_the_table_says_what_went_wrong(self, first: tuple[Path, int]) -> None:
        errors = {row["name"]: row["error"] for row in table(first[0] / "out")}
        assert errors["raises"] == "ValueError: users is 3"
        assert errors["dies"] == "the kernel died"
        assert errors["sleeps"] == "a cell took more than its 2 s"
        assert errors["zeta"] == ""

    def test_a_failed_scenario_leaves_its_notebook_with_the_error(
        self, first: tuple[Path, int]
    ) -> None:
        out = first[0] / "out"
        assert '"ename": "ValueError", "evalue": "users is 3"' in outputs(out / "raises.ipynb")
        assert "the kernel died" in outputs(out / "dies.ipynb")
        assert "a cell took more than its 2 s" in outputs(out / "sleeps.ipynb")

    def test_nothing_of_a_scenario_is_seen_in_the_next(self, first: tuple[Path, int]) -> None:
        seen = outputs(first[0] / "out" / "alpha beta.ipynb")
        assert "3.14159" in seen
        assert "/nowhere" not in seen
        assert str(Path.cwd()) in seen
        assert "3, '/nowhere', '/'" in outputs(first[0] / "out" / "zeta.ipynb")

    def test_notebooks_name_no_folder_of_a_worker(self, first: tuple[Path, int]) -> None:
        text = (first[0] / "out" / "zeta.ipynb").read_text(encoding="utf-8")
        assert 'result_path = \\"zeta.json\\"' in text
        assert "scratch" not in text

    def test_nothing_else_is_left(self, first: tuple[Path, int]) -> None:
        out = first[0] / "out"
        assert sorted(p.name for p in (out / ".batch").iterdir()) == ["lock", "records"]
        assert not list(out.rglob(".half-*"))


# --- Run again ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A batch of three scenarios that passed."""
    folder = tmp_path_factory.mktemp("again")
    lesson = small_lesson(folder / "small.ipynb", "users")
    rows = [{"name": name, "users": 1} for name in "abc"]
    assert batch(lesson, scenario_file(folder / "s.csv", rows), folder / "out") == 0
    return folder, lesson


class TestAgain:
    def again(self, made: tuple[Path, Path], rows: list[dict[str, Any]], *options: str) -> set[str]:
        """Run the batch again, and tell which scenarios were run."""
        folder, lesson = made
        out = folder / "out"
        before = {path.name: path.stat().st_ino for path in out.glob("*.json")}
        assert batch(lesson, scenario_file(folder / "s.csv", rows), out, *options) == 0
        return {p.stem for p in out.glob("*.json") if p.stat().st_ino != before.get(p.name)}

    def test_only_what_is_missing_or_changed_is_run(
        self, made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        same: list[dict[str, Any]] = [{"name": name, "users": 1} for name in "abc"]
        assert self.again(made, same) == set()
        assert "0 passed, 0 failed, 3 skipped" in capsys.readouterr().out
        other: list[dict[str, Any]] = [*same[:2], {"name": "c", "users": 2}, {"name": "d"}]
        assert self.again(made, other) == {"c", "d"}
        assert "2 passed, 0 failed, 2 skipped" in capsys.readouterr().out
        (made[0] / "out" / "a.json").unlink()
        (made[0] / "out" / "b.ipynb").write_text("{}")
        assert self.again(made, other) == {"a", "b"}
        assert [row["users"] for row in table(made[0] / "out")] == ["1", "1", "2", ""]

    def test_force_runs_all(self, made: tuple[Path, Path]) -> None:
        rows = [{"name": name, "users": 1} for name in "ab"]
        assert self.again(made, rows, "--force") == {"a", "b"}

    def test_a_forced_run_that_fails_keeps_the_finished_result(
        self, made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder, lesson = made
        out = folder / "out"
        rows = [{"name": name, "users": 1} for name in "ab"]
        self.again(made, rows)
        before = [(out / f"a.{end}").read_bytes() for end in ("json", "ipynb")]
        scenarios = scenario_file(folder / "s.csv", rows)
        assert batch(lesson, scenarios, out, "--force", "--start-timeout", "0.01") == 1
        said = capsys.readouterr().err
        assert "a: the kernel did not start within 0.01 s" in said
        assert "; the finished result of before is kept" in said
        assert [(out / f"a.{end}").read_bytes() for end in ("json", "ipynb")] == before
        assert self.again(made, rows) == set()

    def test_another_lesson_runs_all(self, made: tuple[Path, Path]) -> None:
        rows = [{"name": name, "users": 1} for name in "ab"]
        self.again(made, rows)
        small_lesson(made[1], "users + 1")
        assert self.again(made, rows) == {"a", "b"}

    def test_a_failed_scenario_runs_again_and_its_old_result_is_gone(
        self, made: tuple[Path, Path]
    ) -> None:
        folder, lesson = made
        small_lesson(lesson, "assert users < 5")
        scenarios = scenario_file(folder / "s.csv", [{"name": "a", "users": 9}])
        for _ in range(2):
            assert batch(lesson, scenarios, folder / "out") == 1
            assert not (folder / "out" / "a.json").exists()
            assert "AssertionError" in outputs(folder / "out" / "a.ipynb")


def test_a_result_hangs_on_its_parameters_its_lesson_and_the_estimator() -> None:
    given: tuple[dict[str, Any], str, str] = ({"users": 1}, "notebook", "estimator")
    assert fingerprint(*given) == fingerprint(*given)
    others = (({"users": 2}, *given[1:]), (given[0], "another", given[2]), (*given[:2], "another"))
    assert len({fingerprint(*one) for one in (given, *others)}) == 4


def test_a_file_that_a_parameter_names_belongs_to_what_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "open(config_path).read()")
    source = lesson.read_text(encoding="utf-8")
    lesson.write_text(source.replace("users = 100\\n", 'users = 100\\nconfig_path = \\"\\"\\n'))
    config = tmp_path / "config.json"
    config.write_text("{}")
    rows = [{"name": "a", "config_path": str(config)}]
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    for said in ("1 passed, 0 failed, 0 skipped", "0 passed, 0 failed, 1 skipped"):
        assert batch(lesson, scenarios, tmp_path / "out") == 0
        assert said in capsys.readouterr().out
    config.write_text("[]")
    assert batch(lesson, scenarios, tmp_path / "out") == 0
    assert "1 passed, 0 failed, 0 skipped" in capsys.readouterr().out


def test_a_file_of_any_size_is_read_bit_by_bit_and_a_pipe_not_at_all(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 8_000_000)
    tracemalloc.start()
    found = file_digest(large)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert found == digest(large.read_bytes())
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match="is a pipe or a device"):
            file_digest(path)


def test_a_file_that_is_not_there_is_told_beforehand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for lesson, name, *options in (
        ("01-model-storage", "config_path"),
        ("06-estimates-against-reality", "measurements", "--table-only"),
    ):
        rows = [{"name": "a"}, {"name": "b", name: str(tmp_path / "none")}, {"name": "c/d"}]
        scenarios = scenario_file(tmp_path / "s.csv", rows)
        notebook = ROOT / "notebooks" / f"{lesson}.ipynb"
        assert batch(notebook, scenarios, tmp_path / "out", *options) == 2
        said = capsys.readouterr().err
        assert f"row 3: {name} is" in said
        assert "which cannot be read (No such file or directory): give the path" in said
        assert "row 4: the name" in said
    there = read_lesson(ROOT / "notebooks" / "01-model-storage.ipynb")
    scenario_file(tmp_path / "s.csv", [{"name": "b", "config_path": "on a worker"}])
    read = ScenarioFile(tmp_path / "s.csv", there, sees_files=False).scenarios()
    assert read[0].parameters == {"config_path": "on a worker"}


def test_the_source_of_the_estimator_is_all_of_its_files() -> None:
    package = ROOT / "estimator"
    listed = {path.relative_to(package).as_posix() for path in source_files()}
    assert {"units.py", "batch/page.html", "lesson/inputs.py", "catalog/models.csv"} <= listed
    assert not [path for path in listed if "__pycache__" in path]


# --- What a lesson writes ------------------------------------------------------------------


def test_a_result_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", "users")
    text = lesson.read_text(encoding="utf-8")
    broken = 'if word != \\"plain\\": open(result_path, \\"w\\").write(word)'
    lesson.write_text(
        text.replace("json.dump(content, file, sort_keys=True)", "pass").replace(
            'with open(result_path, \\"w\\") as file:\\n',
            'json.dump(content, open(result_path, \\"w\\"))\\n',
        ).replace("    pass", broken)
    )  # fmt: skip
    rows = [
        {"name": "half", "word": "{"},
        {"name": "list", "word": "[1]"},
        {"name": "nan", "word": '{"results": {"twice": {"value": NaN}}}'},
        {"name": "endless", "word": '{"results": {"twice": {"value": 1e999}}}'},
        {"name": "long", "word": f'{{"results": {{"twice": {{"value": 1{"0" * 400}}}}}}}'},
        {"name": "fine"},
    ]
    out = tmp_path / "out"
    assert batch(lesson, scenario_file(tmp_path / "s.csv", rows), out) == 1
    errors = {row["name"]: row["error"] for row in table(out)}
    assert errors["half"].startswith("the lesson wrote a result that cannot be used")
    assert errors["list"].startswith("the lesson wrote a result without results")
    assert "NaN is no JSON number" in errors["nan"]
    assert "twice is inf" in errors["endless"]
    assert "too large" in errors["long"]
    assert errors["fine"] == ""
    assert {path.stem for path in out.glob("*.json")} == {"fine"}
    assert "This run has no result" in (out / "half.ipynb").read_text(encoding="utf-8")


def test_an_error_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deed = r'raise ValueError("\x1b[31mred\x1b[0m and \x1b]0;title\x07")'
    lesson = small_lesson(tmp_path / "small.ipynb", deed)
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    assert batch(lesson, scenarios, tmp_path / "out") == 1
    assert "\x1b" not in capsys.readouterr().err
    assert table(tmp_path / "out")[0]["error"] == r"ValueError: red and \x1b]0;title\x07"
