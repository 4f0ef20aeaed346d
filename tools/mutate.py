"""Mutation tests: `python -m tools.mutate [MODULE ...]`, by default all that `mutants.toml` names.

Each mutant of a module is tried by the module's doctests and its tests in a process of its own,
forked from one that has loaded all libraries. One that no test notices must stand in
`tests/mutants.toml` with the reason why it cannot matter; nothing else may stand there.
A library was tried first: mutmut leaves decorated functions alone, and a formula is one;
cosmic-ray starts pytest anew for each of thousands of mutants.
"""

import ast
import doctest
import gc
import importlib
import importlib.util
import os
import resource
import signal
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import HealthCheck, settings

from tools.mutants import mutants
from tools.set_up import ROOT, CannotError, told

NAMED = ROOT / "tests" / "mutants.toml"
PRELOADED = ("numpy", "pandas", "sympy", "yaml")
PYTEST = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:faulthandler"),
    *("-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutate", "--hypothesis-seed=0"),
)
MEMORY_BYTES = 8 * 2**30


class _Loader(SourceFileLoader):
    """Load a module from other code than its file's."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        super().__init__(name, str(path))
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        return self.code


class _Finder:
    """Find one module as a mutant."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the mutant's specification, or none for any other module."""
        if name != self.name:
            return None
        loader = _Loader(name, self.path, self.code)
        return importlib.util.spec_from_file_location(name, self.path, loader=loader)


def get_ready() -> None:
    """Load what all mutants share, and set up how their tests run."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings.register_profile(
        "mutate", max_examples=30, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage at its end: not all these libraries' for every mutant


def survives(path: Path, tree: ast.Module, tests: Sequence[str], limit_s: float) -> bool:
    """Tell whether all tests pass with another tree in the place of a module's own."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(_run_tests(path, tree, tests, limit_s))
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _run_tests(path: Path, tree: ast.Module, tests: Sequence[str], limit_s: float) -> int:
    """Run in the child: a mutant that hangs or fills the memory fails like any other."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    finder = _Finder(name, path, compile(ast.fix_missing_locations(tree), str(path), "exec"))
    sys.meta_path.insert(0, finder)
    if doctest.testmod(importlib.import_module(name)).failed:
        return 1
    # One file after the other: most mutants are noticed before a slow one is collected.
    return next((1 for file in tests if pytest.main([*PYTEST, file])), 0)


def module_path(module: str) -> Path:
    """Where a module of the estimator stands; one of a package has the package's name before it."""
    return ROOT.joinpath("estimator", *module.split(".")).with_suffix(".py")


def _children_s() -> float:
    """Time of the processor, which other work on the machine does not lengthen."""
    times = os.times()
    return times.children_user + times.children_system


def survivors(module: str, tests: Sequence[str], named: Mapping[str, str]) -> tuple[int, int]:
    """Try a module's mutants: how many there are, and how many are to be looked at."""
    path = module_path(module)
    files = [str(ROOT / "tests" / name) for name in tests]
    source = path.read_text(encoding="utf-8")
    before_s = _children_s()
    if not survives(path, ast.parse(source), files, limit_s=600):
        raise CannotError(f"The tests of {module} fail as it is: make test tells why.")
    limit_s = 2 + 3 * (_children_s() - before_s)
    count, missed = 0, set()
    for mutant in mutants(source):
        count += 1
        if survives(path, mutant.tree, files, limit_s):
            missed.add(mutant.name)
            if mutant.name not in named:
                print(f"{path.relative_to(ROOT)}:{mutant.line} {mutant.name}", flush=True)
    stale = named.keys() - missed
    for name in sorted(stale):
        print(f"{NAMED.relative_to(ROOT)}: no mutant that survives is {name}", flush=True)
    return count, len(missed - named.keys()) + len(stale)


def main(modules: Sequence[str]) -> None:
    """Try the mutants of all modules or of some; tell what no test has noticed."""
    file = tomllib.loads(NAMED.read_text(encoding="utf-8"))
    unknown = [module for module in modules if module not in file["tests"]]
    if unknown:
        raise CannotError(f"{NAMED.name} has no tests for {', '.join(unknown)}: name them there.")
    get_ready()
    failed = 0
    for module in modules or file["tests"]:
        named = file.get(module, {})
        started = time.monotonic()
        count, problems = survivors(module, file["tests"][module], named)
        taken = f"{time.monotonic() - started:.0f} s"
        print(f"{module}: {count} mutants, {len(named)} named, {taken}", flush=True)
        failed += problems
    if failed:
        raise CannotError(f"{failed} to look at: test them, or name them with their reason.")


if __name__ == "__main__":
    sys.exit(told(lambda: main(sys.argv[1:])))
