"""What somebody typed in place of a letter's content: what it changes, and the lines that differ. Pure."""

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from bus.domain.text import Text
from console.gateway_api import refusal

CONTEXT_LINES: Final = 3


class DiffRow(NamedTuple):
    """A line of before beside one of after; `kind` is same, changed or gap (lines left out)."""

    kind: str
    old: str
    new: str


def as_text(content: Mapping[str, Any] | str) -> str:
    """Give a letter's content as it is edited: a body as it is, fields as JSON, one a line."""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)


def edit_of(editable: Mapping[str, Any] | str, typed: str) -> dict[str, Any]:
    """Give what to ask the gateway for: the fields that change, or the new body. Raises ApiProblem (422)."""
    if isinstance(editable, str):
        return {"body": _with_its_line_ends(editable, typed)}
    try:
        fields = json.loads(typed)
    except (ValueError, RecursionError) as error:
        at = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise refusal(422, "not_json", Text(f"不是 JSON{at}", f"it is no JSON{at}"), field="content") from error
    if not isinstance(fields, dict):
        raise refusal(422, "not_an_object", Text("须是一个 JSON 对象", "give a JSON object"), field="content")
    if left_out := [name for name in editable if name not in fields]:
        zh, en = f"字段“{left_out[0]}”不能删除", f"the field {left_out[0]!r} cannot be left out"
        raise refusal(422, "missing", Text(zh, en), field=left_out[0])
    changes = {name: value for name, value in fields.items() if name not in editable or editable[name] != value}
    if not changes:
        raise refusal(422, "missing", Text("内容没有变化", "nothing in it is changed"), field="content")
    return {"changes": changes}


def diff_rows(before: Mapping[str, Any] | str, after: Mapping[str, Any] | str) -> list[DiffRow]:
    """Give the lines that differ, old beside new, with a few of those around them."""
    old, new = as_text(before).splitlines(), as_text(after).splitlines()
    return [*_rows(old, new)]


def _rows(old: list[str], new: list[str]) -> Iterator[DiffRow]:
    shown_to = 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        if group[0][1] > shown_to:
            yield DiffRow("gap", "", "")
        for kind, old_from, old_to, new_from, new_to in group:
            for index in range(max(old_to - old_from, new_to - new_from)):
                left = old[old_from + index] if old_from + index < old_to else ""
                right = new[new_from + index] if new_from + index < new_to else ""
                yield DiffRow("same" if kind == "equal" else "changed", left, right)
        shown_to = group[-1][2]
    if shown_to < len(old):
        yield DiffRow("gap", "", "")


def _with_its_line_ends(body: str, typed: str) -> str:
    """Browsers send every line end as CRLF (HTML 4.10.21.4); give those that the body had."""
    plain = typed.replace("\r\n", "\n")
    if plain == body.replace("\r\n", "\n"):
        return body
    return plain.replace("\n", "\r\n") if "\r\n" in body else plain
