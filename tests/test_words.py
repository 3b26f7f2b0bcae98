"""One name has one meaning, and the field's words are used: docs/glossary.md has them."""

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.parsing import parsed

ROOT = Path(__file__).parent.parent
PACKAGES = ("bus", "schemas", "projections", "adapters", "deadletter", "ticketbus")
# Words of our own that stood where the field has one, and what is said instead.
BANNED = {
    "door": "route, record translator, replay",
    "desk": "push sessions",
    "courier": "delivery worker",
    "room": "dead-letter service",
    "standing": "TargetStatus, HandlerPosition, BrokerTopic",
    "flood": "dead-letter limit",
    "garbage": "gc thresholds",
    "forgetting": "retention",
    "drawing": "docgen",
    "stand_in": "simulator",
    "deed": "idempotent request",
    "story": "demo scenario",
    "cast": "demo context",
    "edge": "middleware",
    "follower": "subscriber",
    "finding": "alert",
    "told": "what it holds: events, journey, numbers",
    "said": "what it holds: message, response, answer",
    "errand": "request",
    "house": "a fixture's own name",
}
# A name that two classes bear with one meaning: the same thing on both sides of a protocol.
SAME_MEANING: frozenset[str] = frozenset()
RAISED = re.compile(r"\b[Rr]aises?\s+((?:[A-Z]\w+(?:,\s+|\s+or\s+|\s+and\s+)?)+)")
CLASS_NAME = re.compile(r"[A-Z]\w+")
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def definitions() -> Iterator[tuple[str, str, bool]]:
    """Give path, name and whether it is a class, of modules, classes, functions, parameters and variables."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            yield where, path.parent.name if path.stem == "__init__" else path.stem, False
            for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield where, node.name, isinstance(node, ast.ClassDef)
                elif isinstance(node, ast.arg):
                    yield where, node.arg, False
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield where, node.id, False


def words_of(name: str) -> set[str]:
    """Split a name of either case into its words, in lower case and without the plural."""
    found = [word.lower() for word in WORDS.findall(name)]
    singles = {word.removesuffix("s") for word in found}
    return {*found, *singles, *map("_".join, pairwise(found))}


def test_words_of_names_are_told_in_either_case() -> None:
    assert {"push", "desk"} <= words_of("PushDesks")
    assert "stand_in" in words_of("kingdee_stand_in")
    assert "cast" not in words_of("broadcast")
    assert "room" in words_of("HTTPRoom")


def test_words_no_public_class_name_stands_for_two_things() -> None:
    places = defaultdict(set)
    for where, name, is_class in definitions():
        if is_class and not name.startswith("_"):
            places[name].add(where)
    assert {name: sorted(at) for name, at in places.items() if len(at) > 1 and name not in SAME_MEANING} == {}


def test_words_of_our_own_are_banned_where_the_field_has_one() -> None:
    found = sorted({f"{where}: {name} ({word}: say {BANNED[word]})" for where, name, _ in definitions()
                    for word in words_of(name) & BANNED.keys()})  # fmt: skip
    assert found == []


def test_words_of_a_docstring_name_only_errors_that_are_there() -> None:
    modules = {path: parsed(path.read_text(encoding="utf-8"))
               for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}  # fmt: skip
    known = {name for name, value in vars(builtins).items() if isinstance(value, type)}
    said = set()
    for path, module in modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.ImportFrom | ast.Import):
                known |= {(alias.asname or alias.name).split(".")[-1] for alias in node.names}
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for sentence in RAISED.findall(ast.get_docstring(node) or ""):
                    said |= {(path.name, name) for name in CLASS_NAME.findall(sentence)}
    assert len(said) > 100
    assert sorted(one for one in said if one[1] not in known) == []
