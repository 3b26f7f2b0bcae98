"""The bare limit: an endpoint that commits the rows of an opened ticket, a transaction a request, and nothing else."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

_MODEL = """
SELECT e.value, s.state::text FROM events e JOIN ticket_states s USING (ticket_id)
WHERE e.version = 1 ORDER BY e.recorded_at DESC LIMIT 1"""
_NAMES = """
INSERT INTO ticket_names (kind, value, ticket_id, opened_at)
VALUES ('serial', %s, %s, %s), ('customer', %s, %s, %s) ON CONFLICT DO NOTHING"""
_EVENT = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                    historic, value)
VALUES (%s, 1, %s, 'ticket.opened.v1', %s, %s, 'bench', %s, %s, false, %b)"""
_OUTBOX = """
INSERT INTO outbox (shard, topic, ticket_id, version) VALUES (0, 'ticket.events', %s, 1), (0, 'ticket.status', %s, 1)"""
_STATE = "INSERT INTO ticket_states (ticket_id, version, trace_id, state) VALUES (%s, 1, %s, %s::jsonb)"
_COMMAND = """
INSERT INTO commands (command_id, ticket_id, trace_id, fingerprint, answer, version, received_at)
VALUES (%s, %s, %s, %s, 'opened', 1, %s)"""


class Model(NamedTuple):
    """The bytes of a ticket that the gateway opened: what is written here is as large as what it writes."""

    event: bytes
    state: str


def make_app(url: str, connections: int) -> Starlette:
    """Make the app; the gateway must have opened a ticket in the database before it starts."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(url, min_size=connections, max_size=connections, open=False)
    models: list[Model] = []

    async def open_ticket(http: Request) -> Response:
        ticket_id, trace_id = await _commit(pool, models[0], orjson.loads(await http.body()))
        answer = orjson.dumps({"ticket_id": ticket_id, "version": 1, "trace_id": trace_id})
        return Response(answer, 201, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with pool:
            async with pool.connection() as connection:
                row = await (await connection.execute(_MODEL)).fetchone()
            models.append(Model(*row))
            yield

    doors = [Route("/v1/tickets", open_ticket, methods=["POST"]), Route("/livez", _live)]
    return Starlette(routes=doors, lifespan=lifespan)


async def _live(_http: Request) -> Response:
    return Response()


async def _commit(pool: AsyncConnectionPool[Any], model: Model, said: dict[str, Any]) -> tuple[str, str]:
    """Write event, state, names, command and two rows of the outbox."""
    serial, phone = said["incident_key"]["value"], said["customer"]["phone"]
    now, event_id, command_id = datetime.now(UTC), uuid7(), uuid7()
    ticket_id, trace_id = f"B{event_id.hex}", event_id.hex
    async with pool.connection() as connection:
        await connection.execute(_NAMES, (serial, ticket_id, now, phone, ticket_id, now))
        await connection.execute(_EVENT, (ticket_id, event_id, command_id, trace_id, now, now, model.event))
        await connection.execute(_OUTBOX, (ticket_id, ticket_id))
        await connection.execute(_STATE, (ticket_id, trace_id, model.state))
        await connection.execute(_COMMAND, (command_id, ticket_id, trace_id, trace_id * 2, now))
    return ticket_id, trace_id


if __name__ == "__main__":
    uvicorn.run(
        make_app(os.environ["DATABASE_URL"], int(sys.argv[1])),
        host="127.0.0.1",
        port=int(os.environ["TICKETBUS_HTTP_PORT"]),
        log_config=None,
        access_log=False,
        server_header=False,
    )
