"""One model on one page: parameters by part, the checkpoint's bytes, and its cache by three rules.

`python -m estimator model CONFIG.json`, or a name of the catalog, as the Hub has it, too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimator.architecture import RULES, Architecture
from estimator.architecture.reader import keys_text
from estimator.catalog.configurations import configuration
from estimator.catalog.model_names import model_and_precision
from estimator.checkpoint import checkpoint
from estimator.files import read_json
from estimator.glossary import quantity
from estimator.stored_cache import asked_precision
from estimator.units import bytes_text, number_text, share_text

HELP = "parameters, bytes of the checkpoint and of the cache of a config.json or a catalog model"
TOKENS = 8192
MEANING = {
    "ideal": "each layer keeps what it needs",
    "engine": "vLLM's pages of 16 tokens, 2,048 prompt tokens a step (on an H100 8,192)",
    "full": "every layer keeps every token",
}


def checkpoint_text(
    config: Mapping[str, Any], model: Architecture, name: str = "", *, published: bool = False
) -> str:
    """Bytes of the checkpoint as its configuration tells, in one sentence."""
    found = checkpoint(config, model, name, published=published)
    if found.size is None:
        return f"The checkpoint's bytes are not told: {found.how}"
    return f"The checkpoint, {found.how}, takes {bytes_text(found.size)}."


def _cache_width(config: Mapping[str, Any], given: float | None) -> tuple[float, str]:
    """Bytes of a number of the cache, and what the configuration says of them."""
    try:
        asked = asked_precision(config)
    except ValueError as error:
        return (2 if given is None else given), str(error)
    if asked is None:
        return (2 if given is None else given), ""
    name, width = asked
    told = f"the quantization_config asks for a cache in {name}, {_bytes(width)} a number"
    return (width if given is None else given), told


def _bytes(width: float) -> str:
    return "1 byte" if width == 1 else f"{width:g} bytes"


def remarks(model: Architecture) -> str:
    """What a reader must know of a configuration that was read: assumed, and left out."""
    note = ""
    if model.assumed:
        assumed = ", ".join(f"{key} {_plain(value)}" for key, value in model.assumed.items())
        note += f" Assumed, as the file does not say: {assumed} (the family's defaults)."
    if model.left_out:
        note += f" Left out, no part of the language model: {keys_text(model.left_out)}."
    return note + f" {model.remark}" * bool(model.remark)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("model", metavar="CONFIG.json|NAME",
                        help="a model's config.json, or its name in the catalog")  # fmt: skip
    parser.add_argument("--tokens", type=int, metavar="N",
                        help=f"length of a sequence (default: {TOKENS:,}, or the model's context "
                        "where that is shorter)")  # fmt: skip
    parser.add_argument("--cache-bytes", type=float, metavar="B",
                        help="bytes of a number in the cache (default: as the model's "
                        "quantization_config asks, or 2)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a model's sizes.

    Raises: ValueError, TypeError: what cannot be read or sized, in one sentence.
    """
    name, config, published = read_model(arguments.model)
    sizes = sizes_of(name, config, arguments.tokens, arguments.cache_bytes, published=published)
    print(json.dumps(sizes, indent=1) if arguments.json else text_of(sizes))
    return 0


def read_model(text: str) -> tuple[str, dict[str, Any], bool]:
    """Read a `config.json`, or take a model of the catalog: a name to show, and which it is.

    Raises: ValueError: no such file, no JSON, or no such model, in one sentence.
    """
    path = text.lower().endswith(".json") or text.startswith(("/", ".", "~")) or text.count("/") > 1
    if path or Path(text).exists():
        return text, read_json(text), False
    key, stored = model_and_precision(text)
    if stored is not None:
        raise ValueError(
            f"the files of {text[:60]} are in a precision that the catalog's {key} does not tell: "
            f"give its config.json, or {key} for its parameters and cache."
        )
    published = configuration(key)
    other = text.lower() != key and f"{text[:60]}, the architecture of {published.name}"
    return other or published.name, dict(published.config), True


