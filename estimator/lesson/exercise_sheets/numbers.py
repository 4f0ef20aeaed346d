"""Numbers that exercises are drawn from, and their texts: exact, so that paper gives the answer."""

from __future__ import annotations

from estimator import catalog
from estimator.catalog.loader import Accelerator
from estimator.catalog.shapes import Shape
from estimator.units import GB, GiB, number_text

MILLION = 1_000_000
USERS = tuple(n * MILLION for n in (2, 3, 5, 8, 12, 15, 20, 30, 45, 60, 80, 150, 200, 300))
PER_DAY = (2, 3, 4, 5, 6, 8, 12, 15, 20)
RATES = (20, 30, 45, 60, 80, 120, 150, 240, 300, 450, 600, 900)
COPIES = (2, 3, 4, 5, 6)
TOKENS = (1000, 1500, 2000, 2048, 3000, 4096, 6000, 8192)
OUTPUTS = (150, 200, 250, 300, 400, 600, 750, 800, 1000)
BATCHES = (4, 8, 12, 16, 24, 32, 48, 64)
PRECISIONS = ("FP32", "BF16", "INT8", "INT4")
MODELS = (
    "llama-3.2-1b", "llama-3.2-3b", "llama-2-7b", "llama-3.1-8b", "gemma-2-9b", "llama-2-13b",
    "qwen3-32b", "mixtral-8x7b", "llama-3.1-70b", "qwen2.5-72b", "llama-3.1-405b",
)  # fmt: skip
GROUPED = (
    "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen3-32b", "mixtral-8x7b", "llama-3.1-70b",
    "llama-3.1-405b",
)  # fmt: skip
GATED = ("llama-3.2-1b", "llama-3.2-3b", "llama-2-7b", "llama-3.1-8b", "llama-2-13b", "qwen3-32b",
         "llama-3.1-70b", "qwen2.5-72b", "llama-3.1-405b")  # fmt: skip
DENSE = tuple(key for key in MODELS if key != "mixtral-8x7b")
ROUND_SIZES = tuple(n * 1_000_000_000 for n in (1, 2, 3, 4, 6, 7, 8, 12, 13, 14, 20, 30, 34, 70))
CHIPS = (
    "T4", "L4", "A10", "L40S", "A100-SXM-40GB", "A100-SXM-80GB", "H100-PCIe", "H100-SXM",
    "H200-SXM", "MI300X",
)  # fmt: skip
LARGE_CHIPS = ("A100-SXM-80GB", "H100-PCIe", "H100-SXM", "H200-SXM", "MI300X")


def bits(precision: str) -> int:
    """Bits of a number at a precision without scales."""
    return catalog.precision(precision).element_bits


def bandwidth(chip: Accelerator) -> str:
    """Write an accelerator's bandwidth with all its digits."""
    return f"{number_text(chip.bytes_per_s / GB)} GB/s"


def speed(chip: Accelerator) -> str:
    """Write an accelerator's dense 16-bit rate with all its digits."""
    return f"{number_text(chip.flops_per_s[16] / 1e12)} TFLOP/s"


def memory(chip: Accelerator) -> str:
    """Write an accelerator's memory in bytes, and in GiB as tools print it."""
    return f"{number_text(chip.memory_bytes)} bytes ({chip.memory_bytes / GiB:.2f} GiB)"


def percent(share: float) -> str:
    """Write a share in per cent."""
    return f"{number_text(100 * share)} %"


def heads(s: Shape) -> str:
    """Write what the size of a cache follows from."""
    return (
        f"{s.n_layers} layers, {s.n_heads} query heads, {s.n_kv_heads} key-value heads and a head "
        f"size of {s.head_dim}"
    )
