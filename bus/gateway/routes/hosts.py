"""Routes of hosts: how they and their disks are, and readings of a `ticketbus watch` that has no way to Kafka."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of, deps_of
from bus.gateway.http.openapi import request_docs
from bus.gateway.http.request_models import Name, NotBlank, RequestModel, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.wire.json_body import read_object
from schemas.messages import HostRead

PATH = "/v1/hosts/readings"
PATHS_MAX = 100
SendReadings = Callable[[Sequence[HostRead]], Awaitable[None]]
"""Have readings acknowledged. Raises KafkaUnavailable."""
Bytes = Annotated[float, Field(ge=0, le=1e18)]
Count = Annotated[int, Field(ge=0, le=2**62)]


class PathReading(RequestModel):
    """The disk that holds a path, as `df` counts, in bytes; `inodes_total` 0: it has no such limit."""

    path: NotBlank
    disk_total_bytes: Bytes
    disk_free_bytes: Bytes
    inodes_total: Count = 0
    inodes_free: Count = 0
    read_only: bool = False


class SendHostReadings(RequestModel):
    """Say how a host is: its name is the client's, the time is the gateway's.

    `role`: broker, database, consumer, or a word of its operator's.
    """

    role: Name = ""
    memory_free_bytes: Bytes = 0.0
    paths: Annotated[list[PathReading], Field(min_length=1, max_length=PATHS_MAX)]


class ReadingsAnswer(TypedDict):
    """The host, and how many of its paths were taken."""

    host: str
    paths: int


class DiskAnswer(TypedDict):
    """A disk as it was last read and judged, in bytes; null: not known. `origin`: who read it.

    `mark`, `inode_mark`: the mark it has reached, empty for none. `silent`: no reading came for a minute.
    `likely_full_at`: when it will be full, by the forecast, and `earliest_full_at` at the earliest.
    """

    host: str
    path: str
    role: str
    origin: Literal["watch", "broker", "database"]
    read_at: datetime
    silent: bool
    clock_ahead: bool
    read_only: bool
    total_bytes: float | None
    free_bytes: float | None
    used_bytes: float
    used_percent: float | None
    memory_free_bytes: float | None
    mark: str
    inode_mark: str
    growth_bytes_a_day: float | None
    earliest_full_at: datetime | None
    likely_full_at: datetime | None


class DiskList(TypedDict):
    """The disks that `ticketbus watch` reads, those that brokers name, and the database's size."""

    disks: list[DiskAnswer]


DisksOf = Callable[[datetime], Awaitable[Sequence[DiskAnswer]]]


def host_routes(send: SendReadings, disks: DisksOf) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def list_disks(http: HttpRequest) -> Response:
        """List them as they were last read and judged."""
        await admit(http, Access.CONSUMERS)
        return json_response({"disks": [*await disks(deps_of(http).now())]})

    about = request_docs(SendHostReadings, PATH, Access.REPORT, keyed=False)
    return [
        reading("/v1/hosts", list_disks, "List hosts and their disks", DiskList),
        HttpRoute(
            method="POST", path=PATH, run=_HostHandlers(send).take_readings, about=about, answers={200: ReadingsAnswer}
        ),
    ]


@dataclass(frozen=True, slots=True)
class _HostHandlers:
    send: SendReadings

    async def take_readings(self, http: HttpRequest) -> Response:
        """Take a host's readings; the last of each path counts, so that none need be kept or repeated."""
        client = await admit(http, Access.REPORT)
        asked = read(SendHostReadings, read_object(body_of(http)))
        await self.send([_reading(one, asked, client.name, deps_of(http).now()) for one in asked.paths])
        return json_response(ReadingsAnswer(host=client.name, paths=len(asked.paths)))


def _reading(one: PathReading, asked: SendHostReadings, host: str, at: datetime) -> HostRead:
    return HostRead(
        host=host,
        read_at=at,
        path=one.path,
        disk_total_bytes=one.disk_total_bytes,
        disk_free_bytes=one.disk_free_bytes,
        memory_free_bytes=asked.memory_free_bytes,
        role=asked.role,
        inodes_total=one.inodes_total,
        inodes_free=one.inodes_free,
        read_only=one.read_only,
    )
