"""A gateway on parts in memory with the real CRM adapter, called byte for byte as a server would call it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from adapters.crm.adapter import CrmAdapter
from bus.intake.source_adapter import Source
from tests.bus_under_test import WEBHOOK_SECRET
from tests.fuzz.shots import Answer, Shot
from tests.gateway.conftest import PERSON, Gateway

_WAY: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("assign", {"assignee": PERSON}),
    ("start", {}),
    ("resolve", {"summary": "s", "root_cause": "fan", "photos": ["photo://p"]}),
    ("request-closure", {}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """The gateway, and the app with the CRM's door."""

    gateway: Gateway
    app: ASGIApp

    async def fire(self, shot: Shot) -> Answer:
        """Serve one request."""
        raw, _, query = shot.target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
            "method": shot.method, "path": unquote(raw.decode("ascii")), "raw_path": raw, "query_string": query,
            "headers": [(b"host", b"bus"), *((name, value.strip(b" \t")) for name, value in shot.headers)],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        sent: list[Any] = []
        chunks = [shot.body[at : at + 65_536] for at in range(0, len(shot.body), 65_536)] or [b""]

        async def receive() -> dict[str, Any]:
            if not chunks:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(
            status=sent[0]["status"], headers=headers, body=b"".join(one.get("body", b"") for one in sent[1:])
        )

    async def tickets(self) -> Sequence[str]:
        """Open a ticket in every state, and give their numbers."""
        numbers = []
        for steps in range(len(_WAY) + 1):
            opened = await self.gateway.opened(f"SN-{self.gateway.keys()}")
            for command, body in _WAY[:steps]:
                assert (await self.gateway.post(f"/v1/tickets/{opened}/{command}", body)).status_code == 200
            numbers.append(opened)
        return numbers


@asynccontextmanager
async def in_process(sources: Mapping[str, Source] | None = None) -> AsyncIterator[InProcess]:
    """Run one, with the CRM's source or with those given."""
    gateway = Gateway(sources=sources or {"crm": CrmAdapter([WEBHOOK_SECRET])})
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        yield InProcess(gateway=gateway, app=gateway.app)
