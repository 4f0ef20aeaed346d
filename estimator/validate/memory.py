"""Memory budgets against an engine's logs: `python -m estimator validate memory FILE.csv`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from estimator.architecture import Architecture, Decoder
from estimator.architecture.output_head import why_headless
from estimator.catalog import accelerators, configurations
from estimator.catalog.accelerator_names import accelerator_named
from estimator.catalog.model_names import published_model
from estimator.checkpoint import (
    method_of_files,
    served_by_config,
    served_by_method,
    without_head,
)
from estimator.engine_memory import (
    LARGE_BYTES,
    OLD_LOG,
    Engine,
    engine,
    keeps_all_layers_in_full,
    step_defaults,
)
from estimator.files import read_rows
from estimator.memory import kv_pool_bytes
from estimator.memory_budget import Plan, Stage, all_in_full, budget
from estimator.stored_cache import asked_precision
from estimator.stored_weights import (
    DTYPE_BITS,
    EXPERTS,
    StoredWeights,
    stored_as,
    tells_precision,
)
from estimator.units import GiB, share_text
from estimator.validate import own_configs
from estimator.validate.memory_report import COMPONENTS, Report, as_json, as_text
from estimator.validate.memory_rows import COLUMNS, MEASURED, NOT_GIVEN, Row, check_columns

__all__ = ["COLUMNS", "COMPONENTS", "Report", "as_json", "as_text", "compare"]

HELP = "memory budgets against a file of what an engine logged, component by component"
_MEASURED_ON = "H100-SXM"
_RELEASE = "0.19.0"
_MARLIN = 128
_CACHE_BYTES = {"fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0, "int8": 1.0} | {
    name: bits / 8 for name, bits in DTYPE_BITS.items()
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE.csv", help=f"columns: {', '.join(COLUMNS)}")
    own_configs.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the errors; 0 where every row was compared, 1 where some were left out."""
    report = compare(read_rows(arguments.file, COLUMNS), own_configs.read_option(arguments))
    print(as_json(report) if arguments.json else as_text(report))
    return 1 if report.problems else 0


def compare(
    rows: Iterable[Mapping[str, str]], own: Mapping[str, dict[str, Any]] | None = None
) -> Report:
    """Hold the budget of each row against what the row measured; `own` are configurations by name.

    Raises:
        ValueError: no row could be compared, in one sentence.
    """
    report, count = Report(), 0
    for number, row in enumerate(rows, start=1):
        if not count:
            check_columns(list(row), report)
        if not any(row.values()):  # as spreadsheets leave such
            continue
        count += 1
        found = Report()  # a row that is left out leaves nothing behind
        given = {key: "" if one.lower() in NOT_GIVEN else one for key, one in row.items()}
        try:
            _compare(Row(given, found), own or {})
            if not any(found.errors.values()):
                raise ValueError(f"it measures nothing: give one of {', '.join(MEASURED)}.")
        except (OverflowError, TypeError, ValueError) as error:
            report.problems.append(f"row {number} is left out: {error}")
        else:
            report.take(found)
    if len(report.problems) == count:
        reasons = report.problems[0] if report.problems else "it has no rows."
        raise ValueError(f"no row of the file could be compared: {reasons}")
    return report


