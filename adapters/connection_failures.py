"""Why no answer came, in words: name, refused, certificate, reset or time, and at which step. Pure."""

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

import httpx2

from adapters.public_addresses import PrivateAddress
from bus.domain.text import Text


class ExchangeStep(Enum):
    """How far an exchange had come, as people say it."""

    WAIT = Text("等待空闲连接时", "while waiting for a free connection")
    CONNECT = Text("建立连接时", "while connecting")
    TLS = Text("TLS 握手时", "in the TLS handshake")
    WRITE = Text("发送请求时", "while writing the request")
    READ = Text("读取应答时", "while reading the answer")
    PROXY_CONNECT = Text("连接代理(选项 proxy)时", "while connecting to the proxy (option proxy)")
    PROXY_TLS = Text("与代理(选项 proxy)TLS 握手时", "in the TLS handshake with the proxy (option proxy)")
    PROXY_TUNNEL = Text("请代理(选项 proxy)接通对方时", "while the proxy (option proxy) connects to it")


_STARTED: Final[Mapping[str, ExchangeStep]] = {
    "connect_tcp.started": ExchangeStep.CONNECT,
    "start_tls.started": ExchangeStep.TLS,
    "send_request_headers.started": ExchangeStep.WRITE,
    "receive_response_headers.started": ExchangeStep.READ,
}
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


# The steps that are between us and the proxy: by the prefix of the part that connects there, which reaches it alone.
_TO_PROXY: Final[Mapping[str, ExchangeStep]] = {
    "connection.connect_tcp.started": ExchangeStep.PROXY_CONNECT,
    "connection.start_tls.started": ExchangeStep.PROXY_TLS,
}
_HTTP_STATUS: Final = re.compile(r"[1-5][0-9]{2}(?= |$)")  # what the client's text of a refused CONNECT begins with
# Alerts of the other side about our certificate: of TLS 1.3 they come after the request has left, and end a handshake
# that it never completed; none of a certificate is sent later, as this client takes part in no later demand.
_CERTIFICATE_ALERTS: Final = frozenset({
    "TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
})  # fmt: skip
_CERTIFICATE_WANTED: Final = Text(
    "对方要求它信任的客户端证书,请检查选项 client_certificate",
    "it demands a client certificate that it trusts: see the option client_certificate",
)
PROXY_LOGIN: Final = Text(
    "代理要求登录(HTTP 407),请检查选项 proxy_login", "the proxy wants a login (HTTP 407): see the option proxy_login"
)


def step_begun(traced: str, *, proxied: bool = False, tunnel: bool = False) -> ExchangeStep | None:
    """Name the step that the HTTP client traces as begun; None for what is no step of its own.

    `proxied`: calls leave by a proxy. `tunnel`: it is the request that asks the proxy for one.
    """
    if tunnel:
        return ExchangeStep.PROXY_TUNNEL
    return (_TO_PROXY.get(traced) if proxied else None) or _STARTED.get(traced.partition(".")[2])


def explain(error: BaseException, step: ExchangeStep, *, within_s: float) -> Text:
    """Say why an exchange ended without an answer; `within_s` is the time that it had in all.

    Nothing that the other side sent is in it, and nothing that differs between calls that failed alike.
    """
    if certificate_refused(error):
        at = ExchangeStep.TLS.value
        return Text(f"{_CERTIFICATE_WANTED.zh},{at.zh}", f"{_CERTIFICATE_WANTED.en}, {at.en}")
    reason, cause = Text("没有应答", "no answer"), error
    for one in (error,) if isinstance(error, httpx2.TimeoutException) else _chain(error):
        if (found := _reason(one, within_s)) is not None:
            reason, cause = found, one
            break
    return Text(f"{reason.zh},{step.value.zh}", f"{reason.en}, {step.value.en} ({type(cause).__name__})")


def certificate_refused(error: BaseException) -> bool:
    """Say whether the other side refused the handshake for our certificate: then nothing reached its application."""
    return any(isinstance(one, ssl.SSLError) and one.reason in _CERTIFICATE_ALERTS for one in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error's causes, those of the system first, and at the end what was raised."""
    inner = error.__cause__ or error.__context__
    members = inner.exceptions if isinstance(inner, BaseExceptionGroup) else (inner,)
    for one in members:
        if isinstance(one, BaseException):
            yield from _chain(one)
    yield error


def _reason(error: BaseException, within_s: float) -> Text | None:
    match error:
        case PrivateAddress():
            return Text(
                "对方是内网或本机地址,须在选项中写明 private_addresses: true",
                "it is at a private or local address: the option private_addresses: true allows that",
            )
        case socket.gaierror():
            return Text("无法解析域名", "its name is not known")
        case ssl.SSLWantReadError() | ssl.SSLWantWriteError():
            return None  # the handshake had more to read or to write when its time was over
        case ssl.SSLCertVerificationError():
            return Text(
                f"证书不被信任({error.verify_message})", f"its certificate is not trusted: {error.verify_message}"
            )
        case ssl.SSLError():
            return Text(f"TLS 失败({error.reason})", f"TLS failed: {error.reason}")
        case ConnectionRefusedError():
            return Text("连接被拒绝", "connection refused")
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Text("连接被对方断开", "connection reset")
        case httpx2.TimeoutException():
            return Text("超时", "time-out")
        case TimeoutError():
            return Text(f"{within_s:g} 秒内没有应答", f"no answer within {within_s:g} s")
        case OSError(errno=number) if number in _NO_ROUTE:
            return Text("网络不可达", "no route to it")
        case httpx2.RemoteProtocolError():
            return Text("应答不是完整的 HTTP", "its answer is no HTTP, or ends too early")
        case httpx2.ProxyError():
            return _refused_by_proxy(str(error))
        case _:
            return None


def _refused_by_proxy(text: str) -> Text:
    """Say what a proxy's status for CONNECT means; its own words may hold anything and are left out."""
    found = _HTTP_STATUS.match(text)
    match found and found[0]:
        case "407":
            return PROXY_LOGIN
        case "502" | "503" | "504" as status:
            return Text(f"代理联系不到对方(HTTP {status})", f"the proxy does not reach it (HTTP {status})")
        case str(status):
            return Text(
                f"代理拒绝接通(HTTP {status}),请在代理上放行该地址和端口",
                f"the proxy refuses to connect (HTTP {status}): allow address and port there",
            )
        case _:
            return Text("代理出错", "the proxy failed")
