"""The bad habits of systems that write to people, as switches of their simulators."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from adapters.simulators.faulty_server import AnswerWay


class NoticeFault(StrEnum):
    """A way to fail. Those named `after` fail when it is sent."""

    ERROR = "500"
    ERROR_AFTER = "500 after the message went out"
    BUSY = "503 with Retry-After"
    SLOW = "slow loris: the true answer, a byte at a time"
    HANG = "no answer, and nothing sent"
    HANG_AFTER = "no answer after the message went out"
    RESET_AFTER = "connection reset after the message went out"
    CUT_AFTER = "the connection ends in the middle of the true answer"
    ENDLESS = "200 with an answer that does not end"
    LONG = "the true answer behind 10 MB of blanks"
    PAGE = "200 with a page of a proxy's"
    GBK = "the true answer in GBK, whatever its head says"
    FOREIGN = "200 with the answer of another call, and nothing sent"
    SYSTEM_BUSY = "the vendor's own code for busy"
    THROTTLED = "the vendor's own code for too many calls"
    TOKEN_EXPIRED = "the token is refused as expired"  # noqa: S105 - says what the switch does
    IP_REFUSED = "this address may not call"
    UNLICENSED = "the message goes to nobody, and the answer lists all as not licensed"
    REFUSED_BY_PERSON = "the person refuses messages of this kind"
    TOO_OFTEN = "too many messages to one person"
    NO_PERSON = "the person is not known"
    BAD_TEMPLATE = "the template is not known"
    NO_MONEY = "the account is empty"
    UNKNOWN_CODE = "a code that nobody knows"


AFTER: Final = {
    NoticeFault.ERROR_AFTER,
    NoticeFault.SLOW,
    NoticeFault.HANG_AFTER,
    NoticeFault.RESET_AFTER,
    NoticeFault.CUT_AFTER,
    NoticeFault.LONG,
    NoticeFault.GBK,
}
WAYS: Final[Mapping[NoticeFault, AnswerWay]] = {
    NoticeFault.SLOW: AnswerWay.SLOWLY,
    NoticeFault.HANG: AnswerWay.NEVER,
    NoticeFault.HANG_AFTER: AnswerWay.NEVER,
    NoticeFault.RESET_AFTER: AnswerWay.RESET,
    NoticeFault.CUT_AFTER: AnswerWay.CUT,
    NoticeFault.ENDLESS: AnswerWay.ENDLESS,
}
STATUSES: Final[Mapping[NoticeFault, tuple[str, bytes]]] = {
    NoticeFault.ERROR: ("500 Internal Server Error", b"<h1>Internal Server Error</h1>"),
    NoticeFault.ERROR_AFTER: ("500 Internal Server Error", b"<h1>Internal Server Error</h1>"),
    NoticeFault.BUSY: ("503 Service Unavailable\r\nretry-after: 7", b"<h1>Service Unavailable</h1>"),
    NoticeFault.PAGE: ("200 OK", b"<html><body>Please log in</body></html>"),
}
# What a vendor has no words for: a switch that would do nothing is not offered.
NEVER: Final[Mapping[str, frozenset[NoticeFault]]] = {
    "wecom-app": frozenset({NoticeFault.REFUSED_BY_PERSON, NoticeFault.TOO_OFTEN, NoticeFault.NO_MONEY}),
    "dingtalk-work-notice": frozenset(
        {NoticeFault.UNLICENSED, NoticeFault.REFUSED_BY_PERSON, NoticeFault.TOO_OFTEN, NoticeFault.NO_MONEY}
    ),
    "wechat-template": frozenset({NoticeFault.UNLICENSED, NoticeFault.NO_MONEY}),
    "sms-aliyun": frozenset({NoticeFault.UNLICENSED, NoticeFault.REFUSED_BY_PERSON}),
}


def faults_of(adapter: str) -> Sequence[NoticeFault]:
    """List the ways in which the stand-in of an adapter's system can fail."""
    return [one for one in NoticeFault if one not in NEVER[adapter]]
