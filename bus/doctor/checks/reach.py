"""The parts: whether PostgreSQL, Kafka, the registry and the gateway answer, and in what time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import httpx2

from bus.doctor.diagnosis import CannotLook, Check, Diagnosis, Examined
from bus.domain.errors import BusError
from bus.http_client import client_at
from bus.kafka.clients import touch
from bus.postgres.pool import connected
from bus.schema_registry import RegistryUnavailable, asked, registry_of
from bus.settings import SettingsInvalid, mask_password
from bus.tls import cause_of

NAME: Final = "reach"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReading:
    """How a part answered: within `took_s`, or `why` it did not; `asked`: whether its address is known."""

    part: str
    variable: str
    took_s: float = 0.0
    why: str = ""
    asked: bool = True


async def _read(examined: Examined) -> Sequence[PartReading]:
    parts: Sequence[tuple[str, str, Callable[[Examined], Awaitable[None]]]] = (
        ("PostgreSQL", "DATABASE_URL", _postgres),
        ("Kafka", "KAFKA_BOOTSTRAP", _kafka),
        ("registry", "SCHEMA_REGISTRY_URL", _registry),
        ("gateway", "TICKETBUS_URL", _gateway),
    )
    return await asyncio.gather(*(_asked(part, variable, ask, examined) for part, variable, ask in parts))


async def _asked(part: str, variable: str, ask: Callable[[Examined], Awaitable[None]], to: Examined) -> PartReading:
    began = monotonic()
    try:
        await ask(to)
    except CannotLook as error:
        return PartReading(part=part, variable=variable, why=str(error), asked=False)
    except (BusError, SettingsInvalid, OSError) as error:
        return PartReading(part=part, variable=variable, why=mask_password(str(error)))
    return PartReading(part=part, variable=variable, took_s=monotonic() - began)


async def _postgres(examined: Examined) -> None:
    async with connected(examined.database) as connection:
        await connection.execute("SELECT 1")


async def _kafka(examined: Examined) -> None:
    examined.need("kafka_bootstrap")
    await touch(examined.settings)


async def _registry(examined: Examined) -> None:
    registry = registry_of(examined.settings)
    if registry is None:
        raise CannotLook("SCHEMA_REGISTRY_URL is not set")
    async with registry.client() as http:
        if await asked(http, "/schemas/types", kind=list) is None:
            raise RegistryUnavailable("what answers there is no schema registry: it has no /schemas/types")


async def _gateway(examined: Examined) -> None:
    try:
        async with client_at(examined.need("url"), examined.settings, timeout_s=10) as http:
            answer = await http.get("/readyz")
    except httpx2.HTTPError as error:
        raise BusError(f"it is away: {cause_of(error, 'ca_file')}") from error
    content = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
    down = sorted(name for name, state in content.items() if state == "down")
    if answer.status_code != 200 or down:
        raise BusError(f"/readyz answers {answer.status_code}" + (f", down: {', '.join(down)}" if down else ""))


def judge(readings: Sequence[PartReading]) -> Sequence[Diagnosis]:
    """Judge each part. Pure."""
    return [_judged(one) for one in readings]


def _judged(one: PartReading) -> Diagnosis:
    if not one.asked:
        mend = f"export {one.variable}=…"
        return Diagnosis(check=NAME, verdict="unseen", says=f"{one.part}: {one.why}", mend=mend)
    if one.why:
        mend = f"start it, or mend {one.variable}; `ticketbus settings` shows what is set"
        return Diagnosis(check=NAME, verdict="wrong", says=f"{one.part}: {one.why}", mend=mend)
    says = f"{one.part} answers in {1000 * one.took_s:.0f} ms"
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence={"took_s": round(one.took_s, 3)})


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
