"""Setting up: what is installed, what a full disk or a missing program is answered with."""

import json
import os
import re
import shutil
import subprocess
import sys
from errno import ENOSPC
from pathlib import Path

import pytest

from tools import browser, set_up
from tools.set_up import ROOT, CannotError

# --- Which Python ---------------------------------------------------------------------------


def fake_python(file: Path, version: str) -> None:
    """A program that answers like a Python of this version, or does not run if it has none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    answer = f'[ "$1" = -c ] && echo {version} || echo ran {file.name} "$@"'
    file.write_text(f"#!/bin/sh\n{answer if version else 'exit 127'}\n")
    file.chmod(0o755)


def choose(folder: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", ROOT / "tools" / "python.sh", "hello"],
        cwd=folder,
        env={"PATH": str(folder / "bin"), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_python_newest_tested_one_that_runs(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin/python3.13", "")
    fake_python(tmp_path / "bin/python3.12", "3.12.1")
    fake_python(tmp_path / "bin/python3.11", "3.11.9")
    assert choose(tmp_path).stdout == "ran python3.12 hello\n"


def test_python_of_the_course_comes_first(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin/python3.13", "3.13.0")
    fake_python(tmp_path / ".venv/bin/python", "3.11.9")
    assert choose(tmp_path).stdout == "ran python hello\n"


def test_python_named_one_wins_even_with_a_space_in_its_path(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin/python3.13", "3.13.0")
    fake_python(tmp_path / "my tools/python", "3.14.2")
    assert choose(tmp_path, str(tmp_path / "my tools/python")).stdout == "ran python hello\n"


@pytest.mark.parametrize(
    ("version", "named", "found"),
    [
        ("3.9.18", "", "python3 is 3.9.18"),
        ("2.7.18", "python3", "python3 is 2.7.18"),
        ("", "", "python3 does not run here"),
        ("3.12.0", "python4", "python4 does not run here"),
    ],
)
def test_python_too_old_or_missing_is_told(
    tmp_path: Path, version: str, named: str, found: str
) -> None:
    fake_python(tmp_path / "bin/python3", version)
    result = choose(tmp_path, named)
    assert result.returncode == 1
    assert result.stderr.startswith(f"The course needs Python 3.11 or later, but {found}: install")
    assert result.stderr.count("\n") == 1


def test_what_runs_before_set_up_needs_the_standard_library_alone() -> None:
    code = "import tools.constraints, tools.course, tools.lab, tools.set_up"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)


# --- Set-up: once, and whole ----------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A project whose set-up does nothing but say what it would do."""
    done: list[str] = []

    def make_venv(root: Path) -> None:
        done.append("venv")
        python = set_up.venv_python(root)
        shutil.rmtree(root / ".venv", ignore_errors=True)
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)

    def run_pip(root: Path, *arguments: str) -> None:
        done.append(" ".join(arguments))

    monkeypatch.setattr(set_up, "make_venv", make_venv)
    monkeypatch.setattr(set_up, "run_pip", run_pip)
    monkeypatch.setattr(set_up, "warm_up", lambda root: None)
    root = tmp_path / "project"
    root.mkdir()
    for name in set_up.INPUTS:
        (root / name).write_text("one")
    return root, done


def test_set_up_first_time_everything_second_time_nothing(project: tuple[Path, list[str]]) -> None:
    root, done = project
    set_up.set_up(root, [])
    assert done == ["venv", "-e ."]
    set_up.set_up(root, [])
    assert done == ["venv", "-e ."]


@pytest.mark.parametrize("name", set_up.INPUTS)
def test_set_up_changed_dependencies_are_installed(
    project: tuple[Path, list[str]], name: str
) -> None:
    root, done = project
    set_up.set_up(root, ["test"])
    (root / name).write_text("two")
    set_up.set_up(root, [])
    assert done[2:] == ["-e .[test]"]  # what was there stays
    assert set_up.plan(root, ["test"]) == "nothing"


def test_set_up_brings_back_a_package_that_is_gone(project: tuple[Path, list[str]]) -> None:
    root, done = project
    package = root / ".venv/lib/python3.12/site-packages/pandas-3.0.0.dist-info"
    set_up.set_up(root, [])
    package.mkdir(parents=True)
    set_up.stamp_file(root).write_text(
        json.dumps(set_up.read_stamp(root) | {"packages": set_up.installed(root)})
    )
    assert set_up.plan(root, []) == "nothing"
    package.rmdir()
    assert set_up.plan(root, []) == "install"
    set_up.set_up(root, [])
    assert done == ["venv", "-e .", "-e ."]
    assert set_up.plan(root, []) == "nothing"


def test_set_up_adds_an_extra_once(project: tuple[Path, list[str]]) -> None:
    root, done = project
    for extras in ([], ["test"], [], ["test"]):
        set_up.set_up(root, extras)
    assert done == ["venv", "-e .", "-e .[test]"]


