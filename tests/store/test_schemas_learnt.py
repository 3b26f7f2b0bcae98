"""Schemas that a program was not taught are looked up, all of them; what is none of ours harms nobody."""

import json
from collections.abc import Iterable

import pytest

from bus.domain.events import NoteAdded
from bus.postgres.pool import Pool, connected
from bus.schema_registry import ASKED_MAX, SchemaLearner, keep, keep_registered, load_codec
from bus.wire.codec import Codec, RegisteredSchema
from schemas.catalogue import BY_CLASS
from tests.schemas.codecs import CODEC, recorded, registered

NOTE = BY_CLASS[NoteAdded]
NEWER, PROTOBUF = 90_000, 80_000
EVENT = recorded(NoteAdded(text="已到现场", changed=()))


def under(schema_ids: Iterable[int], value: bytes) -> list[bytes]:
    """Give a value under other schema ids."""
    return [b"\0" + one.to_bytes(4, "big") + value[5:] for one in schema_ids]


async def test_schemas_learnt_a_newer_schema_is_found_behind_any_number_of_made_up_ids_and_foreign_schemas(
    pool: Pool,
) -> None:
    known = {one: each for one, each in registered(*BY_CLASS.values()).items() if each.subject != NOTE.subject}
    codec = Codec(known)
    kept = [(NEWER, NOTE.subject, json.dumps(NOTE.schema)), (PROTOBUF, "theirs", 'syntax = "proto3"; message Note {}')]
    async with connected(pool) as connection, connection.cursor() as cursor:
        await cursor.executemany("INSERT INTO registered_schemas VALUES (%s, %s, %s)", kept)
    learner = SchemaLearner(codec=codec, pool=pool, registry=None)
    made_up = range(70_000, 70_000 + 2 * ASKED_MAX)
    values = under([*made_up, PROTOBUF, NEWER], CODEC.encode(EVENT))
    await learner.know(values)
    assert codec.decode(values[-1]) == EVENT
    assert codec.unknown(values) == {*made_up, PROTOBUF}


@pytest.mark.parametrize("own", [True, False], ids=["its text", "the text that the registry keeps"])
async def test_schemas_learnt_after_the_registry_began_anew_its_new_ids_are_written_and_the_old_ones_read(
    pool: Pool, own: bool
) -> None:
    """Whether the new numbers are lower or higher, and whatever somebody looks up meanwhile."""
    schema = NOTE.schema if own else {**NOTE.schema, "doc": "as it was"}

    def under_id(schema_id: int) -> dict[int, RegisteredSchema]:
        return {schema_id: RegisteredSchema(schema_id=schema_id, subject=NOTE.subject, schema=schema)}

    written = list[int]()
    async with connected(pool) as connection:
        await connection.execute("DELETE FROM registered_schemas")
        await keep(connection, under_id(500))  # by an earlier version, which noted no time
    for schema_id in (400, 600, 300):
        async with connected(pool) as connection:
            await keep_registered(connection, under_id(schema_id))
            await keep(connection, under_id(schema_id + 1))
            codec = await load_codec(connection)
            written.append(int.from_bytes(codec.encode(EVENT)[1:5]))
    assert written == [400, 600, 300]
    assert {codec.decode(value).event for value in under((300, 400, 500, 600), CODEC.encode(EVENT))} == {EVENT.event}
