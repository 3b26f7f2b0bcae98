"""Calls of 纷享销客 with its token: one for all calls of an app in this program, within the budget of calls.

A token is asked for by one call at a time and at most ten times a minute: the vendor allows no more. Every question
within 6,600 s of the first gives the same token, so that several programs of ours do not take it from each other.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson

from adapters.exchange import SessionLost, Talk, in_session, masked, of_login, unbelieved, whole_answer
from adapters.fxiaoke_api import answers, wire
from adapters.fxiaoke_api.account import FxiaokeLogin
from adapters.fxiaoke_api.answers import FxiaokeAnswer
from adapters.fxiaoke_api.budget import CallBudget
from adapters.outbound_http import DIRECT, Egress, HttpResponse, OutboundHttp
from adapters.shared_login import HeldSession, SharedLogin
from adapters.shared_token import lifetime_s, used_until
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

CONNECTIONS_MAX: Final = 8
ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024  # a page of 100 records
TOKENS_PER_MINUTE: Final = 10
_TOKEN_S_MAX: Final = 7_200.0  # a new one is given for the last ten minutes
_MINUTE_S: Final = 60.0
_REFUSED: Final = Text("纷享销客未执行", "refused by 纷享销客")
_NO_ANSWER: Final = Text("应答不是纷享销客的", "no answer of 纷享销客's")
_NO_TOKEN: Final = Text("未得到 accessToken", "no accessToken in its answer")
_TOKENS_USED: Final = Text("一分钟内取令牌已达上限", "it was asked for as many tokens as it gives in a minute")
_CALLS_USED: Final = Text("20 秒内的调用次数已用完", "the calls of 20 seconds are used up")
_DAY_USED: Final = Text("calls_per_day:当日调用次数已用完", "calls_per_day: the calls of the day are used up")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    """A token with the company that it is for, and until when it is used, on the session's clock."""

    token: str = field(repr=False)
    company: str
    until: float


class _SharedApp:
    """What all sessions of one app in this program share."""

    def __init__(self, app: str, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self.login = SharedLogin[_Issued]()
        self.budget = CallBudget(app, clock, now)
        self.token_times = list[float]()


_APPS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], _SharedApp]]] = WeakKeyDictionary()


