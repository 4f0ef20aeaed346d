"""A model by its own configuration file, in a lesson: parameters by part, stored and active."""

from __future__ import annotations

from estimator.architecture import Architecture
from estimator.catalog import configuration
from estimator.lesson.tables import Table, breakdown
from estimator.units import number_text, share_text
from estimator.validate.files import read_json

STAND_IN = "mixtral-8x7b"


def read_architecture(config_path: str) -> tuple[str, Architecture]:
    """Read a `config.json`, or take the catalog's stand-in without one; with a name to show.

    Raises:
        ValueError, TypeError: a file, a family or a key that is not understood, in one sentence.
    """
    if config_path:
        return config_path, Architecture.from_hf_config(read_json(config_path))
    published = configuration(STAND_IN)
    return published.name, Architecture.from_hf_config(dict(published.config))


def remarks(model: Architecture) -> str:
    """What a reader must know of a configuration that was read: assumed, and left out."""
    note = ""
    if model.assumed:
        assumed = ", ".join(f"{key} {_plain(value)}" for key, value in model.assumed.items())
        note += f" Assumed, as the file does not say: {assumed} (the family's defaults)."
    if model.left_out:
        note += f" Left out, no part of the language model: {', '.join(model.left_out)}."
    return note


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def parts_table(config_path: str) -> Table:
    """Parameters of a configuration by part, and what of them a token uses."""
    name, model = read_architecture(config_path)
    note = f"A token uses {number_text(model.n_active_params)} of them"
    note += f" ({share_text(model.n_active_params / model.n_params)})."
    if model.extra_parts:
        extra = ", ".join(f"{number_text(n)} in {part}" for part, n in model.extra_parts.items())
        note += f" The checkpoint has more: {extra}."
    note += remarks(model)
    parts = breakdown(model.parts, "parameter", caption=f"{name}, a model of family {model.family}")
    return Table(parts.headers, parts.rows, parts.caption, note, parts.total, parts.left)
