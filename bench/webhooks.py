"""A signed webhook under a map beside the hand-written adapter of the CRM: both open the same tickets."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Final

from adapters.contract_suites.source import delivered
from adapters.crm.adapter import CrmAdapter
from adapters.mapped import versions
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from bench.bus import Bus, until
from bench.figure import Figure, number
from bench.webhook_load import KINDS, ZENDESK_SECRET
from bus.intake.source_adapter import Source
from bus.postgres.pool import in_transaction, open_pool
from tests.bus_under_test import WEBHOOK_SECRET

CLIENTS: Final = 100
ROUNDS: Final = 3  # of each, in turn: what else the machine does meets both
WARM_S, ROUND_S = 2.0, 5.0
_ALONE: Final = 2_000
_SECRETS: Final = {"ZENDESK_WEBHOOK_SECRET": ZENDESK_SECRET}


async def run(bus: Bus) -> list[Figure]:
    """Measure both in turn on one gateway, then proof and translation alone."""
    bus.environment.update(_SECRETS)
    async with open_pool(bus.environment["DATABASE_URL"], size=1) as pool:
        await in_transaction(pool, versions.apply, "zendesk", shipped("zendesk"), by="bench", why="bench")
    bus.start("gateway")
    await bus.ready("/livez")
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(ROUNDS):
        for kind, found in rates.items():
            await _driven(bus, kind, f"warm{turn}", WARM_S)
            found.append((await _driven(bus, kind, f"round{turn}", ROUND_S))["rate"])
    bus.stop("gateway")
    ours, beside = median(rates["zendesk"]), median(rates["crm"])
    mapped, written = _alone("zendesk"), _alone("crm")
    return [
        Figure(
            name=f"webhooks under a map, {CLIENTS} clients",
            value=ours,
            unit="deliveries/s",
            against=f"the CRM's adapter: {number(beside)}/s",
            ratio=ours / beside,
            goal="≥ 0.7×",
            note="both open a ticket each; the map is Zendesk's, and its document twice as long",
        ),
        Figure(
            name="… proof and translation alone",
            value=mapped,
            unit="deliveries/s",
            against=f"the CRM's adapter: {number(written)}/s",
            ratio=mapped / written,
        ),
    ]


def _alone(kind: str) -> float:
    source, made = _source(kind), KINDS[kind](host=b"", token=b"", mark="alone")
    deliveries = [_parted(made.request()) for _ in range(_ALONE)]
    began = time.perf_counter()
    for headers, body in deliveries:
        now = datetime.now(UTC)
        source.translate(delivered(source, body, source.verify(headers, body, now), now))
    return _ALONE / (time.perf_counter() - began)


def _source(kind: str) -> Source:
    makers: Mapping[str, Callable[[], Source]] = {
        "crm": lambda: CrmAdapter([WEBHOOK_SECRET]),
        "zendesk": lambda: MappedSource(read_map(shipped("zendesk")), 1, _SECRETS),
    }
    return makers[kind]()


def _parted(request: bytes) -> tuple[Mapping[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body


async def _driven(bus: Bus, kind: str, mark: str, seconds: float) -> dict[str, float]:
    """Let another process send; every answer must be a ticket opened."""
    command = [sys.executable, "-m", "bench.webhook_load", bus.url, kind, f"{kind}-{mark}", str(CLIENTS), str(seconds)]
    seen = dict[str, float]()

    async def answered() -> bool:
        load = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        async with asyncio.timeout(seconds + 60):
            printed, _ = await load.communicate()
        seen.update(json.loads(printed))
        return seen["opened"] > 0

    await until(answered, within_s=30)  # a gateway takes a map up within a second
    return seen
