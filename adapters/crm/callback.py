"""The CRM as a target: every change of a ticket as a signed webhook (Standard Webhooks), idempotent by `webhook-id`."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, Final

import httpx2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.crm import signature
from adapters.crm.callback_wire import HttpAnswer, judge, status_body
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.delivery.targets_config import VariableName, secret_of
from bus.domain.errors import StoreUnavailable
from bus.domain.ticket import Ticket

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 64
_SENDING: Final = "http11.send_request_headers.started"

TicketAt = Callable[[Call], Awaitable[Ticket]]  # the ticket as the call's event left it


def _address(url: str) -> str:
    try:
        read = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ValueError("is no URL") from None
    if read.scheme not in ("http", "https") or not read.host or read.userinfo:
        raise ValueError("must be http(s)://host/path without user and password")
    return url


class CrmCallbackOptions(BaseModel):
    """What the targets file says of a CRM: where it listens, and where the secrets stand. All of them sign."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_address)]
    secrets: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]

    def keys(self, environment: Mapping[str, str], *, where: str) -> tuple[signature.Secret, ...]:
        """Read the signing keys. Raises PlanWrong or SettingsWrong, which name the variable and never the value."""
        return tuple(
            signature.secret(secret_of(name, environment, where=where).get_secret_value(), where=f"{where}: {name}")
            for name in self.secrets
        )


@cache
def _trust() -> ssl.SSLContext:
    """Read the certificate authorities once: it takes as long as many calls."""
    return httpx2.create_ssl_context(trust_env=False)


@dataclass(slots=True, kw_only=True)
class _Heard:
    """What is known of a call, also when it is cut off in the middle."""

    sent: bool = False
    answer: HttpAnswer | None = None

    async def trace(self, step: str, _info: object) -> None:
        self.sent = self.sent or step == _SENDING


class CrmCallback:
    """Tells one CRM of every event given. The CRM takes a `webhook-id` once, so that a repeat does no harm."""

    idempotent = True

    def __init__(
        self,
        url: str,
        keys: Sequence[signature.Secret],
        ticket_at: TicketAt,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Sign with all `keys`: while they rotate, the CRM holds either."""
        self._url, self._keys, self._ticket_at, self._now = url, tuple(keys), ticket_at, now
        # One connection a call: on one that is used again, an answer sent twice is taken for that of the next call.
        self._http = httpx2.AsyncClient(
            headers={"accept": "application/json", "accept-encoding": "identity", "connection": "close"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0),
            verify=_trust(),
            trust_env=False,
        )

    async def send(self, call: Call) -> Effect:
        """Deliver the event. Raises DeliveryFailed; StoreUnavailable, nothing sent, where our own store is away."""
        deadline = asyncio.get_running_loop().time() + call.within_s
        try:
            async with asyncio.timeout_at(deadline):
                body = status_body(call.event, await self._ticket_at(call))
        except TimeoutError:
            raise StoreUnavailable("the ticket was not read in time") from None
        heard = _Heard()
        try:
            async with asyncio.timeout_at(deadline):
                await self._ask(call, body, heard)
        except (httpx2.HTTPError, OSError, ValueError, RuntimeError) as error:
            if heard.answer is None:
                kind = FailureKind.UNKNOWN if heard.sent else FailureKind.UNREACHABLE
                raise DeliveryFailed(kind, type(error).__name__) from None
        assert heard.answer is not None
        judge(heard.answer, self._now())
        return Effect()

    async def confirm(self, call: Call) -> Effect | None:  # noqa: ARG002 - the port's; there is nothing to look up
        """Answer that it is not known: a CRM cannot be asked, and sending again does no harm."""
        return None

    async def close(self) -> None:
        """Let go of connections; idempotent."""
        await self._http.aclose()

    async def _ask(self, call: Call, body: bytes, heard: _Heard) -> None:
        request = self._http.build_request(
            "POST",
            self._url,
            content=body,
            headers={
                "content-type": "application/json",
                "traceparent": call.traceparent,
                **self._signed(call.key, body),
            },
            # The whole call has one deadline, which trickling bytes do not move. Connecting (TCP, and then TLS) ends
            # before it by itself: a TLS handshake that is cancelled leaves its socket open.
            timeout=httpx2.Timeout(None, connect=call.within_s / 3),
            extensions={"trace": heard.trace},
        )
        response = await self._http.send(request, stream=True)
        heard.answer = HttpAnswer(status=response.status_code, headers=dict(response.headers), whole=False)
        read = bytearray()
        async with aclosing(response), aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                read += chunk
                if len(read) > ANSWER_BYTES_MAX:
                    return
        heard.answer = replace(heard.answer, body=bytes(read), whole=True)

    def _signed(self, key: str, body: bytes) -> dict[str, str]:
        at = self._now()
        each = [signature.sign(secret, key, at, body) for secret in self._keys]
        return each[0] | {signature.SIGNATURE: " ".join(headers[signature.SIGNATURE] for headers in each)}
