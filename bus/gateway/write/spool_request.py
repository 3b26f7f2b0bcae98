"""Intake while PostgreSQL is away: raw requests go to Kafka, and the intake stage dispatches them later."""

import structlog
from starlette.responses import Response

from bus.domain.errors import KafkaUnavailable, StoreUnavailable
from bus.gateway import metrics
from bus.gateway.http.answers import SpooledAnswer
from bus.gateway.http.responses import json_response
from bus.gateway.ports import Spool
from schemas.messages import RequestReceived

log = structlog.get_logger()


async def spooled(spool: Spool, received: RequestReceived) -> Response:
    """Put a request on Kafka and answer 202. Raises StoreUnavailable when Kafka is away too."""
    try:
        await spool(received)
    except KafkaUnavailable:
        metrics.INTAKE_TURNED_AWAY.labels(received.source).inc()
        log.error("intake turned away: neither PostgreSQL nor Kafka takes it", source=received.source)
        raise StoreUnavailable("neither store takes requests now") from None
    metrics.INTAKE_SPOOLED.labels(received.source).inc()
    content: SpooledAnswer = {"answer": "spooled", "delivery_id": received.delivery_id, "trace_id": received.trace_id}
    return json_response(content, 202, {"Ticket-Trace-Id": received.trace_id})
