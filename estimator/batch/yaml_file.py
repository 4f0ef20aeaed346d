"""Lists of scenarios in YAML, read item by item."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from estimator.files import read_text

NUMBERS = {
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"),
    "float": re.compile(
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?\Z|[-+]?\.(?:inf|Inf|INF)\Z|"
        r"\.(?:nan|NaN|NAN)\Z"
    ),
}
"""What YAML takes for a number here."""


def read_yaml(path: Path) -> Iterator[Any]:
    """Read a YAML list; an item that cannot be used is given as the ValueError that says why."""
    import yaml

    loader, root = _parsed(path)
    if not isinstance(root, yaml.SequenceNode):
        raise ValueError(f"{path} is no list: write one item for each scenario, with - name: first")
    for node in root.value:
        try:
            yield loader.construct_document(node)
        except (yaml.YAMLError, TypeError, ValueError, OverflowError, RecursionError) as error:
            line = node.start_mark.line + 1
            said = " ".join(str(error).split())
            yield ValueError(f"it cannot be read, from line {line} on: {said}")


def read_yaml_parts(path: Path) -> dict[str, Any]:
    """Read a YAML mapping whose values are mappings, with keys as texts.

    Raises:
        ValueError: it is none, or cannot be read, in one sentence.
    """
    import yaml

    loader, root = _parsed(path)
    try:
        content = loader.construct_document(root) if root else None
    except (yaml.YAMLError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise ValueError(
            f'{path} has no parts: under "all:" or a lesson\'s number, such as "04:", give names '
            "with their values."
        )
    return {str(part): values for part, values in content.items()}


def _parsed(path: Path) -> tuple[Any, Any]:
    """Give a loader and the root of what it has parsed."""
    import yaml

    try:
        loader = _yaml_loader()(read_text(path))
        return loader, loader.get_single_node()
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ValueError(f"{path} nests lists or mappings too deeply: write it flatter.") from None


@functools.cache
def _yaml_loader() -> Any:
    """A loader that does not overwrite in silence, and takes for a number what looks like one.

    YAML 1.1 reads 1:30 as 90, 012 as 10 and 0x1F as 31: all that stays text, which the lesson's
    parameter then takes, or refuses.
    """
    import yaml

    numbers = {f"tag:yaml.org,2002:{kind}": pattern for kind, pattern in NUMBERS.items()}

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            if not isinstance(node, yaml.MappingNode):
                raise ValueError("what is called a mapping is none")
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for key in keys:
                if keys.count(key) > 1:
                    raise ValueError(f"the key {key!r} is there twice")
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        sign: [(tag, pattern) for tag, pattern in known if tag not in numbers]
        for sign, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag, pattern in numbers.items():
        Loader.add_implicit_resolver(tag, pattern, list("-+.0123456789"))
    return Loader
