"""A system as a target by a map: one request per event, signed, judged by the map, looked up before it is repeated."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.answers.judge import judge
from adapters.mapped_target.judged_answers import content_of, of_question
from adapters.mapped_target.options import MappedTargetOptions
from adapters.mapped_target.proof import OAuthProof, signing, token_form
from adapters.mapped_target.requests import MappedRequest, MappedRequests, PreparedRequest
from adapters.mapping.event_document import document_of
from adapters.outbound_http import Deadline, HttpResponse, NoResponse, OutboundHttp
from adapters.shared_token import SharedToken, Token
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.errors import StoreUnavailable
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.observability.masking import MASK

ANSWER_BYTES_MAX: Final = 262_144
CONNECTIONS_MAX: Final = 64
_NO_TOKEN: Final = Text("令牌接口的应答中没有 access_token", "the answer of token_url has no access_token")
_DONE_BEFORE: Final = Text("修改前的请求已在对方生效,请先撤销", "it took effect before the edit; undo it there first")
_AT_TOKEN: Final = Text("在 token_url", "at token_url")


class MappedTarget:
    """Calls one system as its map has it. An event that no request takes is done without a call."""

    def __init__(self, options: MappedTargetOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the secrets and connect to nothing. Raises ConfigFileInvalid, SettingsInvalid."""
        self._url, self._now, self._ticket_at = options.url, services.now, services.ticket_at
        self._requests = MappedRequests(options)
        self.idempotent = not self._requests.asks_first
        self._sign, self._hidden = signing(options.proof, secrets)
        self._token: SharedToken | None = None
        if isinstance(options.proof, OAuthProof):
            client_secret = secrets.read(options.proof.client_secret).get_secret_value()
            self._oauth, self._form = options.proof, token_form(options.proof, client_secret)
            self._token, self._hidden = SharedToken(self._new_token), (client_secret,)
        self._http = OutboundHttp(
            headers={"accept": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            public_only=not options.private_addresses,
            egress=options.egress(secrets, services.now()),
        )

    async def send(self, call: Call) -> Effect:
        """Deliver the event. Raises DeliveryFailed; StoreUnavailable, nothing sent, where our own store is away."""
        deadline = Deadline.after(call.within_s)
        request, document = await self._request_of(call, deadline)
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
        request, document = await self._request_of(call, deadline)
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

    async def _request_of(self, call: Call, deadline: Deadline) -> tuple[MappedRequest | None, dict[str, Any]]:
        if not self._requests.may_take(type(call.event.event).__name__):
            return None, {}
        try:
            async with asyncio.timeout_at(deadline.at):
                document = document_of(call, await self._ticket_at(call))
        except TimeoutError:
            raise StoreUnavailable("the ticket was not read in time") from None
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
        if self._token is None:
            return await self._sent(call, request, "", deadline)
        token = await self._token.get(deadline)
        answer = await self._sent(call, request, token, deadline)
        if answer.status != 401:
            return answer
        return await self._sent(call, request, await self._token.get(deadline, lost=token), deadline)

    async def _sent(self, call: Call, request: PreparedRequest, token: str, deadline: Deadline) -> HttpResponse:
        proof = {"authorization": f"Bearer {token}"} if token else {}
        signed = self._sign(call.copy_key or call.key, self._now(), request.body)
        headers = {**call.trace_headers, **request.headers, **proof, **signed}
        try:
            return await self._http.exchange(request.method, self._url + request.path, request.body, headers, deadline)
        except NoResponse as failed:
            kind = FailureKind.UNKNOWN if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, failed.detail) from None

    async def _new_token(self, deadline: Deadline) -> Token:
        """Ask for a token, which changes nothing. Raises DeliveryFailed."""
        headers, form = self._form
        headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._http.post(self._oauth.token_url, urlencode(form).encode(), headers, deadline)
        except NoResponse as failed:
            kind = FailureKind.UNAVAILABLE if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, f"{failed.detail} {_AT_TOKEN}") from None
        try:
            judge(answer, self._now())
        except DeliveryFailed as failure:
            # No row of ours can mend a refusal: the client is not let in.
            refused = failure.kind in (FailureKind.REJECTED, FailureKind.UNAUTHORIZED)
            kind = FailureKind.UNAUTHORIZED if refused else failure.kind
            raise of_question(failure.again(kind=kind, detail=f"{failure.detail} {_AT_TOKEN}")) from None
        return _token_in(answer)

    def _masked(self, failure: DeliveryFailed) -> DeliveryFailed:
        """Hide our own secrets, which the other side may repeat."""
        own: Sequence[str] = (*self._hidden, self._token.text if self._token else "")
        for secret in filter(None, own):
            failure.message = failure.message.replace(secret, MASK)
        return failure


def _token_in(answer: HttpResponse) -> Token:
    match content_of(answer):
        case {"access_token": str(text), **rest} if text and text.isascii() and text.isprintable():
            return Token(text=text, valid_s=_seconds(rest.get("expires_in")))
        case _:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, _NO_TOKEN, status=answer.status)


def _seconds(given: object) -> float | None:
    """Read `expires_in`, which some servers send as a text; None where it says nothing."""
    text = str(given)
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0 else None


def _build(options: MappedTargetOptions, secrets: EnvironmentSecrets, services: TargetServices) -> MappedTarget:
    return MappedTarget(options, secrets, services)


ADAPTER: Final = TargetAdapter(name="mapped-http", options=MappedTargetOptions, build=_build)
