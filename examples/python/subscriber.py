"""A subscriber in Python: each event takes effect once, however often it comes and whenever this program is killed.

pip install -r requirements.txt, which is aiokafka and fastavro; then python subscriber.py
"""

import asyncio
import base64
import contextlib
import functools
import io
import json
import os
import signal
import sqlite3
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer
from fastavro import parse_schema, schemaless_reader

TOPICS = "ticket.assign"
GROUP = "my-service"
TYPES = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1"  # what this service knows how to deal with
REGIONS = ""  # of tickets of these regions, and
ASSIGNEES = ""  # that are with these people, or were until the event; separated by commas, all without
TABLES = """
CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version));
CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER, last_type TEXT)"""
COUNT = """INSERT INTO tickets VALUES (?, 1, ?)
    ON CONFLICT (ticket_id) DO UPDATE SET events = events + 1, last_type = excluded.last_type"""


@functools.cache
def schema(schema_id: int) -> Any:
    """Ask the registry for the schema that a record was written with."""
    url = f"{os.environ['SCHEMA_REGISTRY_URL']}/schemas/ids/{schema_id}"
    request = urllib.request.Request(url)  # noqa: S310 - the registry's address is yours
    if login := os.environ.get("SCHEMA_REGISTRY_BASIC_AUTH"):
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the registry's address is yours
        return parse_schema(json.loads(json.load(answer)["schema"]))


def passes(asked: str, *found: str | None) -> bool:
    """Say whether a filter takes what a record says, one value or several; a record that says nothing passes."""
    return not asked or found[0] is None or any(one in asked.split(",") for one in found)


def take(db: sqlite3.Connection, record: Any) -> str:
    """Give one record its effect and note that it was seen; says what was done."""
    headers = {name: value.decode() for name, value in record.headers}
    if "ticketbus-synthetic" in headers or not passes(TYPES, headers["ce_type"]):
        return ""  # virtual tickets; kinds of events that came with a later release
    people = headers.get("ticket-assignee"), headers.get("ticket-assignee-before")
    if not (passes(REGIONS, headers.get("ticket-region")) and passes(ASSIGNEES, *people)):
        return ""
    event: Any = schemaless_reader(io.BytesIO(record.value[5:]), schema(int.from_bytes(record.value[1:5])), None)
    name, version = event["ticket_id"], event["version"]
    if not db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, version)).rowcount:
        return f"skip {name} v{version}: already done"
    db.execute(COUNT, (name, headers["ce_type"]))  # the effect: put yours here
    return f"done {name} v{version}: {headers['ce_type']} trace {headers['traceparent'].split('-')[1]}"


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
    """Read until told to stop: a batch, its effects, then the group's offsets."""
    db = sqlite3.connect("subscriber.db")
    db.executescript(TABLES)
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with connection() as consumer:
        while not stop.is_set():
            batch = await consumer.getmany(timeout_ms=500, max_records=100)
            with db:  # one transaction: the effects, and the notes that they were seen
                lines = [take(db, record) for records in batch.values() for record in records]
            if batch:
                await consumer.commit()
            print(*[f"{line}\n" for line in lines if line], sep="", end="", flush=True)


asyncio.run(main())
