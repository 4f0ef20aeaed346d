"""Imports jsonschema, which every notebook library needs, without a second's work for nothing.

Where the package rfc3987_syntax is installed, jsonschema builds a grammar of addresses with it as
it is imported. It asks for formats of text where the package is missing too, only not for that
one, which no notebook's schema has.
"""

import importlib
import sys

GRAMMAR = "rfc3987_syntax"

if "jsonschema" not in sys.modules and GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None  # type: ignore[assignment]  # Python's way to say: not there
    try:
        importlib.import_module("jsonschema")
    finally:
        del sys.modules[GRAMMAR]
