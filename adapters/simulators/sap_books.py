"""The books of an SAP S/4: stock, material documents, sessions and tokens. No I/O.

As the real one it posts a second document when it is asked a second time, shows a document to look-ups some time after
it is there, leaves the nested items of an answer empty, and forgets sessions.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from adapters.simulators.oldest import drop_oldest

_BY_FIELD: Final = re.compile(r"(ReferenceDocument|MaterialDocumentHeaderText) eq '((?:[^']|'')*)'")
_DAY: Final = re.compile(r"/Date\((-?[0-9]+)\)/")
_MS_PER_YEAR: Final = 31_556_952_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SapAccount:
    """Who may log in; its repr shows nobody."""

    user: str = field(default="TICKETBUS", repr=False)
    password: str = field(default="a-made-up-password-of-a-stand-in", repr=False)
    client_id: str = field(default="sb-ticketbus!t1", repr=False)
    client_secret: str = field(default="a-made-up-secret-of-an-oauth-client", repr=False)
    sap_client: str = "100"

    @property
    def basic(self) -> str:
        """Give the header by which the user logs in."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def oauth_basic(self) -> str:
        """Give the header by which the client asks for a token."""
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDocument:
    """A material document in the books; `at` is the clock's when it was posted."""

    number: str
    year: str
    reference: str
    text: str
    items: tuple[tuple[str, float], ...]
    posted: Mapping[str, Any]
    at: float

    def entity(self) -> dict[str, Any]:
        """Give it as the answer to a POST does: with its items left empty."""
        return {
            "__metadata": {"type": "API_MATERIAL_DOCUMENT_SRV.A_MaterialDocumentHeaderType"},
            "MaterialDocumentYear": self.year,
            "MaterialDocument": self.number,
            "InventoryTransactionType": "WA",
            "PostingDate": self.posted.get("PostingDate"),
            "DocumentDate": self.posted.get("DocumentDate"),
            "ReferenceDocument": self.reference,
            "MaterialDocumentHeaderText": self.text,
            "GoodsMovementCode": "",
            "to_MaterialDocumentItem": {"results": []},
        }


class SapRefused(Exception):
    """A refusal in SAP's words: the code of its message class, the words, and the severity of each detail."""

    def __init__(self, code: str, words: str, *, around: bool = True) -> None:
        super().__init__(words)
        self.code, self.words, self.around = code, words, around

    def answer(self) -> dict[str, Any]:
        """Give the body: what went wrong stands in the details, as the service gives it."""
        detail = {"code": self.code, "message": self.words, "propertyref": "", "severity": "error", "target": ""}
        outer = {"code": "MM_IM_ODATA_API_MDOC/014", "message": "Material Document processing failed."}
        code, words = (outer["code"], outer["message"]) if self.around else (self.code, self.words)
        inner = {"transactionid": "5F0A", "timestamp": "", "errordetails": [detail] if self.around else []}
        return {"error": {"code": code, "message": {"lang": "en", "value": words}, "innererror": inner}}

    def header(self, severity: str = "error") -> dict[str, Any]:
        """Give the same as the header `sap-message` of a success."""
        return {"code": self.code, "message": self.words, "severity": severity, "target": "", "details": []}


