"""The house style that no linter knows: sizes, names, reasons beside every silenced warning, locks without hosts."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.parsing import parsed

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 300
FILE_LINES_MEDIAN_MAX = 120
FUNCTION_LINES_MAX = 70
BANNED_NAMES = frozenset({"utils", "helpers", "manager", "base", "common"})
BUILT = frozenset({"build", "dist", "node_modules"})

SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover)\b(?P<rest>.*)")
CODES = re.compile(r"^(?:\s*:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|\[[\w, -]+\])?")
LEFT_FOR_LATER = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def _sources() -> dict[str, str]:
    """Read every Python file of the project, by its path from the root."""
    paths = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.py")))
    ours = [path for path in paths if not any(part.startswith(".") or part in BUILT for part in path.parts)]
    return {path.as_posix(): (ROOT / path).read_text(encoding="utf-8") for path in ours}


SOURCES = _sources()


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _unreasoned(comment: str) -> bool:
    """Tell whether any part of a comment silences a check without a word of why (at least two words)."""
    silenced = SILENCED.search(comment)
    if silenced is None:
        return False
    reason = CODES.sub("", silenced["rest"])
    return len(re.findall(r"[^\W\d_]{2,}", SILENCED.sub("", reason))) < 2


def test_tidy_a_silenced_check_is_recognised_with_and_without_its_reason() -> None:
    bare = (
        "# noqa",
        "# noqa: S608",
        "# noqa: S608, E501",
        "# type: ignore[arg-type]",
        "#type: ignore",
        "# noqa: S608 - x",
    )
    reasoned = ("# noqa: S608 - names come from a table", "# type: ignore[misc]  # untyped decorator")
    assert [comment for comment in bare if not _unreasoned(comment)] == []
    assert [comment for comment in reasoned if _unreasoned(comment)] == []


def test_tidy_no_file_is_longer_than_the_limit() -> None:
    long = {path: n for path, source in SOURCES.items() if (n := len(source.splitlines())) > FILE_LINES_MAX}
    assert long == {}


def test_tidy_half_of_the_files_are_short() -> None:
    assert statistics.median(len(source.splitlines()) for source in SOURCES.values()) <= FILE_LINES_MEDIAN_MAX


def test_tidy_no_function_is_longer_than_the_limit() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": lines
        for path, source in SOURCES.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_tidy_every_module_says_what_lives_in_it() -> None:
    assert [path for path, source in SOURCES.items() if not ast.get_docstring(parsed(source))] == []


def test_tidy_no_module_or_package_has_a_name_that_says_nothing() -> None:
    assert [path for path in SOURCES if BANNED_NAMES & set(Path(path).with_suffix("").parts)] == []


def test_tidy_every_silenced_check_has_its_reason() -> None:
    bare = [
        f"{path}:{n} {text}" for path, source in SOURCES.items() for n, text in _comments(source) if _unreasoned(text)
    ]
    assert bare == []


def test_tidy_nothing_is_left_for_later() -> None:
    later = [
        f"{path}:{number} {line.strip()}"
        for path, source in SOURCES.items()
        if Path(path) != Path(__file__).relative_to(ROOT)
        for number, line in enumerate(source.splitlines(), start=1)
        if LEFT_FOR_LATER.search(line)
    ]
    assert later == []


def test_tidy_locks_name_no_host_and_no_path_and_cover_every_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime, dev = project["project"]["dependencies"], project["dependency-groups"]["dev"]
    extras = [each for extra in project["project"]["optional-dependencies"].values() for each in extra]
    for name, requirements in (("requirements.lock", runtime), ("requirements-dev.lock", runtime + extras + dev)):
        lock = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in lock, name
        assert "find-links" not in lock, name
        pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
        wanted = {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
        assert wanted - pinned == set(), f"{name} is stale: make lock"
