"""The bad habits of a CRM that takes callbacks, as switches of its stand-in."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class CallbackFault(StrEnum):
    """A bad habit. Those after `AFTER_EFFECT` take the event first, and then leave the caller in doubt."""

    ERROR = "500, as in a storm"
    UNAVAILABLE = "503"
    DISK_FULL = "507"
    THROTTLE = "429, Retry-After in seconds"
    THROTTLE_DATE = "429, Retry-After as an HTTP date"
    FORBIDDEN = "401"
    REFUSE = "422"
    GONE = "410"
    REDIRECT = "307 to elsewhere"
    FAILURE_BODY = "200 that tells of a failure"
    LOGIN_PAGE = "200 with the page to log in of a proxy"
    HANG = "no answer, and nothing done"
    RESET = "connection reset, and nothing done"
    AFTER_EFFECT = "no answer after the effect"
    RESET_AFTER_EFFECT = "connection reset after the effect"
    ERROR_AFTER_EFFECT = "500 after the effect"
    SLOW_LORIS = "after the effect an answer byte by byte, without end"
    ENDLESS = "after the effect an answer that does not end"
    TWICE = "answers twice"


TAKEN_FIRST: Final = frozenset(
    {
        CallbackFault.AFTER_EFFECT,
        CallbackFault.RESET_AFTER_EFFECT,
        CallbackFault.ERROR_AFTER_EFFECT,
        CallbackFault.SLOW_LORIS,
        CallbackFault.ENDLESS,
        CallbackFault.TWICE,
    }
)
STATUS: Final[Mapping[CallbackFault, int]] = {
    CallbackFault.ERROR: 500,
    CallbackFault.ERROR_AFTER_EFFECT: 500,
    CallbackFault.UNAVAILABLE: 503,
    CallbackFault.DISK_FULL: 507,
    CallbackFault.THROTTLE: 429,
    CallbackFault.THROTTLE_DATE: 429,
    CallbackFault.FORBIDDEN: 401,
    CallbackFault.REFUSE: 422,
    CallbackFault.GONE: 410,
    CallbackFault.REDIRECT: 307,
}
