"""Configurations of published models, each with the place where its facts were read.

`configs.json` keeps only the keys that change a model's size, and how it is quantized where a
source tells. Each count there is that of the real module, built from the same keys
(`tests/verify`); the estimator computes it anew.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from estimator.architecture import Architecture
from estimator.choosing import choose


@dataclass(frozen=True, slots=True)
class Configuration:
    """A published model's configuration, the count of its module, and the source of its facts."""

    key: str
    name: str
    n_params: int
    source: str
    note: str
    config: Mapping[str, Any]


@functools.cache
def configurations() -> dict[str, Configuration]:
    """All configurations by key, in the file's order."""
    text = (files("estimator.catalog") / "configs.json").read_text(encoding="utf-8")
    return {key: read_entry(key, row) for key, row in json.loads(text).items()}


def read_entry(key: str, row: Mapping[str, Any]) -> Configuration:
    """Read an entry of the file; what it lacks is told in one sentence."""
    if missing := [name for name in ("name", "parameters", "source", "config") if name not in row]:
        raise ValueError(
            f"{key} of configs.json lacks {', '.join(missing)}: give the name, the source, the "
            'config, and as parameters the total that "python -m estimator model" counts.'
        )
    return Configuration(
        key, row["name"], row["parameters"], row["source"], row.get("note", ""), row["config"]
    )


def configuration(key: str) -> Configuration:
    """One configuration; an unknown key is refused with the nearest one."""
    return configurations()[choose("configuration", key, configurations())]


@functools.cache
def architecture(key: str) -> Architecture:
    """The architecture of a published model.

    >>> architecture("deepseek-v3").n_params, architecture("deepseek-v3").kv_bytes_per_token(2)
    (671026404352, 70272)
    """
    return Architecture.from_hf_config(dict(configuration(key).config))
