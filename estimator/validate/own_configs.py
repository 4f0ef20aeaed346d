"""A reader's own models: the option --configs of the commands, and the file that it names."""

from __future__ import annotations

import argparse
from typing import Any

from estimator.files import read_json

_AS_IN = 'as in {"my-model": {...}}.'


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let a command take configurations."""
    parser.add_argument(
        "--configs", metavar="FILE.json", help="configurations of models outside the catalog"
    )


def read_option(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Read the configurations that a command was given, by the names of their models.

    Raises: ValueError: no such file, or one of another form, in one sentence.
    """
    return configs_by_name(read_json(arguments.configs)) if arguments.configs else {}


def configs_by_name(content: Any) -> dict[str, dict[str, Any]]:
    """Give each model's configuration, which may stand in the file under the name config.

    Raises: ValueError: content of another form, in one sentence.
    """
    if isinstance(content, dict) and "model_type" in content:
        raise ValueError(
            "the file of --configs is one model's configuration without its name: put it under "
            f"the name that the rows have, {_AS_IN}"
        )
    if not isinstance(content, dict) or not content:
        raise ValueError(
            "the file of --configs must be a JSON object with models by name, each with its "
            f"configuration, {_AS_IN}"
        )
    return {name: _config(name, entry) for name, entry in content.items()}


def _config(name: str, entry: Any) -> dict[str, Any]:
    config = entry.get("config", entry) if isinstance(entry, dict) else entry
    if not isinstance(config, dict):
        raise ValueError(
            f"the configuration of {name[:60]!r} must be a JSON object: give the content of its "
            "config.json."
        )
    return config
