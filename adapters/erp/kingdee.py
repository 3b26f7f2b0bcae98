"""Kingdee K3Cloud as a target: one bill per request for parts, brought from saved over submitted to audited.

Asked twice, the ERP makes two bills. So every call first looks for the bill by its number and goes on from where it
stands; a refusal because a step has been done meanwhile is no refusal. A bill that the store cannot fill is voided,
so that nobody audits it after the ticket was told no.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import date, datetime
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.answers.text import readable
from adapters.erp import kingdee_wire as wire
from adapters.erp.kingdee_answers import (
    Bill,
    BillStage,
    KingdeeAnswer,
    kind_of,
    read,
    read_bills,
    read_documents,
    read_login,
    that_counts,
)
from adapters.erp.kingdee_list import bills_of_days, bills_of_numbers
from adapters.erp.kingdee_options import KingdeeOptions
from adapters.erp.kingdee_signing import signed_headers
from adapters.erp.kingdee_wire import KingdeeSettings
from adapters.exchange import SessionLost, Talk, any_answer, masked, status_failure, talk_of, talk_of_probe, unbelieved
from adapters.list_pages import PAGE_WITHIN_S
from adapters.outbound_http import DIRECT, Egress, HttpResponse, OutboundHttp
from adapters.parts_order import PartsOrder
from adapters.shared_login import SharedLogin
from bus.delivery.document_list import ListedDocument
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

CONNECTIONS_MAX: Final = 8
ANSWER_BYTES_MAX: Final = 1024 * 1024
_LOGIN_PAGE: Final = Text("收到登录页面", "a page to log in")
_BILL_BEFORE: Final = Text("修改前的单据还在,请先作废", "a bill from before the edit stands there; void it first")
_NO_BILL: Final = Text("应答称已保存,却没有单据内码", "saved, it says, and names no bill")
_OWN_NUMBERS: Final = Text("ERP 自行编号,请允许外部单号", "the ERP numbers bills itself; allow numbers of ours")
_REFUSED: Final = Text("ERP 未执行", "refused")
_NO_ANSWER: Final = Text("应答不是 ERP 的", "no answer of an ERP")
_COUNTED: Final = frozenset({wire.SAVE, wire.SUBMIT, wire.AUDIT})  # the steps at which stock may be found short

_Answer = KingdeeAnswer | tuple[Bill, ...] | tuple[ListedDocument, ...]
_Reader = Callable[[bytes], _Answer | None]


class _SessionRenewed(Exception):
    """There is a new session; whether the bill was saved in the old one is to be asked."""


class Kingdee:
    """The ERP's store. Calls may run at the same time; they share one login. Meets bus.delivery.target.Target."""

    idempotent = False

    def __init__(
        self, settings: KingdeeSettings, *, egress: Egress = DIRECT, now: Callable[[], datetime] = utc_now
    ) -> None:
        """Bind an account; nothing is sent before the first call."""
        self._settings, self._now = settings, now
        self._http = OutboundHttp(
            headers={"content-type": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            reuse=True,
            cookies=not settings.signed,
            egress=egress,
        )
        self._login = SharedLogin[None]()

    async def send(self, call: Call) -> Effect:
        """Have the parts issued, or learn that the store has none. Re-entrant at every step. Raises DeliveryFailed."""
        wanted, talk = wire.order(call), talk_of(call)
        if call.mended:
            await self._refuse_two_bills(talk, wanted)
        bill = await self._bill(talk, wanted.number)
        while (effect := wire.effect(wanted, bill)) is None:
            bill = await self._step(talk, wanted, bill)
        return effect

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the bill; one that is not at its end is None: `send` goes on with it. Raises DeliveryFailed."""
        wanted = wire.order(call)
        return wire.effect(wanted, await self._bill(talk_of(call), wanted.number))

    async def probe(self, within_s: float) -> None:
        """Log in, and ask for a bill that is not there. Raises DeliveryFailed."""
        await self._ask(talk_of_probe(within_s), wire.QUERY, wire.query(wire.PROBE_NUMBER), read_bills, changes=False)

    def document_number(self, call: Call) -> str:
        """Give the number of a call's bill. Raises DeliveryFailed."""
        return wire.order(call).number

    def documents(self, since: date, until: date) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """List our bills of some days. Raises DeliveryFailed."""
        return bills_of_days(self._page, self._settings, since, until)

    def documents_of(self, numbers: Sequence[str]) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """List the bills of some numbers, in whichever organisation. Raises DeliveryFailed."""
        return bills_of_numbers(self._page, numbers)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _page(self, body: bytes) -> Sequence[ListedDocument]:
        page = await self._ask(talk_of_probe(PAGE_WITHIN_S), wire.QUERY, body, read_documents, changes=False)
        return [one for one in page if isinstance(one, ListedDocument)] if isinstance(page, tuple) else ()

    async def _bill(self, talk: Talk, number: str) -> Bill | None:
        bills = await self._ask(talk, wire.QUERY, wire.query(number), read_bills, changes=False)
        return that_counts(_bills(bills))

    async def _refuse_two_bills(self, talk: Talk, wanted: PartsOrder) -> None:
        """Send no mended copy beside a bill that was made before the edit. Raises DeliveryFailed."""
        others = await self._ask(talk, wire.QUERY, wire.query_others(wanted), read_bills, changes=False)
        if any(bill.stage is not BillStage.VOIDED for bill in _bills(others)):
            raise DeliveryFailed(FailureKind.REJECTED, _BILL_BEFORE)

    async def _step(self, talk: Talk, wanted: PartsOrder, bill: Bill | None) -> Bill | None:
        try:
            return await self._advance(talk, wanted, bill)
        except _SessionRenewed:
            return await self._bill(talk, wanted.number)
        except DeliveryFailed as failure:
            if failure.kind is not FailureKind.REJECTED:
                raise
            renewed_before = talk.renewed
            now = await self._bill(talk, wanted.number)  # an earlier attempt may have come through behind our back
            if now is None and bill is None and talk.renewed and not renewed_before:
                return await self._advance(talk, wanted, None)  # what refused the save was the lost session
            if now is None or (bill is not None and now.stage <= bill.stage):
                raise
            return now

    async def _advance(self, talk: Talk, wanted: PartsOrder, bill: Bill | None) -> Bill:
        match bill:
            case None:
                answer = await self._change(talk, wire.SAVE, wire.save(wanted, self._settings))
                saved = Bill(fid=answer.fid, stage=BillStage.SAVED)
                if answer.short:
                    return Bill(fid="", stage=BillStage.VOIDED)  # a store that is counted at saving: there is no bill
                if not answer.fid:
                    raise DeliveryFailed(FailureKind.UNKNOWN, _NO_BILL)
                if answer.number != wanted.number:
                    await self._void(talk, saved)
                    raise DeliveryFailed(FailureKind.REJECTED, _OWN_NUMBERS)
                return saved
            case Bill(stage=BillStage.SAVED):
                answer = await self._change(talk, wire.SUBMIT, wire.by_id(bill))
                after = BillStage.SUBMITTED
            case _:
                answer = await self._change(talk, wire.AUDIT, wire.by_id(bill))
                after = BillStage.AUDITED
        return await self._void(talk, bill) if answer.short else Bill(fid=bill.fid, stage=after)

    async def _void(self, talk: Talk, bill: Bill) -> Bill:
        if bill.stage is BillStage.SUBMITTED:
            await self._change(talk, wire.UNSUBMIT, wire.by_id(bill))
        await self._change(talk, wire.OPERATION, wire.by_id(bill, operation="Cancel"))
        return Bill(fid=bill.fid, stage=BillStage.VOIDED)

    async def _change(self, talk: Talk, service: str, body: bytes) -> KingdeeAnswer:
        answer = await self._ask(talk, service, body, read, changes=True)
        assert isinstance(answer, KingdeeAnswer)
        return answer

    async def _ask(self, talk: Talk, service: str, body: bytes, read: _Reader, *, changes: bool) -> _Answer:
        """Ask within a session, and once more in a new one. Raises DeliveryFailed; at a save _SessionRenewed.

        A step by a bill's id is refused when it was done already. A second save would make a second bill where it was
        not the ERP itself, but something on the way, that wanted us to log in.
        """
        session = await self._logged_in(talk)
        try:
            return await self._post(talk, service, body, read, changes=changes)
        except SessionLost:
            if talk.renewed:
                raise
            talk.renewed = True
        await self._logged_in(talk, lost=session)
        if service == wire.SAVE:
            raise _SessionRenewed
        return await self._post(talk, service, body, read, changes=changes)

    async def _logged_in(self, talk: Talk, *, lost: int = 0) -> int:
        """Give the session's number; log in if it is the lost one."""
        return (await self._login.session(lambda: self._log_in(talk), talk.deadline, lost=lost)).number

    async def _log_in(self, talk: Talk) -> None:
        if self._settings.signed:
            return
        self._http.forget_cookies()
        await self._post(talk, wire.LOGIN, wire.login(self._settings), read_login, changes=False)

    async def _post(self, talk: Talk, service: str, body: bytes, read: _Reader, *, changes: bool) -> _Answer:
        try:
            return self._judged(await self._exchange(talk, service, body, changes), service, read, changes)
        except DeliveryFailed as failure:
            known = self._settings
            raise masked(failure, known.app_secret, known.app_id, known.acct_id) from None

    async def _exchange(self, talk: Talk, service: str, body: bytes, changes: bool) -> HttpResponse:
        url = self._settings.base_url.rstrip("/") + wire.path(service)
        posted = self._http.post(url, body, talk.trace_headers | self._signature(url), talk.deadline)
        return await any_answer(posted, service, changes=changes)

    def _signature(self, url: str) -> dict[str, str]:
        if not self._settings.signed:
            return {}
        at_s, nonce = int(self._now().timestamp()), token_hex(16)
        return signed_headers(self._settings, urlsplit(url).path, at_s=at_s, nonce=nonce)

    def _judged(self, heard: HttpResponse, service: str, read: _Reader, changes: bool) -> _Answer:
        """Give an answer that is to be believed and no refusal. Raises DeliveryFailed."""
        if heard.status != 200:
            lost = heard.status in (401, 403) or 300 <= heard.status < 400
            of = SessionLost if lost else DeliveryFailed
            raise status_failure(heard, service, changes=changes, now=self._now, of=of)
        answer = None if heard.cut else read(heard.body)
        if answer is None:
            raise unbelieved(heard, service, heard.cut or _NO_ANSWER, changes=changes)
        if not isinstance(answer, KingdeeAnswer) or answer.ok or (answer.short and service in _COUNTED):
            return answer
        named = f" ({', '.join(answer.fields)})" if answer.fields else ""
        kind = kind_of(answer.code, changes=changes)
        # No rule of business refuses a question: words that nobody knows may be those of a lost session.
        maybe_lost = service == wire.QUERY and kind is FailureKind.REJECTED
        failure = SessionLost if answer.lost or maybe_lost else DeliveryFailed
        if maybe_lost and self._settings.signed:
            kind = FailureKind.UNAUTHORIZED  # a signature that is not taken, in words of its own
        raise failure(
            kind,
            f"{_LOGIN_PAGE} at {service}" if answer.page else f"{_REFUSED} at {service}{named}",
            status=200,
            code=str(answer.code) if answer.code >= 0 else "",
            message=answer.words or readable(heard.body),
        )


def _bills(answer: _Answer) -> tuple[Bill, ...]:
    return tuple(one for one in answer if isinstance(one, Bill)) if isinstance(answer, tuple) else ()


def _build(options: KingdeeOptions, secrets: EnvironmentSecrets, services: TargetServices) -> Kingdee:
    return Kingdee(options.settings(secrets), egress=options.egress(secrets, services.now()), now=services.now)


ADAPTER: Final = TargetAdapter(name="kingdee", options=KingdeeOptions, build=_build)
