"""What every formula keeps: checks, arrays, exact integers, a description, a display."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import inspect
import math
import re
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy

from estimator.arithmetic import Number
from estimator.formula import facts_of, formula
from estimator.lesson.show import show
from estimator.memory import kv_cache_bytes
from estimator.model_storage import replicated_bytes
from estimator.quantity import LARGEST, Quantity
from tests.formulas import modules_with_formulas

MODULES = [importlib.import_module(name) for name in modules_with_formulas()]

Formula = Callable[..., Any]


def formulas_of(module: ModuleType) -> list[Formula]:
    own = [f for f in vars(module).values() if getattr(f, "__module__", "") == module.__name__]
    return [f for f in own if hasattr(f, "facts")]


ALL = [f for module in MODULES for f in formulas_of(module)]
FORMULAS = {f.__name__: f for f in ALL}
INPUTS = [
    pytest.param(f, entry, id=f"{name}-{entry.name}")
    for name, f in FORMULAS.items()
    for entry in facts_of(f).inputs
]
every_formula = pytest.mark.parametrize("function", FORMULAS.values(), ids=list(FORMULAS))
every_input = pytest.mark.parametrize(("function", "entry"), INPUTS)


def usual(function: Formula) -> dict[str, float]:
    return {entry.name: entry.usual for entry in facts_of(function).inputs}


def sweep(entry: Quantity) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A few allowed values, the ends of the range among them where they can be reached."""
    above = [entry.usual, entry.low + 1, entry.usual * 2]
    ends = [entry.low, min(entry.high, 2 * entry.usual + 1)]
    return np.array([v for v in above + ends if entry.allows(v)], dtype=np.float64)


def test_a_formula_stands_once() -> None:
    twice = [f"{f.__module__}.{name}" for f in ALL if FORMULAS[name := f.__name__] is not f]
    assert not twice, "another formula gives the same quantity"


# --- Bad input ------------------------------------------------------------------------------


@every_input
def test_a_number_that_makes_no_sense_is_refused(function: Formula, entry: Quantity) -> None:
    for value in (-1, -1.0, math.nan, math.inf, -math.inf):
        start = f"{entry.name} is {value:g}, but the {entry.label} must be "
        with pytest.raises(ValueError, match=f"^{re.escape(start)}") as caught:
            function(**usual(function) | {entry.name: value})
        assert entry.range_text in str(caught.value)


@every_input
def test_what_is_no_number_is_refused(function: Formula, entry: Quantity) -> None:
    for value in ("3", None, [1], True):
        said = re.escape(f"{entry.name} is {value!r}")
        with pytest.raises(TypeError, match=f"^{said} .*must be a number"):
            function(**usual(function) | {entry.name: value})


@every_input
def test_a_wrong_element_of_an_array_is_refused(function: Formula, entry: Quantity) -> None:
    array = np.array([entry.usual, -1.0])
    with pytest.raises(ValueError, match=rf"^{entry.name}\[1\] is -1, but the "):
        function(**usual(function) | {entry.name: array})


@every_input
def test_the_ends_of_a_range(function: Formula, entry: Quantity) -> None:
    arguments = usual(function)
    if entry.low_open:
        with pytest.raises(ValueError, match=f"^{entry.name} is {entry.low}, but"):
            function(**arguments | {entry.name: entry.low})
    else:
        assert math.isfinite(function(**arguments | {entry.name: entry.low}))
    if entry.high < LARGEST:
        assert math.isfinite(function(**arguments | {entry.name: entry.high}))
        with pytest.raises(ValueError, match=f"^{entry.name} is "):
            function(**arguments | {entry.name: entry.high + 1})


@every_formula
def test_arguments_by_place_are_checked_as_those_by_name(function: Formula) -> None:
    values = list(usual(function).values())
    assert function(*values) == function(**usual(function))
    with pytest.raises(ValueError, match=f"^{facts_of(function).inputs[0].name} is -1"):
        function(-1, *values[1:])


@every_formula
def test_too_few_and_unknown_arguments_are_python_s_errors(function: Formula) -> None:
    with pytest.raises(TypeError, match="missing"):
        function()
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        function(**usual(function), nonsense=1)


# --- Numbers --------------------------------------------------------------------------------


