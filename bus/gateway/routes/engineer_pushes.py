"""The WebSocket route of pushes: an engineer's app is sent what concerns its tickets, and answers each push."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.aio import until_one_ends
from bus.domain.commands import Accept
from bus.domain.errors import Refusal, Transient
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.binding import Client
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.routing import StreamRoute
from bus.gateway.http.single_values import PERSON, query_of
from bus.gateway.stream.transport import Sending, until_unwelcome
from bus.gateway.stream.websocket import accept, denied, goodbye
from bus.intake.reserved_names import person_name
from bus.push.frames import read_ack, read_person, ready_frame
from bus.push.sessions import PushSession, PushSessions

log = structlog.get_logger()


def engineer_push_routes(sessions: PushSessions | None) -> Sequence[StreamRoute]:
    """Make the route; None where no target is an engineer's app: a handshake is denied then. Pure."""

    async def pushes(ws: WebSocket) -> None:
        """Serve one session until it goes or is cut. Who may accept a ticket may take its pushes."""
        try:
            client = await admit(ws, Accept)
            query = query_of(ws, PERSON)
            if sessions is None:
                zh, en = "没有配置 engineer-app 投递目标", "no target with the adapter engineer-app is declared"
                raise HttpProblem(404, "no_such_target", "path", Text(zh, en))
            person = _person(client, query.get("person"))
        except (Refusal, HttpProblem, Transient) as error:
            await denied(ws, error)
            return
        try:
            await accept(ws)
            await _attached(ws, client, sessions, person)
        except (Refusal, HttpProblem, Transient) as error:
            await goodbye(ws, error, "")
        except (WebSocketDisconnect, RuntimeError, OSError):  # it went while we wrote
            return

    return [StreamRoute(path="/v1/engineer/pushes", run=pushes)]


def _person(client: Client, named: str | None) -> str:
    """Give whose pushes are taken and answered: the client's own person, or the one named. Raises Refusal."""
    named = person_name(named, "person") if named else named
    if client.binding.bound:
        named = client.acts_as(named, "person")
    return read_person(named, client.name)


async def _attached(ws: WebSocket, client: Client, sessions: PushSessions, person: str) -> None:
    session, sending = sessions.attach(person), Sending()
    log.info("push_session", client=client.name)
    try:
        await until_one_ends(
            _send(ws, session, sending), _hear(ws, sessions, session), until_unwelcome(ws, client, sending)
        )
    finally:
        sessions.detach(session)


async def _send(ws: WebSocket, session: PushSession, sending: Sending) -> None:
    clock, frame = asyncio.get_running_loop().time, ready_frame(session.person)
    while True:
        sending.since = clock()
        # The server lets who is sent a push answer it: bus.gateway.http.uvicorn_websocket.
        await ws.send({"type": "websocket.send", "text": frame, "answers": 1})
        sending.since = None
        frame = await session.take()


async def _hear(ws: WebSocket, sessions: PushSessions, session: PushSession) -> None:
    """Receive acks until the app disconnects. Raises MalformedInput for anything else."""
    while (message := await _heard(ws))["type"] != "websocket.disconnect":
        sessions.answered(session.person, read_ack(message.get("text") or ""))


async def _heard(ws: WebSocket) -> dict[str, Any]:
    return dict(await ws.receive())
