"""Rows that wait for targets, made in bulk from true events, and the targets file that the worker goes by."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import psycopg
import yaml

from bench.bus import Bus
from tests.bus_under_test import WEBHOOK_SECRET

_EMPTY: Final = "TRUNCATE deliveries, delivery_heads, delivery_targets"
# The oldest events of the log, whole tickets, so that most rows wait behind another of their ticket.
_WAIT: Final = """
INSERT INTO deliveries (target, ticket_id, version, enqueued_at)
SELECT target, ticket_id, version, now() - interval '1 hour'
FROM unnest(%s::text[]) target
CROSS JOIN (SELECT ticket_id, version FROM events ORDER BY ticket_id, version LIMIT %s) e"""
_HEADS: Final = """
INSERT INTO delivery_heads (target, ticket_id, version, next_at)
SELECT target, ticket_id, min(version), min(enqueued_at) FROM deliveries GROUP BY target, ticket_id"""


def free_port() -> int:
    """Find a port that nobody listens at."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def crm(port: int, path: str = "/callbacks", **more: Any) -> dict[str, Any]:
    """Declare a CRM on loopback, allowed as many calls as it takes."""
    options = {"url": f"http://127.0.0.1:{port}{path}", "secrets": ["CRM_SECRET"]}
    return {"adapter": "crm-callback", "events": "all", "rate_per_s": 10_000, "options": options, **more}


def declare(bus: Bus, targets: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the next worker deliver to these."""
    file = bus.folder / "targets.yaml"
    file.write_text(yaml.safe_dump({"targets": dict(targets)}), encoding="utf-8")
    bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}


def let_wait(bus: Bus, targets: Sequence[str], each: int) -> None:
    """Let so many events wait for each target, and nothing else, as if they had for an hour."""
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute(_EMPTY)
        connection.execute(_WAIT, (list(targets), each))
        connection.execute(_HEADS)
        connection.execute("VACUUM (ANALYZE) deliveries, delivery_heads, events")
        connection.execute("CHECKPOINT")


def forget_outbox(bus: Bus) -> None:
    """Leave nothing to publish: the worker's relay would do it while deliveries are measured."""
    with psycopg.connect(bus.database_url) as connection:
        connection.execute("DELETE FROM outbox")
