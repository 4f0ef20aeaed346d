"""Names of published models as readers write them, and the model of the catalog that is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from estimator.catalog import configurations
from estimator.choosing import choose

# What a name adds to that of its model, where the architecture stays as it is.
_TUNED = r"instruct|it|chat|hf|base|pt"
_MAKERS = r"meta|c4ai"
_FIRST_RELEASE = r"v0\.1|v1\.0|v1"
# Precisions of the files, as names tell them: the last one of a name, and how it is stored.
_STORED = (
    ("bnb[-_]4bit|gptq[-_]int8|gguf", ""),
    ("fp8[-_]dynamic", "fp8"), ("fp8", "fp8"), ("nvfp4", "nvfp4"), ("fp4", "nvfp4"),
    ("awq(?:[-_]int4)?", "awq"), ("gptq(?:[-_]int4)?", "gptq"), ("int4", "int4"), ("int8", "int8"),
    (r"quantized\.w4a16|w4a16", "int4"), (r"quantized\.w8a8|w8a8", "int8"),
    ("bf16", "bf16"), ("fp16", "fp16"),
)  # fmt: skip


def published_model(name: str) -> tuple[str, str]:
    """The catalog's key of a model, and the precision of the files that its name tells, if any.

    A name may have its owner before it, and behind it what changes no architecture.

    Raises:
        ValueError: no such model, or several, with the nearest names.

    >>> published_model("mistralai/Mixtral-8x7B-Instruct-v0.1")
    ('mixtral-8x7b', '')
    >>> published_model("Qwen/Qwen2.5-7B-Instruct-AWQ")
    ('qwen2.5-7b', 'awq')
    """
    known = configurations()
    plain = name.rpartition("/")[2].lower()[:80]
    if plain in known:
        return plain, ""
    base, stored = _without_precision(plain)
    for one in _shorter(base):
        if one in known:
            if stored == "":
                raise ValueError(
                    f"model is {name[:60]!r}, {one} in files whose precision is not counted by "
                    "its name: give weight_dtype, and the model's name without it."
                )
            return one, stored or ""
    return choose("model", base[:60], known), stored or ""


def _without_precision(name: str) -> tuple[str, str | None]:
    """A name without the precision at its end, and that precision; None where it has none."""
    for pattern, stored in _STORED:
        if found := re.fullmatch(f"(.+?)[-_](?:{pattern})", name):
            return found[1], stored
    return name, None


def _shorter(name: str) -> Iterator[str]:
    """The name, and the same without what changes no architecture, the least left out first."""
    plain = re.sub(rf"^(?:{_MAKERS})-(?=.)", "", name.replace("_", "-"))
    tuned = re.sub(rf"-(?:{_TUNED})(?=-|$)", "", plain)
    yield from (plain, tuned)
    yield re.sub(rf"-(?:{_FIRST_RELEASE})$", "", tuned)
