"""What stood between CRM, ERP and app before there was a bus: each calls the next, and nobody is told of a failure."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.erp.kingdee_wire import FORM, LOGIN, SAVE, path
from adapters.simulators.beside import beside
from adapters.simulators.drill.incident import ASSIGNEE, RIGHT
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.patient_client import client
from adapters.simulators.systems_around import PART
from bus.embedded_uvicorn import EmbeddedUvicorn

WEBHOOK: Final = "/v1/sources/{source}/webhook"


@dataclass(slots=True)
class TicketService:
    """The middleware of before: takes the CRM's webhooks, assigns, tells who follows a topic, and queues parts.

    Any topic may be followed, as on a broker that makes topics on demand. While `broken`, `create_ticket` is a 500.
    """

    broken: bool = False
    tickets: list[str] = field(default_factory=list)
    parts: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    subscribers: defaultdict[str, list[asyncio.Queue[bytes]]] = field(default_factory=lambda: defaultdict(list))

    def app(self) -> Starlette:
        """Give it as an ASGI application with the addresses that CRM and app call."""
        return Starlette(
            routes=[
                Route(WEBHOOK, self._create_ticket, methods=["POST"]),
                Route("/v1/tickets/{ticket}/{command}", self._command, methods=["POST"]),
                WebSocketRoute("/v1/stream", self._follow),
            ]
        )

    async def _create_ticket(self, request: Request) -> Response:
        data = orjson.loads(await request.body())["data"]
        if self.broken:
            return Response(b"{}", status_code=500)
        ticket = str(data["source_no"])
        self.tickets.append(ticket)
        event = {
            "kind": "event",
            "cursor": str(len(self.tickets)),
            "ce": {"type": "ticket.assigned", "subject": ticket},
            "data": {"assignee": ASSIGNEE},
        }
        for waiting in self.subscribers[RIGHT]:
            waiting.put_nowait(orjson.dumps(event))
        return Response(b"{}", status_code=201)

    async def _command(self, request: Request) -> Response:
        if request.path_params["command"] == "request-parts":
            self.parts.put_nowait(request.path_params["ticket"])
        return Response(b"{}", status_code=200)

    async def _follow(self, subscriber: WebSocket) -> None:
        own: asyncio.Queue[bytes] = asyncio.Queue()
        topics = subscriber.query_params["topics"].split(",")
        for topic in topics:
            self.subscribers[topic].append(own)
        await subscriber.accept()
        await subscriber.send_bytes(orjson.dumps({"kind": "ready", "cursor": str(len(self.tickets))}))

        async def send() -> None:
            while True:
                await subscriber.send_bytes(await own.get())

        async with beside(send()):
            with suppress(WebSocketDisconnect):
                await subscriber.receive_text()  # nothing comes but the end
        for topic in topics:
            self.subscribers[topic].remove(own)


@dataclass(slots=True, kw_only=True)
class PartsConsumer:
    """Carries requests for parts to the ERP, as its consumer of before did: a failure ends it, and the rest waits."""

    service: TicketService
    erp: KingdeeSimulator
    stopped: bool = False

    async def run(self) -> None:
        """Save a bill for each request until one fails."""
        who = self.erp.account
        login = orjson.dumps({"parameters": [who.acct_id, who.user, who.app_id, who.app_secret, 2052]})
        async with client(self.erp.url) as http:
            answer = await http.post(path(LOGIN), content=login)
            session = {"cookie": f"kdservice-sessionid={answer.json()['KDSVCSessionId']}"}
            while not self.stopped:
                ticket = await self.service.parts.get()
                bill = orjson.dumps({"formid": FORM, "data": {"Model": _bill(ticket)}})
                saved = (await http.post(path(SAVE), content=bill, headers=session)).json()
                self.stopped = not saved["Result"]["ResponseStatus"]["IsSuccess"]
                if self.stopped:
                    self.service.parts.put_nowait(ticket)


def _bill(ticket: str) -> Mapping[str, Any]:
    return {"FNote": ticket, "FEntity": [{"FMaterialId": {"FNumber": PART}, "FQty": 1}]}


@asynccontextmanager
async def listening_service(service: TicketService) -> AsyncIterator[str]:
    """Let the service listen on a port of its own; gives its address."""
    server = EmbeddedUvicorn(uvicorn.Config(service.app(), log_config=None, access_log=False, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
