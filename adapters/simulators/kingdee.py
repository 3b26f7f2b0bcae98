"""A Kingdee K3Cloud on loopback: a real HTTP server with its bad habits, and switches for its faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

import orjson

from adapters.simulators.erp_simulator import ErpSimulator
from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.kingdee_books import Account, Answer, Books, Failed
from adapters.simulators.kingdee_faults import AFTER, SAYS, STATUSES, WAYS, KingdeeFault
from adapters.simulators.oldest import drop_oldest

LOGIN: Final = "LoginByAppSecret"


@dataclass(slots=True, kw_only=True)
class KingdeeSimulator(ErpSimulator[KingdeeFault]):
    """A Kingdee with one account set; sessions end with `serving()`. Of bills the `most` newest stay as well."""

    ways = WAYS

    account: Account = field(default_factory=Account)
    traceparents: dict[str, None] = field(default_factory=dict)
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        self.books = Books(self.stock, self.account, self.now, self.most)

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

    def _begin(self) -> None:
        self.books.forget_sessions()

    def _service(self, request: SimulatedRequest) -> str:
        return request.path.removesuffix(".common.kdsvc").rpartition(".")[2]

    def _arrived(self, request: SimulatedRequest) -> None:
        self.traceparents[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.traceparents)

    def _reply(self, fault: KingdeeFault | None, service: str, request: SimulatedRequest) -> bytes:
        if fault is not None and fault not in AFTER:
            if fault in SAYS:
                return http_answer("200 OK", orjson.dumps(_as_answered(service, SAYS[fault].answer())))
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        self.books.repeats_page = fault is KingdeeFault.PAGE_REPEATS
        content, session = self._answer(service, request.body, request.headers)
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
