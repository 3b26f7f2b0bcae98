"""A 纷享销客 on loopback: tokens of its new authorization, records, limits on calls, and switches for its faults."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson

from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.faulty_simulator import FaultySimulator
from adapters.simulators.fxiaoke_books import FxiaokeBooks, FxiaokeRefusal, FxiaokeTenant
from adapters.simulators.fxiaoke_faults import AFTER, SAYS, STATUSES, WAYS, FxiaokeFault
from adapters.simulators.oldest import drop_oldest

TOKEN, QUERY, CREATE, UPDATE = "token", "query", "create", "update"
_TOKEN_PATH: Final = "/oauth2.0/token"  # noqa: S105 - it is a path, no secret
_PRESET, _CUSTOM = "/cgi/crm/v2/data/", "/cgi/crm/custom/v2/data/"
_CHANGES: Final = (CREATE, UPDATE)
_OTHERS: Final = {
    "_id": "000000000000000000000001",
    "object_describe_api_name": "AccountObj",
    "name": "示例公司",
    "last_modified_time": 1_500_000_000_000,
}


@dataclass(slots=True, kw_only=True)
class FxiaokeSimulator(FaultySimulator[FxiaokeFault]):
    """A tenant whose tokens outlive `serving()`; of records the `most` newest stay. `wall` gives seconds since 1970."""

    ways = WAYS

    tenant: FxiaokeTenant = field(default_factory=FxiaokeTenant)
    wall: Callable[[], float] = time.time
    traces: dict[str, None] = field(default_factory=dict)
    books: FxiaokeBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = FxiaokeBooks(self.tenant, self.now, self.wall, self.most)

    def account(self, secret_variable: str, code_variable: str) -> Mapping[str, Any]:
        """Give the account as maps and targets name it; its secrets are in these variables."""
        return {
            "base_url": self.url,
            "app_id": self.tenant.app_id,
            "app_secret": secret_variable,
            "permanent_code": code_variable,
            "user_id": self.tenant.users[0],
            "private_addresses": True,
        }

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        return TOKEN if path == _TOKEN_PATH else path.removeprefix(_PRESET).removeprefix(_CUSTOM)

    def _arrived(self, request: SimulatedRequest) -> None:
        self.traces[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.traces)

    def _reply(self, fault: FxiaokeFault | None, service: str, request: SimulatedRequest) -> bytes:
        if fault is not None and fault not in AFTER:
            if fault in SAYS:
                return http_answer("200 OK", _refused(SAYS[fault]))
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        try:
            content = self._answer(service, request, fault)
        except FxiaokeRefusal as refusal:
            content = _refused(refusal)
        except (ValueError, KeyError, TypeError, AttributeError):
            content = _refused(FxiaokeRefusal(10006, "the parameter data is missing or illegal"))
        if fault is not None and fault in STATUSES:
            return http_answer(*STATUSES[fault])
        if fault is FxiaokeFault.SYSTEM_ERROR_AFTER:
            return http_answer("200 OK", _refused(SAYS[fault]))
        return http_answer("200 OK", _as_sent(content, fault, service))

    def _answer(self, service: str, request: SimulatedRequest, fault: FxiaokeFault | None) -> bytes:
        parts = urlsplit(request.path)
        (trace,) = parse_qs(parts.query).get("thirdTraceId", [""])
        if not trace or UUID(trace).version != 4:
            raise FxiaokeRefusal(10006, "the parameter thirdTraceId is missing or illegal")
        asked = orjson.loads(request.body)
        if service == TOKEN:
            return _ok(**self.books.token(asked))
        user = self.books.admit(parts.path, request.headers)
        data = asked["data"]["object_data"] if service in _CHANGES else asked["data"]
        name = data["dataObjectApiName"]
        if parts.path != f"{_CUSTOM if name.endswith('__c') else _PRESET}{service}":
            raise FxiaokeRefusal(10006, "the parameter dataObjectApiName is missing or illegal")
        match service:
            case "query":
                return self._query(name, data["search_query_info"], fault)
            case "get":
                found = self.books.query(name, _by_id(data["objectDataId"]))
                return _ok(data=found[0] if found else {})
            case "create":
                self._begin_flows(asked)
                return _ok(dataId=self.books.create(name, data, user))
            case "update":
                self._begin_flows(asked)
                self.books.update(name, data, user)
                return _ok()
            case _:
                raise FxiaokeRefusal(10006, "the interface does not exist")

    def _begin_flows(self, asked: Mapping[str, Any]) -> None:
        for name in ("triggerApprovalFlow", "triggerWorkFlow"):
            self.books.flows_started += asked.get(name, True) is not False

    def _query(self, name: str, asked: Mapping[str, Any], fault: FxiaokeFault | None) -> bytes:
        rows: Sequence[Mapping[str, Any]] = self.books.query(name, asked)
        if fault is FxiaokeFault.UNFILTERED:
            rows = [{**_OTHERS, "object_describe_api_name": name}]
        if fault is FxiaokeFault.SINGLE:
            return _ok(data=rows[0] if rows else {})
        rows = [one for one in rows for _ in range(2)] if fault is FxiaokeFault.REPEATED else rows
        return _ok(data={"dataList": rows, "offset": asked["offset"], "limit": asked["limit"], "total": 0})


def changed_in(body: bytes) -> str:
    """Say which record a request is about, and never what is written into it."""
    try:
        data = orjson.loads(body).get("data", {})
        named = data.get("object_data", data)
        shown = [named.get("dataObjectApiName", ""), named.get("_id", named.get("objectDataId", ""))]
    except (orjson.JSONDecodeError, AttributeError):
        return "?"
    return " ".join(str(one) for one in shown if one)


def _by_id(record: str) -> Mapping[str, Any]:
    condition = {"field_name": "_id", "field_values": [record], "operator": "EQ"}
    return {"limit": 1, "offset": 0, "filters": [condition], "orders": []}


def _ok(**content: Any) -> bytes:
    success = {"traceId": "E-O.simulated", "errorDescription": "success", "errorMessage": "OK", "errorCode": 0}
    return orjson.dumps({**success, **content})


def _refused(refusal: FxiaokeRefusal) -> bytes:
    return orjson.dumps({"errorCode": refusal.code, "errorMessage": refusal.words, "errorDescription": refusal.words})


def _as_sent(content: bytes, fault: FxiaokeFault | None, service: str) -> bytes:
    match fault:
        case FxiaokeFault.TEXT:
            return content.replace(b'"errorCode":0', b'"errorCode":"0"')
        case FxiaokeFault.BOM:
            return b"\xef\xbb\xbf" + content
        case FxiaokeFault.GBK:
            return content.decode().encode("gb18030")
        case FxiaokeFault.FOREIGN if service == QUERY:
            return _ok(dataId=_OTHERS["_id"])
        case FxiaokeFault.FOREIGN:
            return _ok(data={"dataList": [_OTHERS], "offset": 0, "limit": 1, "total": 1})
        case _:
            return content
