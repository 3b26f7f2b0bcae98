"""What a Salesforce organization has: records, which fields are external ids, sessions, and a ledger of changes."""

import base64
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_S_MAX: Final = 300  # three minutes, and what clocks may differ
_SOQL: Final = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<kind>\w+) WHERE (?P<where>.+?)(?: ORDER BY (?P<by>\w+))?", re.IGNORECASE
)
_TERM: Final = re.compile(r"(\w+) (>=|<=|<|>|=|!=) ('[^']*'|\S+)")


class SalesforceRefused(Exception):
    """A refusal: status line, error code, message."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True, kw_only=True)
class OrgAccount:
    """The client of a connected app, by its secret or by its key, and as whom it acts."""

    client_id: str = "3MVG9-consumer-key-of-ticketbus"
    client_secret: str = "a-client-secret-of-the-organization"  # noqa: S105 - of a simulator
    subject: str = "ticketbus@quan.example"
    audience: str = "https://login.salesforce.com"


@dataclass(kw_only=True)
class SalesforceOrg:
    """`changes` is the ledger: what each call changed, in order; a call that changes nothing leaves no line.

    `external_ids`: by object, the fields that find a record. `now`: seconds since 1970.
    """

    account: OrgAccount = field(default_factory=OrgAccount)
    external_ids: Mapping[str, Collection[str]] = field(
        default_factory=lambda: {"Case": ("Ticket_No__c",), "Ticket_Event__c": ("Key__c",)}
    )
    now: Callable[[], float] = time.time
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    page: int = 2_000
    _numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    _cursors: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def key(self) -> RSAPrivateKey:
        """Give the client's key; the organization has its certificate."""
        return _made_key()

    @property
    def private_key(self) -> str:
        """Give the key as its variable has it, on one line."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode().strip().replace("\n", "\\n")

    def token(self, body: bytes, instance_url: str) -> Mapping[str, Any]:
        """Open a session. Raises SalesforceRefused."""
        asked = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        match asked.get("grant_type"):
            case "client_credentials":
                given = (asked.get("client_id"), asked.get("client_secret"))
                if given != (self.account.client_id, self.account.client_secret):
                    raise SalesforceRefused("400 Bad Request", "invalid_client", "invalid client credentials")
            case grant if grant == JWT_BEARER:
                self._check_jwt(asked.get("assertion", ""))
            case _:
                raise SalesforceRefused("400 Bad Request", "unsupported_grant_type", "grant type not supported")
        session = f"00D000000000001!AQ.session-{self._numbers()}"
        self.sessions.add(session)
        issued = {"issued_at": str(int(self.now() * 1000)), "token_type": "Bearer", "scope": "api"}
        return {"access_token": session, "instance_url": instance_url, **issued}

    def _check_jwt(self, assertion: str) -> None:
        content, _, signature = assertion.rpartition(".")
        try:
            head, claims = (orjson.loads(_unpadded(part)) for part in content.split("."))
            self.key.public_key().verify(_unpadded(signature), content.encode(), PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            raise SalesforceRefused("400 Bad Request", "invalid_grant", "invalid assertion") from None
        account, left_s = self.account, claims.get("exp", 0) - self.now()
        wanted = (account.client_id, account.subject, account.audience)
        if head.get("alg") != "RS256" or (claims.get("iss"), claims.get("sub"), claims.get("aud")) != wanted:
            raise SalesforceRefused("400 Bad Request", "invalid_grant", "user hasn't approved this consumer")
        if not 0 < left_s <= JWT_S_MAX:
            raise SalesforceRefused("400 Bad Request", "invalid_grant", "expired authorization code")

    def upsert(self, kind: str, name: str, value: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
        """Write the record of an external id; give its id, and whether it was made. Raises SalesforceRefused."""
        if name not in self.external_ids.get(kind, ()):
            message = f"Provided external ID field does not exist or is not accessible: {name}"
            raise SalesforceRefused("404 Not Found", "NOT_FOUND", message)
        if {"Id", name} & fields.keys():
            raise SalesforceRefused("400 Bad Request", "INVALID_FIELD", f"do not specify {name} in the request body")
        same = value.casefold()
        for own, record in self.records.items():
            if record["attributes"]["type"] == kind and str(record.get(name, "")).casefold() == same:
                self._change(own, fields)
                return own, False
        return self.create(kind, {name: value, **fields}), True

    def update(self, kind: str, own: str, fields: Mapping[str, Any]) -> None:
        """Write a record by its Id. Raises SalesforceRefused."""
        record = self.records.get(own)
        if record is None or record["attributes"]["type"] != kind:
            raise SalesforceRefused("404 Not Found", "NOT_FOUND", "Provided external ID field does not exist")
        self._change(own, fields)

    def create(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Make a record, as people do at their screens as well; give its Id."""
        number, at = self._numbers(), self._at()
        own = f"{'500' if kind == 'Case' else 'a00'}{number:012d}AAA"
        case = {"CaseNumber": f"{1000 + number:08d}", "Status": "New"} if kind == "Case" else {}
        head = {"attributes": {"type": kind, "url": f"/services/data/v62.0/sobjects/{kind}/{own}"}, "Id": own}
        self.records[own] = {**head, "CreatedDate": at, "LastModifiedDate": at, **case, **fields}
        self.changes.append((own, dict(fields)))
        return own

    def _change(self, own: str, fields: Mapping[str, Any]) -> None:
        record = self.records[own]
        changed = {name: value for name, value in fields.items() if record.get(name) != value}
        record |= {**changed, "LastModifiedDate": self._at()}
        if changed:
            self.changes.append((own, changed))

    def _at(self) -> str:
        return f"{datetime.fromtimestamp(self.now(), UTC):%Y-%m-%dT%H:%M:%S}.000+0000"

    def query(self, soql: str) -> Mapping[str, Any]:
        """Answer a query of the form SELECT … FROM … WHERE … [AND …] [ORDER BY …]. Raises SalesforceRefused."""
        asked = _SOQL.fullmatch(soql.strip())
        parts = re.split(r" AND ", asked["where"], flags=re.IGNORECASE) if asked else []
        terms = [_TERM.fullmatch(one) for one in parts]
        if asked is None or None in terms:
            raise SalesforceRefused("400 Bad Request", "MALFORMED_QUERY", "unexpected token")
        names = [one.strip() for one in asked["fields"].split(",")]
        found = [
            record
            for record in self.records.values()
            if record["attributes"]["type"] == asked["kind"] and all(_holds(record, one) for one in terms if one)
        ]
        found.sort(key=lambda one: str(one.get(asked["by"] or "Id")))
        rows = [{"attributes": one["attributes"], **{name: one.get(name) for name in names}} for one in found]
        return self._paged(rows, len(rows))

    def more(self, cursor: str) -> Mapping[str, Any]:
        """Answer with the next page. Raises SalesforceRefused."""
        rows = self._cursors.get(cursor)
        if rows is None:
            raise SalesforceRefused("400 Bad Request", "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._paged(rows, len(rows))

    def _paged(self, rows: Sequence[Mapping[str, Any]], total: int) -> Mapping[str, Any]:
        page = {"totalSize": total, "done": len(rows) <= self.page, "records": rows[: self.page]}
        if page["done"]:
            return page
        cursor = f"01g000000000001-{self._numbers()}"
        self._cursors[cursor] = rows[self.page :]
        return {**page, "nextRecordsUrl": f"/services/data/v62.0/query/{cursor}"}


@cache
def _made_key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2_048)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _holds(record: Mapping[str, Any], term: re.Match[str]) -> bool:
    name, operator, written = term.groups()
    is_time = not written.startswith("'") and written[:1].isdigit()
    wanted, own = (
        (_second(written), _second(str(record.get(name, "")))) if is_time else (written.strip("'"), record.get(name))
    )
    if operator in ("=", "!="):
        return (own == wanted) is (operator == "=")
    assert isinstance(own, float), "only times are compared"
    assert isinstance(wanted, float), "only times are compared"
    return {">=": own >= wanted, "<=": own <= wanted, ">": own > wanted, "<": own < wanted}[operator]


def _second(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise SalesforceRefused("400 Bad Request", "MALFORMED_QUERY", f"no date time: {text}") from None
