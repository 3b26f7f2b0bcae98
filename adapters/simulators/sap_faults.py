"""The bad habits of an SAP S/4 and of what stands before it, as switches of its simulator, and what it answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import orjson

from adapters.simulators.faulty_server import AnswerWay
from adapters.simulators.sap_books import SapRefused


class SapFault(StrEnum):
    """A way to fail. Those named `after` fail when it is done."""

    ERROR = "500"
    ERROR_AFTER = "500 after the effect"
    BUSY = "503 with Retry-After"
    THROTTLED = "429 with Retry-After"
    SLOW = "slow loris: the true answer, a byte at a time"
    HANG = "no answer, and nothing done"
    HANG_AFTER = "no answer after the effect"
    RESET = "connection reset, and nothing done"
    RESET_AFTER = "connection reset after the effect"
    CUT_AFTER = "the true answer, cut off before its end"
    ENDLESS = "200 with an answer that does not end"
    STALE_CSRF = "403, x-csrf-token: Required"
    STALE_CSRF_TEXT = "403 with a text about the CSRF token, and no header"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403, no authorization for the service"
    NOT_ALLOWED = "400, no authorization for movement type 201"
    REFUSED = "400, the period is closed"
    REFUSED_XML = "400, the period is closed: as XML"
    LOCKED = "400, M3/024: locked by another user"
    LOCKED_WORDS = "400, locked by another user: in German, with a code that nobody knows"
    LOCKED_STATUS = "423"
    LOCKED_ERROR = "500, M3/024: locked by another user"
    HIDDEN_REFUSAL = "201 with a sap-message of severity error, and nothing done"
    HIDDEN_DETAIL = "200 with a sap-message whose detail has severity E, and nothing done"
    WARNING = "the true answer with a sap-message of severity warning"
    EMPTY = "201 without a number, and nothing done"
    EMPTY_AFTER = "201 without a number, after the effect"
    NO_YEAR_AFTER = "201 with a number and no year, after the effect"
    DELIVERY = "201 without a number: a delivery was made instead, L9/514"
    ANOTHER_AFTER = "201 with the document of another call, after the effect"
    WRAPPED = "the true answer, with its entity in d.results"
    REPEATED = "every row of a list stands there twice"
    BOM = "the true answer behind a byte order mark"
    UNFILTERED = "a list of other documents, whatever was asked for"
    PAGE = "200 with a page where people log in"
    REDIRECT = "302 to a page where people log in"
    NO_SERVICE = "404, the service is not active"
    OUTDATED = "400, /IWBEP/CM_COS/005: the RequestID is outdated"
    NOT_REPEATABLE = "501, RepeatabilityResult: unsupported"


_PAGE: Final = '<!DOCTYPE html><html><title>登录</title><input type="password"></html>'.encode()
_CLOSED: Final = SapRefused("M7/053", "Posting only possible in periods 2026/12 and 2026/11 in company code 1010")
_LOCKED: Final = SapRefused("M3/024", "Valuation data for material PUMP-7 is locked by the user WANGWEI")
_LOCKED_WORDS: Final = SapRefused("ZM/901", "Material PUMP-7 ist durch den Benutzer WANGWEI gesperrt")
_NOT_ALLOWED: Final = SapRefused("M7/120", "You have no authorization for this transaction with movement type 201")
_FORBIDDEN: Final = SapRefused("/IWFND/MED/203", "No authorization to access Service", around=False)
_NO_SERVICE: Final = SapRefused("/IWFND/MED/170", "No service found for namespace '', name 'X'", around=False)
_OUTDATED: Final = SapRefused("/IWBEP/CM_COS/005", "Idempotent Service Framework: RequestID is outdated", around=False)
_TECHNICAL: Final = SapRefused("/IWBEP/CX_MGW_TECH_EXCEPTION", "An exception was raised", around=False)
_XML: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/'
    b'metadata"><code>M7/053</code><message xml:lang="en">Posting only possible in periods 2026/12</message></error>'
)
# Set-Cookie and the like are no part of them: lines of the status, and the body.
STATUSES: Final[Mapping[SapFault, tuple[str, bytes]]] = {
    SapFault.ERROR: ("500 Internal Server Error", orjson.dumps(_TECHNICAL.answer())),
    SapFault.ERROR_AFTER: ("500 Internal Server Error", orjson.dumps(_TECHNICAL.answer())),
    SapFault.BUSY: ("503 Service Unavailable\r\nretry-after: 7", b"<h1>Service Unavailable</h1>"),
    SapFault.THROTTLED: ("429 Too Many Requests\r\nretry-after: 7", b""),
    SapFault.STALE_CSRF: ("403 Forbidden\r\nx-csrf-token: Required", b"CSRF token validation failed"),
    SapFault.STALE_CSRF_TEXT: ("403 Forbidden", b"CSRF token validation failed"),
    SapFault.UNAUTHORIZED: ("401 Unauthorized\r\nwww-authenticate: Basic realm=S4H", b"<h1>Logon failed</h1>"),
    SapFault.FORBIDDEN: ("403 Forbidden", orjson.dumps(_FORBIDDEN.answer())),
    SapFault.NOT_ALLOWED: ("400 Bad Request", orjson.dumps(_NOT_ALLOWED.answer())),
    SapFault.REFUSED: ("400 Bad Request", orjson.dumps(_CLOSED.answer())),
    SapFault.REFUSED_XML: ("400 Bad Request", _XML),
    SapFault.LOCKED: ("400 Bad Request", orjson.dumps(_LOCKED.answer())),
    SapFault.LOCKED_WORDS: ("400 Bad Request", orjson.dumps(_LOCKED_WORDS.answer())),
    SapFault.LOCKED_STATUS: ("423 Locked", orjson.dumps(_LOCKED.answer())),
    SapFault.LOCKED_ERROR: ("500 Internal Server Error", orjson.dumps(_LOCKED.answer())),
    SapFault.PAGE: ("200 OK", _PAGE),
    SapFault.REDIRECT: ("302 Found\r\nlocation: /sap/public/bc/icf/logon", b"<h1>Moved</h1>"),
    SapFault.NO_SERVICE: ("404 Not Found", orjson.dumps(_NO_SERVICE.answer())),
    SapFault.OUTDATED: ("400 Bad Request", orjson.dumps(_OUTDATED.answer())),
    SapFault.NOT_REPEATABLE: ("501 Not Implemented\r\nRepeatabilityResult: unsupported", b""),
}
AFTER: Final = {
    SapFault.ERROR_AFTER,
    SapFault.HANG_AFTER,
    SapFault.RESET_AFTER,
    SapFault.CUT_AFTER,
    SapFault.SLOW,
    SapFault.WARNING,
    SapFault.EMPTY_AFTER,
    SapFault.NO_YEAR_AFTER,
    SapFault.ANOTHER_AFTER,
    SapFault.WRAPPED,
    SapFault.REPEATED,
    SapFault.BOM,
    SapFault.UNFILTERED,
}
WAYS: Final[Mapping[SapFault, AnswerWay]] = {
    SapFault.SLOW: AnswerWay.SLOWLY,
    SapFault.HANG: AnswerWay.NEVER,
    SapFault.HANG_AFTER: AnswerWay.NEVER,
    SapFault.RESET: AnswerWay.RESET,
    SapFault.RESET_AFTER: AnswerWay.RESET,
    SapFault.CUT_AFTER: AnswerWay.CUT,
    SapFault.ENDLESS: AnswerWay.ENDLESS,
}
# The header of a 2xx that brings no document.
HIDDEN: Final[Mapping[SapFault, tuple[str, object]]] = {
    SapFault.HIDDEN_REFUSAL: ("201 Created", _CLOSED.header()),
    SapFault.HIDDEN_DETAIL: (
        "200 OK",
        {"code": "", "message": "", "severity": "info", "details": [_CLOSED.header("E")]},
    ),
    SapFault.EMPTY: ("201 Created", None),
    SapFault.DELIVERY: ("201 Created", SapRefused("L9/514", "Delivery 80000074 created").header("info")),
}