def _compare(row: Row, own: Mapping[str, dict[str, Any]]) -> None:
    name = row.values.get("model", "")
    source = _source(row, name, own)
    model = Architecture.from_hf_config(source.config)
    if not model.cached_layers:
        raise ValueError(f"a {model.family} model keeps no cache, so its pool cannot be predicted.")
    if source.mine and (why := why_headless(source.config, name)):
        row.report.assume(f"model {name[:60]}: run without an output head, {why}")
        model = without_head(model)
    measured = _engine(row)
    visible, large = _visible(row)
    share, plan = row.share(), _plan(row, large, source, model.decoder)
    if plan.weights.quantized == EXPERTS and model.decoder.mixture is None:
        raise ValueError(
            f"weight_dtype is {plan.weights.name}, which quantizes experts, but the "
            f"{model.family} model has none: give how its weights are stored."
        )
    _tell_rounding(row, plan, model.decoder)
    if model.remark:
        row.report.assume(f"model {name[:60]}: {model.remark.rstrip('.')}")
    model = _cached(row, model)
    stages = budget(model, plan, visible, share, measured, large=large)
    _add_parts(row, stages)
    _add_pools(row, stages, visible, share)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is known of a row's model: its configuration, and whether that is the reader's own.

    `named` is the precision that the name of a model of the catalog tells, if any.
    """

    config: dict[str, Any]
    mine: bool
    named: str = ""


def _source(row: Row, name: str, own: Mapping[str, dict[str, Any]]) -> _Source:
    """Find a model in the reader's own file, or else in the catalog."""
    if name in own:
        return _Source(own[name], mine=True)
    key, stored = published_model(name)
    if name.lower() != key:
        row.report.assume(f"model {name[:60]}: the architecture of the catalog's {key}")
    return _Source(dict(configurations()[key].config), mine=False, named=stored)


def _engine(row: Row) -> Engine:
    name = row.text("engine", "vllm", "the engine whose constants are known")
    if name.lower() != "vllm":
        raise ValueError(f"engine is {name[:40]!r}, but only the constants of vllm are known.")
    found, assumed = engine(row.text("engine_version", _RELEASE, "the release that was measured"))
    row.report.assume(assumed)
    return found


def _cached(row: Row, model: Architecture) -> Architecture:
    """The model as the row's release keeps its cache: once in full where layers differ."""
    version = row.values.get("engine_version") or _RELEASE
    if len(model.cached_layers) < 2 or not keeps_all_layers_in_full(version):
        return model
    row.report.assume(
        f"engine version {version[:20]}: all layers keep every token, as before vLLM's hybrid "
        "allocator, of which 0.9.1 is taken for the first release"
    )
    return all_in_full(model)


def _visible(row: Row) -> tuple[float, bool]:
    """Visible bytes, and whether vLLM plans for a large accelerator: the A100 never is one."""
    name = row.text("accelerator", _MEASURED_ON, "the accelerator that was measured")
    given = row.number("visible_gib")
    try:
        known = accelerator_named(name)
    except ValueError:
        if given is None:
            raise
        known = ""  # what it has is told by the row
    if known not in ("", name):
        row.report.assume(f"accelerator {name[:40]}: the catalog's {known}")
    if known != _MEASURED_ON:
        row.report.assume(
            f"accelerator {name[:40]}: constants that were measured on {_MEASURED_ON}"
        )
    if given is None:
        sheet = accelerators()[known]
        size = sheet.framework_bytes or sheet.driver_bytes or sheet.sold_bytes
        row.report.assume(f"visible_gib is not given: {size / GiB:.2f} (the catalog's {known})")
        given = size / GiB
    return given * GiB, given * GiB >= LARGE_BYTES and "a100" not in name.lower()


def _stored(row: Row, source: _Source) -> StoredWeights:
    """How the weights are stored: by the row, the model's name or file, or as most are."""
    given = row.values.get("weight_dtype", "").removeprefix("torch.")
    if method := method_of_files(given):
        told = served_by_method(source.config, given, method)
        row.report.assume(f"weight_dtype is {given}: as the model's configuration has {told.name}")
        return told
    if given and given.lower() != "auto":
        return stored_as(given)
    if source.named:
        told, why = stored_as(source.named), "as the model's name says"
    elif source.mine or tells_precision(source.config):
        told, why = served_by_config(source.config)
    else:
        told, why = stored_as("bf16"), "as most checkpoints are stored"
    row.report.assume(f"weight_dtype is {given or 'not given'}: {told.name} ({why})")
    return told


