"""Every change of a ticket becomes a pin on the board, which keeps one pin per key."""

import json

from ticketbus.adapters import (
    Call,
    Deadline,
    DeliveryFailed,
    Effect,
    EnvironmentSecrets,
    FailureKind,
    HttpOptions,
    HttpResponse,
    HttpUrl,
    NoResponse,
    OutboundHttp,
    TargetAdapter,
    TargetServices,
    VariableName,
    dotted,
    retry_after_s,
)

KINDS = {
    401: FailureKind.UNAUTHORIZED,
    422: FailureKind.REJECTED,
    429: FailureKind.THROTTLED,
    503: FailureKind.UNAVAILABLE,
}


class BoardOptions(HttpOptions):
    """Where the board is, and which environment variable holds the token."""

    url: HttpUrl
    token: VariableName


class Board:
    """Pins events. Asked twice with one key it keeps one pin, so a repeat does no harm."""

    idempotent = True

    def __init__(self, options: BoardOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Connect to nothing yet."""
        token = secrets.read(options.token).get_secret_value()
        self._url, self._now = options.url, services.now
        self._http = OutboundHttp(
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
            connections_max=4,
            answer_bytes_max=65_536,
            egress=options.egress(secrets, services.now()),
        )

    async def send(self, call: Call) -> Effect:
        """Pin the event. Raises DeliveryFailed."""
        event = call.event
        pin = {"key": call.key, "ticket": event.ticket_id, "version": event.version, "what": dotted(type(event.event))}
        headers = call.trace_headers
        try:
            answer = await self._http.post(self._url, json.dumps(pin).encode(), headers, Deadline.after(call.within_s))
        except NoResponse as failed:
            kind = FailureKind.UNKNOWN if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, failed.detail) from None
        if not _pinned(answer):
            raise DeliveryFailed(
                KINDS.get(answer.status, FailureKind.UNKNOWN),
                answer.cut or f"HTTP {answer.status}",
                status=answer.status,
                retry_after_s=retry_after_s(answer.headers, self._now()),
            )
        return Effect(reference=call.key)

    async def confirm(self, call: Call) -> Effect | None:
        """Nothing to look up: pinning again does no harm."""

    async def close(self) -> None:
        """Let go of connections; idempotent."""
        await self._http.close()


def _pinned(answer: HttpResponse) -> bool:
    """Believe the body, not the status alone."""
    try:
        return answer.status == 200 and not answer.cut and json.loads(answer.body) == {"pinned": True}
    except ValueError:
        return False


BOARD = TargetAdapter(name="notice-board", options=BoardOptions, build=Board)
