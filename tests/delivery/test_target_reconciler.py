"""A target's list against deliveries in PostgreSQL: bills that are lost, not known here, made twice, or not ours."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.erp.kingdee import Kingdee
from adapters.erp.kingdee_wire import bill_number
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_books import BillKept
from bus.delivery import queue
from bus.delivery.document_list import ListedDocument, ListingTarget
from bus.delivery.known_requests import CALLED_WITHIN, SETTLED_AFTER
from bus.delivery.queue import DeliveryEnd, EndedClaim, NewDelivery
from bus.delivery.target import DeliveryFailed, FailureKind, delivery_key
from bus.delivery.target_reconciler import DocumentsUnavailable, TargetReconciler, TargetReport
from bus.domain.events import PartsIssued, PartsRefused, PartsRequested, Recorded
from bus.domain.terms import EventId, TicketId
from bus.domain.values import Part
from bus.postgres.pool import connected
from tests.adapters.test_kingdee import settings
from tests.delivery.deliveries import ERP, NOW, DeliveryQueue
from tests.schemas.codecs import CODEC, recorded

PARTS = (Part(part_no="PUMP-7", quantity=1),)
LATER = NOW + 2 * CALLED_WITHIN


async def decoded(values: Sequence[bytes]) -> Sequence[Recorded]:
    return [CODEC.decode(one) for one in values]


def request(number: int, *, parts: tuple[Part, ...] = PARTS) -> Recorded:
    """Give a ticket's request for parts, of a ticket of its own."""
    own = {"event_id": EventId(UUID(int=number)), "ticket_id": TicketId(f"T20261122-{number:06d}"), "version": 2}
    return replace(recorded(PartsRequested(request_no=f"PR-{number}", parts=parts, reason=""), **own), occurred_at=NOW)


def parts_of(asked: Recorded) -> PartsRequested:
    assert isinstance(asked.event, PartsRequested)
    return asked.event


def number_of(asked: Recorded, target: str = ERP) -> str:
    return bill_number(delivery_key(asked.event_id, target))


def reconciler(delivery_queue: DeliveryQueue) -> TargetReconciler:
    return TargetReconciler(pool=delivery_queue.pool, events=decoded, now=lambda: LATER)


class Erp:
    """A Kingdee's books, the bus's queue, and what the one has of the other."""

    def __init__(self, queue_: DeliveryQueue) -> None:
        self.queue, self.simulator = queue_, KingdeeSimulator(stock={"PUMP-7": 100})
        self.books = self.simulator.books

    def bill(self, number: str, note: str, *, status: str = "C", day: date = date(2026, 11, 22)) -> BillKept:
        """Let a bill stand in the books."""
        model = {"FNote": note, "FDate": day.isoformat(), "FStockOrgId": {"FNumber": "100"}}
        bill = BillKept(fid=next(self.books._fids), number=number, lines=[], status=status, model=model)
        self.books.bills.append(bill)
        return bill

    async def add(self, *asked: Recorded, target: str = ERP) -> None:
        """Let requests wait."""
        await self.queue.hold_recorded(*asked)
        async with connected(self.queue.pool) as connection:
            rows = [NewDelivery(target=target, ticket_id=one.ticket_id, version=one.version) for one in asked]
            await queue.add(connection, rows, NOW)

    async def done(self, asked: Recorded, *, target: str = ERP, issued: bool | None = True) -> None:
        """Let a request be delivered; the ticket says that it was issued, or refused, or neither."""
        await self.add(asked, target=target)
        number, own = number_of(asked, target), {"ticket_id": asked.ticket_id, "version": 3}
        request_no = parts_of(asked).request_no
        if issued is not None:
            told = PartsIssued(request_no=request_no, document_no=number, parts=PARTS)
            refused = PartsRefused(request_no=request_no, reason="缺货")
            await self.queue.hold_recorded(recorded(told if issued else refused, **own))
        [claim] = await self.queue.claim(target=target)
        async with connected(self.queue.pool) as connection:
            ended = [EndedClaim(claim=claim, how=DeliveryEnd.DONE, reference=number)]
            await queue.settle(connection, target, ended, [], NOW)

    async def reconcile(self, **own: Any) -> TargetReport:
        """Compare the day."""
        async with self.simulator.serving():
            target = Kingdee(replace(settings(self.simulator), **own))
            try:
                since = NOW - timedelta(days=1)
                return await reconciler(self.queue).reconcile(ERP, target, since, LATER)
            finally:
                await target.close()


@pytest.fixture
def erp(delivery_queue: DeliveryQueue) -> Erp:
    return Erp(delivery_queue)


def named(report: TargetReport) -> list[tuple[str, str, str, str]]:
    return [
        (one.kind.value, one.number, one.ticket_id, one.state.value if one.state else "")
        for one in report.found.differences
    ]


def note_of(asked: Recorded) -> str:
    return f"{asked.ticket_id} {parts_of(asked).request_no}"


async def test_target_reconciler_bills_of_delivered_requests_are_equal_whatever_their_day_and_page(erp: Erp) -> None:
    erp.books.page_rows = 2
    for number in range(1, 8):
        asked = request(number)
        await erp.done(asked)
        moved = date(2026, 9, 1) if number == 3 else date(2026, 11, 22)  # an accountant's month
        erp.bill(number_of(asked), note_of(asked), day=moved)
    for signed in (False, True):
        report = await erp.reconcile(signed=signed)
        assert (report.found.known, report.found.not_judged, named(report)) == (7, 0, [])


