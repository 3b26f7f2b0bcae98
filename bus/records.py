"""What travels on Kafka beside ticket events: raw requests taken while PostgreSQL is away, and host readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A raw request as it came, to be dispatched when PostgreSQL is back. `client` is who proved to have sent it."""

    delivery_id: str
    source: str
    client: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRead:
    """A sign of life of a host, with the disk that holds the path, and free memory; bytes."""

    host: str
    read_at: datetime
    path: str
    disk_total_bytes: float
    disk_free_bytes: float
    memory_free_bytes: float
