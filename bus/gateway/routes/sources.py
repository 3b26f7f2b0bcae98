"""The route of signed webhooks from source systems."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.batch import Accepted, CommandResult, Outcome, Refused
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput, Refusal, StoreUnavailable
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.gateway.deps import body_of, deps_of, trace_of
from bus.gateway.http.answers import CommandAnswer, DeliveryAnswer, RefusedCommand, SpooledAnswer
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import accepted_json, json_response, keep
from bus.gateway.http.routing import HttpRoute
from bus.gateway.ports import Waits
from bus.gateway.write.ignored_input import note_delivery, note_fields, note_refusal
from bus.gateway.write.spool_request import spooled
from bus.gateway.write.write_side import WriteSide
from bus.intake.from_raw_request import as_sent, refused_delivery, translated
from bus.intake.outcomes import count
from bus.intake.source_adapter import (
    MAP_VERSION,
    PATH_SECRET,
    PEER,
    Ignored,
    MappedByVersion,
    ReceivedBatch,
    SendsBatches,
    Source,
)
from bus.wire.json_body import NAME_CHARS_SHOWN
from schemas.messages import RequestReceived

KEPT_HEADERS = ("content-type", "traceparent", "user-agent", "webhook-id", "webhook-timestamp")
_SIGNED = {
    "webhook-id": "the delivery's id: the same again is the same delivery",
    "webhook-timestamp": "when it was signed, in seconds since 1970; at most five minutes ago",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64 (Standard Webhooks)",
}
_WEBHOOK = {
    "operationId": "take-delivery",
    "summary": "Take a signed delivery",
    "parameters": [
        {"name": name, "in": "header", "required": True, "description": about, "schema": {"type": "string"}}
        for name, about in _SIGNED.items()
    ],
    "requestBody": {
        "required": True,
        "description": "What the source's adapter reads: docs/adapters.md",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    "description": "Take a signed delivery: 201 when it opened a ticket, 200 otherwise.\n\n"
    "202 while PostgreSQL is away, and afterwards for as long as earlier deliveries of the source still wait on Kafka: "
    "a note must not overtake the opening of its ticket.",
}
_SECRET_PATH = {
    **_WEBHOOK,
    "operationId": "take-delivery-by-secret",
    "summary": "Take a delivery of a source that can sign nothing",
    "parameters": [],
    "description": "Take a delivery whose proof is the secret in its address, from the networks that the source's map "
    "lists. Everything else as for a signed delivery.",
}


MAP_READERS: Final = 2
"""Threads that read deliveries by maps: a map that takes seconds of CPU holds up other maps' deliveries alone."""
_ANSWERS = {200: DeliveryAnswer, 201: DeliveryAnswer, 202: SpooledAnswer}


def source_routes(sources: Mapping[str, Source], writes: WriteSide, waits: Waits) -> Sequence[HttpRoute]:
    """Make the routes; `sources` by the name in the path, `waits` for those whose deliveries lie on Kafka. Pure."""
    handlers = _SourceHandlers(sources, writes, waits)
    return [
        HttpRoute(
            method="POST",
            path=path,
            run=handlers.webhook,
            about=about,
            answers=_ANSWERS,
            other_types=["text/xml"],  # the answer to an outbound message of Salesforce
            query=None,  # a refusal here would cost a ticket, and the signature is on the body alone
        )
        for path, about in (
            ("/v1/sources/{source}/webhook", _WEBHOOK),
            ("/v1/sources/{source}/webhook/{secret}", _SECRET_PATH),
        )
    ]


@dataclass(frozen=True, slots=True)
class _SourceHandlers:
    sources: Mapping[str, Source]
    writes: WriteSide
    waits: Waits
    readers: Executor = field(default_factory=lambda: ThreadPoolExecutor(MAP_READERS, "maps"))

    async def webhook(self, http: HttpRequest) -> Response:
        """Take a signed delivery; what waits on Kafka goes first, so that no note overtakes its opening."""
        name = http.path_params["source"]
        source = self.sources.get(name)
        if source is None:
            raise self._unknown(http, name)
        http.scope["state"]["source"] = name
        received = _received(http, name, source)
        batch = await self._batch(source, received)
        if batch is None:
            return await self._taken(received)
        for one in batch.deliveries:
            await self._taken_or_kept(one)
        return Response(batch.answer, media_type=batch.media_type)

    async def _batch(self, source: Source, received: RequestReceived) -> ReceivedBatch | None:
        """Take a message apart where its source sends several deliveries in one; one that is none is kept bare."""
        if not isinstance(source, SendsBatches):
            return None
        try:
            return source.batch(received)
        except MalformedInput as refusal:
            await keep(self.writes.refused, refused_delivery(refusal, replace(received, body=b"")))
            raise

    async def _taken_or_kept(self, received: RequestReceived) -> None:
        """Take a delivery of several; one that is refused is kept, and the others go on."""
        try:
            await self._taken(received)
        except Refusal:
            return
        except HttpProblem as problem:
            if problem.status != 422:  # not refused but not taken: all of the message is to come again
                raise

    async def _taken(self, received: RequestReceived) -> Response:
        name = received.source
        try:
            requests = await self._translated(received)
        except Ignored as ignored:
            note_delivery(name, ignored)
            return _ignored(received, ignored)
        note_fields(name, requests)
        key, commands = (name, received.delivery_id), [request.command_id for request in requests]
        field = requests[0].key_field if requests else "delivery_id"
        async with self.writes.claim(key, commands, field):
            if await self.waits(name):
                return await spooled(self.writes.spool, received)
            try:
                return await _decided(self.writes, received, requests)
            except StoreUnavailable:
                return await spooled(self.writes.spool, received)

    def _unknown(self, http: HttpRequest, name: str) -> HttpProblem:
        """Say what is wrong with an unknown name to a source that proves to be one; to others what any source hears."""
        refusal: HttpProblem | None = None
        for source in self.sources.values():
            try:
                _verified(http, source)
            except HttpProblem as unproven:
                refusal = refusal or unproven
            else:
                return _no_such_source(name, self.sources)
        return refusal or _no_such_source(name, self.sources)

    async def _translated(self, received: RequestReceived) -> Sequence[Request]:
        try:
            if MAP_VERSION in received.headers:
                running = asyncio.get_running_loop()
                return await running.run_in_executor(self.readers, translated, self.sources, received)
            return translated(self.sources, received)
        except Ignored:
            raise
        except Refusal as refusal:
            note_refusal(received.source, refusal)
            await keep(self.writes.refused, refused_delivery(refusal, received))
            raise


