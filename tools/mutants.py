"""The mutants of a module: each differs from it in one operator, constant, choice or result.

Texts, annotations and the decorators of data classes stay as they are: they change no number.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("floor", "ceil"),
    ("floor_divide", "ceil_divide"),
    ("all", "any"),
    ("rounded_down", "rounded_up"),
)
OTHER_NAME = dict((*PAIRS, *((two, one) for one, two in PAIRS)))
SKIPPED = {"annotation", "returns", "decorator_list", "format_spec", "ctx"}


@dataclass(frozen=True)
class Mutant:
    """One change of a module: a name that stays when lines move, its line, the whole new tree.

    The tree is good until the next mutant is asked for; new nodes in it have no line yet.
    """

    name: str
    line: int
    tree: ast.Module


@dataclass(frozen=True)
class _Change:
    """A place in the tree (`holder`, by field or index), what goes there, and what shows it."""

    where: str
    shown: ast.AST
    holder: Any
    key: Any
    new: ast.AST


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module, from its top to its end."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    for change in list(_changes(tree, "", tree)):
        before = _text(change.shown)
        old = _put(change.holder, change.key, change.new)
        after = _text(change.shown)
        if isinstance(change.shown, ast.arguments):
            before, after = _differing(before, after)
        name = f"{change.where}: {before} -> {after}"
        seen[name] += 1
        number = f" #{seen[name]}" if seen[name] > 1 else ""
        line = getattr(old, "lineno", getattr(change.shown, "lineno", 0))
        yield Mutant(name + number, line, tree)
        _put(change.holder, change.key, old)


def _changes(node: ast.AST, where: str, shown: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}".lstrip(".")
        yield from _dropped_divisors(node, where)
    elif isinstance(node, ast.Assign) and not where:
        where = _text(node.targets[0])
    if isinstance(node, ast.If) and _text(node.test) == "TYPE_CHECKING":
        return
    # An operand of a call, a sum or a comparison is shown in it; a bare one in what is around.
    shown = node if isinstance(node, ast.expr | ast.stmt | ast.arguments | ast.keyword) else shown
    for field, value in ast.iter_fields(node):
        if field in SKIPPED:
            continue
        listed = isinstance(value, list)
        for key, child in enumerate(value) if listed else ((field, value),):
            if not isinstance(child, ast.AST):
                continue
            for new in _replacements(child, node, field):
                yield _Change(where or "module", shown, value if listed else node, key, new)
            yield from _changes(child, where, shown)


def _replacements(child: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    """What may stand in the place of one node."""
    for other in (*COMPARISONS.get(type(child), ()), *OPERATORS.get(type(child), ())):
        yield other()
    if isinstance(child, ast.Constant):
        yield from map(ast.Constant, _other_values(child.value))
    elif isinstance(child, ast.UnaryOp):
        yield child.operand
    elif field == "test" and not isinstance(child, ast.Compare | ast.BoolOp):
        yield ast.UnaryOp(ast.Not(), child)  # type: ignore[arg-type]
    elif field == "func" and isinstance(child, ast.Name) and child.id in OTHER_NAME:
        yield ast.Name(OTHER_NAME[child.id], ast.Load())
    elif field == "func" and isinstance(child, ast.Attribute) and child.attr in OTHER_NAME:
        yield ast.Attribute(child.value, OTHER_NAME[child.attr], ast.Load())
    if isinstance(parent, ast.Return) and not (
        isinstance(child, ast.Constant) and child.value is None
    ):
        yield ast.Constant(None)


def _other_values(value: object) -> tuple[float, ...]:
    """A little more and a little less than a number, the other truth value; text stays."""
    if isinstance(value, bool):
        return (not value,)
    if not isinstance(value, int | float):
        return ()
    return (value + 1, value - 1) if value + 1 != value else (value * 2, value / 2)


def _dropped_divisors(node: ast.FunctionDef | ast.ClassDef, where: str) -> Iterator[_Change]:
    """A formula that no longer refuses a divisor of 0."""
    for decorator in node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "divisors" and isinstance(keyword.value, ast.Tuple):
                names = keyword.value.elts
                for name in names:
                    rest = ast.Tuple([each for each in names if each is not name], ast.Load())
                    yield _Change(where, keyword, keyword, "value", rest)


def _put(holder: Any, key: Any, new: object) -> Any:
    """Put a node into its place, and return the one that stood there."""
    if isinstance(holder, list):
        old, holder[key] = holder[key], new
        return old
    old = getattr(holder, key)
    setattr(holder, key, new)
    return old


def _differing(before: str, after: str) -> tuple[str, str]:
    """The parameter that differs, of two lists of parameters."""
    pairs = zip(before.split(", "), after.split(", "), strict=True)
    return next((old, new) for old, new in pairs if old != new)


def _text(node: ast.AST) -> str:
    """A node as one line of code, a block without its body."""
    if hasattr(node, "body") and isinstance(node.body, list):
        node = copy(node)
        node.body, node.orelse = [], []  # type: ignore[attr-defined]
    return " ".join(ast.unparse(node).split())
