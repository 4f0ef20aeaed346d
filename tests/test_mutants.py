"""The mutants that `make mutate` tries: which there are, and what each of them computes."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.formulas import modules_with_formulas
from tools.mutants import mutants
from tools.mutate import module_path

ROOT = Path(__file__).parents[1]
NAMED = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))


def names(source: str) -> list[str]:
    return [mutant.name for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a = b + c", ["a: b + c -> b - c"]),
        ("a = b < c", ["a: b < c -> b <= c", "a: b < c -> b >= c"]),
        ("a = b and c", ["a: b and c -> b or c"]),
        ("a = not b", ["a: a = not b -> a = b"]),
        ("a = True", ["a: a = True -> a = False"]),
        ("a = minimum(b, c)", ["a: minimum(b, c) -> maximum(b, c)"]),
        ("a = math.floor(b)", ["a: math.floor(b) -> math.ceil(b)"]),
        ("a = b[-1]", ["a: b[-1] -> b[1]", "a: -1 -> -2", "a: -1 -> -0"]),
        ("if a: pass", ["module: if a: -> if not a:"]),
        ("a: int | None", []),
        ("a = 'text'", []),
    ],
)
def test_a_line_has_these_mutants(line: str, found: list[str]) -> None:
    assert names(line) == found


def test_a_formula_has_those_of_its_defaults_its_divisors_and_its_result() -> None:
    source = "@formula(divisors=('b',))\ndef f(a: Number, b: Number = 2):\n    return a / b"
    assert names(source) == [
        "f: divisors=('b',) -> divisors=()",
        "f: b: Number=2 -> b: Number=3",
        "f: b: Number=2 -> b: Number=1",
        "f: return a / b -> return None",
        "f: a / b -> a * b",
    ]


def test_each_mutant_is_the_source_with_one_change() -> None:
    source = "def f(x):\n    return x + x * 2\nA = f(5)"
    values = []
    for mutant in mutants(source):
        scope: dict[str, Any] = {}
        exec(compile(ast.fix_missing_locations(mutant.tree), "", "exec"), scope)
        values.append(scope["A"])
    assert values == [None, -5, 7.5, 20, 10, 18, 12]


def test_two_that_read_alike_have_two_names() -> None:
    assert names("a = b - c\na = b - c")[1] == "a: b - c -> b + c #2"


@pytest.mark.parametrize("module", NAMED["tests"])
def test_what_is_named_exists_and_has_a_reason(module: str) -> None:
    source = module_path(module).read_text(encoding="utf-8")
    known = set(names(source)) if module in NAMED else set()
    reasons = NAMED.get(module, {})
    assert set(reasons) <= known, "these are gone: take them out of mutants.toml"
    assert not [name for name, reason in reasons.items() if len(reason) <= 10]


def test_the_mutants_of_every_formula_have_their_tests() -> None:
    modules = {name.removeprefix("estimator.") for name in modules_with_formulas()}
    assert modules <= set(NAMED["tests"]), "name their tests under [tests] of mutants.toml"


def test_every_module_is_mutated_or_left_out_for_a_reason() -> None:
    """A package may be left out as a whole, or else module by module: none is forgotten."""
    tested, left_out = set(NAMED["tests"]), NAMED["left_out"]
    top = ROOT / "estimator"
    modules = {".".join(path.relative_to(top).with_suffix("").parts) for path in top.rglob("*.py")}
    outside = {name for name in modules if {name, name.split(".")[0]} & set(left_out)}
    assert not modules - tested - outside, "name their tests under [tests] of mutants.toml"
    assert not tested & outside, "these stand under [tests]: take them out of [left_out]"
    there = modules | {name.split(".")[0] for name in modules}
    assert not set(left_out) - there, "these are gone: take them out of [left_out]"
    assert not [name for name, reason in left_out.items() if len(reason) <= 10]


TRIED = """
import ast
from tools.mutate import ROOT, get_ready, module_path, mutants, survives

get_ready()
for module, test in [("training", "test_training.py"), ("architecture.model", "test_decoder.py")]:
    path = module_path(module)
    source = path.read_text(encoding="utf-8")
    tests = [str(ROOT / "tests" / test)]
    print(survives(path, ast.parse(source), tests, 60))
    print(survives(path, next(mutants(source)).tree, tests, 60))
"""


def test_a_module_survives_its_tests_as_it_is_but_not_broken() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["True", "False"] * 2, "")
