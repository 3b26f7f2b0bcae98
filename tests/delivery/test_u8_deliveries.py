"""Deliveries to a U8 on a real database that queues bills for long and repeats each it is asked for: none is twice."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from adapters.simulators.u8 import ADD, EAI_ADD, RESULT, VERIFY, U8Simulator
from adapters.simulators.u8_faults import U8Fault
from bus.delivery.target import Target
from bus.domain.batch import Accepted, CommandResult, Outcome
from bus.domain.commands import IssueParts, Request
from bus.domain.terms import TicketId
from tests.adapters.u8_calls import eai, openapi
from tests.bus_under_test import eventually
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import delivery_workers
from tests.delivery.test_lagging_target import ask_for_parts

Interface = Callable[..., AbstractAsyncContextManager[Target]]
QUEUED_S, SETTLES_S = 0.5, 0.9
FAULTS = (
    U8Fault.HANG_AFTER, U8Fault.CUT_AFTER, U8Fault.ERROR_AFTER, U8Fault.ERROR, U8Fault.RESET_AFTER, U8Fault.FOREIGN,
    U8Fault.RUNNING, U8Fault.IN_USE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("interface", "failing", "steps"),
    [(openapi, (ADD, RESULT, VERIFY), {"made", "audited"}), (eai, (EAI_ADD,), {"made"})],
)
async def test_u8_deliveries_each_request_is_issued_by_one_bill(
    delivery_queue: DeliveryQueue, interface: Interface, failing: Sequence[str], steps: set[str]
) -> None:
    erp, tickets, issued = U8Simulator(stock={"PUMP-7": 100}), [f"T{number}" for number in range(12)], Counter[str]()
    erp.queue_s, erp.books.takes_repeats = QUEUED_S, True
    for fault in FAULTS:
        for step in failing:
            erp.fail(fault, times=1, only=(step,))

    async def dispatched(requests: Sequence[Request]) -> Sequence[Outcome]:
        for request in requests:
            assert isinstance(request.command, IssueParts)
            issued[request.command.document_no] += 1
        return [_accepted(one) for one in requests]

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE NOT parked")

    async with erp.serving(), interface(erp, lookup_settles=f"PT{SETTLES_S}S") as target:
        within = timedelta(milliseconds=600)
        async with delivery_workers(delivery_queue.pool, target, dispatch=dispatched, attempt_timeout=within):
            await ask_for_parts(delivery_queue, tickets)
            await eventually(settled)
    assert Counter(bill.number for bill in erp.books.bills) == issued
    assert [*issued.values()] == [1] * len(tickets)
    assert {step for bill in erp.books.bills for step in bill.steps} == steps
    assert await delivery_queue.rows("SELECT 1 FROM letters") == []
    assert erp.faults.names == []


def _accepted(request: Request) -> Outcome:
    return Accepted(
        command_id=request.command_id,
        ticket_id=TicketId(""),
        trace_id=request.trace_id,
        answer=CommandResult.CHANGED,
        version=2,
        repeated=False,
    )
