"""One list of dependencies: pins, conda's file, and no address of a package index."""

import importlib.util
import os
import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools.set_up import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(each.name): str(each.specifier) for each in wanted}


def needed(requirements: list[str], extras: frozenset[str] = frozenset({""})) -> dict[str, str]:
    """Everything that these requirements bring here, with the version that is installed."""
    found: dict[str, str] = {}
    todo = [(Requirement(line), extras) for line in requirements]
    while todo:
        each, within = todo.pop()
        name = canonicalize_name(each.name)
        if each.marker and not any(each.marker.evaluate({"extra": extra}) for extra in within):
            continue
        if name not in found or each.extras:
            installed = distribution(name)
            first = name not in found
            found[name] = installed.version
            if first or each.extras:
                below = frozenset({"", *each.extras})
                todo += [(Requirement(line), below) for line in installed.requires or ()]
    return found


def test_pins_are_what_the_tests_run_with() -> None:
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    found = needed(listed)
    assert {name: pins().get(name) for name in found} == {
        name: f"=={version}" for name, version in found.items()
    }
    for each in map(Requirement, listed):
        assert each.specifier.contains(pins()[canonicalize_name(each.name)].removeprefix("=="))
    for name in found:  # a pin that needs 3.11.5 shuts out the Python of a stable system
        allowed = distribution(name).metadata.json.get("requires_python", "")
        assert SpecifierSet(str(allowed)).contains("3.11.0"), name


def test_dask_is_pinned_with_all_that_it_brings() -> None:
    (line,) = PROJECT["optional-dependencies"]["dask"]
    assert Requirement(line).specifier.contains(pins()["dask"].removeprefix("=="))
    assert pins()["dask"] == pins()["distributed"]
    if importlib.util.find_spec("distributed"):  # make dask-test has set it up
        found = needed([line])
        assert {name: pins().get(name) for name in found} == {
            name: f"=={version}" for name, version in found.items()
        }


def test_the_readme_starts_conda_s_jupyter_as_make_lab_does() -> None:
    conda = (ROOT / "README.md").read_text(encoding="utf-8").partition("With conda: ")[2]
    assert "`conda activate llm-sizing-course`" in conda
    command = re.search(r"`python (-m tools\.\w+)`", conda)
    assert command
    assert f"$(COURSE) {command[1]}\n" in (ROOT / "Makefile").read_text()


def test_conda_environment_agrees_with_the_project() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"] == ["conda-forge"]
    python, pip, from_pip = environment["dependencies"]
    assert pip == "pip"
    # pip takes the course and so its one list; each option is a line of its own, or is ignored.
    assert from_pip == {"pip": ["-c constraints.txt", "-e ."]}
    name, version = python.split("=")  # Binder reads an explicit python=3.12 and no other form
    assert (name, version) == ("python", "3.12")
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)


def project_files() -> list[Path]:
    """Every file that git keeps, or would keep."""
    ignored = {".git", "my-course", "__pycache__", ".ipynb_checkpoints", "build", "dist"}
    ignored |= {".venv", ".venv-verify", ".hypothesis"}
    ignored |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
    found: list[Path] = []
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if name not in ignored]
        found += [Path(folder, name) for name in files]
    return found


def test_no_file_holds_the_address_of_a_package_index() -> None:
    # Letters in brackets, so that this line does not find itself.
    address = rb"//\S*(py[p]i|python[h]osted|ana[c]onda|/sim[p]le/)|ind[e]x-url|find-l[i]nks"
    files = project_files()
    assert ROOT / "constraints.txt" in files
    pictures = rb"base64,[A-Za-z0-9+/=]+"  # any letters may follow each other in these
    texts = {file: re.sub(pictures, b"", file.read_bytes()) for file in files}
    assert [file for file, text in texts.items() if re.search(address, text)] == []
