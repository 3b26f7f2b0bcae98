"""U8 OpenAPI as a target: one other-out bill per request for parts, added and then audited.

Whether U8 takes a bill twice under one `biz_id` was not seen first-hand. So every call first looks for the bill by its
number and goes on from where it stands, and after an end that nobody knows a look-up that finds nothing proves nothing
until what U8 has queued must be done.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.exchange import Talk, after_change, talk_of, talk_of_probe
from adapters.list_pages import PAGE_WITHIN_S
from adapters.outbound_http import DIRECT, Egress
from adapters.parts_order import PartsOrder
from adapters.u8 import openapi_wire as wire
from adapters.u8.bill import BILL_BEFORE, OWN_NUMBERS, PROBE_NUMBER, U8Bill, issued, note_of, order_of, refused
from adapters.u8.openapi_answers import BillPage, bill_of, read_page
from adapters.u8.openapi_list import ENDLESS, FOREIGN, bills_of_days, bills_of_numbers
from adapters.u8.openapi_session import OpenApiSession, refusal
from adapters.u8.options import OpenApiSettings, U8OpenApiOptions
from adapters.u8.words import NO_ANSWER, REFUSED, U8Says, kind_of
from bus.delivery.document_list import ListedDocument
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

_PAGES_MAX: Final = 40
_MADE_NOTHING: Final = Text("应答称已保存,却没有单据", "saved, it says, and names no bill")
_SHORT_AT_AUDIT: Final = Text(
    "审核时库存不足,单据已保存未审核;补足库存,或删除单据后重试",
    "short of stock at the audit, and the bill is saved: fill the stock, or delete the bill, then retry",
)


class U8OpenApi:
    """U8's store. Calls may run at the same time; they share one token. Meets bus.delivery.target.Target."""

    idempotent = False

    def __init__(
        self,
        settings: OpenApiSettings,
        *,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Bind an account; nothing is sent before the first call. `clock` counts the seconds of a token."""
        self._settings, self.lookup_settles_s = settings, settings.lookup_settles_s
        self._session = OpenApiSession(settings, egress=egress, now=now, clock=clock)

    async def send(self, call: Call) -> Effect:
        """Have the parts issued, or learn that the store has none. Re-entrant at every step. Raises DeliveryFailed."""
        wanted, talk = order_of(call), talk_of(call)
        if call.mended:
            await self._refuse_two_bills(talk, wanted)
        bill = await self._bill(talk, wanted.number) or await self._add(talk, wanted, call.copy_key or call.key)
        if bill is None:
            return refused(wanted)
        if self._settings.verify and not bill.audited:
            await self._audit(talk, wanted.number)
        return issued(wanted)

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the bill; one that is not audited is None: `send` goes on with it. Raises DeliveryFailed."""
        wanted = order_of(call)
        bill = await self._bill(talk_of(call), wanted.number)
        return issued(wanted) if bill and (bill.audited or not self._settings.verify) else None

    async def probe(self, within_s: float) -> None:
        """Get a token, and ask for a bill that is not there. Raises DeliveryFailed."""
        await self._bill(talk_of_probe(within_s), PROBE_NUMBER)

    def document_number(self, call: Call) -> str:
        """Give the number of a call's bill. Raises DeliveryFailed."""
        return order_of(call).number

    def documents(self, since: date, until: date) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """List our bills of some days. Raises DeliveryFailed."""
        return bills_of_days(self._page, since, until, verified=self._settings.verify)

    def documents_of(self, numbers: Sequence[str]) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """List the bills of some numbers. Raises DeliveryFailed."""
        return bills_of_numbers(self._page, numbers, verified=self._settings.verify)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._session.close()

    async def _bill(self, talk: Talk, number: str) -> U8Bill | None:
        rows = await self._rows(talk, lambda page: wire.by_number(number, page))
        bill = bill_of(rows, number)
        if bill is None and rows:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{FOREIGN} at {wire.LIST}")
        return bill

    async def _refuse_two_bills(self, talk: Talk, wanted: PartsOrder) -> None:
        """Send no mended copy beside a bill that was made before the edit. Raises DeliveryFailed."""
        note = note_of(wanted)
        rows = await self._rows(talk, lambda page: wire.by_note(note, page))
        if any(row.get("memory") == note and bill_of([row], wanted.number) is None for row in rows):
            raise DeliveryFailed(FailureKind.REJECTED, BILL_BEFORE)

    async def _rows(self, talk: Talk, asked: Callable[[int], Mapping[str, str]]) -> Sequence[Mapping[str, Any]]:
        """Read a list to its last page: a part of it is none. Raises DeliveryFailed."""
        rows = list[Mapping[str, Any]]()
        for number in range(1, _PAGES_MAX + 1):
            page = await self._page(asked(number), talk)
            rows += page.rows
            if number >= page.pages:
                return rows
        raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{ENDLESS} at {wire.LIST}")

    async def _page(self, asked: Mapping[str, str], talk: Talk | None = None) -> BillPage:
        """Read a page of a list. Raises DeliveryFailed."""
        answer = await self._session.ask(talk or talk_of_probe(PAGE_WITHIN_S), wire.LIST, asked)
        page = read_page(answer)
        if page is not None:
            return page
        if answer.ok:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{NO_ANSWER} at {wire.LIST}", status=200)
        raise refusal(answer, wire.LIST, changes=False)

    async def _add(self, talk: Talk, wanted: PartsOrder, biz_id: str) -> U8Bill | None:
        """Make the bill; None when the store has not enough. Raises DeliveryFailed."""
        parameters = wire.adding(self._settings, biz_id)
        answer = await self._session.ask(talk, wire.ADD, parameters, wire.bill(self._settings, wanted))
        queued = answer.later
        if queued:
            answer = await self._session.result(talk, answer.url)
        if answer.ok:
            if not answer.made:
                raise DeliveryFailed(FailureKind.UNKNOWN, f"{_MADE_NOTHING} at {wire.ADD}", status=200)
            if self._settings.verify:
                return U8Bill(audited=False)  # the audit finds it by this number, or not
            if bill := await after_change(self._bill(talk, wanted.number)):
                return bill
            raise DeliveryFailed(FailureKind.REJECTED, OWN_NUMBERS)
        if answer.about is U8Says.SHORT:
            return None
        if answer.about is U8Says.THERE_ALREADY and (bill := await after_change(self._bill(talk, wanted.number))):
            return bill
        # Of what is queued only a refusal for good says that it will not be made.
        unsure = queued and kind_of(answer.about, changes=True) is not FailureKind.REJECTED
        raise refusal(answer, wire.ADD, changes=True, kind=FailureKind.UNKNOWN if unsure else None)

    async def _audit(self, talk: Talk, number: str) -> None:
        """Audit the bill. Raises DeliveryFailed; a refusal because it is audited already is none."""
        answer = await self._session.ask(talk, wire.VERIFY, {}, wire.audit(number))
        if answer.ok:
            if answer.bare:
                return
            raise DeliveryFailed(FailureKind.UNKNOWN, f"{NO_ANSWER} at {wire.VERIFY}", status=200)
        why = REFUSED
        if kind_of(answer.about, changes=True) is FailureKind.REJECTED:
            bill = await after_change(self._bill(talk, number))  # an earlier attempt may have come through
            if bill and bill.audited:
                return
            why = OWN_NUMBERS if bill is None else _SHORT_AT_AUDIT if answer.about is U8Says.SHORT else REFUSED
        raise refusal(answer, wire.VERIFY, changes=True, why=why)


def _build(options: U8OpenApiOptions, secrets: EnvironmentSecrets, services: TargetServices) -> U8OpenApi:
    return U8OpenApi(options.settings(secrets), egress=options.egress(secrets, services.now()), now=services.now)


ADAPTER: Final = TargetAdapter(name="u8-openapi", options=U8OpenApiOptions, build=_build)