@pytest.mark.parametrize(
    ("status", "voided", "stage"), [("C", True, "voided"), ("B", False, "open"), ("", False, None)]
)
async def test_target_reconciler_a_bill_that_the_erp_lost_is_missing_there(
    erp: Erp, status: str, voided: bool, stage: str | None
) -> None:
    asked = request(1)
    await erp.done(asked)
    if status:
        erp.bill(number_of(asked), note_of(asked), status=status).voided = voided
    report = await erp.reconcile()
    assert named(report) == [("missing_there", number_of(asked), asked.ticket_id, "issued")]
    assert report.found.differences[0].stage == stage


async def test_target_reconciler_a_bill_of_a_waiting_request_a_letter_or_a_refused_one_is_not_known_here(
    erp: Erp,
) -> None:
    waiting, letter, refused, unclear, fine = (request(number) for number in range(1, 6))
    await erp.done(refused, issued=False)
    await erp.done(unclear, issued=None)
    await erp.done(fine)
    await erp.add(letter)
    [claim] = await erp.queue.claim()
    await erp.queue.failed(claim, parked=True, unsure=True)
    await erp.add(waiting)
    for one in (waiting, letter, refused, unclear, fine):
        erp.bill(number_of(one), note_of(one))
    assert sorted((ticket, state) for _, _, ticket, state in named(await erp.reconcile())) == [
        (waiting.ticket_id, "waiting"), (letter.ticket_id, "letter"), (refused.ticket_id, "refused"),
    ]  # fmt: skip


async def test_target_reconciler_what_is_under_way_or_just_settled_is_not_judged(erp: Erp) -> None:
    fresh, called = request(1), request(2)
    await erp.done(fresh)
    await erp.add(called)
    async with connected(erp.queue.pool) as connection:
        await connection.execute(
            b"UPDATE deliveries SET settled_at = %s WHERE settled_at IS NOT NULL", (LATER - SETTLED_AFTER / 2,)
        )
    assert len(await erp.queue.claim(now=LATER)) == 1
    erp.bill(number_of(called), note_of(called))
    report = await erp.reconcile()
    assert (named(report), report.found.not_judged) == ([], 2)


async def test_target_reconciler_a_mended_copys_bill_beside_the_first_makes_two_of_one_request(erp: Erp) -> None:
    asked, other = request(1), (Part(part_no="PUMP-8", quantity=1),)
    copy = replace(asked, event=replace(parts_of(asked), parts=other))
    await erp.add(asked)
    [claim] = await erp.queue.claim()
    await erp.queue.failed(claim, parked=True)
    async with connected(erp.queue.pool) as connection:
        await connection.execute(b"UPDATE delivery_heads SET edited = %s", (CODEC.encode(copy),))
    mended = bill_number(f"{delivery_key(asked.event_id, ERP)}|{other}")
    for number in (number_of(asked), mended):
        erp.bill(number, note_of(asked))
    kinds = [(kind, state) for kind, _, _, state in named(await erp.reconcile())]
    assert kinds == [("twice", "letter"), ("unknown_here", "letter"), ("unknown_here", "letter")]


async def test_target_reconciler_a_bill_that_no_request_makes_is_not_ours_and_one_of_another_target_is(
    erp: Erp,
) -> None:
    by_old_version, forgotten = request(1), request(2)
    await erp.done(by_old_version, target="erp-old")
    await erp.done(forgotten)
    async with connected(erp.queue.pool) as connection:
        await connection.execute(b"DELETE FROM deliveries WHERE target = %s", (ERP,))
        await connection.execute(b"INSERT INTO delivery_targets (target) VALUES ('erp-old') ON CONFLICT DO NOTHING")
    erp.bill(number_of(by_old_version, "erp-old"), note_of(by_old_version))
    erp.bill(number_of(forgotten), note_of(forgotten))
    foreign = erp.bill("TB" + "A" * 20, "T20261122-000009 PR-9")
    erp.bill("TB-2026-11-001", "people's own")
    erp.bill("QTCK000007", "")
    assert named(await erp.reconcile()) == [("not_ours", foreign.number, "T20261122-000009", "")]
    foreign.voided = True
    assert named(await erp.reconcile()) == []


class Listing(Kingdee):
    """A Kingdee whose list is the test's."""

    pages: Callable[[], AsyncGenerator[Sequence[ListedDocument], None]]

    def documents(self, since: date, until: date) -> AsyncGenerator[Sequence[ListedDocument], None]:
        assert since < until
        return self.pages()


async def test_target_reconciler_a_list_that_does_not_come_or_breaks_judges_nothing(erp: Erp) -> None:
    async def refuses() -> AsyncGenerator[Sequence[ListedDocument], None]:
        yield []
        raise DeliveryFailed(FailureKind.REJECTED, "no", message="电话 13800000009")

    async def breaks() -> AsyncGenerator[Sequence[ListedDocument], None]:
        yield []
        raise KeyError("13800000009")

    await erp.done(request(1))
    target = Listing(settings(erp.simulator))
    assert isinstance(target, ListingTarget)
    for pages, says in ((refuses, "rejected: no"), (breaks, "the adapter failed: KeyError")):
        target.pages = pages
        with pytest.raises(DocumentsUnavailable, match=says) as failed:
            await reconciler(erp.queue).reconcile(ERP, target, NOW - timedelta(days=1), LATER)
        assert "13800000009" not in str(failed.value)
