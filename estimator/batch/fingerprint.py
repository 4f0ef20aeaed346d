"""What a result depends on, as one short text: parameters, lesson, estimator."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import estimator


def digest(content: bytes) -> str:
    """Give the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@functools.cache
def source_fingerprint() -> str:
    """Give the digest of every file of the package that can change a result."""
    package = Path(estimator.__file__).parent
    files = [
        path
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]
    parts = [f"{path.relative_to(package).as_posix()} {digest(path.read_bytes())}" for path in files]
    return digest("\n".join(parts).encode())


def fingerprint(parameters: Mapping[str, Any], notebook: str, source: str) -> str:
    """Give the digest that changes when the parameters, the lesson or the estimator do."""
    given = json.dumps(dict(parameters), sort_keys=True)
    return digest("\0".join((given, digest(notebook.encode()), source)).encode())
