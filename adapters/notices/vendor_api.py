"""Calls of WeCom, DingTalk and WeChat: one token in the address, and an `errcode` in each body."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

from adapters.adapter import EnvironmentSecrets, TargetServices
from adapters.answers.text import charset, decoded
from adapters.exchange import any_answer, masked, of_login, status_failure, unbelieved
from adapters.http_options import HttpOptions
from adapters.outbound_http import Deadline, Egress, HttpResponse, OutboundHttp
from adapters.shared_token import SharedToken, Token
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

CONNECTIONS_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 262_144
NO_CODE: Final = Text("应答中没有返回码", "no code in its answer")
NOT_OF_THIS: Final = Text("应答不是这次调用的", "the answer is none of this call")
_NO_TOKEN: Final = Text("应答中没有 access_token", "no access_token in its answer")
_REFUSED: Final = Text("对方拒绝", "refused")
_THROTTLE_WORDS: Final = re.compile(
    r"freq|qpm|qps|too (?:fast|many)|limit|exceed|concurren|频率|限流|次数|超限|过快", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCodes:
    """What a vendor's codes mean; a code that is none of them is a refusal, unless its words tell of too many calls."""

    token: frozenset[int]
    kinds: Mapping[int, FailureKind]
    waits_s: Mapping[int, float] = field(default_factory=dict)

    def kind_of(self, code: int, words: str) -> FailureKind:
        """Class a refusal."""
        if code in self.token:
            return FailureKind.UNAUTHORIZED
        if code in self.kinds:
            return self.kinds[code]
        return FailureKind.THROTTLED if _THROTTLE_WORDS.search(words) else FailureKind.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """How a token is asked for; the address or the body holds the secret."""

    method: str
    path: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class VendorRefusal(DeliveryFailed):
    """A refusal with a code of the vendor's."""


class VendorApi:
    """One app's calls, also at the same time; they share one token, which is renewed once where it is refused."""

    def __init__(
        self,
        url: str,
        codes: VendorCodes,
        token_request: Callable[[bool], TokenRequest],
        *,
        hidden: Sequence[str],
        egress: Egress,
        now: Callable[[], datetime],
    ) -> None:
        """Send nothing yet. `hidden`: secrets that no message repeats."""
        self._url, self._codes, self._hidden, self._now = url.rstrip("/"), codes, hidden, now
        self._token_request, self._lost = token_request, ""
        self._token = SharedToken(self._new_token)
        self._http = OutboundHttp(
            headers={"content-type": "application/json; charset=utf-8"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )

    async def call(
        self,
        path: str,
        content: Mapping[str, Any],
        trace: Mapping[str, str],
        deadline: Deadline,
        *,
        changes: bool,
        gives: str = "",
    ) -> Mapping[str, Any]:
        """Post, and give the answer whose code is 0. Raises DeliveryFailed; VendorRefusal where it has another code.

        `gives`: what an answer to this call has; one without it is that of another call, and says nothing of this one.
        """
        answer = await self._called(path, orjson.dumps(content), trace, deadline, changes=changes)
        if gives and not answer.get(gives):
            raise DeliveryFailed(FailureKind.UNKNOWN.of(changes=changes), f"{NOT_OF_THIS} at {path}", status=200)
        return answer

    async def _called(
        self, path: str, body: bytes, trace: Mapping[str, str], deadline: Deadline, *, changes: bool
    ) -> Mapping[str, Any]:
        """Post with the token, and once more with another where it is refused."""
        token = await self._token.get(deadline)
        try:
            return await self._posted(path, token, body, trace, deadline, changes=changes)
        except VendorRefusal as refusal:
            if int(refusal.code) not in self._codes.token:
                raise
            self._lost = token
        token = await self._token.get(deadline, lost=token)
        return await self._posted(path, token, body, trace, deadline, changes=changes)

    async def probe(self, within_s: float) -> None:
        """Get a token, which writes nothing. Raises DeliveryFailed."""
        await self._token.get(Deadline.after(within_s), lost=self._token.text)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _posted(
        self, path: str, token: str, body: bytes, trace: Mapping[str, str], deadline: Deadline, *, changes: bool
    ) -> Mapping[str, Any]:
        url = f"{self._url}{path}?access_token={quote(token, safe='')}"
        return await self._read(self._http.post(url, body, trace, deadline), path, token, changes=changes)

    async def _new_token(self, deadline: Deadline) -> Token:
        token = await self._asked_token(deadline, force=False)
        if token.text == self._lost:  # it is given out until its time is over, though it was refused
            token = await self._asked_token(deadline, force=True)
        return token

    async def _asked_token(self, deadline: Deadline, *, force: bool) -> Token:
        asked = self._token_request(force)
        exchange = self._http.exchange(asked.method, self._url + asked.path, asked.body, {}, deadline)
        at = asked.path.partition("?")[0]
        try:
            content = await self._read(exchange, at, "", changes=False)
        except VendorRefusal as refusal:
            raise of_login(refusal) from None
        match content:
            case {"access_token": str(text), "expires_in": int(valid_s)} if text:
                return Token(text=text, valid_s=float(max(valid_s, 1)))
            case _:
                raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_NO_TOKEN} at {at}", status=200)

    async def _read(
        self, exchange: Awaitable[HttpResponse], at: str, token: str, *, changes: bool
    ) -> Mapping[str, Any]:
        """Judge an answer, and hide our own secrets in what it says. Raises DeliveryFailed."""
        try:
            return await self._judged(exchange, at, changes=changes)
        except DeliveryFailed as failure:
            raise masked(failure, *self._hidden, token) from None

    async def _judged(self, exchange: Awaitable[HttpResponse], at: str, *, changes: bool) -> Mapping[str, Any]:
        """Judge an answer: its code alone, where it came whole. Raises DeliveryFailed."""
        answer, content = await whole_json(exchange, at, changes=changes, now=self._now)
        code = content.get("errcode", 0 if "access_token" in content else None)
        code = int(code) if isinstance(code, str) and code.lstrip("-").isdecimal() else code
        if type(code) is not int:
            raise unbelieved(answer, at, NO_CODE, changes=changes)
        if code == 0:
            return content
        sub, words = str(content.get("sub_code") or ""), str(content.get("errmsg") or "")
        if code == 88 and sub.lstrip("-").isdecimal():  # DingTalk's frame around the code of what was asked
            code, words = int(sub), str(content.get("sub_msg") or words)
        raise VendorRefusal(
            self._codes.kind_of(code, words),
            f"{_REFUSED} at {at}",
            status=answer.status,
            code=str(code),
            message=words,
            retry_after_s=self._codes.waits_s.get(code),
        )


