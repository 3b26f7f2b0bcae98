"""Deliveries to 纷享销客 on a real database: it shows records late, makes each it is asked for, and none is twice."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from adapters.simulators.fxiaoke import CREATE as CREATE_STEP
from adapters.simulators.fxiaoke import QUERY, TOKEN
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.delivery import queue
from bus.delivery.queue import NewDelivery
from bus.domain.terms import EventId, TicketId
from bus.postgres.pool import connected
from tests.adapters.fxiaoke_calls import FOLLOW_UP, KEY, NOTE, simulated, target
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import delivery_workers, utc_now
from tests.schemas.codecs import recorded

LAG_S, SETTLES_S = 0.6, 0.9
TICKETS = [f"T{number}" for number in range(16)]
FAULTS = (
    FxiaokeFault.HANG_AFTER,
    FxiaokeFault.HANG,
    FxiaokeFault.CUT_AFTER,
    FxiaokeFault.EMPTY,
    FxiaokeFault.ERROR_AFTER,
    FxiaokeFault.ERROR,
    FxiaokeFault.RESET_AFTER,
    FxiaokeFault.FOREIGN,
    FxiaokeFault.SYSTEM_ERROR_AFTER,
    FxiaokeFault.SYSTEM_BUSY,
    FxiaokeFault.TOKEN_EXPIRED,
    FxiaokeFault.ENDLESS,
    FxiaokeFault.GBK,
)
ASKING = (FxiaokeFault.FOREIGN, FxiaokeFault.UNFILTERED, FxiaokeFault.SINGLE, FxiaokeFault.CUT_AFTER)


async def test_fxiaoke_deliveries_each_note_is_one_record(delivery_queue: DeliveryQueue) -> None:
    crm = simulated()
    crm.books.lag_s = LAG_S
    for fault in FAULTS:
        crm.fail(fault, times=1, only=(CREATE_STEP,))
    for fault in ASKING:
        crm.fail(fault, times=1, only=(QUERY,))
    events = [
        recorded(NOTE, event_id=EventId(UUID(int=number)), ticket_id=TicketId(ticket), version=2)
        for number, ticket in enumerate(TICKETS)
    ]

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE NOT parked")

    async with crm.serving(), target(crm, lookup_settles=f"PT{SETTLES_S}S") as built:
        within = timedelta(milliseconds=600)
        async with delivery_workers(delivery_queue.pool, built, attempt_timeout=within):
            await delivery_queue.hold_recorded(*events)
            async with connected(delivery_queue.pool) as connection:
                rows = [NewDelivery(target=ERP, ticket_id=one.ticket_id, version=one.version) for one in events]
                await queue.add(connection, rows, utc_now())
            await eventually(settled)
    made = Counter(one.values[KEY] for one in crm.books.records if one.object == FOLLOW_UP)
    assert (len(made), set(made.values())) == (len(TICKETS), {1})
    assert await delivery_queue.rows("SELECT 1 FROM letters") == []
    assert crm.calls.count(TOKEN) == 2
    assert crm.switched_on == []
    assert crm.books.flows_started == 0
