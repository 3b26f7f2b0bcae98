"""Every command that the bus advises is one that its own command line takes: of doctor, of alerts, of errors."""

import ast
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from bus.alert_catalogue import RULES
from bus.cli import app
from bus.domain.errors import BusError
from bus.settings import SettingsInvalid, secret_files, variables
from tests.doctor.test_judgements import CASES

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("adapters", "bus", "console", "deadletter", "projections", "schemas")
Command = Any  # typer brings a click of its own, which it does not show
WRONG_USE: Final = 2
NOW: Final = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
# What a text puts into a command: one of these fits where a name, a number, a time, or nothing may stand.
HOLE: Final = "\N{REPLACEMENT CHARACTER}"
TIMES: Final = ("2026-11-30T00:00:00Z", "2026-11-30T04:00:00Z")
VALUES: Final = (
    "example",
    "1",
    *TIMES,
    "2026-11-28",
    "V20261122-000123",
    "KB-12",
    "deliveries",
    "python",
    "--topic ticket.status",
    "",
)
ADVICE: Final = re.compile(r"(?:^|: |→ |`)ticketbus (?=[a-z])([^`#;,()|·\[\n→—,。;、]+)")
# Where a sentence goes on behind a command, and what stands for a value that the reader knows.
PROSE: Final = re.compile(
    r" / .*| (?:or|to|and|in|says|from|lists|after|on|for|with) .*|:\s.*$|(?<!state)\s[^\x00-\x7f…\ufffd]+$"
)
OPEN: Final = re.compile(r"…|\b(?:TIME|NAME|ROLE)\b|\{[a-z]+\}")
OURS: Final = {"source", "verify"}  # names by which programs show themselves, no commands
# What runs for long, or writes into this tree, is parsed and not begun.
NOT_BEGUN: Final = frozenset(
    "demo docs doctor down drill fetch gateway map prepare up watch worker".split()  # noqa: SIM905  # shorter to read
)


def named() -> set[str]:
    """Give what texts of the code name: a command, or one with its arguments, which is advice."""
    return {line for path in sources() for text in texts(path) for line in lines(text)}


def mends() -> set[str]:
    """Give the command lines that alerts and doctor end with."""
    alerts = [one.mend for rule in RULES.values() for one in rule.evaluate(rule.fires(NOW), NOW)]
    found = [one.mend for judge, readings, *_ in CASES for one in judge(readings)]
    return {line for mend in (*alerts, *found) for line in lines(mend)}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def texts(path: Path) -> Iterator[str]:
    """Give a module's texts but its docstrings, with holes where values go."""
    content = path.read_text(encoding="utf-8")
    if "ticketbus " not in content:
        return
    tree = ast.parse(content)
    inside = {id(part) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in ast.walk(one)}
    apart = inside | {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in one.values)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in apart:
            yield one.value


def lines(text: str) -> Iterator[str]:
    for found in ADVICE.finditer(text):
        if (line := PROSE.sub("", found[1].strip()).strip().rstrip(".:")).split(" ")[0] not in OURS:
            yield OPEN.sub(HOLE, line)


@pytest.fixture(scope="module")
def command_line() -> Command:
    """Make the command line; what would run for long is parsed, and does nothing."""
    made = typer.main.get_command(app)
    assert isinstance(made, typer.core.TyperGroup)
    for name in NOT_BEGUN:
        for one in leaves(made.commands[name]):
            one.callback = lambda **_: None
    return made


def leaves(command: Command) -> Iterator[Command]:
    inner = getattr(command, "commands", {})
    for one in inner.values():
        yield from leaves(one)
    if not inner:
        yield command


def wrong_use(command_line: Command, line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Say why a line is not taken, with the values that suit it best; empty: it is."""
    out = ""
    for values in product(VALUES, repeat=line.count(HOLE)):
        code, filled = 0, line
        for value in values:
            filled = filled.replace(HOLE, value, 1)
        try:
            command_line.main(shlex.split(filled), prog_name="ticketbus")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except (BusError, SettingsInvalid):
            pass  # it was understood; what it would act on is not there
        out = "".join(capsys.readouterr())
        if code != WRONG_USE:
            return ""
    return out


def has_arguments(command_line: Command, line: str) -> bool:
    words = line.split()
    while words and words[0] in getattr(command_line, "commands", {}):
        command_line = getattr(command_line, "commands", {})[words.pop(0)]
    return bool(words)


def test_advised_commands_are_taken_by_the_command_line(
    command_line: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in (*variables().values(), *secret_files().values()):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TICKETBUS_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("zendesk.yaml").touch()
    for module in ("bus.cli.run", "bus.observability.logging"):  # this process's logging stays as it is
        monkeypatch.setattr(f"{module}.configure", lambda *_, **_how: None, raising=False)
    advised = {line for line in named() if has_arguments(command_line, line)} | mends()
    assert len(advised) > 40, "what is advised is not found any more"
    refused = {line: why for line in sorted(advised) if (why := wrong_use(command_line, line, capsys))}
    assert refused == {}
