"""What the page of a map shows: samples and headers as typed, faults beside their lines, lines that differ."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from typing import Any, Final, NamedTuple

from bus.domain.text import Text
from bus.intake.reserved_names import own_prefix
from console.gateway_api import refusal

CONTEXT_LINES: Final = 3
_SECRETS: Final = re.compile(r"^(  secrets: \[)[A-Z0-9]+_", re.MULTILINE)
_SOURCE: Final = re.compile(r"^source:.*$", re.MULTILINE)


class DiffLine(NamedTuple):
    """A line of a difference; `sign`: + added, − gone, empty as before, … lines left out."""

    sign: str
    text: str


class ShownFault(NamedTuple):
    """A fault of a map, with the line of what was typed that it is about."""

    line: int
    column: int
    path: str
    why: str
    text: str


def plain(typed: str) -> str:
    """Give a text as it was pasted: browsers send every line end as CRLF (HTML 4.10.21.4). Pure."""
    return typed.replace("\r\n", "\n")


def samples_of(typed: Sequence[str]) -> list[str]:
    """Give the samples that were typed; fields left empty are none. Pure."""
    return [plain(one) for one in typed if one.strip()]


def headers_of(typed: str) -> dict[str, str]:
    """Read headers, `name: value` a line. Raises ApiProblem (422)."""
    found = dict[str, str]()
    for number, line in enumerate(plain(typed).splitlines(), 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            text = Text(f"第 {number} 行须写作“名称: 值”", f"line {number} is written as `name: value`")
            raise refusal(422, "wrong_form", text, field="headers")
        found[name.strip()] = value.strip()
    return found


def larger_of(body: Mapping[str, Any]) -> str:
    """Name what takes most of a request that is too large: its map or its samples. Pure."""
    return max(("content", "samples"), key=lambda name: len(json.dumps(body.get(name, ""), ensure_ascii=False)))


def too_large(bytes_max: int) -> Text:
    """Say how much a map, samples and headers may be together, and how it is counted. Pure."""
    return Text(
        f"对照表、样例和请求头合计超过 {bytes_max} 字节:按 JSON 计,引号、反斜杠和换行各算两个;请缩短,或用命令行",
        f"map, samples and headers are more than {bytes_max} bytes together, counted as JSON, where quotes, "
        "backslashes and line ends count twice: shorten them, or use the command",
    )


def named(content: str, source: str) -> str:
    """Give a map that comes with the bus, and the secrets of its proof, the name that a source is to have. Pure."""
    content = _SECRETS.sub(lambda found: f"{found[1]}{own_prefix(source)}", content, count=1)
    return _SOURCE.sub(f"source: {source}", content, count=1)


def diff_lines(before: str, after: str) -> list[DiffLine]:
    """Give the lines that differ, with a few of those around them; empty where nothing does. Pure."""
    found = list[DiffLine]()
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT_LINES)
    for line in list(lines)[2:]:
        match line[0]:
            case "@":
                found += [DiffLine("…", "")] if found else []
            case "+":
                found.append(DiffLine("+", line[1:]))
            case "-":
                found.append(DiffLine("−", line[1:]))
            case _:
                found.append(DiffLine("", line[1:]))
    return found


def shown_faults(faults: Sequence[Mapping[str, Any]], content: str) -> list[ShownFault]:
    """Put each fault beside its line. Pure."""
    lines = content.splitlines()
    return [ShownFault(text=lines[one["line"] - 1] if one["line"] <= len(lines) else "", **one) for one in faults]


def shown_fields(command: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the fields of a command that was tried, each value in JSON. Pure."""
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in command["fields"].items()]
