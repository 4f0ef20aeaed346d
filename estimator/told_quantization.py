"""Where a configuration tells of its quantization: under one of two names, alone or in a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator.architecture.reader import same

QUANTIZATIONS = _NEWER, _OLDER = "quantization_config", "compression_config"
"""The key, and its name in the first files of llm-compressor, which vLLM takes next."""


def told_quantization(
    config: Mapping[str, Any], inner: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """What a configuration, or the text part `inner` of it, tells; None where it tells nothing.

    The content of a ModelOpt checkpoint's `hf_quant_config.json`, which stands there one level
    deeper, is taken as well.

    Raises: ValueError: no object, or two that differ.

    >>> told_quantization({"compression_config": {"format": "float-quantized"}}, {})
    {'format': 'float-quantized', 'quant_method': 'compressed-tensors'}
    """
    found, older = config.get(_NEWER), config.get(_OLDER)
    if inner:
        found = inner.get(_NEWER) if found is None else found
        older = inner.get(_OLDER) if older is None else older
    if older is not None:
        if isinstance(older, Mapping) and older.get("quant_method") is None:
            older = {**older, "quant_method": "compressed-tensors"}
        if found is not None and not same(found, older):
            raise ValueError(
                "quantization_config and compression_config differ, but they mean the same: give "
                "the first alone."
            )
        found = older
    if found is None:
        return None
    if type(found) is not dict and not isinstance(found, Mapping):
        raise ValueError("quantization_config must be an object: give the published one.")
    deeper = found.get("quantization")
    if deeper is not None and isinstance(deeper, Mapping):
        if twice := sorted((found.keys() - {"quantization"}) & deeper.keys(), key=str):
            raise ValueError(f"{twice[0]!r:.60} stands twice in quantization_config: give it once.")
        found = {key: one for key, one in found.items() if key != "quantization"} | {**deeper}
    read: Mapping[str, Any] | None = found
    return read
