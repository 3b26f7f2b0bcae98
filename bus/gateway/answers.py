"""What a client is told when its commands took effect, and when they were refused."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from starlette.responses import Response

from bus.batch import Accepted, Answer
from bus.errors import StoreUnavailable
from bus.gateway import metrics
from bus.refused import RefusedInput, RefusedStore

log = structlog.get_logger()


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON. Pure."""
    return Response(orjson.dumps(content), status, dict(headers or {}), "application/json")


def accepted_json(accepted: Accepted) -> dict[str, Any]:
    """Describe what a command came to; a joined report gets its master's number as ticket id. Pure."""
    return {
        "ticket_id": accepted.ticket_id,
        "master": accepted.ticket_id,
        "answer": accepted.answer.value,
        "version": accepted.version,
        "trace_id": accepted.trace_id,
    }


def accepted_response(accepted: Accepted) -> Response:
    """Answer an accepted command: 201 and where the ticket is when it was opened, else 200. Pure."""
    headers: dict[str, str] = {"Ticket-Trace-Id": accepted.trace_id}
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    if accepted.answer is Answer.OPENED:
        return json_response(accepted_json(accepted), 201, {**headers, "Location": f"/v1/tickets/{accepted.ticket_id}"})
    return json_response(accepted_json(accepted), 200, headers)


async def keep(refused: RefusedStore, *inputs: RefusedInput) -> None:
    """Keep refused input; when the store is away the caller is still told why, and the loss is counted and logged."""
    try:
        await refused.keep(inputs)
    except StoreUnavailable:
        for one in inputs:
            metrics.REFUSED_NOT_KEPT.labels(one.origin.partition(":")[0]).inc()
            log.error("refused input could not be kept", origin=one.origin, origin_ref=one.origin_ref, code=one.code)