@pytest.mark.parametrize("before", [True, False])
def test_set_up_cut_off_is_made_anew(
    project: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    root, done = project
    if before:
        set_up.set_up(root, [])
        (root / "constraints.txt").write_text("two")

    def cut_off(root: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(set_up, "warm_up", cut_off)
        assert set_up.told(lambda: set_up.set_up(root, [])) == 130
    assert set_up.plan(root, []) == "rebuild"
    done.clear()
    set_up.set_up(root, [])
    assert done == ["venv", "-e ."]


def test_set_up_moved_broken_or_other_python_is_made_anew(
    project: tuple[Path, list[str]],
) -> None:
    root, _ = project
    set_up.set_up(root, [])
    moved = root.rename(root.with_name("moved"))
    assert set_up.plan(moved, []) == "rebuild"
    set_up.set_up(moved, [])
    stamp = set_up.read_stamp(moved)
    set_up.stamp_file(moved).write_text(json.dumps(stamp | {"python": "3.10"}))
    assert set_up.plan(moved, []) == "rebuild"
    set_up.stamp_file(moved).write_text("{")
    assert set_up.plan(moved, []) == "rebuild"
    set_up.stamp_file(moved).write_text(json.dumps(stamp))
    assert set_up.plan(moved, []) == "nothing"
    set_up.venv_python(moved).unlink()
    assert set_up.plan(moved, []) == "rebuild"


def test_set_up_leaves_the_environment_of_another_copy_alone(
    project: tuple[Path, list[str]],
) -> None:
    root, _ = project
    set_up.set_up(root, [])
    copy = root.with_name("copy")
    copy.mkdir()
    for name in set_up.INPUTS:
        (copy / name).write_text("one")
    (copy / ".venv").symlink_to(root / ".venv")
    set_up.set_up(copy, [])
    assert not (copy / ".venv").is_symlink()
    assert [set_up.plan(each, []) for each in (root, copy)] == ["nothing", "nothing"]


# --- What stops a command is told -----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", "the disk is full: free about a gigabyte"),
        ("ERROR: Failed building wheel for x", "see what pip says"),
    ],
)
def test_pip_failure_is_a_sentence_and_its_last_lines(line: str, sentence: str) -> None:
    told = set_up.explain([*("noise",) * 9, line], Path("the.log")).splitlines()
    assert sentence in told[0]
    assert told[-2:] == [f"    pip: {line}", "    log: the.log"]
    assert len(told) == 6


def test_no_network_is_told_with_pips_reason_and_not_its_guess() -> None:
    reason = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'"
    said = [reason, "ERROR: Cannot install pip because of conflicting dependencies.", "advice"]
    told = set_up.explain(said, Path("the.log")).splitlines()
    assert told[0].startswith("The packages could not be downloaded: check the network")
    assert told[1:] == [f"    pip: {reason}", "    log: the.log"]


def test_missing_venv_module_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotError, match=r"lacks its venv module: .* install python3\.\d+-venv"):
        set_up.make_venv(tmp_path)


def test_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill() -> None:
        raise OSError(ENOSPC, "No space left on device")

    assert set_up.told(fill) == 1
    assert capsys.readouterr().err.startswith("Stopped: the disk is full: free")
    monkeypatch.setattr(set_up, "SPACE_BYTES", 1e18)
    with pytest.raises(CannotError, match=r"needs 1000000000000 MB of disk, and \d+ MB are free"):
        set_up.make_venv(tmp_path)


def test_missing_chromium_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotError, match="No Chromium was found: install"):
        browser.find_chromium({"PATH": str(tmp_path)})
    with pytest.raises(CannotError, match="CHROMIUM=/no is not a program"):
        browser.find_chromium({"PATH": str(tmp_path), "CHROMIUM": "/no"})
    fake_python(tmp_path / "chromium-browser", "1")
    assert browser.find_chromium({"PATH": str(tmp_path)}) == str(tmp_path / "chromium-browser")


# --- The commands and the gate --------------------------------------------------------------


def test_clean_leaves_the_learners_copy(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv/a", "my-course/__pycache__/a", "my-course/b", "estimator/__pycache__/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run(["make", "-s", "clean"], cwd=tmp_path, check=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", "my-course/__pycache__/a", "my-course/b"}


def test_help_names_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    run = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[1] for line in run.stdout.splitlines()] == phony[1].split()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_skip_is_a_failure_where_none_is_allowed(tmp_path: Path, workers: str) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "def test_passes(): pass\n"
        "def test_skips(): pytest.skip('no reason')\n"
        "@pytest.mark.skip\ndef test_is_marked(): pass\n"
        "@pytest.mark.xfail\ndef test_is_expected(): raise ValueError\n"
    )
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such')\n")
    command = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors"]
    for option, status, closing in (
        ("-rs", 0, "1 passed, 3 skipped, 1 xfailed"),
        ("--no-skips", 1, "1 failed, 1 passed, 1 xfailed, 2 errors"),
    ):
        run = subprocess.run(
            [*command, "-p", "xdist", "-n", workers, option],
            cwd=tmp_path,
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.stdout.splitlines()[-1].startswith(closing)
        assert run.returncode == status
