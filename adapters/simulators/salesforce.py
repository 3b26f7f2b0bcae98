"""A Salesforce organization on loopback: OAuth, upserts and queries over REST, with its bad habits as switches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import yaml

from adapters.mapped_target.shipped import shipped_target
from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.faulty_simulator import FaultySimulator
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.salesforce_faults import AFTER, STATUSES, WAYS, SalesforceFault, disguised, errors
from adapters.simulators.salesforce_org import SalesforceOrg, SalesforceRefused
from adapters.simulators.switches import SEND_PATH

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - an address, not a secret
TOKEN, WRITE, QUERY, SCREEN = "Token", "Write", "Query", "Screen"
_DATA: Final = "/services/data/v62.0"
_HOST: Final = "https://quan.my.salesforce.com"


@dataclass(slots=True, kw_only=True)
class SalesforceSimulator(FaultySimulator[SalesforceFault]):
    """An organization whose services are Token, Write (PATCH of a record) and Query; `books` are its records.

    With `note`, which queues an outbound message, people there work by SEND_PATH: `{"Subject": …}` makes a case, with
    an `Id` it changes that one.
    """

    ways = WAYS

    heads: list[Mapping[str, str]] = field(default_factory=list)
    books: SalesforceOrg = field(default_factory=SalesforceOrg)
    note: Callable[[str], None] | None = None

    def effects(self) -> int:
        """Count what calls have changed."""
        return len(self.books.changes)

    def target_options(self, key_variable: str) -> dict[str, Any]:
        """Give the options of a target that calls it: the shipped map; the private key is in that variable."""
        account = self.books.account
        options: dict[str, Any] = yaml.safe_load(shipped_target("salesforce").replace(_HOST, self.url))
        options["private_addresses"] = True
        options["proof"] |= {
            "client_id": account.client_id,
            "subject": account.subject,
            "audience": account.audience,
            "private_key": key_variable,
        }
        return options

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        if path == TOKEN_PATH:
            return TOKEN
        if path == SEND_PATH and self.note is not None:
            return SCREEN
        if path.startswith(f"{_DATA}/query"):
            return QUERY
        return WRITE if request.verb == "PATCH" and path.startswith(f"{_DATA}/sobjects/") else "?"

    def _arrived(self, request: SimulatedRequest) -> None:
        self.heads.append(request.headers)
        drop_oldest(self.most, self.heads)

    def _reply(self, fault: SalesforceFault | None, service: str, request: SimulatedRequest) -> bytes:
        if fault is SalesforceFault.SESSION_EXPIRED:
            self.books.sessions.clear()
        if fault is not None and fault not in AFTER:
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        try:
            status, answer = self._done(service, request)
        except SalesforceRefused as refused:
            return http_answer(refused.status, _refusal(service, refused))
        if fault is not None and fault in STATUSES:
            return http_answer(*STATUSES[fault])
        whole = http_answer(status, disguised(fault, answer))
        return whole * 2 if fault is SalesforceFault.TWICE_AFTER else whole

    def _done(self, service: str, request: SimulatedRequest) -> tuple[str, Mapping[str, Any] | None]:
        """Do what is asked. Raises SalesforceRefused."""
        url = urlsplit(request.path)
        if service == TOKEN:
            return "200 OK", self.books.token(request.body, self.url)
        if service == SCREEN:
            return "200 OK", self._worked(_fields(request.body))
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.books.sessions:
            raise SalesforceRefused("401 Unauthorized", "INVALID_SESSION_ID", "Session expired or invalid")
        if service == QUERY:
            cursor = url.path.removeprefix(f"{_DATA}/query").strip("/")
            if cursor:
                return "200 OK", self.books.more(cursor)
            return "200 OK", self.books.query(parse_qs(url.query).get("q", [""])[0])
        if service != WRITE:
            raise SalesforceRefused("404 Not Found", "NOT_FOUND", "The requested resource does not exist")
        return self._write(url.path.removeprefix(f"{_DATA}/sobjects/"), request.body)

    def _worked(self, fields: dict[str, Any]) -> Mapping[str, Any]:
        own = str(fields.pop("Id", ""))
        if own:
            self.books.update("Case", own, fields)
        else:
            own = self.books.create("Case", fields)
        if self.note is not None:
            self.note(own)
        return self.books.records[own]

    def _write(self, place: str, body: bytes) -> tuple[str, Mapping[str, Any] | None]:
        fields = _fields(body)
        match [unquote(part) for part in place.split("/")]:
            case [kind, own]:
                self.books.update(kind, own, fields)
                return "204 No Content", None
            case [kind, name, value]:
                own, made = self.books.upsert(kind, name, value, fields)
                answer = {"id": own, "success": True, "errors": [], "created": made}
                return "201 Created" if made else "200 OK", answer
            case _:
                raise SalesforceRefused("404 Not Found", "NOT_FOUND", "The requested resource does not exist")


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise SalesforceRefused("400 Bad Request", "JSON_PARSER_ERROR", "Unexpected character")
    return fields


def _refusal(service: str, refused: SalesforceRefused) -> bytes:
    if service == TOKEN:
        return orjson.dumps({"error": refused.code, "error_description": refused.message})
    return errors(refused.code, refused.message)