def _received(http: HttpRequest, name: str, source: Source) -> RequestReceived:
    """Take a delivery whose sender is proven. Raises HttpProblem (401)."""
    body, now = body_of(http), deps_of(http).now()
    headers, delivery_id = _verified(http, source)
    kept = {key: headers[key] for key in KEPT_HEADERS if key in headers}
    if isinstance(source, MappedByVersion):
        kept |= {key: headers[key] for key in source.kept_headers if key in headers}
        kept[MAP_VERSION] = str(source.version)
    if tracestate := trace_of(http).tracestate:
        kept["tracestate"] = tracestate
    return RequestReceived(
        delivery_id=delivery_id,
        source=name,
        client=name,
        method="POST",
        path=f"/v1/sources/{name}/webhook",  # without the secret that may follow
        headers=kept,
        body=body,
        received_at=now,
        trace_id=trace_of(http).trace_id,
    )


async def _decided(writes: WriteSide, received: RequestReceived, requests: Sequence[Request]) -> Response:
    outcomes = await writes.group.submit(requests)
    for request, outcome in zip(requests, outcomes, strict=True):
        count(request, outcome)
    outcomes = [_in_senders_words(request, one) for request, one in zip(requests, outcomes, strict=True)]
    refused = [(step, one.error) for step, one in enumerate(outcomes) if isinstance(one, Refused)]
    if refused:
        await keep(writes.refused, *(refused_delivery(error, received, step) for step, error in refused))
        first = refused[0][1]
        results = [_result(one) for one in outcomes]
        raise HttpProblem(422, first.code, first.field, first.text, **{**first.context, "results": results})
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    fields = list(dict.fromkeys(field for request in requests for field in request.ignored))
    return _answer(received, accepted, fields)


def _in_senders_words(request: Request, outcome: Outcome) -> Outcome:
    return replace(outcome, error=as_sent(outcome.error, request)) if isinstance(outcome, Refused) else outcome


def _ignored(received: RequestReceived, ignored: Ignored) -> Response:
    content: DeliveryAnswer = {
        "delivery_id": received.delivery_id,
        "results": [],
        "answer": "ignored",
        "code": ignored.code,
        "field": ignored.field,
        "detail": ignored.zh,
        "detail_en": ignored.en,
        "nearest": ignored.context.get("nearest", ""),
    }
    return json_response(content | _map_version(received))


def _map_version(received: RequestReceived) -> dict[str, int]:
    """Say which version of its map took a delivery in, where the source has one."""
    version = received.headers.get(MAP_VERSION)
    return {"map_version": int(version)} if version else {}


def _answer(received: RequestReceived, accepted: list[Accepted], fields: list[str]) -> Response:
    opened = any(one.answer is CommandResult.OPENED for one in accepted)
    headers: dict[str, str] = {"Ticket-Trace-Id": accepted[0].trace_id} if accepted else {}
    if accepted and all(one.repeated for one in accepted):
        headers["Idempotent-Replayed"] = "true"
    content: DeliveryAnswer = {"delivery_id": received.delivery_id, "results": [_result(one) for one in accepted]}
    if fields:
        content["ignored"] = fields
    return json_response(content | _map_version(received), 201 if opened else 200, headers)


def _result(outcome: Outcome) -> CommandAnswer | RefusedCommand:
    match outcome:
        case Accepted():
            return accepted_json(outcome)
        case Refused(error=error):
            return {"answer": "refused", "code": error.code, "field": error.field}
        case _ as unknown:
            assert_never(unknown)


def _verified(http: HttpRequest, source: Source) -> tuple[Mapping[str, str], str]:
    """Prove the sender; gives the headers and the delivery's id. Raises HttpProblem (401)."""
    headers = {name: ", ".join(http.headers.getlist(name)) for name in http.headers}  # RFC 9110, 5.3
    headers |= {PEER: http.client.host if http.client else "", PATH_SECRET: http.path_params.get("secret", "")}
    try:
        return headers, source.verify(headers, body_of(http), deps_of(http).now())
    except MalformedInput as unproven:
        raise HttpProblem(401, unproven.code, unproven.field, unproven.text) from None


def _no_such_source(name: str, sources: Collection[str]) -> HttpProblem:
    name = name[:NAME_CHARS_SHOWN]
    close = nearest(name, sources)
    meant = did_you_mean(close, quoted=True)
    text = Text(f"没有来源 {name!r}{meant.zh}", f"there is no source {name!r}{meant.en}")
    return HttpProblem(404, "no_such_source", "source", text, nearest=close)
