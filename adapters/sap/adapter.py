"""SAP S/4 as a target: one goods issue per request for parts, found again by its reference.

Asked twice, SAP issues twice. So each call first looks for a document with the call's reference. After a call whose end
is unknown, a look-up that finds nothing proves nothing: SAP shows a document only some time after it is there
(`lookup_settles_s`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.exchange import any_answer, masked
from adapters.outbound_http import DIRECT, Deadline, Egress, OutboundHttp
from adapters.parts_order import PartsOrder
from adapters.sap import judge, wire
from adapters.sap.answers import MaterialDocument
from adapters.sap.judge import RefusedBySap
from adapters.sap.options import SapOptions
from adapters.sap.session import SapSession, SapTalk
from adapters.sap.wire import SapSettings
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

CONNECTIONS_MAX: Final = 8
ANSWER_BYTES_MAX: Final = 1024 * 1024
_DOCUMENT_BEFORE: Final = Text(
    "修改前的物料凭证还在,请先冲销", "a document from before the edit stands there; reverse it first"
)


class SapS4:
    """SAP's store. Calls may run at the same time. Meets bus.delivery.target.Target."""

    idempotent = False

    def __init__(
        self,
        settings: SapSettings,
        *,
        lookup_settles_s: float,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Bind an account; nothing is sent before the first call."""
        self.lookup_settles_s = lookup_settles_s
        self._settings, self._now = settings, now
        self._http = OutboundHttp(
            headers={"accept": "application/json", "accept-language": "zh-CN, en;q=0.5"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )
        self._session = SapSession(settings, self._http, now)

    async def send(self, call: Call) -> Effect:
        """Have the parts issued, or learn that the store has not enough. Raises DeliveryFailed."""
        wanted, talk = wire.order(call), _talk(call)
        found = await self._found(talk, wanted)
        if found is not None:
            return wire.issued(wanted, found)
        if call.mended:
            await self._refuse_two_documents(talk, wanted)
        try:
            return wire.issued(wanted, await self._issue(talk, wanted, call))
        except RefusedBySap as refusal:
            # An earlier attempt may have come through behind our back: what it took is why there is none left.
            found = await self._found(talk, wanted)
            if found is not None:
                return wire.issued(wanted, found)
            if refusal.short:
                return wire.refused(wanted)
            raise

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the document. Raises DeliveryFailed."""
        wanted = wire.order(call)
        found = await self._found(_talk(call), wanted)
        return None if found is None else wire.issued(wanted, found)

    async def probe(self, within_s: float) -> None:
        """Log in, and look for a document that is not there. Raises DeliveryFailed."""
        talk = SapTalk(trace_headers={}, deadline=Deadline.after(within_s))
        await self._documents(talk, wire.by_reference(wire.PROBE_REFERENCE))

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _found(self, talk: SapTalk, wanted: PartsOrder) -> MaterialDocument | None:
        return judge.own_document(await self._documents(talk, wire.by_reference(wanted.number)), wanted.number)

    async def _refuse_two_documents(self, talk: SapTalk, wanted: PartsOrder) -> None:
        """Send no mended copy beside a document that was made before the edit. Raises DeliveryFailed."""
        documents = await self._documents(talk, wire.by_text(wanted))
        if any(one.text == wire.header_text(wanted) for one in documents):
            raise DeliveryFailed(FailureKind.REJECTED, _DOCUMENT_BEFORE)

    async def _documents(self, talk: SapTalk, wanted: str) -> tuple[MaterialDocument, ...]:
        """List the documents of a filter. Raises DeliveryFailed."""
        with _masked(self._settings):
            asked = self._session.get(wire.lookup_url(self._settings, wanted), talk)
            return judge.listed(await any_answer(asked, judge.LOOKUP, changes=False), self._now())

    async def _issue(self, talk: SapTalk, wanted: PartsOrder, call: Call) -> MaterialDocument:
        """Post the goods issue. Raises DeliveryFailed, RefusedBySap among them."""
        with _masked(self._settings):
            more = wire.repeatability(wanted, call) if self._settings.repeatable else {}
            body = wire.goods_issue(wanted, self._settings)
            posted = self._session.post(wire.post_url(self._settings), body, more, talk)
            answer = await any_answer(posted, judge.POST, changes=True)
            return judge.posted(answer, wanted.number, self._now())


@contextmanager
def _masked(settings: SapSettings) -> Iterator[None]:
    """Mask our secrets in what the other side says."""
    try:
        yield
    except DeliveryFailed as failure:
        raise masked(failure, settings.secret) from None


def _talk(call: Call) -> SapTalk:
    return SapTalk(trace_headers=call.trace_headers, deadline=Deadline.after(call.within_s))


def _build(options: SapOptions, secrets: EnvironmentSecrets, services: TargetServices) -> SapS4:
    return SapS4(
        options.settings(secrets),
        lookup_settles_s=options.lookup_settles.total_seconds(),
        egress=options.egress(secrets, services.now()),
        now=services.now,
    )


ADAPTER: Final = TargetAdapter(name="sap-s4", options=SapOptions, build=_build)