class FxiaokeSession:
    """One account's calls, also at the same time. `clock` counts seconds."""

    def __init__(
        self,
        login: FxiaokeLogin,
        *,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Send nothing yet."""
        self._login, self._now, self._clock = login, now, clock
        self._http = OutboundHttp(
            headers={"content-type": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            public_only=not login.private_addresses,
            egress=egress,
        )

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def ask(self, talk: Talk, path: str, body: Mapping[str, Any], *, changes: bool) -> Mapping[str, Any]:
        """Ask, or change; once more with a new token where it is refused. Gives the answer. Raises DeliveryFailed.

        The platform refuses a token before it hands the call on, so that a change may be asked for again.
        """
        return await in_session(
            talk,
            lambda lost: self._token(talk, lost),
            lambda issued: self._call(talk, path, body, issued, changes=changes),
        )

    async def _call(
        self, talk: Talk, path: str, body: Mapping[str, Any], issued: _Issued, *, changes: bool
    ) -> Mapping[str, Any]:
        await self._admit(talk, path)
        headers = {
            "authorization": f"Bearer {issued.token}",
            "x-fs-ea": issued.company,
            "x-fs-userid": self._login.user_id,
        }
        try:
            answer = await self._answer(talk, path, body, headers, changes=changes)
            if answer.code == answers.TOKEN_LOST:
                raise self._refusal(answer, path, changes=changes, of=SessionLost)
            if not answer.ok:
                raise self._refusal(answer, path, changes=changes)
        except DeliveryFailed as failure:
            raise self._masked(failure, issued.token) from None
        return answer.content

    async def _admit(self, talk: Talk, path: str) -> None:
        """Wait until the budget has a call left, at most to the call's end. Raises DeliveryFailed, nothing sent."""
        login, budget = self._login, self._app().budget
        if wait_s := budget.wait_for_tomorrow_s(login.calls_per_day):
            raise DeliveryFailed(FailureKind.THROTTLED, _DAY_USED, retry_after_s=wait_s)
        while wait_s := budget.wait_s(path, login.calls_per_20_s):
            if wait_s >= talk.deadline.left_s:
                raise DeliveryFailed(FailureKind.THROTTLED, f"{_CALLS_USED} at {path}", retry_after_s=wait_s)
            await asyncio.sleep(wait_s)
        budget.count(path, login.calls_per_20_s, login.calls_per_day)

    async def _token(self, talk: Talk, lost: int) -> HeldSession[_Issued]:
        """Give the token; a new one where there is none, or it is the lost one, or its time is over."""
        return await self._app().login.session(
            lambda: self._new_token(talk), talk.deadline, lost=lost, over=lambda one: self._clock() >= one.until
        )

    async def _new_token(self, talk: Talk) -> _Issued:
        began, times = self._clock(), self._app().token_times
        times[:] = [one for one in times if one > began - _MINUTE_S]
        if len(times) >= TOKENS_PER_MINUTE:
            wait_s = times[0] + _MINUTE_S - began
            raise DeliveryFailed(FailureKind.THROTTLED, f"{_TOKENS_USED} at {wire.TOKEN}", retry_after_s=wait_s)
        times.append(began)
        try:
            answer = await self._answer(talk, wire.TOKEN, wire.token_request(self._login), {}, changes=False)
            if not answer.ok:
                raise of_login(self._refusal(answer, wire.TOKEN, changes=False))
            return _issued(answer.content, began)
        except DeliveryFailed as failure:
            raise self._masked(failure) from None

    async def _answer(
        self, talk: Talk, path: str, body: Mapping[str, Any], headers: Mapping[str, str], *, changes: bool
    ) -> FxiaokeAnswer:
        heard = await self._heard(talk, path, body, headers, changes=changes)
        answer = answers.read(heard.body)
        if answer is None:
            raise unbelieved(heard, path, _NO_ANSWER, changes=changes)
        return answer

    async def _heard(
        self, talk: Talk, path: str, body: Mapping[str, Any], headers: Mapping[str, str], *, changes: bool
    ) -> HttpResponse:
        url, content = self._login.base_url + wire.traced(path), orjson.dumps(body)
        posted = self._http.post(url, content, {**talk.trace_headers, **headers}, talk.deadline)
        return await whole_answer(posted, path, changes=changes, now=self._now)

    def _refusal(
        self, answer: FxiaokeAnswer, path: str, *, changes: bool, of: type[DeliveryFailed] = DeliveryFailed
    ) -> DeliveryFailed:
        return of(
            answers.kind_of(answer, changes=changes),
            f"{_REFUSED} at {path}",
            status=200,
            code=answer.code,
            message=answer.words,
            retry_after_s=answers.wait_s(answer, self._now()),
        )

    def _masked(self, failure: DeliveryFailed, token: str = "") -> DeliveryFailed:
        return masked(failure, self._login.app_secret, self._login.permanent_code, token)

    def _app(self) -> _SharedApp:
        """Give what is shared; a program has one event loop."""
        apps, login = _APPS.setdefault(asyncio.get_running_loop(), {}), self._login
        key = (login.base_url, login.app_id)
        if key not in apps:
            apps[key] = _SharedApp(login.app_id, self._clock, self._now)
        return apps[key]


def unexpected(path: str, *, changes: bool) -> DeliveryFailed:
    """Give the failure of an answer that tells of success, and is that of another call."""
    return DeliveryFailed(FailureKind.UNKNOWN.of(changes=changes), f"{_NO_ANSWER} at {path}", status=200)


def _issued(content: Mapping[str, Any], began: float) -> _Issued:
    match content:
        case {"accessToken": str(token), "ea": str(company)} if _in_header(token) and _in_header(company):
            valid_s = min(lifetime_s(content.get("expiresIn")) or _TOKEN_S_MAX, _TOKEN_S_MAX)
            return _Issued(token=token, company=company, until=used_until(began, valid_s))
        case _:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_NO_TOKEN} at {wire.TOKEN}", status=200)


def _in_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
