"""Kafka to PostgreSQL: every event as a row, every ticket as its newest state; batches, each row once.

pip install -r requirements.txt, which is aiokafka, fastavro and psycopg; then python sink.py
"""

import asyncio
import base64
import contextlib
import functools
import io
import json
import os
import signal
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from fastavro import parse_schema, schemaless_reader

TOPICS = "ticket.events"
GROUP = "my-warehouse"
TYPES = ""  # such as ticket.opened.v1, separated by commas, all without, also kinds that come later
REGIONS = ""  # of tickets of these regions, and
ASSIGNEES = ""  # that are with these people, or were until the event; separated by commas, all without
TABLES = """
CREATE TABLE IF NOT EXISTS sink_events (ticket_id text, version int, type text, at timestamptz, actor text,
    region text, trace_id text, data jsonb, PRIMARY KEY (ticket_id, version));
CREATE TABLE IF NOT EXISTS sink_tickets (ticket_id text PRIMARY KEY, version int, opened_at timestamptz, region text,
    last_type text, last_at timestamptz);
CREATE TEMPORARY TABLE batch (LIKE sink_events) ON COMMIT DELETE ROWS"""
COPY = "COPY batch (ticket_id, version, type, at, actor, region, trace_id, data) FROM STDIN"
EVENTS = "INSERT INTO sink_events SELECT DISTINCT ON (ticket_id, version) * FROM batch ON CONFLICT DO NOTHING"
TICKETS = """
INSERT INTO sink_tickets AS kept
SELECT ticket_id, max(version), min(at) FILTER (WHERE type = 'ticket.opened.v1'),
    (array_agg(region ORDER BY version DESC) FILTER (WHERE region <> ''))[1],
    (array_agg(type ORDER BY version DESC))[1], (array_agg(at ORDER BY version DESC))[1]
FROM batch GROUP BY ticket_id
ON CONFLICT (ticket_id) DO UPDATE SET opened_at = coalesce(kept.opened_at, excluded.opened_at),
    (version, region, last_type, last_at) = (
        SELECT newer.version, coalesce(newer.region, kept.region, excluded.region), newer.last_type, newer.last_at
        FROM (SELECT kept.* UNION ALL SELECT excluded.*) newer ORDER BY newer.version DESC LIMIT 1)"""


@functools.cache
def schema(schema_id: int) -> Any:
    """Ask the registry for the schema that a record was written with."""
    url = f"{os.environ['SCHEMA_REGISTRY_URL']}/schemas/ids/{schema_id}"
    request = urllib.request.Request(url)  # noqa: S310 - the registry's address is yours
    if login := os.environ.get("SCHEMA_REGISTRY_BASIC_AUTH"):
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the registry's address is yours
        return parse_schema(json.loads(json.load(answer)["schema"]))


def passes(headers: dict[str, str], asked: str, name: str) -> bool:
    """Say whether a filter takes what a header says, of now or of before the event; a record without it passes."""
    held = headers.get(name), headers.get(f"{name}-before")
    return not asked or held[0] is None or any(one in asked.split(",") for one in held)


def row(record: Any) -> tuple[object, ...] | None:
    """Make a row of a record; None for a virtual ticket, and for what the filters leave out."""
    headers = {name: value.decode() for name, value in record.headers}
    filters = (TYPES, "ce_type"), (REGIONS, "ticket-region"), (ASSIGNEES, "ticket-assignee")
    if "ticketbus-synthetic" in headers or not all(passes(headers, *one) for one in filters):
        return None
    event: Any = schemaless_reader(io.BytesIO(record.value[5:]), schema(int.from_bytes(record.value[1:5])), None)
    data = json.dumps(event, default=str, ensure_ascii=False)
    kind, at, region = headers["ce_type"], event["occurred_at"], event.get("region") or headers.get("ticket-region")
    return event["ticket_id"], event["version"], kind, at, event["actor"], region, event["trace_id"], data


async def write(db: psycopg.AsyncConnection[Any], rows: list[tuple[object, ...]]) -> int:
    """Write a batch in one transaction; says how many rows were new."""
    async with db.transaction(), db.cursor() as cursor:
        async with cursor.copy(COPY) as copy:
            for one in rows:
                await copy.write_row(one)
        await cursor.execute(EVENTS)
        new = cursor.rowcount
        await cursor.execute(TICKETS)
    return new


@contextlib.asynccontextmanager
async def connection() -> AsyncIterator[AIOKafkaConsumer]:
    """Reach Kafka by the variables that the bus's own programs take, and join the group; ends if a topic is missing."""
    env = os.environ.get
    consumer = AIOKafkaConsumer(
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP"],
        security_protocol=(protocol := env("TICKETBUS_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")),
        sasl_mechanism=env("TICKETBUS_KAFKA_SASL_MECHANISM", "PLAIN"),
        sasl_plain_username=env("TICKETBUS_KAFKA_USERNAME"),
        sasl_plain_password=env("TICKETBUS_KAFKA_PASSWORD"),
        ssl_context=ssl.create_default_context(cafile=env("TICKETBUS_KAFKA_CA_FILE"))
        if protocol.endswith("SSL")
        else None,
    )
    async with consumer:
        if missing := {*TOPICS.split(",")} - await consumer.topics():  # for one it would wait for ever
            sys.exit(f"no such topic, or no right to it: {', '.join(missing)}")
        consumer.subscribe(TOPICS.split(","))
        yield consumer


async def main() -> None:
    """Read until told to stop: a batch, its rows, then the group's offsets."""
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    url = os.environ["SINK_URL"]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db, connection() as consumer:
        await db.execute(TABLES)
        while not stop.is_set():
            batch = await consumer.getmany(timeout_ms=500, max_records=1000)
            rows = [made for records in batch.values() for record in records if (made := row(record)) is not None]
            if batch:
                new = await write(db, rows)
                with contextlib.suppress(CommitFailedError):  # the group went on without it: that comes again
                    await consumer.commit()  # after the rows: what comes again meets its own row
                print(f"{new} rows; skip {len(rows) - new}: already there", flush=True)


asyncio.run(main())
