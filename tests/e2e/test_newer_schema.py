"""A gateway that was started before a schema was registered tells the events of newer programs all the same."""

import asyncio
import json
import struct

import orjson
import pytest
from websockets.asyncio.client import connect

from bus.app import Core
from bus.domain.batch import Accepted
from bus.domain.commands import Note
from bus.domain.errors import InvariantBroken
from bus.domain.events import NoteAdded, Recorded
from bus.intake.dispatch import Dispatcher
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.postgres.store import PostgresStore
from bus.schema_registry import Registry, keep
from bus.wire.codec import Codec, RegisteredSchema
from schemas.catalogue import BY_CLASS
from tests.bus_under_test import TOKEN, Bus
from tests.consistency.test_two_stores import opening, request

NOTE = BY_CLASS[NoteAdded]
MOOD = {"name": "mood", "type": "string", "default": ""}


class NewerCodec(Codec):
    """Writes notes as a later version does, which has a field more."""

    note_id = 0

    def encode(self, recorded: Recorded) -> bytes:
        """Give the bytes under the newer schema."""
        value = super().encode(recorded)
        if not isinstance(recorded.event, NoteAdded):
            return value
        return struct.pack(">bI", 0, self.note_id) + value[5:] + b"\x06sad"


async def registered(parts: Urls) -> RegisteredSchema:
    """Register the later version, as its program does before anything else.

    Its id stays in a registry that forgets the version: other tests hold the latest against the catalogue.
    """
    schema = {**NOTE.schema, "fields": [*NOTE.schema["fields"], MOOD]}
    registry = Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth)
    async with registry.client() as http:
        answer = await http.post(f"/subjects/{NOTE.subject}/versions", json={"schema": json.dumps(schema)})
        (await http.delete(f"/subjects/{NOTE.subject}/versions/latest")).raise_for_status()
    return RegisteredSchema(schema_id=answer.raise_for_status().json()["id"], subject=NOTE.subject, schema=schema)


async def written_by_a_newer_program(core: Core, schema: RegisteredSchema, number: int) -> str:
    """Open a ticket and note something on it; gives its number."""
    newer = NewerCodec({})
    newer.__dict__.update(core.codec.__dict__)
    newer.note_id = schema.schema_id
    store = PostgresStore(core.pool, newer, core.contract, core.keys)
    dispatcher = Dispatcher(store=store, rules=core.dispatcher.rules)
    (opened,) = await dispatcher.dispatch([request(number, opening(number), 0)])
    await dispatcher.dispatch([request(number, Note(text="later"), 1)])
    assert isinstance(opened, Accepted)
    return opened.ticket_id


@pytest.mark.parametrize("kept", [True, False], ids=["kept-in-postgres", "in-the-registry-alone"])
async def test_newer_schema_an_older_gateway_shows_the_events_of_a_newer_program(
    parts: Urls, bus: Bus, kept: bool
) -> None:
    bus.start("gateway")
    await bus.ready()
    async with bus.core() as core:
        schema = await registered(parts)
        if kept:
            async with connected(core.pool) as connection:
                await keep(connection, {schema.schema_id: schema})
        ticket_id = await written_by_a_newer_program(core, schema, 1)
    async with bus.client() as http:
        events = (await http.get(f"/v1/tickets/{ticket_id}/events")).json()["events"]
        journey = (await http.get(f"/v1/journeys/{ticket_id}")).json()["events"]
    assert [one["version"] for one in events] == [one["version"] for one in journey] == [1, 2]
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics=ticket.events&cursor=start"
    async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None) as ws:
        async with asyncio.timeout(60):
            told = [orjson.loads(await ws.recv()) for _ in range(3)]
    assert [one.get("ticket_version", one["kind"]) for one in told] == ["ready", 1, 2]
    assert told[2]["data"]["text"] == "later"


async def test_newer_schema_an_event_of_ours_that_nobody_can_read_is_a_failure_and_never_left_out(bus: Bus) -> None:
    async with bus.core() as core:
        with pytest.raises(InvariantBroken):
            await core.schemas.events([b"\0\0\0\xff\xffx"])
