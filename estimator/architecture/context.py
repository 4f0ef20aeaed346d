"""The longest sequence that a configuration tells: lengths under several names, and stretching.

As vLLM derives it (`_get_and_verify_max_len` in vllm/config/model.py, commit 0052a5b8): the
smallest of the lengths, but `model_max_length` goes before them, and rotations may be stretched.
"""

from __future__ import annotations

from typing import Any

from estimator.architecture.reader import LARGEST_SIZE, ROPES, Reader, shown

LENGTHS = ("max_seq_len", "seq_length", "max_sequence_length", "max_seq_length", "seq_len")
_FIRST = "model_max_length"
_KNOWN = frozenset((*LENGTHS, _FIRST))
# Their lengths are of the stretched rotations already.
_STRETCHED = frozenset(("su", "longrope", "llama3", "default", "mrope"))
LARGEST_FACTOR = 10_000


def context_tokens(reader: Reader, positions: int | None, *, learned: bool) -> int | None:
    """The longest sequence that an engine takes; None where the file tells none.

    A table of `learned` positions ends where it ends, whatever else the file says.
    """
    told = positions
    if not _KNOWN.isdisjoint(reader.values):
        found = [length for key in LENGTHS if (length := _length(reader, key))]
        told = min([*found, *([] if positions is None else [positions])], default=None)
        told = _length(reader, _FIRST) or told
    if learned:
        return positions
    for key in ROPES:
        if rope := reader.values.get(key):
            # A dict, or `check_kinds` refuses it.
            return _stretched(reader, key, rope, told) if isinstance(rope, dict) else told
    return told


def _length(reader: Reader, key: str) -> int | None:
    """A length; 0 and tokenizers' huge ones (int(1e30)) are no limit, as if they were left out."""
    reader.used.add(key)
    value = reader.values.get(key)
    if type(value) is float and value.is_integer() and abs(value) <= LARGEST_SIZE:
        value = int(value)
    if value is None or (type(value) is int and (value == 0 or value > LARGEST_SIZE)):
        return None
    if type(value) is not int or value < 0:
        wrong_type = type(value) is not int
        reader.refuse(key, "a whole number of tokens, 1 or more", wrong_type=wrong_type)
    return value


def _stretched(reader: Reader, key: str, rope: dict[str, Any], told: int | None) -> int | None:
    """A length times the factor of its rotations; Gemma 3's files give it stretched already."""
    if "gemma3" in reader.family:
        return told
    # transformers 5 may write one object for each kind of layer; they stretch alike.
    inner = [one for one in rope.values() if isinstance(one, dict)]
    for one in inner or [rope]:
        kind = one.get("rope_type", one.get("type"))
        if not isinstance(kind, str) or kind in _STRETCHED:
            continue
        factor = _number(key, one, "factor", LARGEST_FACTOR)
        if "yarn" in kind:
            # It stretches what the model was trained for, whatever else the file says.
            original = _number(key, one, "original_max_position_embeddings", LARGEST_SIZE)
            told = told if original is None else int(original)
        if factor is not None and told is not None:
            return int(told * factor)
    return told


def _number(key: str, rope: dict[str, Any], name: str, high: int) -> float | None:
    value = rope.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 1 <= value <= high:
        raise (ValueError if type(value) in (int, float) else TypeError)(
            f"{name} of {key} is {shown(value)}, but it must be a number from 1 to {high:,}: give "
            "the value of the published config.json."
        )
    return float(value)
