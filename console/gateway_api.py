"""The gateway's HTTP API as the console calls it: in the same process, or at an address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import orjson
from starlette.types import ASGIApp

from bus.domain.text import Text

TIMEOUT_S: Final = 20.0
_PATH: Final = re.compile(r"/v1(/[^/?#\s\\\x00-\x1f]*)+|/asyncapi\.json")
_NOWHERE: Final = Text("没有这样的记录", "there is no such thing")
_AWAY: Final = Text("网关没有应答", "the gateway does not answer")


class ApiProblem(Exception):
    """The gateway refused, or could not be asked; `problem` is its RFC 9457 answer."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """Keep the answer."""
        super().__init__(f"{status} {problem.get('code')}")
        self.status, self.problem = status, problem

    @property
    def is_final(self) -> bool:
        """Say whether it was refused: not that it is asked too often, still being decided, or that nobody answered."""
        return self.status < 500 and self.status != 429 and self.problem.get("code") != "in_flight"


def refusal(status: int, code: str, text: Text, *, field: str = "") -> ApiProblem:
    """Make a refusal of the console's own, in the form of the gateway's. Pure."""
    return ApiProblem(status, {"code": code, "field": field, "detail": text.zh, "detail_en": text.en})


@dataclass(frozen=True, slots=True)
class GatewayApi:
    """Calls the API; the token is given at each call.

    `takes_host`: the gateway, in this process, is reached at whatever address the page was asked at. `beside`: its
    files are read at the console's own address.
    """

    http: httpx2.AsyncClient
    takes_host: bool = False
    beside: bool = False

    async def call(
        self,
        token: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str = "",
        host: str = "",
    ) -> Any:
        """Send one request and give its JSON; `key` is the idempotency key, `host` the page's. Raises ApiProblem."""
        if not _PATH.fullmatch(path) or ".." in path:  # a value of a form or an address that would lead elsewhere
            raise refusal(404, "not_found", _NOWHERE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if host and self.takes_host:
            headers["Host"] = host
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = await self.http.request(method, path, params=query, json=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise refusal(503, "gateway_away", _AWAY) from error
        found = _json(answer)
        refused = answer.status_code >= 400
        if refused and isinstance(found, dict):
            raise ApiProblem(answer.status_code, found)
        if refused or not isinstance(found, dict | list):
            raise refusal(answer.status_code if refused else 502, "gateway_away", _AWAY)
        return found


def in_process(app: ASGIApp, url: str = "") -> httpx2.AsyncClient:
    """Make a client of the app itself: no socket, the same checks; `url`: what it is to take for its own address."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=url or "http://console.invalid", timeout=TIMEOUT_S)


def _json(answer: httpx2.Response) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
