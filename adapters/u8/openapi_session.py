"""Calls of U8 OpenAPI with its token: one for all calls, renewed before it ends and when it is refused."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.exchange import SessionLost, Talk, in_session, masked, of_login, unbelieved, whole_answer
from adapters.outbound_http import DIRECT, Egress, HttpResponse, OutboundHttp
from adapters.shared_login import HeldSession, SharedLogin
from adapters.u8 import openapi_wire as wire
from adapters.u8.openapi_answers import OpenApiAnswer, read
from adapters.u8.options import OpenApiSettings
from adapters.u8.words import ANSWER_BYTES_MAX, CONNECTIONS_MAX, NO_ANSWER, REFUSED, U8Says, kind_of
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

TOKEN_S: Final = 115 * 60.0  # it is good for two hours
TOKEN_CALLS: Final = 1900  # and for two thousand calls
_POLL_FIRST_S: Final = 0.1
_POLL_LONGEST_S: Final = 5.0
_NO_TOKEN: Final = Text("未得到 token", "no token in its answer")
_NO_RESULT: Final = Text("U8 尚未给出结果", "U8 has not given the result yet")
_STILL_RUNNING: Final = Text("U8 正在执行同一请求", "U8 is still doing the same request")


@dataclass(slots=True, kw_only=True)
class _Token:
    """A token, until when it is good, and how many calls it had."""

    text: str
    until: float
    calls: int = 0

    def worn_out(self, now: float) -> bool:
        return now >= self.until or self.calls >= TOKEN_CALLS


class OpenApiSession:
    """One app's calls, also at the same time. `clock` counts seconds; by itself it is the loop's."""

    def __init__(
        self,
        settings: OpenApiSettings,
        *,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Send nothing yet."""
        self._settings, self._now, self._clock = settings, now, clock
        self._http = OutboundHttp(
            headers={"content-type": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )
        self._tokens = SharedLogin[_Token]()

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def ask(
        self, talk: Talk, path: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> OpenApiAnswer:
        """Ask, or with a body change; once more with a new token where it is refused. Raises DeliveryFailed.

        Other refusals are the answer. The platform refuses a token before it hands the call on, so that a change may
        be asked for again.
        """
        return await in_session(
            talk, lambda lost: self._token(talk, lost), lambda token: self._call(talk, path, parameters, body, token)
        )

    async def result(self, talk: Talk, given: str) -> OpenApiAnswer:
        """Ask for a result until it is there or the call's time is over. Raises DeliveryFailed, then UNKNOWN.

        No answer, and none yet, is no failure: U8 has it in its queue.
        """
        url, wait_s = wire.result_url(self._settings, given), _POLL_FIRST_S
        while wait_s < talk.deadline.left_s:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _POLL_LONGEST_S)
            try:
                heard = await self._whole(talk, "result", url, None)
            except DeliveryFailed:
                continue
            answer = read(heard.body)
            if answer is not None and answer.is_result:
                return answer
        raise DeliveryFailed(FailureKind.UNKNOWN, _NO_RESULT)

    async def _call(
        self, talk: Talk, path: str, parameters: Mapping[str, str], body: bytes | None, token: _Token
    ) -> OpenApiAnswer:
        token.calls += 1
        url, changes = wire.call_url(self._settings, path, token.text, **parameters), body is not None
        try:
            heard = await self._whole(talk, path, url, body)
            answer = read(heard.body)
            if answer is None or not (answer.code or answer.later):
                raise unbelieved(heard, path, NO_ANSWER, changes=changes)
            if not answer.ok and answer.about is U8Says.TOKEN_LOST:
                raise refusal(answer, path, changes=changes, of=SessionLost)
        except DeliveryFailed as failure:
            raise self._masked(failure, token.text) from None
        return answer

    async def _token(self, talk: Talk, lost: int) -> HeldSession[_Token]:
        """Give the token; a new one where there is none, or it is the lost one, or it is worn out."""
        return await self._tokens.session(
            lambda: self._new_token(talk),
            talk.deadline,
            lost=lost,
            over=lambda token: token.worn_out(self._seconds()),
        )

    async def _new_token(self, talk: Talk) -> _Token:
        try:
            heard = await self._whole(talk, wire.TOKEN, wire.token_url(self._settings), None)
            answer = read(heard.body)
            if answer is None or not answer.code or (answer.ok and not answer.token):
                raise unbelieved(heard, wire.TOKEN, _NO_TOKEN, changes=False)
            if not answer.ok:
                raise of_login(refusal(answer, wire.TOKEN, changes=False))
        except DeliveryFailed as failure:
            raise self._masked(failure) from None
        return _Token(text=answer.token, until=self._seconds() + TOKEN_S)

    async def _whole(self, talk: Talk, step: str, url: str, body: bytes | None) -> HttpResponse:
        headers, deadline = talk.trace_headers, talk.deadline
        got = self._http.get(url, headers, deadline) if body is None else self._http.post(url, body, headers, deadline)
        return await whole_answer(got, step, changes=body is not None, now=self._now)

    def _masked(self, failure: DeliveryFailed, token: str = "") -> DeliveryFailed:
        return masked(failure, self._settings.app_secret, token, self._settings.app_key)

    def _seconds(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()


def refusal(
    answer: OpenApiAnswer,
    step: str,
    *,
    changes: bool,
    kind: FailureKind | None = None,
    why: Text = REFUSED,
    of: type[DeliveryFailed] = DeliveryFailed,
) -> DeliveryFailed:
    """Give the failure of an answer that says no: of the kind that its words mean, or of `kind`."""
    why = _STILL_RUNNING if answer.about is U8Says.RUNNING else why
    kind = kind or kind_of(answer.about, changes=changes)
    return of(kind, f"{why} at {step}", status=200, code=answer.code, message=answer.words)