def sizes_of(
    name: str, config: dict[str, Any], tokens: int | None = None,
    bytes_per_element: float | None = None, *, published: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Size a configuration, the reader's own or a `published` one of the catalog, by name.

    Raises: ValueError, TypeError: what cannot be sized, in one sentence.
    """
    model = Architecture.from_hf_config(config)
    found = checkpoint(config, model, name, published=published)
    return {
        "name": name,
        "family": model.family,
        "parts": model.parts,
        "n_params": model.n_params,
        "n_active_params": model.n_active_params,
        "beside": model.extra_parts,
        "checkpoint_bytes": found.size,
        "checkpoint": found.how,
        "context_tokens": model.decoder.context_tokens,
        "cache": _cache(model, config, tokens, bytes_per_element) if model.cached_layers else None,
        "remarks": remarks(model).strip(),
    }


def _cache(
    model: Architecture, config: Mapping[str, Any], tokens: int | None, given: float | None
) -> dict[str, Any]:
    """What one sequence keeps by each rule, and what a token adds while no window is full."""
    context = model.decoder.context_tokens
    if tokens is None:
        tokens = min(TOKENS, context or TOKENS)
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, but a sequence has 1 or more: give for example 512.")
    if context and tokens > context and model.decoder.learned_positions:
        raise ValueError(
            f"tokens is {tokens:,}, but the model was made for sequences of {context:,} tokens at "
            "most, a learned position each: give no more."
        )
    bytes_per_element, told = _cache_width(config, given)
    quantity("bytes_per_element").check(bytes_per_element)
    rules = {rule: float(model.cache_bytes(tokens, 1, bytes_per_element, rule=rule))
             for rule in RULES}  # fmt: skip
    adds = float(model.kv_bytes_per_token(bytes_per_element))
    found = {"bytes_per_element": bytes_per_element, "asked": told, "token_adds_bytes": adds}
    above = model.why_above_full if rules["engine"] > rules["full"] else ""
    beyond = tokens > (context or tokens)
    return {"tokens": tokens, "beyond_context": beyond, **found, "sequence_bytes": rules,
            "above_full": above}  # fmt: skip


def text_of(sizes: Mapping[str, Any]) -> str:
    """Write a model's sizes for people."""
    total = sizes["n_params"]
    lines = [f"{sizes['name']}, a model of family {sizes['family']}", "", "parameters"]
    for part, params in {**sizes["parts"], "total": total}.items():
        lines.append(f"  {part:20} {params:>19,}  {share_text(params / total, 1):>8}")
    active = sizes["n_active_params"]
    lines.append(f"  {'a token uses':20} {active:>19,}  {share_text(active / total, 1):>8}")
    for part, params in sizes["beside"].items():
        lines.append(f"  {'+ ' + part:20} {params:>19,}  in the checkpoint alone")
    lines += ["", "checkpoint", f"  {_checkpoint_line(sizes)}", "", "cache", *_cache_lines(sizes)]
    if sizes["remarks"]:
        lines += ["", sizes["remarks"]]
    return "\n".join(lines)


def _checkpoint_line(sizes: Mapping[str, Any]) -> str:
    size, how = sizes["checkpoint_bytes"], sizes["checkpoint"]
    return f"not told: {how}" if size is None else f"{size:,.0f} bytes, {bytes_text(size)}, {how}"


def _cache_lines(sizes: Mapping[str, Any]) -> list[str]:
    cache, context = sizes["cache"], sizes["context_tokens"]
    if cache is None:
        return ["  none: an encoder keeps no keys and values"]
    width, tokens = cache["bytes_per_element"], cache["tokens"]
    longest = f"made for {context:,} tokens at most" if context else "no longest one is told"
    lines = [
        f"  a token adds {cache['token_adds_bytes']:,.0f} bytes at {_bytes(width)} a number, while "
        "no window is full",
        *([f"  {cache['asked']}"] if cache["asked"] else []),
        f"  one sequence of {tokens:,} tokens ({longest}):",
    ]
    if cache["beyond_context"]:
        lines.append(
            "  mind that it is longer than the file tells: an engine takes it only if told to"
        )
    for rule, size in cache["sequence_bytes"].items():
        each = f"{number_text(size / tokens, 6)} bytes a token"
        lines.append(f"  {rule:8} {bytes_text(size):>26} {each:>24}  {MEANING[rule]}")
    if cache["above_full"]:
        lines.append(f"  {cache['above_full']}")
    return lines