def _cache_bytes(row: Row, config: Mapping[str, Any], stored: StoredWeights) -> float:
    """Bytes of a number of the cache: by the row, by the file, or as the wide weights."""
    given = row.values.get("kv_dtype", "").lower().removeprefix("torch.")
    if given not in ("", "auto"):
        if given not in _CACHE_BYTES:
            known = ", ".join(_CACHE_BYTES)
            raise ValueError(f"kv_dtype is {given[:40]!r}, but it must be {known}.")
        return _CACHE_BYTES[given]
    # Where the row names other weights than the file's, what the file asks for does not count.
    weights = row.values.get("weight_dtype", "").lower()
    own = weights in ("", "auto") or method_of_files(weights)
    if own and (asked := asked_precision(config)):
        row.report.assume(f"kv_dtype is not given: {asked[0]} (the model's configuration)")
        return asked[1]
    row.text("kv_dtype", "auto", "as wide as the unquantized weights")
    return stored.bits / 8


def _plan(row: Row, large: bool, source: _Source, decoder: Decoder) -> Plan:
    stored = _stored(row, source)
    width = _cache_bytes(row, source.config, stored)
    whole = decoder.window is not None or decoder.attention.latent is not None
    version = row.values.get("engine_version") or _RELEASE
    chunk, sequences, why = step_defaults(version, large, decoder.context_tokens, whole=whole)
    return Plan(
        stored, width,
        tensor_parallel=row.whole("tp", 1, "one accelerator", 4096),
        pipeline_parallel=row.whole("pp", 1, "one accelerator", 4096),
        chunk_tokens=row.whole("chunk_tokens", chunk, why, 10**7),
        max_sequences=row.whole("max_sequences", sequences, why, 10**6),
    )  # fmt: skip


def _tell_rounding(row: Row, plan: Plan, decoder: Decoder) -> None:
    """Say whose kernels round the experts, and what others make of the same weights.

    Marlin's: `mxfp4_round_up_hidden_size_and_intermediate_size` of vLLM, in its earlier releases
    `create_weights` of mxfp4.py.
    """
    padding = plan.weights.padding
    if decoder.mixture is None or not decoder.d_model % padding:
        return
    width = decoder.mixture.expert.d_ff / plan.tensor_parallel
    more = math.ceil(width / _MARLIN) * _MARLIN / width - 1
    row.report.assume(
        f"weights in {plan.weights.name}: the width of experts rounded up to a multiple of "
        f"{padding}, as by vLLM {OLD_LOG.version}, on {OLD_LOG.accelerator}; kernels differ by "
        f"release: Marlin's also round the inner width up to {_MARLIN}, {share_text(more, 1)} more"
    )


def _add_parts(row: Row, stages: tuple[Stage, ...]) -> None:
    first = stages[0]
    if len(stages) > 1:
        row.report.assume("rows of a pipeline: activations and outside torch of its first stage")
    fullest = max(stage.weight_bytes for stage in stages)
    row.report.add("weights", fullest / GiB, row.number("weights_gib"))
    row.report.add("activations", first.activation_bytes / GiB, row.number("activation_gib"))
    row.report.add("non-torch", first.non_torch_bytes / GiB, row.number("non_torch_gib"))
    row.report.add("CUDA graphs", first.graph_bytes / GiB, row.number("cuda_graph_gib"))


def _add_pools(row: Row, stages: tuple[Stage, ...], visible: float, share: float) -> None:
    pool = row.number("kv_pool_gib")
    if pool is None:
        return
    names = ("weights_gib", "activation_gib", "non_torch_gib")
    parts = [number for name in names if (number := row.number(name)) is not None]
    if len(parts) == len(names):
        left = kv_pool_bytes(visible, share, *(part * GiB for part in parts))
        row.report.add("pool from its parts", left / GiB, pool)
    predicted = min(stage.pool_bytes for stage in stages)
    row.report.add("pool predicted", predicted / GiB, pool)
    held = min(stages, key=lambda stage: stage.pages_in(pool * GiB))
    row.report.add("tokens in the pool", held.tokens_in(pool * GiB), row.number("kv_tokens"))
    row.report.add("tokens in the pool", held.pages_in(pool * GiB), row.number("kv_blocks"))
