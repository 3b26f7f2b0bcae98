"""What opening expectations costs the stage of deliveries: its handler with and without them, in turns."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from time import monotonic
from typing import Final

from bench.bus import Bus
from bench.figure import Figure
from bench.seed import seed
from bus.delivery.enqueue_handler import EnqueueHandler
from bus.delivery.targets_config import TargetConfig, TargetsConfig
from bus.intake.dispatch import utc_now
from bus.journey.expectations import ExpectationOpener
from bus.journey.expectations_config import Expectations
from bus.journey.learned_limits import CurrentLimits
from bus.postgres.pool import Pool, connected
from bus.programs.expectations import expectations_of
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from schemas.catalogue import EVENT_NAMES

_EVENTS: Final = 20_000
_BATCH: Final = 2_000
_ROUNDS: Final = 5
_CLEAR: Final = "TRUNCATE deliveries, delivery_heads, delivery_versions, expectations"
_VALUES: Final = "SELECT value FROM events ORDER BY ticket_id, version LIMIT %s"


async def run(bus: Bus) -> list[Figure]:
    """Measure the shipped expectations, and one more that every event has."""
    async with bus.core() as core:
        await seed(core, rows=_EVENTS, published=False)
        values = [value for (value,) in bus.query(_VALUES, _EVENTS)]
        live = [replace(one, historic=False) for one in await core.clear.schemas.events(values)]
        records = [
            Record(topic="t", partition=0, offset=n, key=b"", value=core.codec.encode(one), headers=(), timestamp_ms=0)
            for n, one in enumerate(live)
        ]
        config = TargetsConfig(targets={"erp": TargetConfig(adapter="crm", events=EVENT_NAMES)})
        shipped = expectations_of(core.settings, config)
        listed = shipped["new_ticket_listed"].model_copy(update={"after": EVENT_NAMES})
        plain = EnqueueHandler(events=EventReader(decode=core.codec.decode), config=config, now=utc_now)
        each = {"shipped": shipped, "one of every event": {"listed": listed}}
        return [await _compared(name, core.pool, plain, some, records) for name, some in each.items()]


async def _compared(
    name: str, pool: Pool, plain: EnqueueHandler, expectations: Expectations, records: Sequence[Record]
) -> Figure:
    expecting = replace(plain, expect=ExpectationOpener(limits=CurrentLimits(expectations=expectations)).open)
    bare, ours = list[float](), list[float]()
    for _ in range(_ROUNDS):
        bare.append(await _rate(pool, plain, records))
        ours.append(await _rate(pool, expecting, records))
    value, beside = median(ours), median(bare)
    return Figure(
        name=f"deliveries queued, expectations: {name}",
        value=value,
        unit="events/s",
        against=f"without expectations: {beside:,.0f}/s",
        ratio=value / beside,
        goal="≥ 0.9×" if name == "shipped" else "",
        note="the handler alone, one target; a row of `expectations` is an insert with its key and an index",
    )


async def _rate(pool: Pool, handler: EnqueueHandler, records: Sequence[Record]) -> float:
    async with connected(pool) as connection:
        await connection.execute(_CLEAR.encode())
    began = monotonic()
    for first in range(0, len(records), _BATCH):
        async with connected(pool) as connection:
            await handler.handle(connection, records[first : first + _BATCH])
    return len(records) / (monotonic() - began)
