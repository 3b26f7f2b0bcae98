"""Responses to accepted and refused commands."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from bus.domain.batch import Accepted, CommandResult
from bus.domain.errors import StoreUnavailable, Transient
from bus.gateway.http.answers import CommandAnswer
from bus.wire.rejected_input import RejectedInput, RejectedInputStore


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON. Pure."""
    return Response(orjson.dumps(content), status, dict(headers or {}), "application/json")


def accepted_json(accepted: Accepted) -> CommandAnswer:
    """Describe what a command came to; a joined report gets its master's number as ticket id. Pure."""
    return {
        "ticket_id": accepted.ticket_id,
        "master": accepted.ticket_id,
        "answer": accepted.answer.value,
        "version": accepted.version,
        "trace_id": accepted.trace_id,
    }


def accepted_response(accepted: Accepted, customer_link: str | None = None) -> Response:
    """Answer an accepted command: 201 and where the ticket is when it was opened, else 200. Pure."""
    content = accepted_json(accepted)
    if customer_link is not None:
        content["customer_link"] = customer_link
    headers: dict[str, str] = {"Ticket-Trace-Id": accepted.trace_id}
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    if accepted.answer is CommandResult.OPENED:
        return json_response(content, 201, {**headers, "Location": f"/v1/tickets/{accepted.ticket_id}"})
    return json_response(content, 200, headers)


class NotKept(Transient):
    """Rejected input could not be kept: its sender gets 503 and tries again."""


async def keep(refused: RejectedInputStore, *inputs: RejectedInput) -> None:
    """Keep rejected input before its sender is answered, who will not send it again. Raises NotKept."""
    try:
        await refused.keep(inputs)
    except StoreUnavailable as error:
        raise NotKept("what was refused cannot be kept now") from error
