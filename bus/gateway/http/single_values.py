"""Headers and query parameters that have one value: whoever sends two of one is told, and neither is guessed at."""

from collections import Counter
from collections.abc import Collection, Mapping

from starlette.requests import HTTPConnection
from starlette.types import Scope

from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.wire.json_body import joined

HEADERS = {
    name.lower().encode(): name
    for name in ("Authorization", "Idempotency-Key", "webhook-id", "webhook-timestamp", "webhook-signature")
}


_DIGITS_MAX = 20
PERSON = ("person",)
"""What every read may name: for whom an app asks."""


def refuse_repeated_headers(scope: Scope) -> None:
    """Refuse a header of the list that came more than once. Pure. Raises HttpProblem (400) that names it."""
    seen = Counter(name for name, _ in scope["headers"] if name in HEADERS)
    for name, count in seen.items():
        if count > 1:
            raise _repeated("repeated_header", HEADERS[name], f"请求头 {HEADERS[name]}", f"the header {HEADERS[name]}")


def query_of(connection: HTTPConnection, known: Collection[str] | None = None) -> dict[str, str]:
    """Give the query parameters by name; all names where `known` is None. Pure.

    Raises HttpProblem (400) that names one that came more than once, or MalformedInput that names one that is not
    known, or is empty where names are known.
    """
    pairs = connection.query_params.multi_items()
    query = dict(pairs)
    if len(query) < len(pairs):
        shown = joined("", next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))
        raise _repeated("repeated_parameter", shown, f"查询参数 {shown!r}", f"the query parameter {shown!r}")
    if known is not None:
        for name, text in query.items():
            _refuse_unusable(name, text, known)
    return query


def flag_of(query: Mapping[str, str], name: str) -> bool:
    """Read a query parameter that is true or false; without it it is false. Pure. Raises MalformedInput."""
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise MalformedInput("out_of_range", name, f"{name} 只能是 true、false", f"{name} is one of true, false")
    return text == "true"


def whole_number(name: str, text: str) -> int:
    """Read a query parameter that is a whole number. Pure. Raises MalformedInput."""
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS_MAX):
        raise MalformedInput("out_of_range", name, f"{name} 须为整数", f"{name} is a whole number")
    return int(text)


def _refuse_unusable(name: str, text: str, known: Collection[str]) -> None:
    shown = joined("", name)
    if name not in known:
        zh = f"没有查询参数 {shown!r}" + (f"，可用：{'、'.join(known)}" if known else "，此地址不带查询参数")
        en = f"there is no query parameter {shown!r}; " + (f"use {', '.join(known)}" if known else "use none")
        raise MalformedInput("unknown_field", shown, zh, en, nearest=nearest(shown, known))
    if not text.strip():
        zh = f"查询参数 {shown!r} 为空，请填写或去掉"
        raise MalformedInput(
            "missing", shown, zh, f"the query parameter {shown!r} is empty: fill it in or leave it out"
        )


def _repeated(code: str, field: str, zh: str, en: str) -> HttpProblem:
    return HttpProblem(400, code, field, Text(f"{zh} 出现多次,只能有一个", f"{en} is there more than once; send one"))
