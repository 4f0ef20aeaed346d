"""Whether the class that a file names is of the family that its `model_type` names.

transformers builds what `model_type` says, vLLM what `architectures` says: where the two differ,
the reader must hear of it, and where they differ in parameters, there is no one size.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from estimator.architecture.description import Decoder
from estimator.architecture.families import read_text
from estimator.architecture.family import families

# A drafter guesses tokens for a larger model: of its layers few, but matrices that join states.
_DRAFTER = re.compile("Eagle|EAGLE|Medusa|NextN|MTP|Speculator")
_ENDING = re.compile(
    "(?:forcausallm|lmheadmodel|withlmheadmodel|doubleheadsmodel|encodermodel|textmodel|model"
    "|for[a-z]*(?:classification|generation|rewardmodel|answering))$"
)
_OWN, _DRAFTS, _OTHER = "own", "drafts", "other"
_SHOWN = 60


def class_remark(values: Mapping[str, Any], name: str, decoder: Decoder) -> str:
    """A sentence on a class that is not of its family; nothing where it is, or none is named.

    Raises: ValueError: a drafter, or a family of other parameters, in one sentence.
    """
    named = values.get("architectures")
    if not isinstance(named, list | tuple):
        return ""
    classes = [one for one in named[:10] if isinstance(one, str)]
    kinds = [_kind(one, name) for one in classes]
    if _DRAFTS in kinds:
        raise ValueError(
            f"architectures names {_plain(classes[kinds.index(_DRAFTS)])}, a drafter with matrices "
            f"beside those of a {name} model, which are not known here: size this checkpoint by "
            "its files."
        )
    if not kinds or _OWN in kinds:
        return ""
    other, shown = kinds[0], _plain(classes[0])
    if other == _OTHER:
        return (
            f"The file names the class {shown}; sized as its model_type says, {name}: what that "
            "class adds is not counted."
        )
    if not _as_many(values, other, decoder):
        raise ValueError(
            f"architectures names {shown}, of the family {other}, but model_type is {name}, which "
            "has other parameters: give the published config.json, in which the two agree."
        )
    return (
        f"The file names the class {shown}, of the family {other}; sized as its model_type says, "
        f"{name}, whose parameters are the same."
    )


@functools.lru_cache(maxsize=4096)
def _kind(named: str, name: str) -> str:
    """Tell a class of the family's own, a drafter, another family by its name, or none of these."""
    if _DRAFTER.search(named[:200]):
        return _DRAFTS
    plain = re.sub("[^a-z0-9]", "", named[:200].lower())
    ending = _ENDING.search(plain)
    stem = plain[: ending.start()] if ending else ""
    if not stem:
        return _OTHER
    stems = _stems()
    # Kimi K2's class is DeepSeek-V3's, as its files' own code builds it.
    own = "deepseek_v3" if name == "kimi_k2" else name
    return _OWN if stem in (_stem(own), _stem(name)) else stems.get(stem, _OTHER)


def _stem(name: str) -> str:
    return name.removesuffix("_text").replace("_", "")


@functools.cache
def _stems() -> dict[str, str]:
    """All families by how their classes begin."""
    return {_stem(name): name for name in families()}


def _as_many(values: Mapping[str, Any], other: str, decoder: Decoder) -> bool:
    """Tell whether the other family reads the same parameters from the file."""
    try:
        found, _ = read_text({**values, "model_type": other}, other, inside=False)
    except (TypeError, ValueError):
        return False
    return found.parts() == decoder.parts()


def _plain(named: str) -> str:
    return "".join(c for c in named[:_SHOWN] if c.isalnum() or c == "_")
