"""The WebSocket route of pushes: an engineer's app is sent what concerns its tickets, and answers each push."""

import asyncio
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.aio import until_one_ends
from bus.domain.commands import Accept
from bus.domain.errors import Refusal, Transient
from bus.gateway.auth.authorize import SUBPROTOCOL_PREFIX, admit
from bus.gateway.deps import deps_of
from bus.gateway.http.problems import HttpProblem
from bus.gateway.ports import Client
from bus.gateway.routes.stream import Sending, denied, goodbye, until_unwelcome
from bus.push.frames import read_ack, read_person, ready_frame
from bus.push.sessions import PushSession, PushSessions

PATH = "/v1/engineer/pushes"
log = structlog.get_logger()


async def pushes(ws: WebSocket) -> None:
    """Serve one session until it goes or is cut. Who may accept a ticket may take its pushes."""
    try:
        client, desk = await admit(ws, Accept), deps_of(ws).desk
        if desk is None:
            zh, en = "没有配置 engineer-app 投递目标", "no target with the adapter engineer-app is declared"
            raise HttpProblem(404, "no_such_target", "path", (zh, en))
        person = read_person(ws.query_params.get("person"), client.name)
    except (Refusal, HttpProblem, Transient) as error:
        await denied(ws, error)
        return
    offered = ws.scope.get("subprotocols", ())
    try:
        await ws.accept(next((one for one in offered if one.startswith(SUBPROTOCOL_PREFIX)), None))
        session = desk.attach(person)
        log.info("push_session", client=client.name)
        try:
            await _serve(ws, client, desk, session)
        finally:
            desk.detach(session)
    except (Refusal, HttpProblem, Transient) as error:
        await goodbye(ws, error, "")
    except (WebSocketDisconnect, RuntimeError, OSError):  # it went while we wrote
        return


async def _serve(ws: WebSocket, client: Client, desk: PushSessions, session: PushSession) -> None:
    sending = Sending()
    await until_one_ends(_send(ws, session, sending), _hear(ws, desk, session), until_unwelcome(ws, client, sending))


async def _send(ws: WebSocket, session: PushSession, sending: Sending) -> None:
    clock, frame = asyncio.get_running_loop().time, ready_frame(session.person)
    while True:
        sending.since = clock()
        # The server lets who is sent a push answer it: bus.gateway.http.uvicorn_websocket.
        await ws.send({"type": "websocket.send", "text": frame, "answers": 1})
        sending.since = None
        frame = await session.take()


async def _hear(ws: WebSocket, desk: PushSessions, session: PushSession) -> None:
    """Hear acknowledgements until the app goes. Raises MalformedInput for what is none."""
    while (message := await _heard(ws))["type"] != "websocket.disconnect":
        desk.answered(session.person, read_ack(message.get("text") or ""))


async def _heard(ws: WebSocket) -> dict[str, Any]:
    return dict(await ws.receive())
