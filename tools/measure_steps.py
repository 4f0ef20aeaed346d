"""Measure decode steps and prefills of models with random weights, on whatever PyTorch runs on.

`python -m tools.measure_steps llama-3.2-1b qwen3-8b --layers 8 --out steps.csv`

Needs PyTorch. The layers are written out here, plainly and without an engine's fused kernels or
graphs, so that what is measured is bytes, FLOPs and the launches of a plain program: the shape of
the step time (its growth with batch, context and length, its cost a layer), not an engine's
constants. Times are medians; each row keeps the device, the versions and the date.

For this version no accelerator was at hand: the script has run on a CPU, in tests/verify, and no
table of its times is shipped.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime
import importlib
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from estimator.architecture.description import GATED
from estimator.catalog import architecture

TINY: dict[str, dict[str, Any]] = {
    "tiny": {
        "key": "tiny", "n_layers": 2, "d_model": 64, "n_heads": 4, "n_kv_heads": 2,
        "head_dim": 16, "d_ff": 128, "vocab_size": 256,
    },
    "tiny-mixture": {
        "key": "tiny-mixture", "n_layers": 2, "d_model": 64, "n_heads": 4, "n_kv_heads": 2,
        "head_dim": 16, "d_ff": 0, "vocab_size": 256, "n_experts": 4, "experts_per_token": 2,
        "expert_d_ff": 32,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table: seconds are medians, bytes those of the device."""

    model: str
    n_layers: int
    kind: str
    batch: int
    tokens: int
    seconds: float
    weight_bytes: int
    cache_bytes: int
    peak_bytes: int
    device: str
    dtype: str
    torch: str
    python: str
    date: str


class Decoder:
    """Random weights of some layers, and a pass through them."""

    def __init__(self, facts: Mapping[str, Any], layers: int, device: str, dtype: str) -> None:
        self.torch = importlib.import_module("torch")
        self.facts, self.device = facts, device
        self.dtype = getattr(self.torch, dtype)
        self.head = self._random(facts["d_model"], facts["vocab_size"])
        self.layers = [self._layer() for _ in range(layers)]

    def _random(self, *shape: int) -> Any:
        scale = shape[-2] ** -0.5
        return self.torch.randn(*shape, device=self.device, dtype=self.dtype) * scale

    def _layer(self) -> dict[str, Any]:
        facts = self.facts
        d_model, size = facts["d_model"], facts["head_dim"]
        made = {
            "qkv": self._random(d_model, (facts["n_heads"] + 2 * facts["n_kv_heads"]) * size),
            "out": self._random(facts["n_heads"] * size, d_model),
        }
        experts = facts.get("n_experts", 0)
        width = facts.get("expert_d_ff", 0) if experts else facts["d_ff"]
        stack = (experts,) if experts else ()
        made["up"] = self._random(*stack, d_model, 2 * width)
        made["down"] = self._random(*stack, width, d_model)
        if experts:
            made["router"] = self._random(d_model, experts)
        return made

    def cache(self, batch: int, tokens: int) -> list[tuple[Any, Any]]:
        """Keys and values of so many tokens, random, in every layer."""
        shape = (batch, self.facts["n_kv_heads"], tokens, self.facts["head_dim"])
        return [(self._random(*shape), self._random(*shape)) for _ in self.layers]

    def forward(self, tokens: Any, cache: list[tuple[Any, Any]] | None) -> Any:
        """Pass [batch, tokens, width] through; with a cache its last token is one's own place."""
        for place, layer in enumerate(self.layers):
            kept = cache[place] if cache else None
            tokens = tokens + self._attend(layer, self._norm(tokens), kept)
            tokens = tokens + self._mlp(layer, self._norm(tokens))
        return (self._norm(tokens[:, -1]) @ self.head).argmax(-1)

    def _norm(self, tokens: Any) -> Any:
        return tokens * (tokens.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()

    def _attend(self, layer: dict[str, Any], tokens: Any, kept: tuple[Any, Any] | None) -> Any:
        facts, (batch, count, _) = self.facts, tokens.shape
        heads = (tokens @ layer["qkv"]).view(batch, count, -1, facts["head_dim"]).transpose(1, 2)
        parts = [facts["n_heads"], facts["n_kv_heads"], facts["n_kv_heads"]]
        queries, keys, values = heads.split(parts, dim=1)
        if kept:
            kept[0][:, :, -1:], kept[1][:, :, -1:] = keys, values
            keys, values = kept
        attended = self.torch.nn.functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=kept is None, enable_gqa=True
        )
        return attended.transpose(1, 2).reshape(batch, count, -1) @ layer["out"]

    def _mlp(self, layer: dict[str, Any], tokens: Any) -> Any:
        if "router" not in layer:
            return self._gated(tokens, layer["up"], layer["down"])
        flat = tokens.flatten(0, 1)
        weights, chosen = (flat @ layer["router"]).topk(self.facts["experts_per_token"], dim=-1)
        mixed = self.torch.zeros_like(flat)
        shares = weights.softmax(-1)
        for expert in chosen.unique().tolist():
            rows, slots = (chosen == expert).nonzero(as_tuple=True)
            done = self._gated(flat[rows], layer["up"][expert], layer["down"][expert])
            mixed.index_add_(0, rows, done * shares[rows, slots, None])
        return mixed.view_as(tokens)

    def _gated(self, tokens: Any, up: Any, down: Any) -> Any:
        gate, values = (tokens @ up).chunk(2, dim=-1)
        return (self.torch.nn.functional.silu(gate) * values) @ down

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        tensors = [self.head, *(tensor for layer in self.layers for tensor in layer.values())]
        return sum(_bytes_of(tensor) for tensor in tensors)