class VendorChannel:
    """A channel of one app at a vendor: its API, its probe and its end. The rest of NoticeChannel is each vendor's."""

    def __init__(
        self,
        url: str,
        codes: VendorCodes,
        token_request: Callable[[bool], TokenRequest],
        *,
        secret: str,
        options: HttpOptions,
        secrets: EnvironmentSecrets,
        services: TargetServices,
    ) -> None:
        """Connect to nothing. `secret`: the app's, which no message repeats. Raises ConfigFileInvalid."""
        self._now = services.now
        egress = options.egress(secrets, services.now())
        self._api = VendorApi(url, codes, token_request, hidden=(secret,), egress=egress, now=services.now)

    async def probe(self, within_s: float) -> None:
        """Get a token. Raises DeliveryFailed."""
        await self._api.probe(within_s)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._api.close()


async def whole_json(
    exchange: Awaitable[HttpResponse], at: str, *, changes: bool, now: Callable[[], datetime], any_status: bool = False
) -> tuple[HttpResponse, Mapping[str, Any]]:
    """Give the JSON object of an answer that came whole, in whatever encoding. Raises DeliveryFailed.

    `any_status`: the body is read though the status tells of a failure, where it is a JSON object.
    """
    answer = await any_answer(exchange, at, changes=changes)
    text = decoded(answer.body, charset(answer.headers.get("content-type", ""), answer.body))
    try:
        content = orjson.loads(text.lstrip("\ufeff"))
    except orjson.JSONDecodeError:  # also of an object that was cut off: the beginning of one is none
        content = None
    if answer.status != 200 and not (any_status and isinstance(content, dict)):
        raise status_failure(answer, at, changes=changes, now=now)
    if not isinstance(content, dict):
        raise unbelieved(answer, at, answer.cut or NO_CODE, changes=changes)
    return answer, content
