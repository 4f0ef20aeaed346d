"""Who may import whom: downwards only, and formulas need the standard library alone."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "estimator"
LAYERS = (
    {"units", "choosing", "files"},
    {"quantity", "quantities"},
    {"glossary"},
    {"arithmetic", "whole_arrays"},
    {"formula"},
    {"paged_cache"},
    {
        "model_storage",
        "user_data",
        "memory",
        "serving",
        "step_time",
        "training",
        "bandwidth",
        "cost",
        "uncertainty",
    },
    {"architecture"},
    {
        "matrices",
        "stored_cache",
        "told_quantization",
        "wide_layers",
        "compressed_tensors",
        "quantization",
        "quantization_keys",
        "quantization_values",
        "engine_memory",
        "stored_weights",
        "checkpoint",
        "memory_budget",
        "replica",
    },
    {"engine", "decoder_shape"},
    {"capacity"},
    {"load", "whole_service"},
    {"catalog"},
    {"validate"},
    {"model_sheet"},
    {"lesson"},
    {"batch"},
    {"__main__"},
)
HEAVY = {"IPython", "ipywidgets", "matplotlib", "numpy", "pandas", "papermill", "sympy"}
MAY_BE_HEAVY = {"batch", "lesson", "validate"}


def layer(name: str) -> int:
    found = [number for number, names in enumerate(LAYERS) if name in names]
    assert found, f"{name} stands in no layer: name it in LAYERS, above all that it imports"
    return found[0]


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module, and whether the import runs with the module itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.FunctionDef | ast.If)
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        assert not getattr(node, "level", 0), f"{path}: name the whole module"
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in guarded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "estimator":
            yield from ((f"estimator.{a.name}", id(node) not in guarded) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) not in guarded


def test_the_layers_name_each_module_once_and_nothing_else() -> None:
    named = Counter(name for names in LAYERS for name in names)
    there = {part(path) for path in modules()}
    forgotten, gone = there - set(named), set(named) - there
    assert not forgotten, "name these in LAYERS, above all that they import"
    assert not gone, "take these out of LAYERS: there is no such module"
    assert not [name for name, count in named.items() if count > 1]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    for name, _ in imports(path):
        if name.startswith("estimator."):
            other = name.split(".")[1]
            assert layer(other) <= layer(part(path)), f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_load_late_or_in_the_lesson_layer(path: Path) -> None:
    if part(path) not in MAY_BE_HEAVY:
        loaded = {name.split(".")[0] for name, at_once in imports(path) if at_once}
        assert not loaded & HEAVY


def test_formulas_and_catalog_need_the_standard_library_alone() -> None:
    code = (
        "import estimator, sys; from estimator import architecture, catalog; "
        "catalog.architecture('gemma-2-9b').cache_bytes(8192); "
        "print(*sorted(m.partition('.')[0] for m in sys.modules))"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    foreign = set(done.stdout.split()) - set(sys.stdlib_module_names) - {"estimator", "__main__"}
    assert not {name for name in foreign if not name.startswith("_")}