@every_input
def test_an_array_gives_what_its_elements_give(function: Formula, entry: Quantity) -> None:
    arguments, values = usual(function), sweep(entry)
    together = function(**arguments | {entry.name: values})
    apart = [function(**arguments | {entry.name: value}) for value in values.tolist()]
    assert together.shape == values.shape
    assert together.tolist() == pytest.approx(apart, rel=1e-12)


@every_formula
def test_arrays_broadcast(function: Formula) -> None:
    arguments: dict[str, Any] = usual(function)
    first, *others = arguments
    arguments[first] = np.full((3, 1), arguments[first])
    for name in others:
        arguments[name] = np.full((1, 2), arguments[name])
    result = function(**arguments)
    assert result.shape == ((3, 2) if others else (3, 1))
    assert result == pytest.approx(np.full(result.shape, function(**usual(function))))


@every_formula
def test_the_least_of_all_inputs_together_is_answered_or_refused(function: Formula) -> None:
    least = {e.name: e.usual if e.low_open else e.low for e in facts_of(function).inputs}
    for kind in (int, float):  # a formula that divides by a sum must not end in Python's error
        values = {name: kind(v) if float(v).is_integer() else v for name, v in least.items()}
        with contextlib.suppress(ValueError):
            assert math.isfinite(function(**values))


@every_formula
def test_the_arguments_stay_as_they_are(function: Formula) -> None:
    arrays = {entry.name: sweep(entry)[:1] for entry in facts_of(function).inputs}
    before = {name: array.copy() for name, array in arrays.items()}
    function(**arrays)
    assert all((arrays[name] == before[name]).all() for name in arrays)


@every_formula
def test_whole_counts_and_sizes_of_whole_arguments_are_integers(function: Formula) -> None:
    if facts_of(function).result.whole:
        assert type(function(**usual(function))) is int


@every_formula
def test_the_usual_result_is_in_its_own_range(function: Formula) -> None:
    assert facts_of(function).result.allows(function(**usual(function)))


# --- Description and display ----------------------------------------------------------------


@every_formula
def test_the_body_is_short_and_ends_in_a_named_result(function: Formula) -> None:
    source = textwrap.dedent(inspect.getsource(facts_of(function).bare))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    _, *steps, last = tree.body
    named = isinstance(last, ast.Return) and isinstance(last.value, ast.Name)
    assert steps, "assign the result to a name, and return that name"
    assert named, "assign the result to a name, and return that name"
    assert all(isinstance(step, ast.Assign) for step in steps), "assignments alone"
    end = last.end_lineno or 0
    assert end - steps[0].lineno < 6, "six lines or fewer"


@every_formula
def test_the_docstring_has_a_sentence_the_glossary_s_words_and_the_source(
    function: Formula,
) -> None:
    facts = facts_of(function)
    text = function.__doc__ or ""
    assert text.split("\n")[0].endswith((".", ":"))
    for entry in facts.inputs:
        assert f"    {entry.name} ({entry.unit or 'number'}): {entry.meaning}" in text
        assert entry.range_text in text
    result = facts.result
    assert f"Returns: {result.label} ({result.unit or 'number'}): {result.meaning}." in text
    assert facts.source
    assert text.endswith(f"Source: {facts.source}")


@pytest.mark.parametrize("module", MODULES, ids=[m.__name__ for m in MODULES])
def test_every_doctest_holds(module: ModuleType) -> None:
    runner = doctest.DocTestRunner()
    for function in formulas_of(module):
        name = function.__name__
        text = (function.__doc__ or "").split("\n\nEach argument")[0]
        test = doctest.DocTestParser().get_doctest(text, dict(vars(module)), name, None, 0)
        assert test.examples, f"{name} has no doctest"
        assert runner.run(test).failed == 0, f"a doctest of {name} fails"


@every_formula
def test_symbols_that_stand_together_differ(function: Formula) -> None:
    facts = facts_of(function)
    symbols = [entry.symbol for entry in (facts.result, *facts.inputs)]
    assert len(set(symbols)) == len(symbols)


