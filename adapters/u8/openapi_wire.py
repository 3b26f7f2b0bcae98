"""What is written to U8 OpenAPI: addresses with their parameters, the bill, its audit. Pure.

Not seen first-hand: whether `verify` wants a `tradeid` or `biz_id` of its own on some versions (its sister pages list
none), and which of them a repeated `biz_id` gets: the same answer, or a refusal. Neither is built upon.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from adapters.parts_order import PartsOrder
from adapters.u8.bill import note_of
from adapters.u8.options import OpenApiSettings

TOKEN: Final = "/system/token"  # noqa: S105 - an address where tokens are given
ADD: Final = "/api/otherout/add"
VERIFY: Final = "/api/otherout/verify"
LIST: Final = "/api/otheroutlist/batch_get"
ROWS: Final = "otheroutlist"  # where a list's answer has its bills
PER_PAGE: Final = 50
LISTED_PER_PAGE: Final = 500  # 8,000 were taken somewhere; no limit was seen first-hand


def token_url(settings: OpenApiSettings) -> str:
    """Give the address of a new token; it holds the secret."""
    who = {"from_account": settings.from_account, "app_key": settings.app_key, "app_secret": settings.app_secret}
    return f"{settings.base_url}{TOKEN}?{urlencode(who)}"


def call_url(settings: OpenApiSettings, path: str, token: str, **more: str) -> str:
    """Give the address of a call, with the token that lets us in."""
    who = {"from_account": settings.from_account, "to_account": settings.to_account, "app_key": settings.app_key}
    asked = {**who, "token": token, "ds_sequence": str(settings.ds_sequence), **more}
    return f"{settings.base_url}{path}?{urlencode(asked)}"


def adding(settings: OpenApiSettings, biz_id: str) -> Mapping[str, str]:
    """Give the parameters of a bill's making: our own id, one to one with the bill, and whether U8 answers later."""
    return {"biz_id": biz_id, "sync": "1" if settings.sync else "0"}


def by_number(number: str, page: int) -> Mapping[str, str]:
    """Give the parameters of a list of the bills of one number."""
    return {"code_begin": number, "code_end": number, **_page(page)}


def by_note(note: str, page: int) -> Mapping[str, str]:
    """Give the parameters of a list of the bills whose note holds a text."""
    return {"memory": note, **_page(page)}


def by_days(since: date, until: date, page: int) -> Mapping[str, str]:
    """Give the parameters of a list of the bills of some days, both included, under numbers of our form (?)."""
    days = {"date_begin": since.isoformat(), "date_end": until.isoformat()}
    return {**days, "code_begin": "TB2", "code_end": "TB" + 20 * "Z", **_page(page, LISTED_PER_PAGE)}


def _page(page: int, rows: int = PER_PAGE) -> Mapping[str, str]:
    return {"page_index": str(page), "rows_per_page": str(rows)}


def bill(settings: OpenApiSettings, wanted: PartsOrder) -> bytes:
    """Write the bill. Nothing personal: the request's reason is free text and stays here."""
    head: dict[str, Any] = {
        "code": wanted.number,
        "date": wanted.day.isoformat(),
        **settings.head.fields,
        "memory": note_of(wanted),
        "entry": [{"inventorycode": part.part_no, "quantity": part.quantity} for part in wanted.parts],
    }
    return orjson.dumps({"otherout": head})


def audit(number: str) -> bytes:
    """Write that a bill is to be audited."""
    return orjson.dumps({"otherout": {"voucher_code": number}})


def result_url(settings: OpenApiSettings, given: str) -> str:
    """Give the address at which a result is to be asked for: path and query as given, at the operator's own address."""
    parts = urlsplit(given)
    query = f"?{parts.query}" if parts.query else ""
    return f"{settings.base_url}/{parts.path.lstrip('/')}{query}"
