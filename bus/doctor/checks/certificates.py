"""Certificates: days left of those that brokers, PostgreSQL, registry, gateway and targets show, and of files."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from bus.alerts.alert import Severity
from bus.alerts.rules.expiry import severity_before
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.doctor.places import Place, broker_places, database_places, is_here, url_place
from bus.doctor.tls import shown_certificate
from bus.domain.errors import BusError
from bus.postgres.pool import connected
from bus.programs.targets import targets_config_of

NAME: Final = "certificates"
AT_ONCE: Final = 16
_FILES: Final = """
SELECT used_by, host, ends_at FROM certificates WHERE read_at > now() - interval '1 day' ORDER BY used_by, host"""
_MEND: Final = "replace it: docs/securing.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReading:
    """A certificate, by who shows it; `why`: it could not be read. `plain`: the connection has no TLS."""

    who: str
    now: datetime
    ends_at: datetime | None = None
    tls: str = ""
    why: str = ""
    plain: bool = False
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A server to ask; `place` None: the settings say that there is no TLS."""

    who: str
    place: Place | None
    here: bool = False
    postgresql: bool = False


async def _read(examined: Examined) -> Sequence[CertificateReading]:
    turns, now = asyncio.Semaphore(AT_ONCE), examined.now

    async def asked(one: _Server) -> CertificateReading:
        if one.place is None:
            return CertificateReading(who=one.who, now=now, plain=True, here=one.here)
        async with turns:
            try:
                shown = await shown_certificate(*one.place, postgresql=one.postgresql)
            except OSError as error:  # ssl.SSLError is one
                return CertificateReading(who=one.who, now=now, why=error.strerror or type(error).__name__)
        plain = shown.ends_at is None
        return CertificateReading(
            who=one.who, now=now, ends_at=shown.ends_at, tls=shown.tls, plain=plain, here=one.here
        )

    found = [*await asyncio.gather(*(asked(one) for one in _servers(examined)))]
    try:
        async with connected(examined.database) as connection:
            rows = await (await connection.execute(_FILES)).fetchall()
    except BusError as error:
        return [*found, CertificateReading(who="files of workers", now=now, why=str(error))]
    return [
        *found,
        *(CertificateReading(who=f"{used_by} on {host}", now=now, ends_at=end) for used_by, host, end in rows),
    ]


def _servers(examined: Examined) -> Iterator[_Server]:
    settings = examined.settings
    secured = settings.kafka_security_protocol.endswith("SSL")
    for host, port in broker_places(settings):
        yield _Server(who=f"broker {host}:{port}", place=(host, port) if secured else None, here=is_here(host))
    for host, port in database_places(settings) if settings.database_url else ():
        if not host.startswith("/"):
            yield _Server(who=f"PostgreSQL {host}:{port}", place=(host, port), here=is_here(host), postgresql=True)
    for who, url in (("registry", settings.schema_registry_url), ("gateway", settings.url), *_targets(examined)):
        if url:
            yield _Server(who=who, place=url_place(url), here=is_here(urlsplit(url).hostname or ""))


def _targets(examined: Examined) -> Iterator[tuple[str, str]]:
    """Name the addresses in the targets' options; a file that cannot be read is said by the check `settings`."""
    try:
        targets = targets_config_of(examined.settings).targets
    except BusError:
        return
    for name, target in targets.items():
        options: BaseModel = target.options
        for option, value in options:
            if str(value).startswith(("https://", "http://")):
                yield f"target {name} ({option})", str(value)


def judge(readings: Sequence[CertificateReading]) -> Sequence[Diagnosis]:
    """Judge each by the time that is left, and say which connections have no TLS at all. Pure."""
    return [_judged(one) for one in readings]


def _judged(one: CertificateReading) -> Diagnosis:
    if one.why:
        return Diagnosis(check=NAME, verdict="unseen", says=f"{one.who}: {one.why}", mend="see the check `reach`")
    if one.plain and one.here:
        return Diagnosis(check=NAME, verdict="ok", says=f"{one.who}: no TLS, on this host alone")
    if one.ends_at is None:
        says = f"{one.who}: no TLS; whoever is on the way reads and changes what passes"
        return Diagnosis(check=NAME, verdict="note", says=says, mend="docs/securing.md")
    left = one.ends_at - one.now
    days = left / timedelta(days=1)
    at, span = f"{one.ends_at:%Y-%m-%d %H:%M} UTC", f"{abs(days):.1f} days"
    says = f"{one.who}: the certificate {f'ends {at}, in {span}' if days > 0 else f'ended {at}, {span} ago'}"
    evidence = {"days_left": round(days, 1), "tls": one.tls or None}
    match severity_before(left):
        case None:
            return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)
        case Severity.P3:
            return Diagnosis(check=NAME, verdict="note", says=says, mend=_MEND, evidence=evidence)
        case _:
            return Diagnosis(check=NAME, verdict="wrong", says=says, mend=_MEND, evidence=evidence)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
