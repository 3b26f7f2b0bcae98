"""Deliveries to SAP S/4 on a real database, whose look-ups show documents late: none is lost and none posted twice."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from adapters.sap.adapter import SapS4
from adapters.simulators.sap import LOOKUP, POST, SapSimulator
from adapters.simulators.sap_faults import SapFault
from bus.delivery import queue
from bus.delivery.queue import NewDelivery
from bus.domain.batch import Accepted, CommandResult, Outcome
from bus.domain.commands import IssueParts, Request
from bus.domain.events import PartsRequested
from bus.domain.terms import EventId, TicketId
from bus.domain.values import Part
from bus.postgres.pool import connected
from tests.adapters.sap_systems import settings
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import delivery_workers, utc_now
from tests.schemas.codecs import recorded

LAG_S, SETTLES_S = 1.5, 2.0
FAULTS = (
    SapFault.HANG_AFTER, SapFault.HANG, SapFault.CUT_AFTER, SapFault.EMPTY_AFTER, SapFault.ERROR_AFTER, SapFault.ERROR,
    SapFault.RESET_AFTER, SapFault.ANOTHER_AFTER, SapFault.NO_YEAR_AFTER, SapFault.LOCKED, SapFault.STALE_CSRF,
)  # fmt: skip
ASKED = PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=1),), reason="")


async def ask_for_parts(delivery_queue: DeliveryQueue, tickets: Sequence[str]) -> None:
    """Let a request for parts of each ticket wait for the ERP."""
    events = [
        recorded(ASKED, event_id=EventId(UUID(int=number)), ticket_id=TicketId(ticket))
        for number, ticket in enumerate(tickets)
    ]
    await delivery_queue.hold_recorded(*events)
    async with connected(delivery_queue.pool) as connection:
        rows = [NewDelivery(target=ERP, ticket_id=one.ticket_id, version=one.version) for one in events]
        await queue.add(connection, rows, utc_now())


async def test_lagging_target_an_empty_look_up_is_no_proof_and_each_request_is_issued_once(
    delivery_queue: DeliveryQueue,
) -> None:
    erp, tickets, issued = SapSimulator(stock={"PUMP-7": 100}), [f"T{number}" for number in range(16)], Counter[str]()
    erp.books.lag_s = LAG_S
    for fault in FAULTS:
        erp.fail(fault, times=1, only=(POST,))

    async def dispatched(requests: Sequence[Request]) -> Sequence[Outcome]:
        for request in requests:
            assert isinstance(request.command, IssueParts)
            issued[request.command.document_no] += 1
        return [
            Accepted(
                command_id=one.command_id,
                ticket_id=TicketId(""),
                trace_id=one.trace_id,
                answer=CommandResult.CHANGED,
                version=2,
                repeated=False,
            )
            for one in requests
        ]

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE NOT parked")

    async with erp.serving():
        target = SapS4(settings(erp), lookup_settles_s=SETTLES_S)
        within = timedelta(milliseconds=600)
        async with delivery_workers(delivery_queue.pool, target, dispatch=dispatched, attempt_timeout=within):
            await ask_for_parts(delivery_queue, tickets)
            await eventually(settled)
        await target.close()
    assert len(erp.books.documents) == len(tickets) == len({one.reference for one in erp.books.documents})
    assert issued == Counter(f"{one.number}/{one.year}" for one in erp.books.documents)
    assert await delivery_queue.rows("SELECT 1 FROM letters") == []
    assert erp.calls.count(LOOKUP) > erp.calls.count(POST) > len(tickets)
