"""A model by its own configuration file, in a lesson: parameters by part, stored and active."""

from __future__ import annotations

from typing import Any

from estimator.architecture import Architecture
from estimator.catalog import configuration
from estimator.files import read_json
from estimator.lesson.tables import Table, breakdown
from estimator.model_sheet import checkpoint_text, remarks, sizes_of
from estimator.units import number_text, share_text

STAND_IN = "mixtral-8x7b"


def read_configuration(config_path: str) -> tuple[str, dict[str, Any]]:
    """Read a `config.json`, or take the catalog's stand-in without one; with a name to show.

    Raises:
        ValueError: a file that cannot be read, in one sentence.
    """
    if not isinstance(config_path, str) or "\0" in config_path:
        raise TypeError(
            f"config_path is {config_path!r:.80}, but it must be the path of a config.json: give "
            "text, or nothing for the published example."
        )
    if config_path:
        try:
            return config_path, read_json(config_path)
        except ValueError as error:
            raise ValueError(f"config_path: {error}") from None
    published = configuration(STAND_IN)
    return published.name, dict(published.config)


def parts_table(config_path: str) -> Table:
    """Parameters of a configuration by part, and what of them a token uses.

    Raises:
        ValueError, TypeError: a file, a family or a key that is not understood, in one sentence.
    """
    name, config = read_configuration(config_path)
    model = Architecture.from_hf_config(config)
    note = f"A token uses {number_text(model.n_active_params)} of them"
    note += f" ({share_text(model.n_active_params / model.n_params)})."
    if model.extra_parts:
        extra = ", ".join(f"{number_text(n)} in {part}" for part, n in model.extra_parts.items())
        note += f" The checkpoint has more: {extra}."
    told = checkpoint_text(config, model, name, published=not config_path)
    note += f" {told}{remarks(model)}"
    parts = breakdown(model.parts, "parameter", caption=f"{name}, a model of family {model.family}")
    return Table(parts.headers, parts.rows, parts.caption, note, parts.total, parts.left)


def configuration_results(config_path: str) -> dict[str, float]:
    """What a result file has of a reader's own configuration, by the glossary's names.

    Nothing without a file, and no bytes of a checkpoint that the file does not tell.

    Raises:
        ValueError, TypeError: a file, a family or a key that is not understood, in one sentence.
    """
    if config_path == "":
        return {}
    sizes = sizes_of(*read_configuration(config_path))
    found = {
        "config_params": sizes["n_params"],
        "config_active_params": sizes["n_active_params"],
        "config_checkpoint_bytes": sizes["checkpoint_bytes"],
    }
    return {name: value for name, value in found.items() if value is not None}
