"""Scenarios in YAML: read as those in CSV are, item by item."""

from pathlib import Path

import pytest

from estimator.batch.declared import Lesson
from estimator.batch.scenarios import Scenario, ScenarioFile
from estimator.batch.yaml_file import read_yaml_parts
from tests.scenarios import read, told


def test_yaml_says_the_same_as_csv(lesson: Lesson, tmp_path: Path) -> None:
    text = "- name: a\n  users: 7e6\n- {name: b, accelerator: T4, users: null}\n"
    assert read(lesson, tmp_path / "s.yaml", text) == [
        Scenario("a", {"users": 7_000_000}),
        Scenario("b", {"accelerator": "T4"}),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- {name: a, users: true}", "item 1: users is True, but it must be a number"),
        ("- {name: 1}", "item 1: the name 1 is no text: put it in quotes"),
        ("- {name: a, accelerator: 4}", "item 1: accelerator is 4, but it must be text"),
        ("- {name: a, users: .inf}", "item 1: users is inf, but it must be a finite number"),
        ("- a", "item 1: it is no mapping"),
    ],
)
def test_wrong_types_in_yaml(lesson: Lesson, tmp_path: Path, text: str, sentence: str) -> None:
    assert told(lesson, tmp_path / "s.yml", text)[0].startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1", "is no list"),
        ("- {name: a, name: b}", "the key 'name' is there twice"),
        ('- {name: a, users: 5, "users ": 6}', "the key 'users' is there 2 times"),
        ("- [", "is no YAML"),
        ("- !!python/object/apply:os.getcwd []", "item 1: it cannot be read, from line 1 on"),
    ],
)
def test_yaml_of_another_kind(lesson: Lesson, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read(lesson, tmp_path / "s.yaml", text)


def test_each_item_of_yaml_that_cannot_be_read_is_told(lesson: Lesson, tmp_path: Path) -> None:
    found = told(
        lesson,
        tmp_path / "s.yaml",
        "- {name: a, name: b}\n- {name: c, users: 2001-99-99}\n- {name: d, users: !!int foo}\n"
        "- !!map [1, 2]\n- {[1]: 2}\n- {name: ../e, users: -1}\n",
    )
    numbers = [line.partition(":")[0] for line in found]
    assert numbers == ["item 1", "item 2", "item 3", "item 4", "item 5", "item 6", "item 6"]
    assert "month must be in 1..12" in found[1]
    assert "users is -1" in "".join(found[-2:])


def test_a_key_that_is_unknown_is_told_with_its_items(lesson: Lesson, tmp_path: Path) -> None:
    text = "- {name: a}\n- {name: b, usrs: 7}\n- {name: c, usrs: 8, sheet: x}\n- {users: 9}\n"
    assert [line.partition(",")[0] for line in told(lesson, tmp_path / "s.yaml", text)] == [
        "item 2 and 1 more: the key 'usrs' is no parameter of the lesson: did you mean users?",
        "item 3: the key 'sheet' is no parameter of the lesson: the lesson has users",
        "item 4: it has no name: give one",
    ]


@pytest.mark.parametrize("value", ["1:30", "1:30.5", "0x1F", "0b11"])
def test_a_number_that_only_yaml_1_1_reads_is_refused(
    lesson: Lesson, tmp_path: Path, value: str
) -> None:
    found = told(lesson, tmp_path / "s.yaml", f"- {{name: a, users: {value}}}\n")
    assert found == [f"item 1: users is '{value}', but it must be a number."]


def test_numbers_of_yaml_are_read_as_those_of_csv(lesson: Lesson, tmp_path: Path) -> None:
    for text, value in (("012", 12), ("+7", 7), ("1_000", 1000), ("7.0e+3", 7000), ("30", 30)):
        found = read(lesson, tmp_path / "s.yaml", f"- {{name: a, users: {text}}}\n")
        assert found == read(lesson, tmp_path / "s.csv", f"name,users\na,{text}\n")
        assert found[0].parameters == {"users": value}


@pytest.mark.parametrize("text", ["[" * 3000, "- name: a\n  users: " + "[" * 3000 + "]" * 3000])
def test_yaml_that_is_nested_too_deeply_is_told(lesson: Lesson, tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="nests lists or mappings too deeply: write it flatter"):
        ScenarioFile(path, lesson).scenarios()
    with pytest.raises(ValueError, match="nests lists or mappings too deeply"):
        read_yaml_parts(path)
