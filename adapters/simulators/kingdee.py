"""A Kingdee K3Cloud on loopback: a real HTTP server with its bad habits, and switches for its faults."""

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Self

import orjson

from adapters.simulators.fault_switches import FaultSwitches
from adapters.simulators.faulty_server import AnswerWay, FaultyServer, SimulatedAnswer, SimulatedRequest, http_answer
from adapters.simulators.kingdee_books import Account, Answer, Books, Failed
from adapters.simulators.kingdee_faults import AFTER, SAYS, STATUSES, WAYS, KingdeeFault
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import Switches, switch_name

LOGIN: Final = "LoginByAppSecret"


@dataclass(slots=True, kw_only=True)
class KingdeeSimulator:
    """Serves while `serving()` is open and keeps its books between; `calls` tells the services asked, in order.

    It forgets all but the `most` newest calls and bills; `called` counts all calls.
    `seen` is told each call's service and body, and the fault that it meets; `switches` answer at SWITCH_PATH.
    """

    stock: Mapping[str, float]
    account: Account = field(default_factory=Account)
    now: Callable[[], float] = time.monotonic
    byte_pause_s: float = 0.05
    port: int = 0
    most: int | None = None
    called: int = 0
    calls: list[str] = field(default_factory=list)
    traceparents: dict[str, None] = field(default_factory=dict)
    seen: Callable[[str, bytes, str], None] | None = None
    switches: Switches | None = None
    books: Books = field(init=False)
    _switches: FaultSwitches[KingdeeFault] = field(default_factory=FaultSwitches)

    def __post_init__(self) -> None:
        self.books = Books(self.stock, self.account, self.now, self.most)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def target_options(self, secret_variable: str) -> Mapping[str, str]:
        """Give the options of a target that calls it, as a targets file has them; the secret is in that variable."""
        account = self.account
        return {
            "base_url": self.url,
            "acct_id": account.acct_id,
            "user": account.user,
            "app_id": account.app_id,
            "app_secret": secret_variable,
            "org": "100",
            "stock": "CK001",
        }

    def fail(self, fault: KingdeeFault, *, times: int | None = None, only: Collection[str] = ()) -> None:
        """Fail so at the next `times` calls of the services in `only`; without them, at all calls until `heal`."""
        self._switches.turn_on(fault, times=times, only=only)

    @property
    def switched_on(self) -> list[str]:
        """List the faults that are on, the one that comes first at a call first."""
        return self._switches.names

    def heal(self) -> None:
        """Switch all faults off; who hangs, hangs on."""
        self._switches.turn_off()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen, on the same port every time; sessions of the last time are gone, the books are not."""
        server = FaultyServer(
            answer=self._answered, port=self.port, byte_pause_s=self.byte_pause_s, switches=self.switches
        )
        self.books.forget_sessions()
        async with server.serving():
            self.port = server.port
            yield self

    def _answered(self, request: SimulatedRequest) -> SimulatedAnswer:
        method = request.path.removesuffix(".common.kdsvc").rpartition(".")[2]
        self.called += 1
        self.calls.append(method)
        self.traceparents[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.calls, self.traceparents)
        fault = self._switches.next_at(method)
        if self.seen:
            self.seen(method, request.body, switch_name(fault) if fault else "")
        way = WAYS.get(fault, AnswerWay.WHOLE) if fault else AnswerWay.WHOLE
        return SimulatedAnswer(content=self._reply(fault, method, request.body, request.headers), way=way)

    def _reply(self, fault: KingdeeFault | None, method: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Do what is asked, unless the fault comes before it, and give the bytes of the answer."""
        if fault is not None and fault not in AFTER:
            if fault in SAYS:
                return http_answer("200 OK", orjson.dumps(_as_answered(method, SAYS[fault].answer())))
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        content, session = self._answer(method, body, headers)
        if fault is not None and fault in STATUSES:
            return http_answer(*STATUSES[fault])
        return http_answer("200 OK", _written(content, fault), *_cookies(session))

    def _answer(self, method: str, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, str]:
        try:
            asked: dict[str, Any] = orjson.loads(body)
            if method == LOGIN:
                return self.books.log_in(asked.get("parameters"))
            if "x-kd-signature" in headers:
                self.books.let_in_signed(headers)
                return self.books.answer(method, asked), ""
            return self.books.serve(method, asked, _session(headers)), ""
        except Failed as failed:
            return _as_answered(method, failed.answer()), ""
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _as_answered(method, Failed(8, "参数错误").answer()), ""


def _session(headers: Mapping[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get("kdservice-sessionid")
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _as_answered(method: str, failure: Answer) -> Answer:
    """Give a failure where the service puts it: a query's stands in the place of the first row's first value."""
    return [[failure]] if method == "ExecuteBillQuery" else failure


def _written(content: Answer, fault: KingdeeFault | None) -> bytes:
    written = orjson.dumps(_twice(content) if fault is KingdeeFault.REPEATED else content)
    match fault:
        case KingdeeFault.BOM:
            return b"\xef\xbb\xbf" + written
        case KingdeeFault.ESCAPED:
            return orjson.dumps(written.decode())
        case _:
            return written


def _twice(content: Answer) -> Answer:
    match content:
        case list(rows):
            return [*rows, *rows]
        case {"Result": {"ResponseStatus": {"SuccessEntitys": list(entities), **status}, **result}}:
            return {"Result": {**result, "ResponseStatus": {**status, "SuccessEntitys": entities * 2}}}
        case other:
            return other


def _cookies(session: str) -> tuple[str, ...]:
    named = (f"kdservice-sessionid={session}", f"ASP.NET_SessionId=a{session}")
    return tuple(f"set-cookie: {one}; path=/" for one in named) if session else ()
