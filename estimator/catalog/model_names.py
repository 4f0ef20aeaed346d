"""Names of published models as readers and files write them, and the model that is meant."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from importlib.resources import files

from estimator.catalog.configurations import configurations
from estimator.choosing import choose

# What a name adds to that of its model, where the architecture stays as it is.
_TUNED = r"instruct|it|chat|hf|base|pt"
_MAKERS = r"meta|c4ai"
_FIRST_RELEASE = r"v0\.1|v1\.0|v1"
# Precisions of the files, as names tell them: the last one of a name, and how it is stored.
_STORED = (
    ("bnb[-_]4bit|gptq[-_]int8|gguf", ""),
    ("fp8[-_](?:dynamic|block)", "fp8"), ("fp8", "fp8"), ("nvfp4", "nvfp4"), ("mxfp4", "mxfp4"),
    ("fp4", "nvfp4"), ("awq(?:[-_]int4)?", "awq"), ("gptq(?:[-_]int4)?", "gptq"), ("int4", "int4"),
    ("int8", "int8"), (r"quantized\.w4a16|w4a16", "int4"), (r"quantized\.w8a8|w8a8", "int8"),
    ("bf16", "bf16"), ("fp16", "fp16"),
)  # fmt: skip
_DIFFERS = (
    (r"mixtral-8x22b(?:-base)?-v0\.1", "mixtral-8x22b, whose vocabulary is larger: that of its "
     "Instruct-v0.1 and of the base's v0.3"),
)  # fmt: skip
"""Names that would be shortened to a model from which theirs is known to differ, and how.

Mixtral 8x22B: mistralai/mistral-finetune, README.md, lists 32,768 for both; mistral-community's
mixtral-8x22B-v0.3 is "the same as v0.1 but with a bigger tokenizer" (its README.md @211b177).
"""


@functools.cache
def published_names() -> dict[str, str]:
    """Keys of models by the names under which files of measurements have them, lower case.

    Each name stands there with its publisher and without. A date at the end of a name stays with
    it: only those releases are listed whose architecture is that of the model.
    """
    text = (files("estimator.catalog") / "published_names.json").read_text(encoding="utf-8")
    table = {}
    for key, names in json.loads(text).items():
        for name in (key, *names):
            table[name.lower()] = table[name.lower().rpartition("/")[2]] = key
    return table


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
    key, stored = model_and_precision(name)
    if stored == "":
        raise ValueError(
            f"model is {name[:60]!r}, {key} in files whose precision is not counted by its name: "
            "give weight_dtype, and the model's name without it."
        )
    return key, stored or ""


def model_and_precision(name: str) -> tuple[str, str | None]:
    """The catalog's key and the precision that the name tells: None where none, "" if unknown.

    Raises:
        ValueError: no such model, or one that is known to differ, with the nearest names.
    """
    plain = name.strip().rpartition("/")[2].lower()[:80]
    base, stored = _without_precision(plain)
    for one, told in ((plain, None), *((one, stored) for one in _shorter(base))):
        key = published_names().get(one, one)
        if key in configurations():
            _check_same(name, base)
            return key, told
    try:
        return choose("model", base[:60], configurations()), stored
    except ValueError as error:
        told_as = str(error).replace(repr(base[:60]), repr(name[:60]), 1)
        raise ValueError(told_as) from None


def _check_same(name: str, base: str) -> None:
    """Refuse a name that is near to a model from which it is known to differ."""
    for pattern, other in _DIFFERS:
        if re.fullmatch(pattern, base):
            raise ValueError(
                f"model is {name[:60]!r}, which is not the catalog's {other}: give its "
                "configuration, or the name of the one that is meant."
            )


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
