"""The bad habits of a 纷享销客, as switches of its simulator, and what it answers by each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.simulators.faulty_server import AnswerWay
from adapters.simulators.fxiaoke_books import FxiaokeRefusal


class FxiaokeFault(StrEnum):
    """A way to fail. Those named `after` fail when it is done."""

    ERROR = "500"
    ERROR_AFTER = "500 after the effect"
    BUSY = "503 with Retry-After"
    SLOW = "slow loris: the true answer, a byte at a time"
    HANG = "no answer, and nothing done"
    HANG_AFTER = "no answer after the effect"
    RESET = "connection reset, and nothing done"
    RESET_AFTER = "connection reset after the effect"
    CUT_AFTER = "the connection ends in the middle of the true answer"
    ENDLESS = "200 with an answer that does not end"
    WEB_SITE = "302 to the vendor's web site, which is no API"
    PAGE = "200 with a page"
    EMPTY = "200 without a body"
    SECRET = "200, errorCode 10006: a parameter is missing or illegal"  # noqa: S105 - says what the switch does
    TOKEN_EXPIRED = "200, errorCode 20016: the token has expired"  # noqa: S105 - says what the switch does
    NO_TOKEN = "200, errorCode 20017: there is no token"  # noqa: S105 - says what the switch does
    DAY_QUOTA = "200, errorCode 30002: the day's calls are used up"
    NO_QUOTA = "200, errorCode 30003: no calls were bought"
    TOO_FAST = "200, errorCode 30004: too many calls"
    TOO_FAST_GATEWAY = "200, errorCode 14001: too many calls, by the gateway"
    REFUSED = "200 with a refusal by a rule of the tenant's"
    SYSTEM_BUSY = "200, the system is busy"
    SYSTEM_ERROR = "200, an exception of the system, and nothing done"
    SYSTEM_ERROR_AFTER = "200, an exception of the system after the effect"
    TEXT = "the true answer with errorCode as a text"
    BOM = "the true answer behind a byte order mark"
    GBK = "the true answer in GBK, whatever its head says"
    FOREIGN = "200 with the answer of another call"
    SINGLE = "a question's answer has one record in place of a list"
    REPEATED = "everything in the list stands there twice"
    UNFILTERED = "the list has records of others, whatever was asked for"


AFTER: Final = {
    FxiaokeFault.ERROR_AFTER,
    FxiaokeFault.HANG_AFTER,
    FxiaokeFault.RESET_AFTER,
    FxiaokeFault.CUT_AFTER,
    FxiaokeFault.SLOW,
    FxiaokeFault.EMPTY,
    FxiaokeFault.SYSTEM_ERROR_AFTER,
    FxiaokeFault.TEXT,
    FxiaokeFault.BOM,
    FxiaokeFault.GBK,
    FxiaokeFault.FOREIGN,
    FxiaokeFault.SINGLE,
    FxiaokeFault.REPEATED,
    FxiaokeFault.UNFILTERED,
}
WAYS: Final[Mapping[FxiaokeFault, AnswerWay]] = {
    FxiaokeFault.SLOW: AnswerWay.SLOWLY,
    FxiaokeFault.HANG: AnswerWay.NEVER,
    FxiaokeFault.HANG_AFTER: AnswerWay.NEVER,
    FxiaokeFault.RESET: AnswerWay.RESET,
    FxiaokeFault.RESET_AFTER: AnswerWay.RESET,
    FxiaokeFault.CUT_AFTER: AnswerWay.CUT,
    FxiaokeFault.ENDLESS: AnswerWay.ENDLESS,
}
_EXCEPTION: Final = FxiaokeRefusal(-1, "系统异常,请联系管理员")
SAYS: Final[Mapping[FxiaokeFault, FxiaokeRefusal]] = {
    FxiaokeFault.SECRET: FxiaokeRefusal(10006, "the parameter appSecret is missing or illegal"),
    FxiaokeFault.TOKEN_EXPIRED: FxiaokeRefusal(20016, "the cropId,cropAccessToken or authorization is error"),
    FxiaokeFault.NO_TOKEN: FxiaokeRefusal(20017, "corpAccessToken为必填项,不能为空"),
    FxiaokeFault.DAY_QUOTA: FxiaokeRefusal(30002, "the total number of calls today is exceeded"),
    FxiaokeFault.NO_QUOTA: FxiaokeRefusal(30003, "no quota of the interface was bought"),
    FxiaokeFault.TOO_FAST: FxiaokeRefusal(30004, "the interface is called too frequently"),
    FxiaokeFault.TOO_FAST_GATEWAY: FxiaokeRefusal(14001, "request is limited"),
    FxiaokeFault.REFUSED: FxiaokeRefusal(21010, "处理结果为必填项"),
    FxiaokeFault.SYSTEM_BUSY: FxiaokeRefusal(-1, "系统繁忙,请稍后再试"),
    FxiaokeFault.SYSTEM_ERROR: _EXCEPTION,
    FxiaokeFault.SYSTEM_ERROR_AFTER: _EXCEPTION,
}
_BROKEN: Final = b"<html><body>Internal Server Error</body></html>"
STATUSES: Final[Mapping[FxiaokeFault, tuple[str, bytes]]] = {
    FxiaokeFault.ERROR: ("500 Internal Server Error", _BROKEN),
    FxiaokeFault.ERROR_AFTER: ("500 Internal Server Error", _BROKEN),
    FxiaokeFault.BUSY: ("503 Service Unavailable\r\nretry-after: 7", b"<h1>Service Unavailable</h1>"),
    FxiaokeFault.WEB_SITE: ("302 Found\r\nlocation: http://127.0.0.1:9/home.html", b"<html>moved</html>"),
    FxiaokeFault.PAGE: ("200 OK", _BROKEN),
    FxiaokeFault.EMPTY: ("200 OK", b""),
}
