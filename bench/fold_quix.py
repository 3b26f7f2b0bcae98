"""The live fold on Quix Streams, as it advises: state per key beside a changelog, and its sink for PostgreSQL."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import orjson
from psycopg.conninfo import conninfo_to_dict
from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink
from quixstreams.state import State

from bench.fold import opened
from bus.wire.codec import Codec, ticket_from_json, ticket_json
from projections.ticket_model import fold


def main(topic: str, table: str) -> None:
    """Fold until SIGTERM. The sink writes what a checkpoint holds, before the offsets are committed."""
    database = conninfo_to_dict(os.environ["DATABASE_URL"])
    codec = asyncio.run(_codec())
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP"],
        consumer_group=topic,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=Path(os.environ["TICKETBUS_DATA"], "quix"),
        loglevel="WARNING",
    )
    sink = PostgreSQLSink(
        host=str(database["host"]),
        port=int(database["port"] or 5432),
        dbname=str(database["dbname"]),
        user=str(database["user"]),
        password=str(database["password"]),
        table_name=table,
        schema_auto_update=False,
        primary_key_columns="ticket_id",
        upsert_on_primary_key=True,
        include_metadata=False,
    )

    def folded(value: bytes, state: State) -> dict[str, Any]:
        recorded, before = codec.decode(value), state.get("ticket")
        after = fold(None if before is None else ticket_from_json(before), recorded)
        text = ticket_json(after)
        state.set("ticket", text.decode())
        return {"ticket_id": after.ticket_id, "version": after.version, "folded": orjson.loads(text)}

    source = app.topic(topic, key_deserializer="str", value_deserializer="bytes")
    app.dataframe(source).apply(folded, stateful=True).sink(sink)
    app.run()


async def _codec() -> Codec:
    async with opened(os.environ["DATABASE_URL"]) as (_, codec):
        return codec


if __name__ == "__main__":
    main(*sys.argv[1:])
