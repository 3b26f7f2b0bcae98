"""Asking the gateway as a careful client does: again after a 5xx or silence, with growing pauses, not for ever."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import orjson
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from bus.http_client import client_at
from bus.settings import load

ATTEMPTS_MAX: Final = 6
TIMEOUT_S: Final = 10.0
IN_FLIGHT: Final = "in_flight"  # an earlier attempt that went unanswered is still being decided


class NoAnswer(Exception):
    """Every attempt ended in a 5xx or in silence; whether anything happened is unknown, the same request tells."""


def client(url: str, headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
    """Make an HTTP client of the gateway at `url`, by the authorities of TICKETBUS_CA_FILE; no proxy stands between.

    Raises CertificateUnusable, SettingsInvalid.
    """
    return client_at(url, load(), timeout_s=TIMEOUT_S, headers=headers)


async def ask(
    http: httpx2.AsyncClient,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Callable[[], Mapping[str, str]] = dict,
    pause_s: float,
) -> tuple[httpx2.Response, int]:
    """Send until the answer is final; give it and the number of attempts. `headers` is asked anew for each.

    The request must be idempotent at the bus. Blocks up to TIMEOUT_S an attempt. Raises NoAnswer after ATTEMPTS_MAX.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(NoAnswer),
        stop=stop_after_attempt(ATTEMPTS_MAX),
        wait=wait_exponential_jitter(multiplier=pause_s, max=8 * pause_s, jitter=pause_s),
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            number = attempt.retry_state.attempt_number
            try:
                answer = await http.request(method, path, content=body, headers=dict(headers()))
            except httpx2.TransportError as error:
                raise NoAnswer(f"no answer ({type(error).__name__}), {number} times") from error
            if answer.status_code >= 500 or json_object(answer).get("code") == IN_FLIGHT:
                raise NoAnswer(f"HTTP {answer.status_code}, {number} times")
    return answer, number


def json_object(answer: httpx2.Response) -> Mapping[str, Any]:
    """Read an answer's object; anything else says nothing."""
    try:
        read = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
