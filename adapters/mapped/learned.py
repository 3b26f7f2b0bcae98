"""A first map of a system, from samples: guesses by the names of fields, each marked, to be gone over by a person."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.mapped.translate import read_any
from adapters.time_form import ISO_8601, TimeForm
from bus.domain.errors import MalformedInput

_DEPTH_MAX: Final = 6
_LISTED_MAX: Final = 20
_EVENT: Final = ("type", "event", "kind", "action", "webhookevent", "eventtype", "event_type")
_NAMES: Final[Mapping[str, Sequence[str]]] = {  # the likeliest first; names of fields in lower case, without _ and -
    "number": ("number", "caseno", "no", "key", "caseid", "id"),
    "title": ("subject", "title", "summary", "shortdescription", "headline", "name"),
    "description": ("description", "content", "details", "text", "body"),
    "priority": ("priority", "urgency", "severity"),
    "serial": ("serial", "serialno", "serialnumber", "sn", "device", "asset"),
    "phone": ("mobile", "phone", "tel", "telephone"),
    "customer": ("requestername", "customername", "contactname", "reporter", "requester", "caller", "displayname"),
    "opened_at": ("createdat", "created", "openedat", "opened", "datecreation"),
    "at": ("updatedat", "timestamp", "time", "updated", "at", "date"),
}
_OPENS: Final = re.compile(r"creat|open|new|新建|创建", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COUNTS: Final = ((re.compile(r"\d{13}"), "epoch_ms"), (re.compile(r"\d{10}"), "epoch_s"))
_FORMS: Final = (  # the first that reads a sample's time is its form
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    ISO_8601,
)
_ZONE: Final = "Asia/Shanghai"
_HAS_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")


def learned(source: str, bodies: Sequence[bytes]) -> str:
    """Write a map in YAML that `read_map` takes. Raises MalformedInput for a body that is no JSON."""
    documents, where = list[Mapping[str, Any]](), ""
    for body in bodies:
        found, where_here = _documents(read_any(body))
        documents += found
        where = where or where_here
    if not documents:
        raise MalformedInput("wrong_type", "$", "样例里没有对象", "the samples hold no object")
    shapes = [dict(_paths(one, "")) for one in documents]
    event = _event_of(shapes)
    paths = next((one for one in shapes if event and _OPENS.search(one[event])), shapes[0])
    guesses = {name: _likeliest(paths, names) for name, names in _NAMES.items()}
    return "\n".join([*_head(source, where, guesses, paths), *_commands(source, event, paths, shapes, guesses), ""])


def _documents(content: Any) -> tuple[list[Mapping[str, Any]], str]:
    if isinstance(content, list):
        return [one for one in content if isinstance(one, dict)], ""
    lists = [
        name for name, value in content.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    inner = [value for value in content.values() if isinstance(value, dict)]
    if len(lists) == 1 and not inner:
        return [one for one in content[lists[0]] if isinstance(one, dict)], _quoted(lists[0])
    return [content] if content else [], ""


def _event_of(shapes: Sequence[Mapping[str, Any]]) -> str:
    """Give the path of what tells events apart, the nearest to the top; empty: nothing does in every sample."""
    named = [path for path in shapes[0] if path.split(".")[-1].lower() in _EVENT]
    texts = [path for path in named if all(isinstance(one.get(path), str) for one in shapes)]
    apart = [
        path for path in texts if len({one[path] for one in shapes}) > 1
    ]  # below the top, a type may be anything's
    return min(
        (path for path in texts if "." not in path or path in apart), key=lambda path: path.count("."), default=""
    )


def _paths(document: Mapping[str, Any], before: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        path = f"{before}{_quoted(name)}"
        if isinstance(value, dict):
            if depth < _DEPTH_MAX:
                yield from _paths(value, f"{path}.", depth + 1)
        elif not isinstance(value, list | bool) and value not in (None, ""):
            yield path, value


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _likeliest(paths: Mapping[str, Any], names: Sequence[str]) -> str:
    """Choose by the last name, or the last two; of equals the one nearest to the top, below what is around it."""
    nested = any("." in path for path in paths)
    found = [
        (rank, nested and "." not in path, path.count("."), path)
        for path in paths
        for rank, name in enumerate(names)
        if name in (_bare(path.split(".")[-1]), _bare("".join(path.split(".")[-2:])))
    ]
    return min(found)[-1] if found else ""


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("ticket") or "ticket"


def _head(source: str, where: str, guesses: Mapping[str, str], paths: Mapping[str, Any]) -> Sequence[str]:
    times = [str(paths[guesses[name]]) for name in ("at", "opened_at") if guesses[name]]
    known = {text: form for text in times if (form := _form_of(text))}
    forms = list(dict.fromkeys(known.values())) or [ISO_8601]
    bare = any(not form.startswith("epoch") and not _HAS_ZONE.search(text) for text, form in known.items())
    zone = f", zone: {_ZONE}" if bare else ""
    variable = re.sub(r"[^A-Z0-9]", "_", source.upper())
    return [
        "# 由样例推测的初稿,每一处“猜测”都要核对 / a first map, guessed from samples: go over every guess.",
        f"source: {source}",
        "# 猜测 guess: 按对方说明填写签名方式 / how it signs, by its manual",
        f"proof: {{kind: bearer, secrets: [{variable}_SECRET]}}",
        "# 猜测 guess: 最好用对方的投递编号 / better its own id of a delivery, in a header or a field",
        "delivery_id: {body: sha256}",
        *([f"documents: {_yaml(where)}"] if where else []),
        _line("number", guesses["number"] or "id"),
        *([_line("at", guesses["at"])] if guesses["at"] else []),
        f"time: {{format: {json.dumps(forms)}{zone}}} # 猜测 guess",
    ]


def _form_of(text: str) -> str:
    """Name the form that a time can be read in; empty: none of those that are known."""
    for digits, form in _COUNTS:
        if digits.fullmatch(text):
            return form
    for form in _FORMS:
        try:
            TimeForm(format=(form,), zone=ZoneInfo(_ZONE)).read(text)
        except (ValueError, OverflowError):
            continue
        return form
    return ""


def _commands(
    source: str,
    event: str,
    opening: Mapping[str, Any],
    shapes: Sequence[Mapping[str, Any]],
    guesses: Mapping[str, str],
) -> Sequence[str]:
    number, key = guesses["number"] or "id", guesses["serial"]
    fallback = f"join('-', ['{source}', to_string({number})])"
    lines = ["commands:", "  - command: open-ticket"]
    if event:
        lines.append(f"    when: {_yaml(f'{event} == {_literal(opening[event])}')}")
    kind = "serial" if key else "order"
    lines += [
        "    fields:",
        f"      incident_key: {{kind: {{value: {kind}}}, value: {_yaml(key or fallback)}}} # 猜测 guess",
        "      type: {value: hardware_fault} # 猜测 guess",
        f"      {_line('title', guesses['title'] or 'title')}",
    ]
    lines += [
        f"      {_line(name, guesses[name])}" for name in ("description", "priority", "opened_at") if guesses[name]
    ]
    people = {"name": guesses["customer"], "phone": guesses["phone"]}
    if any(people.values()):
        inner = ", ".join(f"{name}: {_yaml(path)}" for name, path in people.items() if path)
        lines.append(f"      customer: {{{inner}}} # 猜测 guess")
    kinds = list(dict.fromkeys(one[event] for one in shapes))[:_LISTED_MAX] if event else []
    for other in kinds:
        if other != opening[event]:
            text = _likeliest(
                next(one for one in shapes if one[event] == other),
                ("body", "text", "comment", "content", "description", "current", "status"),
            )
            lines += [
                "  - command: note # 猜测 guess",
                f"    when: {_yaml(f'{event} == {_literal(other)}')}",
                f"    fields: {{text: {_yaml(text or event)}}}",
            ]
    return lines


def _literal(text: object) -> str:
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _yaml(expression: str) -> str:
    return json.dumps(expression, ensure_ascii=False)


def _line(name: str, path: str) -> str:
    return f"{name}: {_yaml(path)} # 猜测 guess"
