"""Headers and query parameters that have one value: whoever sends two of one is told, and neither is guessed at."""

from collections import Counter

from starlette.requests import HTTPConnection
from starlette.types import Scope

from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.wire.json_body import joined

HEADERS = {
    name.lower().encode(): name
    for name in ("Authorization", "Idempotency-Key", "webhook-id", "webhook-timestamp", "webhook-signature")
}


def refuse_repeated_headers(scope: Scope) -> None:
    """Refuse a header of the list that came more than once. Pure. Raises HttpProblem (400) that names it."""
    seen = Counter(name for name, _ in scope["headers"] if name in HEADERS)
    for name, count in seen.items():
        if count > 1:
            raise _repeated("repeated_header", HEADERS[name], f"请求头 {HEADERS[name]}", f"the header {HEADERS[name]}")


def query_of(connection: HTTPConnection) -> dict[str, str]:
    """Give the query parameters by name. Pure. Raises HttpProblem (400) that names one that came more than once."""
    pairs = connection.query_params.multi_items()
    query = dict(pairs)
    if len(query) < len(pairs):
        shown = joined("", next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))
        raise _repeated("repeated_parameter", shown, f"查询参数 {shown!r}", f"the query parameter {shown!r}")
    return query


def _repeated(code: str, field: str, zh: str, en: str) -> HttpProblem:
    return HttpProblem(400, code, field, Text(f"{zh} 出现多次,只能有一个", f"{en} is there more than once; send one"))
