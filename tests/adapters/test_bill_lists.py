"""Kingdee's and U8's lists of bills over real sockets: whole whatever their pages do, or not at all."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest

from adapters import list_pages
from adapters.erp import kingdee_wire
from adapters.erp.kingdee import Kingdee
from adapters.simulators.kingdee import LOGIN, KingdeeSimulator
from adapters.simulators.kingdee_books import BillKept
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.u8 import LIST, TOKEN, U8Simulator
from adapters.simulators.u8_books import U8BillKept
from adapters.simulators.u8_faults import U8Fault
from adapters.u8 import openapi_wire
from bus.delivery.document_list import DocumentStage, ListedDocument, ListingTarget
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_kingdee import QUERY, call, settings
from tests.adapters.u8_calls import openapi

FIRST, LAST = date(2026, 11, 21), date(2026, 11, 22)
OURS = ["TB" + letter * 20 for letter in "ABCDEFG"]
COUNTED, OPEN, VOIDED = DocumentStage.COUNTED, DocumentStage.OPEN, DocumentStage.VOIDED
# A page that fails so comes at the next try; one that fails so at every try makes the list none.
MAY_PASS = [KingdeeFault.ERROR, KingdeeFault.BUSY, KingdeeFault.RESET, KingdeeFault.CUT_AFTER, KingdeeFault.THROTTLED,
            KingdeeFault.SESSION_LOST, KingdeeFault.SESSION_WORDS, KingdeeFault.LOGIN_REDIRECT]  # fmt: skip
U8_MAY_PASS = [U8Fault.ERROR, U8Fault.BUSY, U8Fault.RESET, U8Fault.CUT_AFTER, U8Fault.THROTTLED, U8Fault.EMPTY,
               U8Fault.TOKEN_EXPIRED, U8Fault.PAGE, U8Fault.PAGE_MOVES, U8Fault.PAGE_REPEATS]  # fmt: skip


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_pages, "RETRY_AFTER_S_MAX", 0.0)
    monkeypatch.setattr(openapi_wire, "LISTED_PER_PAGE", 3)
    monkeypatch.setattr(kingdee_wire, "PAGE_ROWS", 3)


async def read(pages: AsyncGenerator[Sequence[ListedDocument], None]) -> list[ListedDocument]:
    return [one async for page in pages for one in page]


def kingdee_with(*numbers: str, day: date = LAST, org: str = "100") -> KingdeeSimulator:
    erp = KingdeeSimulator(stock={})
    for number in numbers:
        model = {"FNote": f"T {number}", "FDate": day.isoformat(), "FStockOrgId": {"FNumber": org}}
        bill = BillKept(fid=next(erp.books._fids), number=number, lines=[], status="C", model=model)
        erp.books.bills.append(bill)
    return erp


@asynccontextmanager
async def listing(erp: U8Simulator, **own: Any) -> AsyncIterator[ListingTarget]:
    async with openapi(erp, **own) as target:
        assert isinstance(target, ListingTarget)
        yield target


def u8_with(*numbers: str, day: date = LAST) -> U8Simulator:
    erp = U8Simulator(stock={}, queue_s=0)
    erp.books.bills += [
        U8BillKept(number=number, note=f"T {number}", lines=[], head={"date": day.isoformat()}, audited=True)
        for number in numbers
    ]
    return erp


async def test_bill_lists_kingdee_gives_our_bills_of_the_days_each_once_with_its_stage() -> None:
    erp = kingdee_with(*OURS, "TB-1", "QTCK000001", "TB" + "1" * 20)
    erp.books.bills[0].status, erp.books.bills[1].voided, erp.books.bills[2].model = "B", True, {
        **erp.books.bills[2].model, "FDate": "2026-11-23", "FNote": None,
    }  # fmt: skip
    erp.books.page_rows = 2  # fewer than asked for
    async with erp.serving():
        target = Kingdee(settings(erp))
        assert isinstance(target, ListingTarget)
        listed = await read(target.documents(FIRST, LAST))
        assert [(one.number, one.stage) for one in listed] == [
            (OURS[0], OPEN), (OURS[1], VOIDED), *((number, COUNTED) for number in OURS[3:]),
        ]  # fmt: skip
        assert (listed[2].own_id, listed[2].note, listed[2].day) == ("100004", f"T {OURS[3]}", LAST)
        assert target.document_number(call()).startswith("TB")
        [by_number] = await read(target.documents_of([OURS[2], "TB" + "Z" * 20]))
        assert (by_number.number, by_number.note, by_number.day) == (OURS[2], "", date(2026, 11, 23))
        await target.close()


async def test_bill_lists_kingdee_lists_the_bills_of_its_own_organisation_alone() -> None:
    erp = kingdee_with(OURS[0], org="200")
    async with erp.serving():
        target = Kingdee(settings(erp))
        assert await read(target.documents(FIRST, LAST)) == []
        assert len(await read(target.documents_of(OURS[:1]))) == 1
        await target.close()


@pytest.mark.parametrize("fault", MAY_PASS)
async def test_bill_lists_kingdee_a_page_that_fails_is_asked_for_again(fault: KingdeeFault) -> None:
    erp, asked = kingdee_with(*OURS), 0
    async with erp.serving():
        target = Kingdee(settings(erp))
        listed = list[str]()
        async for page in target.documents(FIRST, LAST):
            erp.fail(fault, times=1, only=(QUERY,))  # also the session is lost between two pages
            listed += [one.number for one in page]
            asked += 1
        assert (listed, asked) == (OURS, 3)
        await target.close()


@pytest.mark.parametrize(
    "fault", [KingdeeFault.ERROR, KingdeeFault.REFUSED, KingdeeFault.PAGE, KingdeeFault.PAGE_REPEATS]
)
async def test_bill_lists_kingdee_a_list_that_does_not_come_whole_is_none(fault: KingdeeFault) -> None:
    erp = kingdee_with(*OURS)
    async with erp.serving():
        target = Kingdee(settings(erp))
        erp.fail(fault, only=(QUERY,))
        with pytest.raises(DeliveryFailed):
            await read(target.documents(FIRST, LAST))
        erp.heal()
        erp.fail(KingdeeFault.UNAUTHORIZED, only=(LOGIN,))
        erp.books.forget_sessions()
        with pytest.raises(DeliveryFailed):
            await read(target.documents_of(OURS))
        await target.close()


async def test_bill_lists_u8_gives_our_bills_of_the_days_with_numbers_as_texts() -> None:
    erp = u8_with(*OURS, "0000000001", "TBPROBE")
    erp.books.bills[0].audited = False
    erp.books.bills[1].head = {"date": "2026-11-23"}
    async with erp.serving(), listing(erp) as target, listing(erp, verify=False) as unaudited:
        listed = await read(target.documents(FIRST, LAST))
        assert [(one.number, one.stage) for one in listed] == [
            (OURS[0], OPEN), *((number, COUNTED) for number in OURS[2:]),
        ]  # fmt: skip
        [by_number] = await read(target.documents_of([OURS[1], "TB" + "Z" * 20]))
        assert (by_number.note, by_number.day) == (f"T {OURS[1]}", date(2026, 11, 23))
        assert {one.stage for one in await read(unaudited.documents(FIRST, LAST))} == {COUNTED}
        assert await read(target.documents(FIRST, FIRST)) == []


@pytest.mark.parametrize("fault", U8_MAY_PASS)
async def test_bill_lists_u8_a_page_that_fails_or_moves_is_asked_for_again(fault: U8Fault) -> None:
    erp = u8_with(*OURS)
    async with erp.serving(), listing(erp) as target:
        await read(target.documents_of([]))
        erp.fail(fault, times=2 if fault in (U8Fault.PAGE_MOVES, U8Fault.PAGE_REPEATS) else 1, only=(LIST,))
        assert [one.number for one in await read(target.documents(FIRST, LAST))] == OURS


@pytest.mark.parametrize(
    "fault",
    [U8Fault.ERROR, U8Fault.REFUSED, U8Fault.NOT_ONLINE, U8Fault.PAGE_MOVES, U8Fault.PAGE_REPEATS, U8Fault.REPEATED],
)
async def test_bill_lists_u8_a_list_that_does_not_come_whole_is_none(fault: U8Fault) -> None:
    erp = u8_with(*OURS)
    async with erp.serving(), listing(erp) as target:
        erp.fail(fault, only=(LIST,))
        with pytest.raises(DeliveryFailed):
            await read(target.documents(FIRST, LAST))


async def test_bill_lists_u8_the_bills_of_others_are_no_answer_to_a_number() -> None:
    erp = u8_with(*OURS)
    async with erp.serving(), listing(erp) as target:
        erp.fail(U8Fault.UNFILTERED, only=(LIST,))
        with pytest.raises(DeliveryFailed, match="the list is of other bills"):
            await read(target.documents_of(OURS[:1]))
        erp.heal()
        erp.fail(U8Fault.NOT_ONLINE, only=(TOKEN,))
        erp.books.forget_tokens()
        with pytest.raises(DeliveryFailed):
            await read(target.documents_of(OURS[:1]))
