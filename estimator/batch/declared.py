"""What a lesson takes: the names and defaults of its parameters, and its own checks of them."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from estimator.files import check_plain, read_text
from estimator.lesson.inputs import EXACT_BELOW, Declared, declared_by

RESULT = "result_path"
# Files that a lesson writes: two scenarios could write over one another's, outside the folder.
WRITTEN = (RESULT, "report_path", "sheet_path")
PATH = "_path"  # how the names of parameters end that are files, and no part of a result
READ = ("measurements",)  # parameters that name a file to read, though they do not end so
PLAIN_VALUE = "plain: a number, text, true or false, or a list of them, as [1, 2] or 'text'"
NO_CHECKS = Declared({}, {})
# Modules that a template may import before any cell asks for them: they do nothing but define.
KNOWN = ("estimator", "ipywidgets", "matplotlib", "numpy", "pandas", "sympy")


@dataclass(frozen=True)
class Lesson:
    """A notebook that takes parameters: its text, its defaults, its checks, what it imports."""

    path: Path
    text: str
    defaults: Mapping[str, Any]
    checks: Declared
    modules: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the file without its ending."""
        return self.path.stem

    def read_cell(self, name: str, text: str) -> Any:
        """Turn the text of a cell into a value of the kind that the parameter's default has.

        Raises:
            ValueError: the text is of another kind, in one sentence.
        """
        default = self.defaults[name]
        if isinstance(default, bool):
            return _read(name, text, _truth, "true or false")
        if isinstance(default, int | float):
            return _read(name, text, _number, "a number")
        if isinstance(default, str):
            return text
        return _read(name, text, _literal, PLAIN_VALUE)

    def check_kind(self, name: str, value: Any) -> Any:
        """Give a value that a YAML file holds, or raise the ValueError that `read_cell` raises."""
        default = self.defaults[name]
        if isinstance(value, str) and not isinstance(default, str):
            return self.read_cell(name, value)  # 7e9 is text to YAML
        if isinstance(value, float) and not math.isfinite(value):
            _refuse(name, value, "a finite number")
        kinds: tuple[type, ...] = (bool,) if isinstance(default, bool) else ()
        if isinstance(default, int | float) and not kinds:
            if isinstance(value, bool) or not isinstance(value, int | float):
                _refuse(name, value, "a number")
            return value
        if isinstance(default, str):
            kinds = (str,)
        if kinds and not isinstance(value, kinds):
            _refuse(name, value, "text: put it in quotes" if kinds == (str,) else "true or false")
        if not _is_json(value):
            _refuse(name, value, PLAIN_VALUE)
        return value


def names_a_file(name: str) -> bool:
    """Tell whether a parameter names a file that the lesson reads.

    >>> names_a_file("config_path"), names_a_file("result_path"), names_a_file("users")
    (True, False, False)
    """
    return name not in WRITTEN and (name.endswith(PATH) or name in READ)


def check_file(name: str, value: Any) -> None:
    """Look for a file that a parameter names.

    Raises:
        ValueError: there is none that can be read, in one sentence.
    """
    if value and names_a_file(name):
        try:
            check_plain(value)
            Path(value).open("rb").close()
        except (OSError, TypeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no plain file"
            raise ValueError(
                f"{name} is {str(value)[:80]!r}, which cannot be read ({why}): give the path of a "
                "file."
            ) from None


def _read(name: str, text: str, reader: Callable[[str], Any], wanted: str) -> Any:
    try:
        return reader(text)
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        _refuse(name, text, wanted)


def _literal(text: str) -> Any:
    value = ast.literal_eval(text)
    if not _is_json(value):
        raise ValueError(text)
    return value


def _is_json(value: object) -> bool:
    """Tell whether a value can stand in a result file: no set, no date, no complex number."""
    try:
        json.dumps(value, sort_keys=True, allow_nan=False)
    except (RecursionError, TypeError, ValueError):
        return False
    return True


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    raise ValueError(f"{name} is {shown}, but it must be {wanted}.")


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _number(text: str) -> float:
    """Read a number; whole ones become exact integers, as the lessons read 7e9."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return int(value) if value.is_integer() and abs(value) < EXACT_BELOW else value


def read_lesson(path: Path) -> Lesson:
    """Read a notebook's parameters and its own checks.

    Raises:
        ValueError: it is no notebook, or no lesson that a batch can run, in one sentence.
    """
    import nbformat
    from papermill import inspect_notebook

    text = read_text(path)
    try:
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        found = inspect_notebook(without_fields(path))
    except Exception as error:
        raise ValueError(f"{path} is no notebook that can be read: {error}") from None
    defaults = {name: _default(entry["default"]) for name, entry in found.items()}
    if RESULT not in defaults:
        raise ValueError(
            f'{path} has no parameter {RESULT}: give its cell tagged "parameters" the line '
            f'{RESULT} = "", and have it write its result there.'
        )
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return Lesson(path, text, defaults, _checks(cells, defaults), tuple(sorted(_modules(cells))))


def without_fields(path: Path) -> str:
    """Give a path as papermill takes it, which fills in fields in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _default(source: str) -> Any:
    try:
        return ast.literal_eval(source)
    except (SyntaxError, ValueError):
        return None


def _parsed(cells: list[Any]) -> Iterator[tuple[Any, ast.Module]]:
    for cell in cells:
        try:
            yield cell, ast.parse(cell.source)
        except SyntaxError:  # a magic, or a mistake that the run will show
            continue


def _modules(cells: list[Any]) -> set[str]:
    """Every module that the cells import, of the packages that only define."""
    found = set()
    for _, tree in _parsed(cells):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in KNOWN}


def _checks(cells: list[Any], parameters: Iterable[str]) -> Declared:
    """Give the lesson's own checks: what its call of `inputs` is given, at the defaults.

    The imports and the parameters are run for this, and after them the first statement that hands
    parameters on by name, up to the check; nothing else.
    """
    names = set(parameters)
    statements: list[ast.stmt] = []
    is_after = False
    for cell, tree in _parsed(cells):
        is_parameters = "parameters" in cell.metadata.get("tags", [])
        for statement in tree.body:
            if is_parameters or isinstance(statement, ast.Import | ast.ImportFrom):
                statements.append(statement)
            elif is_after and _hands_on(statement, names):
                return _declared_by([*statements, statement])
        is_after = is_after or is_parameters
    return NO_CHECKS


def _hands_on(statement: ast.stmt, names: set[str]) -> bool:
    """Tell whether a statement has a call such as `inputs(users=users)`."""
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(keyword.arg in names for call in calls for keyword in call.keywords)


def _declared_by(statements: list[ast.stmt]) -> Declared:
    code = compile(ast.Module(statements, []), "<parameters>", "exec")
    try:
        return declared_by(lambda: exec(code, {})) or NO_CHECKS
    except Exception as error:
        raise ValueError(f"the lesson cannot read its own parameters: {error!r}") from error
