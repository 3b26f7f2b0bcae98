"""Clocks: this host's against PostgreSQL's, Kafka's, the registry's, the gateway's, and those of programs and hosts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import Final

import httpx2

from bus.alerts.rules.clocks import SKEW_S
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.domain.errors import BusError
from bus.http_client import client_at
from bus.kafka.quorum import controller_clock
from bus.postgres.heartbeats import read_beats
from bus.postgres.pool import connected
from bus.settings import Settings
from bus.tls import cause_of

NAME: Final = "clocks"
MEND: Final = "timedatectl status   # on the host whose clock is wrong; then start its chronyd or systemd-timesyncd"
WATCH_LATE_S: Final = 20.0  # a reading of `watch` is every 10 s, and judged every 5 s
ASKED_S_MAX: Final = 5.0
_HOSTS: Final = """
SELECT host, max(extract(epoch FROM read_at - seen_at)) FROM disks
WHERE origin = 'watch' AND judged_at > now() - interval '1 minute' AND seen_at > now() - interval '1 minute'
GROUP BY host ORDER BY host"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """By how many seconds a clock is ahead of another, and how far that may be wrong either way; None: not to be had.

    `late_s`: by how much such a reading comes late by itself.
    """

    who: str
    than: str = "this host"
    ahead_s: float | None = None
    unsure_s: float = 0.0
    late_s: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """When a question was asked and answered, by this host's clock."""

    began: float = field(default_factory=time)

    def ahead(self, who: str, at: float, *, grain_s: float = 0.0) -> ClockReading:
        """Read a clock that showed `at` at some moment in between, in steps of `grain_s`."""
        ended = time()
        ahead = at + grain_s / 2 - (self.began + ended) / 2
        return ClockReading(who=who, ahead_s=ahead, unsure_s=(ended - self.began + grain_s) / 2)


async def _read(examined: Examined) -> Sequence[ClockReading]:
    settings = examined.settings
    found = await asyncio.gather(
        _postgres(examined),
        _kafka(examined),
        _over_http("registry", settings.schema_registry_url, settings, "schema_registry_ca_file"),
        _over_http("gateway", settings.url, settings, "ca_file"),
    )
    return [*found, *await _others(examined)]


async def _postgres(examined: Examined) -> ClockReading:
    try:
        async with connected(examined.database) as connection:
            asked = _Asked()
            row = await (await connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8")).fetchone()
            assert row is not None
            return asked.ahead("PostgreSQL", float(row[0]))
    except BusError as error:
        return ClockReading(who="PostgreSQL", why=str(error))


async def _kafka(examined: Examined) -> ClockReading:
    try:
        examined.need("kafka_bootstrap")
        clock = await controller_clock(examined.settings)
    except BusError as error:
        return ClockReading(who="Kafka's controller", why=str(error))
    who = f"Kafka's controller {clock.node}"
    if clock.ahead_s is None:
        return ClockReading(who=who, why="Kafka before 3.3 does not say")
    return ClockReading(who=who, ahead_s=clock.ahead_s, unsure_s=clock.took_s / 2 + 0.001)


async def _over_http(who: str, url: str | None, settings: Settings, authorities: str) -> ClockReading:
    if not url:
        return ClockReading(who=who, why=f"{'TICKETBUS_URL' if who == 'gateway' else 'SCHEMA_REGISTRY_URL'} is not set")
    try:
        async with client_at(url, settings, timeout_s=ASKED_S_MAX, authorities=authorities) as http:
            asked = _Asked()
            date = (await http.get("/livez" if who == "gateway" else url)).headers.get("Date")
        return asked.ahead(who, parsedate_to_datetime(date or "").timestamp(), grain_s=1.0)
    except httpx2.HTTPError as error:
        return ClockReading(who=who, why=f"{who} is away: {cause_of(error, authorities)}")
    except BusError as error:
        return ClockReading(who=who, why=str(error))
    except ValueError:
        return ClockReading(who=who, why="its answer has no Date")


async def _others(examined: Examined) -> Sequence[ClockReading]:
    """Read what programs and watches wrote of their own clocks; who is not there is missed by other checks."""
    try:
        async with connected(examined.database) as connection:
            beats = [one for one in await read_beats(connection) if one.lives(examined.now)]
            hosts = await (await connection.execute(_HOSTS)).fetchall()
    except BusError:
        return []  # `_postgres` says so
    programs = {one.host: one.ahead_s for one in sorted(beats, key=lambda each: abs(each.ahead_s))}
    return [
        *(ClockReading(who=f"host {host}", than="PostgreSQL", ahead_s=ahead) for host, ahead in programs.items()),
        *(
            ClockReading(who=f"watch on {host}", than="PostgreSQL", ahead_s=float(ahead), late_s=WATCH_LATE_S)
            for host, ahead in hosts
        ),
    ]


def judge(readings: Sequence[ClockReading]) -> Sequence[Diagnosis]:
    """Judge each clock by what it is off at least. Pure."""
    return [_judged(one) for one in readings]


def _judged(one: ClockReading) -> Diagnosis:
    if one.ahead_s is None:
        return Diagnosis(check=NAME, verdict="unseen", says=f"the clock of {one.who}: {one.why}")
    off = max(0.0, abs(one.ahead_s) - one.unsure_s - (one.late_s if one.ahead_s < 0 else 0.0))
    where = "ahead of" if one.ahead_s > 0 else "behind"
    says = f"{one.who} is {abs(one.ahead_s):.3f} s {where} {one.than}, ± {one.unsure_s + one.late_s:.3f} s"
    evidence = {"ahead_s": round(one.ahead_s, 3), "unsure_s": round(one.unsure_s + one.late_s, 3)}
    if off <= SKEW_S:
        return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)
    says += ": deadlines and signatures are judged wrong"
    return Diagnosis(check=NAME, verdict="wrong", says=says, mend=MEND, evidence=evidence)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
