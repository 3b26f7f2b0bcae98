"""A subscriber in Python: each event takes effect once, however often it comes and whenever this program is killed.

pip install -r requirements.txt, which is confluent-kafka, fastavro and httpx2; then python subscriber.py
"""

import functools
import io
import json
import os
import signal
import sqlite3
import sys
from typing import Any

import httpx2
from confluent_kafka import Consumer, KafkaException
from fastavro import parse_schema, schemaless_reader

TOPICS = "ticket.assign"
GROUP = "my-service"
TYPES = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1"  # what this service knows how to deal with
REGIONS = ""  # of tickets of these regions, and
ASSIGNEES = ""  # that are with these people, or were until the event; separated by commas, all without
# A commit's errors of no account: none is due, or the group went on without this program, and what it read comes again.
BEHIND = ("_NO_OFFSET", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS")
CONNECTION = {  # the client's options by the variables that the bus's own programs take
    "bootstrap.servers": "KAFKA_BOOTSTRAP",
    "security.protocol": "TICKETBUS_KAFKA_SECURITY_PROTOCOL",
    "sasl.mechanism": "TICKETBUS_KAFKA_SASL_MECHANISM",
    "sasl.username": "TICKETBUS_KAFKA_USERNAME",
    "sasl.password": "TICKETBUS_KAFKA_PASSWORD",
    "ssl.ca.location": "TICKETBUS_KAFKA_CA_FILE",
}


@functools.cache
def schema(schema_id: int) -> Any:
    """Ask the registry for the schema that a record was written with."""
    auth = httpx2.BasicAuth(*login.split(":", 1)) if (login := os.environ.get("SCHEMA_REGISTRY_BASIC_AUTH")) else None
    answer = httpx2.get(f"{os.environ['SCHEMA_REGISTRY_URL']}/schemas/ids/{schema_id}", auth=auth)
    return parse_schema(json.loads(answer.raise_for_status().json()["schema"]))


def passes(headers: dict[str, str], asked: str, name: str) -> bool:
    """Say whether a filter takes what a header says, of now or of before the event; a record without it passes."""
    return not asked or name not in headers or any(headers.get(n) in asked.split(",") for n in (name, f"{name}-before"))


def take(db: sqlite3.Connection, record: Any) -> str:
    """Give one record its effect and note that it was seen; says what was done."""
    if record.error():
        raise KafkaException(record.error())
    headers = {name: value.decode() for name, value in record.headers()}
    filters = (TYPES, "ce_type"), (REGIONS, "ticket-region"), (ASSIGNEES, "ticket-assignee")
    if "ticketbus-synthetic" in headers or not all(passes(headers, *one) for one in filters):
        return ""  # virtual tickets; kinds of events that came with a later release; what the filters leave out
    event: Any = schemaless_reader(io.BytesIO(record.value()[5:]), schema(int.from_bytes(record.value()[1:5])), None)
    name = f"{event['ticket_id']} v{event['version']}"
    if not db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (event["ticket_id"], event["version"])).rowcount:
        return f"skip {name}: already done\n"
    # The effect: put yours here.
    db.execute("INSERT INTO tickets VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1", (event["ticket_id"],))
    return f"done {name}: {headers['ce_type']} trace {headers['traceparent'].split('-')[1]}\n"


signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # at any place: what has no effect yet comes again
db = sqlite3.connect("subscriber.db")
db.execute("CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version))")
db.execute("CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER)")
own = {"group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": 10_000}
options = {option: os.environ[name] for option, name in CONNECTION.items() if name in os.environ}
with Consumer(options | own) as consumer:
    if missing := {*TOPICS.split(",")} - {*consumer.list_topics(timeout=30).topics}:
        sys.exit(f"no such topic, or no right to it: {', '.join(missing)}")
    consumer.subscribe(TOPICS.split(","))
    while True:
        batch = consumer.consume(100, timeout=0.5)
        with db:  # one transaction: the effects, and the notes that they were seen
            lines = [take(db, record) for record in batch]
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].name() not in BEHIND:
                raise
        print(*lines, sep="", end="", flush=True)
