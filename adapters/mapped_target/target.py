"""A system as a target by a map: one request per event, signed, judged by the map, looked up before it is repeated."""

from typing import Any, Final

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.answers.judge import of_question
from adapters.exchange import masked
from adapters.mapped_target.options import MappedTargetOptions
from adapters.mapped_target.proof import signing
from adapters.mapped_target.requests import MappedRequest, MappedRequests, PreparedRequest
from adapters.mapping.event_document import document_of
from adapters.oauth import OAuth, OAuthTokens
from adapters.outbound_http import Deadline, HttpResponse, NoResponse, OutboundHttp
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.domain.ticket import Ticket

ANSWER_BYTES_MAX: Final = 262_144
CONNECTIONS_MAX: Final = 64
_DONE_BEFORE: Final = Text("修改前的请求已在对方生效,请先撤销", "it took effect before the edit; undo it there first")


class MappedTarget:
    """Calls one system as its map has it. An event that no request takes is done without a call."""

    def __init__(self, options: MappedTargetOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the secrets and connect to nothing. Raises ConfigFileInvalid, SettingsInvalid."""
        self._url, self._now, self._ticket_at = options.url, services.now, services.ticket_at
        self._requests = MappedRequests(options)
        self.idempotent = not self._requests.asks_first
        self.lookup_settles_s = max((one.confirm.settles_s for one in options.requests if one.confirm), default=0.0)
        self._sign, self._hidden = signing(options.proof, secrets)
        self._http = OutboundHttp(
            headers={"accept": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            public_only=not options.private_addresses,
            egress=options.egress(secrets, services.now()),
        )
        proof = options.proof
        self._tokens = OAuthTokens(proof, secrets, self._http, self._now) if isinstance(proof, OAuth) else None

    async def send(self, call: Call) -> Effect:
        """Deliver the event. Raises DeliveryFailed; StoreUnavailable, nothing sent, where our own store is away."""
        deadline = Deadline.after(call.within_s)
        request, document = await self._request_of(call)
        if request is None:
            return Effect()
        try:
            if call.mended and request.confirm is not None:
                await self._refuse_two_effects(call, request, document, deadline)
            answer = await self._exchange(call, request.prepared(document), deadline)
            return request.effect(answer, document, self._now())
        except DeliveryFailed as failure:
            raise self._masked(failure) from None

    async def confirm(self, call: Call) -> Effect | None:
        """Ask whether an earlier attempt took effect; None where it did not, or where nothing is to be asked.

        Raises as `send` does.
        """
        deadline = Deadline.after(call.within_s)
        request, document = await self._request_of(call)
        if request is None or request.confirm is None:
            return None
        try:
            answer = await self._exchange(call, request.question(document), deadline)
            return request.found(answer, document, self._now())
        except DeliveryFailed as failure:
            raise self._masked(of_question(failure)) from None

    def preview(self, call: Call, ticket: Ticket) -> str:
        """Write the request for people, without its proof; empty where none is made. Raises DeliveryFailed."""
        document = document_of(call, ticket)
        request = self._requests.find(document)
        if request is None:
            return ""
        prepared = request.prepared(document)
        headers = (f"{name}: {value}" for name, value in prepared.headers.items())
        return "\n".join((f"{prepared.method} {self._url}{prepared.path}", *headers, "", prepared.body.decode()))

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _request_of(self, call: Call) -> tuple[MappedRequest | None, dict[str, Any]]:
        if not self._requests.may_take(type(call.event.event).__name__):
            return None, {}
        document = document_of(call, await self._ticket_at(call))
        return self._requests.find(document), document

    async def _refuse_two_effects(
        self, call: Call, request: MappedRequest, document: dict[str, Any], deadline: Deadline
    ) -> None:
        """Send no mended copy beside what took effect before the edit. Raises DeliveryFailed."""
        before = document | {"key": call.key}
        try:
            answer = await self._exchange(call, request.question(before), deadline)
            found = request.found(answer, before, self._now())
        except DeliveryFailed as failure:
            raise of_question(failure) from None
        if found is not None:
            raise DeliveryFailed(FailureKind.REJECTED, _DONE_BEFORE)

    async def _exchange(self, call: Call, request: PreparedRequest, deadline: Deadline) -> HttpResponse:
        """Sign and send it; with a token that was refused, for which nothing was done, once more with a new one."""
        if self._tokens is None:
            return await self._sent(call, request, "", deadline)
        token = await self._tokens.get(deadline)
        answer = await self._sent(call, request, token, deadline)
        if answer.status != 401:
            return answer
        return await self._sent(call, request, await self._tokens.get(deadline, lost=token), deadline)

    async def _sent(self, call: Call, request: PreparedRequest, token: str, deadline: Deadline) -> HttpResponse:
        proof = {"authorization": f"Bearer {token}"} if token else {}
        signed = self._sign(call.copy_key or call.key, self._now(), request.body)
        headers = {**call.trace_headers, **request.headers, **proof, **signed}
        try:
            return await self._http.exchange(request.method, self._url + request.path, request.body, headers, deadline)
        except NoResponse as failed:
            kind = FailureKind.UNKNOWN if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, failed.detail) from None

    def _masked(self, failure: DeliveryFailed) -> DeliveryFailed:
        """Hide our own secrets, which the other side may repeat."""
        return masked(failure, *self._hidden, *(self._tokens.hidden if self._tokens else ()))


def _build(options: MappedTargetOptions, secrets: EnvironmentSecrets, services: TargetServices) -> MappedTarget:
    return MappedTarget(options, secrets, services)


ADAPTER: Final = TargetAdapter(name="mapped-http", options=MappedTargetOptions, build=_build)
