"""The bad habits of a U8, as switches of its simulator, and what it answers by each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.simulators.faulty_server import AnswerWay
from adapters.simulators.u8_books import U8Refusal


class U8Fault(StrEnum):
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
    PAGE = "200 with a page of the web server's: An error occurred on the server"
    REFUSED = "200 with a refusal of U8's own"
    TOKEN_EXPIRED = "200, errcode 30012: the token has expired"  # noqa: S105 - says what the switch does
    TOKEN_WORDS = "200, the token is not good: in words, with a code that nobody knows"  # noqa: S105 - says what the switch does
    NOT_ONLINE = "200, errcode 30021: the app is not online"
    PLATFORM = "200, errcode 10001: an error of the platform"
    RUNNING = "200, errcode 30025: it is being done"
    THROTTLED = "200, too many calls"
    IN_USE = "200, another user has the bill open"
    LICENCES = "200, all licences are taken"
    NUMBER = "the true answer with errcode as a number"
    BOM = "the true answer behind a byte order mark"
    GBK = "the true answer in GBK, whatever its head says"
    FOREIGN = "200 with the answer of another call"
    EMPTY = "200 without a body"
    REPEATED = "everything in the list stands there twice"
    PAGE_REPEATS = "a list gives its first page again, whichever was asked for"
    PAGE_MOVES = "a bill moves to the end of the list while its second page is asked for"
    UNFILTERED = "the list has the bills of others, whatever was asked for"


AFTER: Final = {
    U8Fault.ERROR_AFTER,
    U8Fault.HANG_AFTER,
    U8Fault.RESET_AFTER,
    U8Fault.CUT_AFTER,
    U8Fault.SLOW,
    U8Fault.NUMBER,
    U8Fault.BOM,
    U8Fault.GBK,
    U8Fault.FOREIGN,
    U8Fault.EMPTY,
    U8Fault.REPEATED,
    U8Fault.PAGE_REPEATS,
    U8Fault.PAGE_MOVES,
    U8Fault.UNFILTERED,
}
WAYS: Final[Mapping[U8Fault, AnswerWay]] = {
    U8Fault.SLOW: AnswerWay.SLOWLY,
    U8Fault.HANG: AnswerWay.NEVER,
    U8Fault.HANG_AFTER: AnswerWay.NEVER,
    U8Fault.RESET: AnswerWay.RESET,
    U8Fault.RESET_AFTER: AnswerWay.RESET,
    U8Fault.CUT_AFTER: AnswerWay.CUT,
    U8Fault.ENDLESS: AnswerWay.ENDLESS,
}
SAYS: Final[Mapping[U8Fault, U8Refusal]] = {
    U8Fault.REFUSED: U8Refusal("20005", "U8 服务调用失败:key='';该业务员不合法,请重新输入。;"),
    U8Fault.TOKEN_EXPIRED: U8Refusal("30012", "token已过期"),
    U8Fault.TOKEN_WORDS: U8Refusal("30099", "无效的token"),
    U8Fault.NOT_ONLINE: U8Refusal("30021", "此应用未上线"),
    U8Fault.PLATFORM: U8Refusal("10001", "平台错误"),
    U8Fault.RUNNING: U8Refusal("30025", "操作正在执行"),
    U8Fault.THROTTLED: U8Refusal("30040", "调用过于频繁"),
    U8Fault.IN_USE: U8Refusal("20005", "U8 服务调用失败:key='';单据已经被其他人修改或删除;"),
    U8Fault.LICENCES: U8Refusal("20005", "U8 服务调用失败:key='';加密点数已饱和;"),
}
_BROKEN: Final = (
    b"<html><body>An error occurred on the server when processing the URL. "
    b"Please contact the system administrator.</body></html>"
)
STATUSES: Final[Mapping[U8Fault, tuple[str, bytes]]] = {
    U8Fault.ERROR: ("500 Internal Server Error", _BROKEN),
    U8Fault.ERROR_AFTER: ("500 Internal Server Error", _BROKEN),
    U8Fault.BUSY: ("503 Service Unavailable\r\nretry-after: 7", b"<h1>Service Unavailable</h1>"),
    U8Fault.PAGE: ("200 OK", _BROKEN),
    U8Fault.EMPTY: ("200 OK", b""),
}
