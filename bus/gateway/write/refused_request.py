"""A POST of a client as it came in, and keeping it when it is refused."""

from dataclasses import replace

from starlette.requests import Request as HttpRequest

from bus.domain.errors import Refusal
from bus.domain.terms import TicketId
from bus.gateway.auth.binding import Client
from bus.gateway.deps import body_of, deps_of, raw_headers, trace_of
from bus.gateway.http.responses import keep
from bus.intake.command_ids import KEY_CHARS_MAX, spelled_key
from bus.intake.command_requests import ACTOR
from bus.intake.from_raw_request import refused_delivery
from bus.wire.rejected_input import RejectedInputStore
from schemas.messages import RequestReceived

KEPT_HEADERS = {name.encode(): name for name in ("content-type", "idempotency-key", "traceparent", "user-agent")}


def request_received(http: HttpRequest, client: Client) -> RequestReceived:
    """Give a request as it came, in the name of a client whose token is good."""
    sent = raw_headers(http.scope)
    headers = {name: sent[raw].decode("latin-1") for raw, name in KEPT_HEADERS.items() if raw in sent}
    if tracestate := trace_of(http).tracestate:
        headers["tracestate"] = tracestate
    if client.binding.person:
        headers[ACTOR] = client.binding.person  # no client can send a header of that name
    return RequestReceived(
        delivery_id=spelled_key(headers)[:KEY_CHARS_MAX],
        source=client.source,
        client=client.name,
        method="POST",
        path=http.scope["path"],
        headers=headers,
        body=body_of(http),
        received_at=deps_of(http).now(),
        trace_id=trace_of(http).trace_id,
    )


async def keep_refused(
    refused: RejectedInputStore, refusal: Refusal, received: RequestReceived, ticket_id: TicketId | None = None
) -> None:
    """Keep what was refused, once per client and key; without a key there is nothing to know it by again.

    Raises NotKept.
    """
    if not received.delivery_id or refusal.code == "idempotency_key_malformed":
        return
    await keep(refused, replace(refused_delivery(refusal, received), ticket_id=ticket_id, heard=True))
