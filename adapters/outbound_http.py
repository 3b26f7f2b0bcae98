"""One bounded HTTP exchange for every outbound adapter: sent or not sent, one deadline, a bounded answer, own trust."""

import asyncio
import logging
import re
import ssl
import zlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime
from email.utils import parsedate_to_datetime, parsedate_tz
from functools import cache, lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, Any, Final

import httpx2
from pydantic import AfterValidator

from adapters.connection_failures import ExchangeStep, certificate_refused, explain, step_begun
from adapters.public_addresses import PrivateAddress, is_address, public_addresses
from bus.domain.text import Text

_SENDING: Final = "send_request_headers.started"
_PORTS: Final = {"http": 80, "https": 443}
_UNPACKABLE: Final = frozenset({"gzip", "x-gzip", "deflate"})
RETRY_AFTER_S_MAX: Final = 365 * 86_400.0
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An HTTP answer as far as it was read. `cut` says why its body is not whole; header names in lower case.

    `longer`: it was cut since it is longer than what is read; `body` is then its beginning. `set_cookies`: each
    Set-Cookie by itself: joined in `headers`, their dates' commas cannot be told from those between them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: str = ""
    longer: bool = False
    set_cookies: Sequence[str] = ()


class NoResponse(Exception):
    """No status came back, and why in words. `sent`: it had left, so the other side may have acted on it."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.detail, self.sent = detail, sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a call ends, on the event loop's clock; `within_s` is what it had in all."""

    at: float
    within_s: float

    @classmethod
    def after(cls, within_s: float) -> "Deadline":
        """Let it begin now, on the running loop."""
        return cls(at=asyncio.get_running_loop().time() + within_s, within_s=within_s)

    @property
    def left_s(self) -> float:
        """Give the seconds that are left, at least 0."""
        return max(0.0, self.at - asyncio.get_running_loop().time())

    def __str__(self) -> str:
        return str(Text(f"{self.within_s:g} 秒内没有应答", f"no answer within {self.within_s:g} s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """How calls leave: certificates trusted and shown, and a proxy. By itself: public authorities, directly."""

    trust: ssl.SSLContext | None = None
    proxy: httpx2.Proxy | None = None


DIRECT: Final = Egress()


class OutboundHttp:
    """One system's HTTP client. Follows no redirect, asks no proxy of the environment, unpacks within its limit.

    `reuse`: keep connections between exchanges. Without, each has its own: on a kept connection an answer that was
    sent twice is taken for that of the next request. `cookies`: keep the session that the other side sets.
    `public_only`: no call reaches a private, loopback or link-local address, whatever name leads there. Through a proxy
    it is the proxy that looks names up, so that addresses alone are refused.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        connections_max: int,
        answer_bytes_max: int,
        reuse: bool = False,
        cookies: bool = False,
        public_only: bool = False,
        egress: Egress = DIRECT,
    ) -> None:
        """Open nothing yet. The library logs no addresses from now on: some hold a credential."""
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self._answer_bytes_max, self._proxied = answer_bytes_max, egress.proxy is not None
        self._public_only = public_only
        self._http = httpx2.AsyncClient(
            headers={"accept-encoding": "identity", **headers, **({} if reuse else {"connection": "close"})},
            cookies=CookieJar(None if cookies else DefaultCookiePolicy(allowed_domains=())),
            limits=httpx2.Limits(
                max_connections=connections_max, max_keepalive_connections=connections_max if reuse else 0
            ),
            verify=egress.trust or _public_trust_once(),
            proxy=egress.proxy,
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> HttpResponse:
        """Exchange one POST for an answer by the deadline. Raises NoResponse, and nothing else but CancelledError."""
        return await self.exchange("POST", url, body, headers, deadline)

    async def get(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> HttpResponse:
        """Exchange one GET for an answer by the deadline. Raises NoResponse, and nothing else but CancelledError."""
        return await self.exchange("GET", url, b"", headers, deadline)

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline
    ) -> HttpResponse:
        """Exchange one request for an answer by the deadline. Raises NoResponse, and nothing else but CancelledError.

        A GET has an empty body.
        """
        heard = _Heard(proxied=self._proxied)
        try:
            async with asyncio.timeout_at(deadline.at):
                request = self._http.build_request(method, _read_url(url), content=body or None, headers=dict(headers))
                request.extensions["trace"] = heard.trace
                return await self._answered(heard, request, deadline)
        # httpx2 raises ValueError for a host that cannot be one and RuntimeError once it is closed.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError) as error:
            detail = str(explain(error, heard.step, within_s=deadline.within_s))
            refused = certificate_refused(error)
        if heard.answer is None:
            raise NoResponse(detail, sent=heard.sent and not refused)
        return replace(heard.answer, cut=detail)

    async def close(self) -> None:
        """Let go of connections; idempotent."""
        await self._http.aclose()

    def forget_cookies(self) -> None:
        """Leave the session that the other side has set."""
        self._http.cookies.clear()

    async def _answered(self, heard: "_Heard", request: httpx2.Request, deadline: Deadline) -> HttpResponse:
        if not self._public_only or (self._proxied and not is_address(request.url.host)):
            return await self._read(heard, request, deadline)
        heard.step, url, error = ExchangeStep.CONNECT, request.url, None
        name = url.raw_host.decode("ascii")
        for address in await public_addresses(name, url.port or _PORTS[url.scheme]):
            request.url = url.copy_with(host=address)  # the header `host` keeps the name, and so does the certificate
            request.extensions["sni_hostname"] = name
            try:
                return await self._read(heard, request, deadline)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as unreached:
                error = unreached
        raise error or PrivateAddress("no address")

    async def _read(self, heard: "_Heard", request: httpx2.Request, deadline: Deadline) -> HttpResponse:
        # The deadline is for the whole exchange: trickling bytes do not move it. Connecting (TCP, and then TLS) ends
        # before it by itself: a TLS handshake that is cancelled leaves its socket open.
        request.extensions["timeout"] = httpx2.Timeout(None, connect=deadline.left_s / 3).as_dict()
        response = await self._http.send(request, stream=True)
        heard.answer = HttpResponse(
            status=response.status_code,
            headers=dict(response.headers),
            set_cookies=response.headers.get_list("set-cookie"),
        )
        read, most = bytearray(), self._answer_bytes_max
        too_long = Text(f"应答超过 {most} 字节", f"longer than {most} bytes")
        async with aclosing(response), aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                read += chunk
                if len(read) > most:
                    return replace(heard.answer, body=bytes(read[:most]), cut=str(too_long), longer=True)
        return _unpacked(replace(heard.answer, body=bytes(read)), most, str(too_long))


def _unpacked(answer: HttpResponse, bytes_max: int, too_long: str) -> HttpResponse:
    """Unpack gzip and deflate, which some servers send unasked; what is broken or of another kind stays packed."""
    if answer.headers.get("content-encoding", "").strip().lower() not in _UNPACKABLE:
        return answer
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as its first bytes say
    try:
        body = unpacker.decompress(answer.body, bytes_max + 1)
    except zlib.error:
        return answer
    longer = len(body) > bytes_max
    if not (longer or unpacker.eof):
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
    return replace(
        answer, headers=headers, body=body[:bytes_max], longer=longer, cut=too_long if longer else answer.cut
    )


@dataclass(slots=True)
class _Heard:
    """What is known of an exchange, also when it is cut off in the middle."""

    sent: bool = False
    answer: HttpResponse | None = None
    step: ExchangeStep = ExchangeStep.WAIT
    proxied: bool = False

    async def trace(self, step: str, info: Mapping[str, Any]) -> None:
        """Note that the request leaves; what asks a proxy for a tunnel is not yet the request."""
        request = info.get("request")
        tunnel = request is not None and request.method == b"CONNECT"
        if step.endswith(_SENDING):
            self.sent = self.sent or not tunnel
        self.step = step_begun(step, proxied=self.proxied, tunnel=tunnel) or self.step


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After, seconds or an HTTP date, as seconds from `now` (aware); None when it is neither. Pure.

    More than a year, in digits or as a date that no calendar holds, is a year: the target's own limit is less.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), RETRY_AFTER_S_MAX)
    try:
        if (read := parsedate_tz(text)) and read[0] > MAXYEAR:
            return RETRY_AFTER_S_MAX
        at = parsedate_to_datetime(text)
        wait_s = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(0.0, wait_s), RETRY_AFTER_S_MAX)


_URL_FORM: Final = Text(
    "应为 http:// 或 https:// 开头的网址,其中不含用户名和密码", "must be http(s)://host/path without user and password"
)


def _checked(url: str) -> str:
    try:
        read = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ValueError(str(Text("不是网址", "is no URL"))) from None
    if read.scheme not in ("http", "https") or not read.host or read.userinfo:
        raise ValueError(str(_URL_FORM))
    return url


HttpUrl = Annotated[str, AfterValidator(_checked)]  # of an option: an address that holds no password


def public_trust() -> ssl.SSLContext:
    """Give a context of its own that trusts the public certificate authorities, whatever the environment says."""
    return httpx2.create_ssl_context(trust_env=False)


@lru_cache(64)
def _read_url(url: str) -> httpx2.URL:
    """Read an address once: a target's is the same for every call. Raises httpx2.InvalidURL."""
    return httpx2.URL(url)


@cache
def _public_trust_once() -> ssl.SSLContext:
    """Read the certificate authorities once: it takes as long as many calls."""
    return public_trust()
