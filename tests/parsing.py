"""Parsing sources in tests."""

import ast
import gc


def parsed(source: str) -> ast.Module:
    """Parse with the garbage collector off: CPython 3.11 fails when a finalizer compiles meanwhile (gh-106905)."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()
