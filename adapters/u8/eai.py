"""U8's EAI as a target: one other-out bill per request for parts, by XML over HTTP on U8's own server.

EAI repeats a bill when it is asked twice and may number it anew. So every call first asks for the bill by its number;
a bill that is said to be saved is asked for as well. EAI audits nothing: a saved bill counts as issued.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.answers.text import charset
from adapters.exchange import Talk, after_change, masked, talk_of, talk_of_probe, unbelieved, whole_answer
from adapters.outbound_http import DIRECT, Egress, HttpResponse, OutboundHttp
from adapters.parts_order import PartsOrder
from adapters.u8 import eai_xml as xml
from adapters.u8.bill import BILL_BEFORE, OWN_NUMBERS, issued, note_of, order_of, refused
from adapters.u8.eai_xml import EaiBills, EaiReply
from adapters.u8.options import EaiSettings, U8EaiOptions
from adapters.u8.words import ANSWER_BYTES_MAX, CONNECTIONS_MAX, NO_ANSWER, REFUSED, U8Says, kind_of
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

_ADD: Final = "add"
_QUERY: Final = "query"
_FOREIGN: Final = Text("查询结果是其他单据的", "the reply has other bills")
_NOT_WELL: Final = Text("EAI 未返回“正常”", "EAI does not say that it is well")


class U8Eai:
    """U8's store. Meets bus.delivery.target.Target."""

    idempotent = False

    def __init__(
        self, settings: EaiSettings, *, egress: Egress = DIRECT, now: Callable[[], datetime] = utc_now
    ) -> None:
        """Bind a sender; nothing is sent before the first call."""
        self._settings, self._now = settings, now
        self.lookup_settles_s = settings.lookup_settles_s
        self._http = OutboundHttp(
            headers={"content-type": settings.content_type},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )

    async def send(self, call: Call) -> Effect:
        """Have the parts issued, or learn that the store has none. Re-entrant. Raises DeliveryFailed."""
        wanted, talk = order_of(call), talk_of(call)
        if call.mended:
            await self._refuse_two_bills(talk, wanted)
        if await self._is_there(talk, wanted.number):
            return issued(wanted)
        heard = await self._post(talk, _ADD, xml.adding(self._settings, wanted), changes=True)
        reply = xml.read_reply(heard.body, _charset(heard))
        if reply is None:
            raise self._unbelieved(heard, _ADD, changes=True)
        if not reply.ok and reply.about is U8Says.SHORT:
            return refused(wanted)
        if reply.ok or reply.about is U8Says.THERE_ALREADY:
            if await after_change(self._is_there(talk, wanted.number)):
                return issued(wanted)
            if reply.ok:
                raise DeliveryFailed(FailureKind.REJECTED, OWN_NUMBERS)
        raise self._refusal(reply, _ADD, changes=True)

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the bill. Raises DeliveryFailed."""
        wanted = order_of(call)
        return issued(wanted) if await self._is_there(talk_of(call), wanted.number) else None

    async def probe(self, within_s: float) -> None:
        """Read the page that says that EAI is well; a question would leave a file there. Raises DeliveryFailed."""
        talk = talk_of_probe(within_s)
        got = self._http.get(self._settings.url, talk.trace_headers, talk.deadline)
        heard = await whole_answer(got, "GET", changes=False, now=self._now)
        if not xml.is_well(heard.body):
            raise unbelieved(heard, "GET", _NOT_WELL, changes=False)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _is_there(self, talk: Talk, number: str) -> bool:
        bills = await self._bills(talk, xml.by_number(self._settings, number))
        if bills.numbers and not bills.has(number):
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_FOREIGN} at {_QUERY}")
        return bills.has(number)

    async def _refuse_two_bills(self, talk: Talk, wanted: PartsOrder) -> None:
        """Send no mended copy beside a bill that was made before the edit. Raises DeliveryFailed."""
        note = note_of(wanted)
        bills = await self._bills(talk, xml.by_note(self._settings, note))
        if any(
            one == note and not EaiBills(numbers=[number], notes=()).has(wanted.number)
            for number, one in zip(bills.numbers, bills.notes, strict=True)
        ):
            raise DeliveryFailed(FailureKind.REJECTED, BILL_BEFORE)

    async def _bills(self, talk: Talk, question: bytes) -> EaiBills:
        heard = await self._post(talk, _QUERY, question, changes=False)
        match xml.read_bills(heard.body, _charset(heard)):
            case EaiBills() as bills:
                return bills
            case EaiReply() as reply:
                raise self._refusal(reply, _QUERY, changes=False)
            case None:
                raise self._unbelieved(heard, _QUERY, changes=False)

    async def _post(self, talk: Talk, step: str, body: bytes, *, changes: bool) -> HttpResponse:
        posted = self._http.post(self._settings.url, body, talk.trace_headers, talk.deadline)
        try:
            return await whole_answer(posted, step, changes=changes, now=self._now)
        except DeliveryFailed as failure:
            raise masked(failure, self._settings.sender) from None

    def _refusal(self, reply: EaiReply, step: str, *, changes: bool) -> DeliveryFailed:
        kind = kind_of(reply.about, changes=changes)
        failure = DeliveryFailed(kind, f"{REFUSED} at {step}", status=200, code=reply.code, message=reply.words)
        return masked(failure, self._settings.sender)

    def _unbelieved(self, heard: HttpResponse, step: str, *, changes: bool) -> DeliveryFailed:
        return masked(unbelieved(heard, step, NO_ANSWER, changes=changes), self._settings.sender)


def _charset(heard: HttpResponse) -> str:
    return charset(heard.headers.get("content-type", ""), heard.body)


def _build(options: U8EaiOptions, secrets: EnvironmentSecrets, services: TargetServices) -> U8Eai:
    return U8Eai(options.settings(secrets), egress=options.egress(secrets, services.now()), now=services.now)


ADAPTER: Final = TargetAdapter(name="u8-eai", options=U8EaiOptions, build=_build)