class SapBooks:
    """One client of a system. `now` is a clock in seconds; look-ups show what is older than `lag_s`."""

    def __init__(
        self, stock: Mapping[str, float], account: SapAccount, now: Callable[[], float], most: int | None
    ) -> None:
        """Open with `stock` by material number; other materials are not known. Of documents the `most` newest stay."""
        self.stock, self.account = dict(stock), account
        self.documents: list[PostedDocument] = []
        self.lag_s = 0.0
        self.keeps_repeats = False  # Gateway's log of repeatable requests is configured
        self.access_s = 3600
        self._now, self._most = now, most
        self._sessions: dict[str, str] = {}
        self._access: dict[str, float] = {}
        self._repeats: dict[tuple[str, str], PostedDocument] = {}
        self._numbers, self._tokens = count(4900000001), count(1)

    def effects(self, reference: str) -> int:
        """Count the documents of a reference: more than one are too many."""
        return sum(document.reference == reference for document in self.documents)

    def forget_sessions(self) -> None:
        """Forget sessions and tokens, as a restart does."""
        self._sessions.clear()
        self._access.clear()

    def open_session(self) -> tuple[str, tuple[str, ...]]:
        """Give a CSRF token and the cookies that it is for."""
        number = next(self._tokens)
        token, session = f"csrf-{number}==", f"session-{number}%3d"
        self._sessions[token] = session
        drop_oldest(self._most, self._sessions)
        client = self.account.sap_client
        return token, (
            f"sap-usercontext=sap-client={client}; path=/",
            f"SAP_SESSIONID_S4H_{client}={session}; path=/; HttpOnly; expires=Wed, 09 Jun 2027 10:18:14 GMT",
        )

    def knows_session(self, token: str, cookies: str) -> bool:
        """Say whether a token comes with the cookies that it was given with."""
        session = self._sessions.get(token)
        return session is not None and f"SAP_SESSIONID_S4H_{self.account.sap_client}={session}" in cookies

    def give_access(self) -> str:
        """Give a token of OAuth."""
        token = f"access-{next(self._tokens)}"
        self._access[token] = self._now() + self.access_s
        drop_oldest(self._most, self._access)
        return token

    def lets_in(self, authorization: str) -> bool:
        """Say whether a header names our user, or a token that is not over."""
        token = authorization.removeprefix("Bearer ")
        return authorization == self.account.basic or self._now() < self._access.get(token, float("-inf"))

    def found(self, wanted: str) -> list[PostedDocument] | None:
        """List what a filter finds and is shown by now; None when the filter is none."""
        match = _BY_FIELD.fullmatch(wanted)
        if match is None:
            return None
        value, seen = match[2].replace("''", "'"), self._now() - self.lag_s
        by_reference = match[1] == "ReferenceDocument"
        return [one for one in self.documents if (one.reference if by_reference else one.text) == value
                and (self.lag_s == 0 or one.at <= seen)]  # fmt: skip

    def post(self, asked: Mapping[str, Any], request: tuple[str, str]) -> PostedDocument:
        """Post a goods issue; `request`: RequestID and RepeatabilityCreation. Raises SapRefused."""
        if self.keeps_repeats and all(request) and request in self._repeats:
            return self._repeats[request]
        document = self._issue(asked)
        self.documents.append(document)
        if self.keeps_repeats and all(request):
            self._repeats[request] = document
        drop_oldest(self._most, self.documents, self._repeats)
        return document

    def _issue(self, asked: Mapping[str, Any]) -> PostedDocument:
        day = _DAY.fullmatch(str(asked.get("PostingDate")))
        items = asked["to_MaterialDocumentItem"]["results"]
        reference, text = asked.get("ReferenceDocument", ""), asked.get("MaterialDocumentHeaderText", "")
        if asked.get("GoodsMovementCode") != "03" or day is None or not items:
            raise SapRefused("M7/001", "Check table T158G: entry does not exist")
        if len(reference) > 16 or len(text) > 25:
            raise SapRefused("/IWBEP/CM_MGW_RT/022", "Property has invalid length", around=False)
        taken = dict[str, float]()
        for item in items:
            material, quantity = item["Material"], item["QuantityInEntryUnit"]
            if item["GoodsMovementType"] != "201" or not item.get("CostCenter") or "GLAccount" in item:
                raise SapRefused("M7/018", "Enter Cost Center")
            if not isinstance(quantity, str):
                raise SapRefused("/IWBEP/CM_MGW_RT/176", "Property has invalid value", around=False)
            if material not in self.stock:
                raise SapRefused("M3/305", f"Material {material} does not exist or is not activated")
            taken[material] = taken.get(material, 0) + float(quantity)
        for material, amount in taken.items():
            if self.stock[material] < amount:
                short = amount - self.stock[material]
                raise SapRefused("M7/021", f"Deficit of SL Unrestricted-use {short:g} EA : {material} 1010 0001")
        for material, amount in taken.items():
            self.stock[material] -= amount
        return PostedDocument(
            number=str(next(self._numbers)),
            year=str(1970 + int(day[1]) // _MS_PER_YEAR),
            reference=reference,
            text=text,
            items=tuple(taken.items()),
            posted=asked,
            at=self._now(),
        )