def _bytes_of(tensor: Any) -> int:
    return int(tensor.numel() * tensor.element_size())


def measure(
    decoder: Decoder, kind: str, batch: int, tokens: int, repeats: int
) -> tuple[float, int, int]:
    """Seconds of a decode step or of a prefill, bytes of its cache, and the most bytes in use."""
    torch, width = decoder.torch, decoder.facts["d_model"]
    cache = decoder.cache(batch, tokens) if kind == "decode" else None
    given = decoder._random(batch, 1 if cache else tokens, width)
    on_gpu = decoder.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    wait: Callable[[], None] = torch.cuda.synchronize if on_gpu else lambda: None
    with torch.inference_mode():
        seconds = median_seconds(lambda: decoder.forward(given, cache), wait, repeats)
    cache_bytes = sum(_bytes_of(tensor) for pair in cache or () for tensor in pair)
    held = decoder.weight_bytes + cache_bytes
    return seconds, cache_bytes, int(torch.cuda.max_memory_allocated()) if on_gpu else held


def median_seconds(call: Callable[[], object], wait: Callable[[], None], repeats: int) -> float:
    """Median time of a call after two that warm up; `wait` returns when the device is done."""
    times = []
    for _ in range(repeats + 2):
        wait()
        started = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def facts_of(name: str) -> dict[str, Any]:
    """What is built of a model: one of the catalog, or a tiny one.

    Raises: ValueError: a model that is not known or cannot be built, in one sentence.
    """
    if name in TINY:
        return TINY[name]
    decoder = architecture(name).decoder
    attention, mixture = decoder.attention, decoder.mixture
    blocks = [block for block in (decoder.dense, mixture and mixture.expert) if block]
    if attention.latent or any(block.matrices != GATED for block in blocks):
        raise ValueError(
            f"{name} has latent attention or an MLP that is not gated, which are not built here."
        )
    facts = {
        "key": name, "n_layers": decoder.n_layers, "d_model": decoder.d_model,
        "n_heads": attention.n_heads, "n_kv_heads": attention.n_kv_heads,
        "head_dim": attention.head_dim, "vocab_size": decoder.vocab_size,
        "d_ff": decoder.dense.d_ff if decoder.dense else 0,
    }  # fmt: skip
    if mixture:
        facts |= {
            "n_experts": mixture.n_experts, "experts_per_token": mixture.top_k,
            "expert_d_ff": mixture.expert.d_ff,
        }  # fmt: skip
    return facts


def rows(options: argparse.Namespace) -> Iterator[Measured]:
    """Measure all that is asked for, one row at a time."""
    loads = [("decode", b, t) for b in options.batches for t in options.contexts]
    loads += [("prefill", 1, length) for length in options.lengths]
    for name in options.models:
        facts = facts_of(name)
        count = min(options.layers or facts["n_layers"], facts["n_layers"])
        decoder = Decoder(facts, count, options.device, options.dtype)
        for kind, batch, tokens in loads:
            found = measure(decoder, kind, batch, tokens, options.repeats)
            yield _row(decoder, name, kind, batch, tokens, found, options)


def _row(
    decoder: Decoder,
    name: str,
    kind: str,
    batch: int,
    tokens: int,
    found: tuple[float, int, int],
    options: argparse.Namespace,
) -> Measured:
    seconds, cache_bytes, peak_bytes = found
    on_gpu = options.device.startswith("cuda")
    return Measured(
        model=name,
        n_layers=len(decoder.layers),
        kind=kind,
        batch=batch,
        tokens=tokens,
        seconds=seconds,
        weight_bytes=decoder.weight_bytes,
        cache_bytes=cache_bytes,
        peak_bytes=peak_bytes,
        device=decoder.torch.cuda.get_device_name() if on_gpu else "cpu",
        dtype=options.dtype,
        torch=str(decoder.torch.__version__),
        python=platform.python_version(),
        date=datetime.date.today().isoformat(),
    )


def _numbers(text: str) -> list[int]:
    values = [int(part) for part in text.split(",") if part]
    if not all(value > 0 for value in values):
        raise argparse.ArgumentTypeError(f"{text}: give whole numbers, 1 or more")
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write a table; 2 where a model is not known or cannot be built."""
    parser = argparse.ArgumentParser(description="Measure steps of models with random weights.")
    parser.add_argument("models", nargs="+", help="keys of estimator/catalog/configs.json, tiny")
    parser.add_argument("--layers", type=int, default=0, help="build so many layers (0: all)")
    parser.add_argument("--batches", type=_numbers, default=[1, 8, 32, 128])
    parser.add_argument("--contexts", type=_numbers, default=[512, 2048, 8192])
    parser.add_argument("--lengths", type=_numbers, default=[512, 2048, 8192])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path, default=None, help="CSV file (default: printed)")
    options = parser.parse_args(argv)
    to = options.out.open("w", newline="") if options.out else contextlib.nullcontext(sys.stdout)
    with to as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Measured)])
        writer.writeheader()
        try:
            for row in rows(options):
                writer.writerow(asdict(row))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
