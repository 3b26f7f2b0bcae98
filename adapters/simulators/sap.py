"""An SAP S/4 on loopback: its OData v2 service for material documents, with its bad habits as switches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from adapters.simulators.erp_simulator import ErpSimulator
from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.sap_books import PostedDocument, SapAccount, SapBooks, SapRefused
from adapters.simulators.sap_faults import AFTER, HIDDEN, STATUSES, WAYS, SapFault

OAUTH_PATH: Final = "/oauth/token"
ACCESS, FETCH, LOOKUP, POST = "Token", "Fetch", "Lookup", "Post"
_ROOT: Final = "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/"
_EMPTY: Final = {"MaterialDocument": "", "MaterialDocumentYear": "0000", "to_MaterialDocumentItem": {"results": []}}


@dataclass(slots=True, kw_only=True)
class SapSimulator(ErpSimulator[SapFault]):
    """An SAP whose services are Token (OAuth), Fetch (a CSRF token), Lookup and Post; sessions end with `serving()`.

    Of documents the `most` newest stay as well.
    """

    ways = WAYS

    account: SapAccount = field(default_factory=SapAccount)
    heads: list[Mapping[str, str]] = field(default_factory=list)
    books: SapBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = SapBooks(self.stock, self.account, self.now, self.most)

    def target_options(self, password_variable: str) -> Mapping[str, str]:
        """Give the options of a target that calls it, as a targets file has them; the password is in that variable."""
        return {
            "base_url": self.url,
            "client": self.account.sap_client,
            "user": self.account.user,
            "password": password_variable,
            "plant": "1010",
            "storage_location": "0001",
            "cost_center": "CC4711",
        }

    def _begin(self) -> None:
        self.books.forget_sessions()

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        if path == OAUTH_PATH:
            return ACCESS
        if path == _ROOT and request.verb == "GET":
            return FETCH if request.headers.get("x-csrf-token", "").lower() == "fetch" else "Root"
        if path == f"{_ROOT}A_MaterialDocumentHeader":
            return POST if request.verb == "POST" else LOOKUP
        return "?"

    def _arrived(self, request: SimulatedRequest) -> None:
        self.heads.append(request.headers)
        drop_oldest(self.most, self.heads)

    def _reply(self, fault: SapFault | None, service: str, request: SimulatedRequest) -> bytes:
        if fault is not None and fault in HIDDEN:
            if service != POST:  # nothing else has such an answer
                return self._true_answer(None, service, request)
            status, message = HIDDEN[fault]
            header = (f"sap-message: {orjson.dumps(message).decode()}",) if message else ()
            return http_answer(status, orjson.dumps({"d": _EMPTY}), *header)
        if fault is not None and fault not in AFTER:
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        answer = self._true_answer(fault, service, request)
        return http_answer(*STATUSES[fault]) if fault is not None and fault in STATUSES else answer

    def _true_answer(self, fault: SapFault | None, service: str, request: SimulatedRequest) -> bytes:
        if service == ACCESS:
            return self._access(request)
        if not self.books.lets_in(request.headers.get("authorization", "")):
            return http_answer(*STATUSES[SapFault.UNAUTHORIZED])
        asked = parse_qs(urlsplit(request.path).query)
        if asked.get("sap-client", [self.account.sap_client]) != [self.account.sap_client]:
            return http_answer("400 Bad Request", b"<h1>Client does not exist</h1>")
        match service:
            case "Fetch":
                token, cookies = self.books.open_session()
                lines = (f"x-csrf-token: {token}", *(f"set-cookie: {one}" for one in cookies))
                return http_answer(
                    "200 OK", _written({"d": {"EntitySets": ["A_MaterialDocumentHeader"]}}, fault), *lines
                )
            case "Lookup":
                return self._list(asked, fault)
            case "Post":
                return self._post(request, fault)
            case _:
                return http_answer(*STATUSES[SapFault.NO_SERVICE])

    def _access(self, request: SimulatedRequest) -> bytes:
        if request.headers.get("authorization") != self.account.oauth_basic:
            error = {"error": "invalid_client", "error_description": "Bad credentials"}
            return http_answer("401 Unauthorized", orjson.dumps(error))
        content = {"access_token": self.books.give_access(), "token_type": "bearer", "expires_in": self.books.access_s}
        return http_answer("200 OK", orjson.dumps(content))

    def _list(self, asked: Mapping[str, list[str]], fault: SapFault | None) -> bytes:
        found = self.books.found(asked.get("$filter", [""])[0])
        if found is None:
            refused = SapRefused("/IWFND/CM_MGW/513", "Invalid filter", around=False)
            return http_answer("400 Bad Request", orjson.dumps(refused.answer()))
        if fault is SapFault.UNFILTERED:
            found = [_another()]
        rows = [one.entity() for one in found]
        return http_answer(
            "200 OK", _written({"d": {"results": rows * 2 if fault is SapFault.REPEATED else rows}}, fault)
        )

    def _post(self, request: SimulatedRequest, fault: SapFault | None) -> bytes:
        head = request.headers
        if not self.books.knows_session(head.get("x-csrf-token", ""), head.get("cookie", "")):
            return http_answer(*STATUSES[SapFault.STALE_CSRF])
        repeat = (head.get("requestid", ""), head.get("repeatabilitycreation", ""))
        try:
            document = self.books.post(orjson.loads(request.body), repeat)
        except SapRefused as refused:
            return http_answer("400 Bad Request", orjson.dumps(refused.answer()))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            invalid = SapRefused("/IWFND/CM_MGW_RT/022", "The request is invalid", around=False)
            return http_answer("400 Bad Request", orjson.dumps(invalid.answer()))
        lines: list[str] = ["RepeatabilityResult: accepted"] if self.books.keeps_repeats and all(repeat) else []
        if fault is SapFault.WARNING:
            warned = SapRefused("M7/999", "Check the batch").header("warning")
            lines.append(f"sap-message: {orjson.dumps(warned).decode()}")
        return http_answer("201 Created", _written({"d": _entity(document, fault)}, fault), *lines)


def _entity(document: PostedDocument, fault: SapFault | None) -> object:
    entity = document.entity()
    match fault:
        case SapFault.EMPTY_AFTER:
            return {**entity, **_EMPTY}
        case SapFault.NO_YEAR_AFTER:
            return {**entity, "MaterialDocumentYear": "0000"}
        case SapFault.ANOTHER_AFTER:
            return _another().entity()
        case SapFault.WRAPPED:
            return {"results": entity}
        case _:
            return entity


def _another() -> PostedDocument:
    return PostedDocument(
        number="4911111111", year="2026", reference="TBOFANOTHERCALLX", text="", items=(), posted={}, at=0.0
    )


def _written(content: Mapping[str, Any], fault: SapFault | None) -> bytes:
    written = orjson.dumps(content)
    return b"\xef\xbb\xbf" + written if fault is SapFault.BOM else written
