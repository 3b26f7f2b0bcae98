"""The bad habits of a Salesforce organization, as switches of its simulator, and what it answers by each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import orjson

from adapters.simulators.faulty_server import AnswerWay


class SalesforceFault(StrEnum):
    """A way to fail. Those named `after` fail when it is done."""

    ERROR = "500, UNKNOWN_EXCEPTION"
    ERROR_AFTER = "500 after the effect"
    UNAVAILABLE = "503, SERVER_UNAVAILABLE, with Retry-After"
    THROTTLED = "403, REQUEST_LIMIT_EXCEEDED: the calls of the day are used up"
    LOCKED = "400, UNABLE_TO_LOCK_ROW"
    LOCKED_WITHIN = "400, a trigger's UNABLE_TO_LOCK_ROW in the message of another code"
    SESSION_EXPIRED = "401, INVALID_SESSION_ID"
    NO_ACCESS = "403, INSUFFICIENT_ACCESS_OR_READONLY"
    DUPLICATES = "400, DUPLICATES_DETECTED"
    MADE_MEANWHILE = "400, DUPLICATE_VALUE: an insert that was slow came first"
    VALIDATION = "400, FIELD_CUSTOM_VALIDATION_EXCEPTION"
    MISSING = "400, REQUIRED_FIELD_MISSING"
    SEVERAL = "300: the external id is that of several records"
    DELETED = "404, ENTITY_IS_DELETED"
    NO_FIELD = "404, NOT_FOUND: no such external id field"
    SLOW = "slow loris: the true answer, a byte at a time"
    HANG = "no answer, and nothing done"
    HANG_AFTER = "no answer after the effect"
    RESET = "connection reset, and nothing done"
    RESET_AFTER = "connection reset after the effect"
    CUT_AFTER = "the true answer, cut off before its end"
    TWICE_AFTER = "the true answer, twice"
    LONG_AFTER = "10 MB of answer after the effect"
    GBK_AFTER = "the true answer with a text in GBK, whatever its head says"
    ANOTHER_AFTER = "the answer of another call, after the effect"
    ENDLESS = "200 with an answer that does not end"
    EMPTY = "200 and nothing, and nothing done"
    PAGE = "200 with a page where people log in"
    REDIRECT = "302 to a page where people log in"


AFTER: Final = frozenset({one for one in SalesforceFault if one.name.endswith("_AFTER")} | {SalesforceFault.SLOW})
WAYS: Final[Mapping[SalesforceFault, AnswerWay]] = {
    SalesforceFault.SLOW: AnswerWay.SLOWLY,
    SalesforceFault.HANG: AnswerWay.NEVER,
    SalesforceFault.HANG_AFTER: AnswerWay.NEVER,
    SalesforceFault.RESET: AnswerWay.RESET,
    SalesforceFault.RESET_AFTER: AnswerWay.RESET,
    SalesforceFault.CUT_AFTER: AnswerWay.CUT,
    SalesforceFault.ENDLESS: AnswerWay.ENDLESS,
}


def errors(code: str, message: str, *fields: str) -> bytes:
    """Write a refusal as REST has it: a list of errors."""
    return orjson.dumps([{"message": message, "errorCode": code, "fields": [*fields]}])


_PAGE: Final = b'<!DOCTYPE html><html><title>Login</title><input type="password"></html>'
_UNKNOWN: Final = errors("UNKNOWN_EXCEPTION", "An unexpected error occurred. ErrorId: 1811200467-46 (-1811200467)")
STATUSES: Final[Mapping[SalesforceFault, tuple[str, bytes]]] = {
    SalesforceFault.ERROR: ("500 Internal Server Error", _UNKNOWN),
    SalesforceFault.ERROR_AFTER: ("500 Internal Server Error", _UNKNOWN),
    SalesforceFault.UNAVAILABLE: (
        "503 Service Unavailable\r\nretry-after: 7",
        errors("SERVER_UNAVAILABLE", "Server too busy"),
    ),
    SalesforceFault.THROTTLED: ("403 Forbidden", errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")),
    SalesforceFault.LOCKED: (
        "400 Bad Request",
        errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    ),
    SalesforceFault.LOCKED_WITHIN: (
        "400 Bad Request",
        errors(
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "CaseTrigger: execution of AfterUpdate caused by: System.DmlException: Update failed. First exception on "
            "row 0; first error: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record: []",
        ),
    ),
    SalesforceFault.SESSION_EXPIRED: (
        "401 Unauthorized",
        errors("INVALID_SESSION_ID", "Session expired or invalid"),
    ),
    SalesforceFault.NO_ACCESS: (
        "403 Forbidden",
        errors("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
    ),
    SalesforceFault.DUPLICATES: ("400 Bad Request", errors("DUPLICATES_DETECTED", "Use one of these records?")),
    SalesforceFault.MADE_MEANWHILE: (
        "400 Bad Request",
        errors("DUPLICATE_VALUE", "duplicate value found: Ticket_No__c duplicates value on record", "Ticket_No__c"),
    ),
    SalesforceFault.VALIDATION: (
        "400 Bad Request",
        errors("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A closed case keeps its engineer.", "Engineer__c"),
    ),
    SalesforceFault.MISSING: (
        "400 Bad Request",
        errors("REQUIRED_FIELD_MISSING", "Required fields are missing: [Subject]", "Subject"),
    ),
    SalesforceFault.SEVERAL: (
        "300 Multiple Choices",
        orjson.dumps([f"/services/data/v62.0/sobjects/Case/50000000000000{number}AAA" for number in (8, 9)]),
    ),
    SalesforceFault.DELETED: ("404 Not Found", errors("ENTITY_IS_DELETED", "entity is deleted")),
    SalesforceFault.NO_FIELD: (
        "404 Not Found",
        errors("NOT_FOUND", "Provided external ID field does not exist or is not accessible: Ticket_No__c"),
    ),
    SalesforceFault.PAGE: ("200 OK", _PAGE),
    SalesforceFault.EMPTY: ("200 OK", b""),
    SalesforceFault.REDIRECT: ("302 Found\r\nlocation: https://login.salesforce.com/", b"<h1>Moved</h1>"),
}


def disguised(fault: SalesforceFault | None, answer: Mapping[str, Any] | None) -> bytes:
    """Write the body of a success as the fault has it; a success without a body stays one."""
    if answer is None:
        return b""
    match fault:
        case SalesforceFault.LONG_AFTER:
            return orjson.dumps({"pad": "x" * 10_000_000, **answer})
        case SalesforceFault.GBK_AFTER:
            return orjson.dumps({**answer, "message": "已保存"}).decode().encode("gbk")
        case SalesforceFault.ANOTHER_AFTER:
            return orjson.dumps({**answer, "id": "500000000000099AAA"})
        case _:
            return orjson.dumps(answer)
