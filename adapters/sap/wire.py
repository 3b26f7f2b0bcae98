"""What is written to SAP S/4: the goods issue of a request for parts, and the addresses of its OData v2 service. Pure.

Not seen in a first-hand source: the form of the time in `RepeatabilityCreation` (apps that are in use write it so), and
that `MaterialDocumentHeaderText` can be asked for by a filter.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from adapters.parts_order import PartsOrder, document_number, parts_order
from adapters.sap.answers import MaterialDocument
from bus.delivery.target import Call, Effect
from bus.domain.commands import IssueParts, RefuseParts

SERVICE: Final = "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV"
HEADERS: Final = "A_MaterialDocumentHeader"
GOODS_ISSUE: Final = "03"  # the code of the transaction: it decides what the movement may be
MOVEMENT: Final = "201"  # to a cost centre
PROBE_REFERENCE: Final = "TBPROBE"  # of no document: ours have 16 characters
REFERENCE_CHARS: Final = 16  # of the field
_TEXT_CHARS: Final = 25  # of the field
_ROWS: Final = 50  # of one look-up: more than ever have the same reference
_COLUMNS: Final = "MaterialDocument,MaterialDocumentYear,ReferenceDocument"
_TEXT: Final = "MaterialDocumentHeaderText"
_CREATED: Final = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicLogin:
    """A user of SAP and the password. Its repr shows neither."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthLogin:
    """A client of an OAuth server that gives it tokens of its own. Its repr shows no credentials."""

    token_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SapSettings:
    """Where SAP is, who we are there, and whose store the parts leave for which cost centre."""

    base_url: str
    login: BasicLogin | OAuthLogin
    plant: str
    storage_location: str
    cost_center: str
    client: str = ""
    unit: str = "EA"
    repeatable: bool = False

    @property
    def secret(self) -> str:
        """Give what no message may repeat."""
        return self.login.password if isinstance(self.login, BasicLogin) else self.login.client_secret


def reference(key: str) -> str:
    """Derive the document's reference from the call's key."""
    return document_number(key, REFERENCE_CHARS)


def order(call: Call) -> PartsOrder:
    """Say what a call asks of the store. Raises DeliveryFailed."""
    return parts_order(call, reference)


def root_url(settings: SapSettings) -> str:
    """Give the address that gives a CSRF token: with its last `/`, as a redirect would lose the token."""
    return _url(settings, "", {})


def post_url(settings: SapSettings) -> str:
    """Give the address that takes goods issues."""
    return _url(settings, HEADERS, {})


def lookup_url(settings: SapSettings, wanted: str) -> str:
    """Give the address that lists the documents of a filter, with what it asks about them."""
    columns = f"{_COLUMNS},{_TEXT}" if wanted.startswith(_TEXT) else _COLUMNS
    return _url(settings, HEADERS, {"$filter": wanted, "$select": columns, "$top": str(_ROWS), "$format": "json"})


def by_reference(number: str) -> str:
    """Filter the documents of a reference."""
    return f"ReferenceDocument eq '{number}'"


def by_text(wanted: PartsOrder) -> str:
    """Filter the documents of the same request, whatever their reference."""
    text = header_text(wanted).replace("'", "''")
    return f"{_TEXT} eq '{text}'"


def header_text(wanted: PartsOrder) -> str:
    """Say on the document what it is for; a long number of the request is shortened by its hash."""
    if len(wanted.note) <= _TEXT_CHARS:
        return wanted.note
    digest = hashlib.sha256(wanted.request_no.encode()).hexdigest()
    return f"{wanted.ticket_id} {digest}"[:_TEXT_CHARS]


def goods_issue(wanted: PartsOrder, settings: SapSettings) -> bytes:
    """Write the goods issue. Nothing personal: the request's reason is free text and stays here.

    SAP determines the G/L account itself, and of an issue there is no receiving plant: neither is sent.
    """
    day = day_text(wanted.day)
    items = [
        {
            "Material": part.part_no,
            "Plant": settings.plant,
            "StorageLocation": settings.storage_location,
            "GoodsMovementType": MOVEMENT,
            "CostCenter": settings.cost_center,
            "EntryUnit": settings.unit,
            "QuantityInEntryUnit": str(part.quantity),  # Edm.Decimal is a text in JSON
        }
        for part in wanted.parts
    ]
    return orjson.dumps(
        {
            "GoodsMovementCode": GOODS_ISSUE,
            "PostingDate": day,
            "DocumentDate": day,
            "ReferenceDocument": wanted.number,
            "MaterialDocumentHeaderText": header_text(wanted),
            "to_MaterialDocumentItem": {"results": items},
        }
    )


def day_text(day: date) -> str:
    """Write a day as OData v2 does in JSON: milliseconds since 1970 of its midnight, in UTC."""
    at = datetime.combine(day, time(), UTC)
    return f"/Date({int(at.timestamp()) * 1000})/"


def repeatability(wanted: PartsOrder, call: Call) -> dict[str, str]:
    """Give the headers by which SAP knows a repeat: the same at every attempt."""
    return {
        "RequestID": hashlib.sha256(wanted.key.encode()).hexdigest()[:32].upper(),
        "RepeatabilityCreation": call.event.recorded_at.astimezone(UTC).strftime(_CREATED),
    }


def issued(wanted: PartsOrder, document: MaterialDocument) -> Effect:
    """Say that the parts were issued."""
    command = IssueParts(request_no=wanted.request_no, document_no=document.name, parts=wanted.parts)
    return Effect(reference=document.name, commands=(command,))


def refused(wanted: PartsOrder) -> Effect:
    """Say that the store has not enough."""
    reason = f"SAP 库存不足,发货未过账,参照凭证 {wanted.number}"
    return Effect(reference=wanted.number, commands=(RefuseParts(request_no=wanted.request_no, reason=reason),))


def _url(settings: SapSettings, path: str, query: dict[str, str]) -> str:
    own = {"sap-client": settings.client} if settings.client else {}
    asked = urlencode({**query, **own}, quote_via=quote, safe="$',")
    return f"{settings.base_url.rstrip('/')}{SERVICE}/{path}" + (f"?{asked}" if asked else "")
