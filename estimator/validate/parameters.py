"""Parameter counts against published ones: `python -m estimator validate parameters FILE.json`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from estimator.architecture import Architecture
from estimator.architecture.output_head import why_headless
from estimator.architecture.reader import keys_text, shown
from estimator.checkpoint import stored_head_params
from estimator.files import read_json

HELP = "parameter counts against a file of configurations with their published counts"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model: the count that the file gives, the one computed, or why there is none.

    `assumed` has what the configuration leaves to its family's defaults, `left_out` the keys of
    parts that are no part of the language model. `headless` says why its checkpoint stores no
    output head, `head` how many of the computed parameters that are, and `remark` what in the
    file disagrees.
    """

    model: str
    published: int | None
    computed: int | None
    active: int | None
    kv_bytes_per_token: int | None
    problem: str
    assumed: dict[str, Any]
    left_out: tuple[str, ...] = ()
    headless: str = ""
    head: int = 0
    remark: str = ""

    @property
    def matches(self) -> bool:
        """True where both counts are the same to the last parameter, or none was given."""
        return not self.problem and self.published in (None, self.computed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "file",
        metavar="FILE.json",
        help='models by name, each {"parameters": count, "config": {...}}; or one config.json',
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; 0 where every count is exact, 1 elsewhere."""
    comparisons = compare(read_json(arguments.file), arguments.file)
    print(as_json(comparisons) if arguments.json else as_text(comparisons))
    return 0 if all(one.matches for one in comparisons) else 1


def compare(models: Any, path: str = "config.json") -> list[Comparison]:
    """Compute the parameters of every model of a file, in the file's order.

    A file that is one model's configuration gives its name, and its path may tell what it is.

    Raises:
        ValueError: a file of another form, in one sentence.
    """
    if isinstance(models, dict) and "model_type" in models:
        return [_compare(Path(path).name, {"config": models}, path)]
    if isinstance(models, dict) and not any(
        isinstance(one, dict) and ("config" in one or "model_type" in one)
        for one in models.values()
    ):
        raise ValueError(
            "the file has no model_type and holds no models: give a config.json with its "
            "model_type, or models by name, each with its parameters and config."
        )
    if not isinstance(models, dict):
        raise ValueError(
            "the file must be a JSON object with models by name, each with its parameters and "
            "config; or be one model's config.json."
        )
    return [_compare(model, entry) for model, entry in models.items()]


def _compare(model: str, entry: Any, path: str = "") -> Comparison:
    name = "".join(c if c.isprintable() else "?" for c in model[:60])
    published = entry.get("parameters") if isinstance(entry, dict) else None
    try:
        config = _config(entry)
        if published is not None and not (type(published) is int and published > 0):
            raise TypeError(
                f"parameters is {shown(published)}, but it must be a whole number, 1 or more: "
                "write it with digits alone."
            )
        found = Architecture.from_hf_config(config)
    except (TypeError, ValueError) as error:
        return Comparison(name, None, None, None, None, str(error), {})
    why = why_headless(config, path or model)
    head = stored_head_params(found) if why else 0
    return Comparison(
        model=name,
        published=published,
        computed=found.n_params,
        active=found.n_active_params,
        kv_bytes_per_token=int(found.kv_bytes_per_token(2)),
        problem="",
        assumed=found.assumed,
        left_out=found.left_out,
        headless=why if head else "",
        head=head,
        remark=found.remark,
    )


def _config(entry: Any) -> Any:
    """The configuration of an entry, which may stand there without the name config.

    Raises:
        ValueError: an entry of another form, in one sentence.
    """
    if not isinstance(entry, dict) or not ("config" in entry or "model_type" in entry):
        raise ValueError("the entry must be an object with parameters and config.")
    if "config" not in entry:
        return {key: value for key, value in entry.items() if key != "parameters"}
    for key in entry:
        if "param" in key.lower() and "parameters" not in entry:
            raise ValueError(f"the key {shown(key)} is not read: name the count parameters.")
    return entry["config"]


def as_json(comparisons: list[Comparison]) -> str:
    """All comparisons, and how many match."""
    models = [asdict(one) | {"matches": one.matches} for one in comparisons]
    counts = {"models": len(models), "matching": sum(one.matches for one in comparisons)}
    return json.dumps({"comparisons": models, **counts}, indent=1)


def as_text(comparisons: list[Comparison]) -> str:
    """A table: name, published and computed count, difference."""
    width = max(len(one.model) for one in comparisons)
    lines = [f"{'model':{width}}  {'published':>19}  {'computed':>19}  difference"]
    for one in comparisons:
        if one.problem:
            lines.append(f"{one.model:{width}}  {one.problem}")
            continue
        given = "" if one.published is None else f"{one.published:,}"
        difference = "" if one.published is None else f"{(one.computed or 0) - one.published:,}"
        lines.append(f"{one.model:{width}}  {given:>19}  {one.computed:>19,}  {difference:>10}")
        if one.assumed:
            assumed = ", ".join(f"{key} {value}" for key, value in one.assumed.items())
            lines.append(f"{'':{width}}  assumed, the family's defaults: {assumed}")
        if one.left_out:
            left_out = keys_text(one.left_out)
            lines.append(f"{'':{width}}  left out, no part of the language model: {left_out}")
        if one.remark:
            lines.append(f"{'':{width}}  {one.remark}")
        if one.headless:
            stored = (one.computed or 0) - one.head
            line = f"{'':{width}}  its files hold no output head, {one.headless}: {stored:,}"
            lines.append(line + (", as published" if stored == one.published else ""))
    return "\n".join([*lines, _verdict(comparisons)])


def _verdict(comparisons: list[Comparison]) -> str:
    """How many counts agree; one that was not given is none."""
    given = [one for one in comparisons if one.problem or one.published is not None]
    matching = sum(one.matches for one in given)
    verdict = [f"{matching} of {len(given)} models match."] if given else []
    alone = len(comparisons) - len(given)
    if alone:
        verdict.append(f"{alone} without a published count to compare with.")
    return " ".join(verdict)