@every_formula
def test_the_display_shows_each_symbol_and_number(function: Formula) -> None:
    facts = facts_of(function)
    shown = show(function, **usual(function))
    symbols, numbers, result, *_ = shown.latex.split("&=")[1:]
    assert shown.value == function(**usual(function))
    for entry in facts.inputs:
        assert entry.symbol in symbols
    assert not any(entry.symbol in numbers for entry in facts.inputs if len(entry.symbol) > 1)
    assert not re.search(r"(?<![.\d])\d{4,}|\de[+-]?\d", shown.latex), (
        "long numbers stand in groups"
    )
    assert "Dummy" not in shown.latex
    assert r"\text{" in result
    assert facts.source in shown._repr_mimebundle_()["text/markdown"]


@every_formula
def test_the_display_computes_what_the_function_computes(function: Formula) -> None:
    facts = facts_of(function)
    symbols = {entry.name: sympy.Symbol(entry.name) for entry in facts.inputs}
    expression = facts.bare(**symbols)
    values = {symbol: sympy.Rational(str(usual(function)[n])) for n, symbol in symbols.items()}
    assert float(expression.subs(values).doit()) == pytest.approx(
        float(function(**usual(function))), rel=1e-9
    )


# --- The decorator --------------------------------------------------------------------------


@formula(source="a test", divisors=("batch",))
def tokens(kv_cache_bytes: Number, batch: Number = 1, tokens: Number = 1) -> Number:
    """Give something to test."""
    result = kv_cache_bytes / batch * tokens
    return result


def test_a_divisor_may_not_be_zero_though_the_glossary_allows_it() -> None:
    assert tokens(10, 4) == 2.5
    with pytest.raises(ValueError, match="batch is 0, but the batch size must be more than 0"):
        tokens(10, 0)
    with pytest.raises(ValueError, match="tokens is -1"):
        tokens(10, 4, -1)


def test_a_result_past_the_floats_is_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens is too large for a number: .* kv_cache_bytes, b"):
        tokens(1e308, 1, 1e10)
    with pytest.raises(ValueError, match="tokens is too large for a number"):
        tokens(10**308, 1, 10**308)


def test_an_array_past_the_floats_is_refused_by_the_sentence_alone() -> None:
    with pytest.raises(ValueError, match="tokens is too large for a number"):
        tokens(np.array([1.0, 1e308]), 1, 1e10)  # NumPy's warning would be an error here


def test_arrays_that_do_not_go_together_are_told_by_their_shapes() -> None:
    with pytest.raises(ValueError, match=r"do not go together \(\(2,\), one, \(3,\)\): give arra"):
        tokens(np.ones(2), 1, np.ones(3))


def test_another_error_of_a_formula_passes_as_it_is() -> None:
    def batch(tokens: Number) -> Number:
        raise ValueError("a reason of its own")

    with pytest.raises(ValueError, match="a reason of its own"):
        formula(source="a test")(batch)(1)


def test_the_largest_results_pass_and_a_sum_past_the_floats_is_none_of_a_caller_s() -> None:
    assert tokens(LARGEST, 1) == LARGEST
    assert tokens(np.array([1e308, 1e308]), 1).tolist() == [1e308, 1e308]


def test_a_formula_of_symbols_is_an_expression() -> None:
    a, b = sympy.symbols("a b")
    assert tokens(a, 2, b) == a * b / 2


def test_a_name_that_the_glossary_lacks_is_an_error_at_once() -> None:
    def nonsense(tokens: Number) -> Number:
        return tokens

    with pytest.raises(KeyError, match="nonsense is not in the glossary"):
        formula(source="a test")(nonsense)


def test_a_plain_function_has_no_facts() -> None:
    with pytest.raises(TypeError, match="len is not a formula"):
        facts_of(len)


def test_single_numbers_that_overflow_beside_an_array_are_refused() -> None:
    # 1e200 times 1e200 leaves the floats before the array comes in, and in silence.
    with pytest.raises(ValueError, match=r"kv_cache_bytes is too large for a number"):
        kv_cache_bytes(1e200, 1e200, 64, tokens=np.arange(1.0, 4.0))


def test_an_overflow_in_any_row_is_refused() -> None:
    with pytest.raises(ValueError, match=r"replicated_bytes is too large for a number"):
        replicated_bytes(np.array([1.0, 1e300, 2.0]), np.array([1e9, 1e9, 1.0]))


def test_arrays_without_a_row_give_one_without_a_row() -> None:
    assert kv_cache_bytes(24, 16, 64, tokens=np.array([])).shape == (0,)
