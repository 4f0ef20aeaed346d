"""What a result depends on, as one short text: parameters, lesson, estimator."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import estimator
from estimator.files import check_plain


def digest(content: bytes) -> str:
    """Give the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file of any size.

    Raises:
        OSError, ValueError: there is none, or it is no plain file.
    """
    check_plain(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


PACKAGE = Path(estimator.__file__).parent


def source_files() -> list[Path]:
    """Give every file of the package: each can change a result."""
    found = (path for path in sorted(PACKAGE.rglob("*")) if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


@functools.cache
def source_fingerprint() -> str:
    """Give the digest of the estimator that runs here."""
    names = (path.relative_to(PACKAGE).as_posix() for path in source_files())
    digests = (digest(path.read_bytes()) for path in source_files())
    return digest("\n".join(map(" ".join, zip(names, digests, strict=True))).encode())


def fingerprint(
    parameters: Mapping[str, Any],
    notebook: str,
    source: str,
    files: Mapping[str, str] | None = None,
) -> str:
    """Give the digest that changes when the parameters, the lesson or the estimator do.

    `files` has the digest of each file that a parameter names, by the parameter.
    """
    given = json.dumps([dict(parameters), dict(files or {})], sort_keys=True)
    return digest("\0".join((given, digest(notebook.encode()), source)).encode())
