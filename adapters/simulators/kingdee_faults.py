"""The bad habits of a Kingdee K3Cloud, as switches of its stand-in, and what it answers by each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.simulators.faulty_server import AnswerWay
from adapters.simulators.kingdee_books import Failed


class KingdeeFault(StrEnum):
    """A way to fail. Those named `after` fail when it is done."""

    ERROR = "500"
    ERROR_AFTER = "500 after the effect"
    BUSY = "503 with Retry-After"
    SLOW = "slow loris: the true answer, a byte at a time"
    HANG = "no answer, and nothing done"
    HANG_AFTER = "no answer after the effect"
    RESET = "connection reset, and nothing done"
    RESET_AFTER = "connection reset after the effect"
    REFUSED = "200 with a failure body"
    BROKE = "200 with an exception of its own"
    EXCEPTION = "200 with an exception of its own as text, no JSON"
    SESSION_LOST = "200, the session is lost"
    SESSION_WORDS = "200, the session is lost: in words, without a code"
    SESSION_FOREIGN = "200, the session is lost: in words of another language, without a code"
    SESSION_TEXT = "200, the session is lost: a text with N001, no JSON"
    LOGIN_PAGE = "200 with the page where people log in"
    LOGIN_PAGE_AFTER = "200 with the page where people log in, after the effect"
    LOGIN_REDIRECT = "302 to the page where people log in"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    IN_USE = "200, another user has the bill open: 网络控制"
    THROTTLED = "200, the call limit is reached"
    DISK_FULL = "200, the database's disk is full"
    DISK_FULL_ERROR = "500, the web server's disk is full"
    CUT_AFTER = "the connection ends in the middle of the true answer"
    REPEATED = "everything in the answer stands there twice"
    PAGE_REPEATS = "a list gives its first page again, whichever was asked for"
    BOM = "the true answer behind a byte order mark"
    ESCAPED = "the true answer as a JSON string that holds JSON"
    PAGE = "200 with a page for people"
    ENDLESS = "200 with an answer that does not end"


AFTER: Final = {
    KingdeeFault.ERROR_AFTER,
    KingdeeFault.HANG_AFTER,
    KingdeeFault.RESET_AFTER,
    KingdeeFault.LOGIN_PAGE_AFTER,
    KingdeeFault.SLOW,
    KingdeeFault.CUT_AFTER,
    KingdeeFault.REPEATED,
    KingdeeFault.PAGE_REPEATS,
    KingdeeFault.BOM,
    KingdeeFault.ESCAPED,
}
WAYS: Final[Mapping[KingdeeFault, AnswerWay]] = {
    KingdeeFault.SLOW: AnswerWay.SLOWLY,
    KingdeeFault.HANG: AnswerWay.NEVER,
    KingdeeFault.HANG_AFTER: AnswerWay.NEVER,
    KingdeeFault.RESET: AnswerWay.RESET,
    KingdeeFault.RESET_AFTER: AnswerWay.RESET,
    KingdeeFault.CUT_AFTER: AnswerWay.CUT,
    KingdeeFault.ENDLESS: AnswerWay.ENDLESS,
}
SAYS: Final[Mapping[KingdeeFault, Failed]] = {
    KingdeeFault.REFUSED: Failed(11, "单据校验未通过", "FDate"),
    KingdeeFault.BROKE: Failed(4, "未将对象引用设置到对象的实例"),
    KingdeeFault.SESSION_LOST: Failed(1, "会话信息已丢失,请重新登录"),
    KingdeeFault.SESSION_WORDS: Failed(0, "会话信息已丢失,请重新登录"),
    KingdeeFault.SESSION_FOREIGN: Failed(0, "Phiên làm việc đã hết hạn"),
    KingdeeFault.IN_USE: Failed(11, "网络控制:用户 Administrator 正在修改此单据,请稍后再试"),
    KingdeeFault.THROTTLED: Failed(14, "调用次数超出限制"),
    KingdeeFault.DISK_FULL: Failed(6, "数据库“AIS2026”的事务日志已满,磁盘空间不足"),
}
_BROKEN: Final = "<h1>“/K3Cloud”应用程序中的服务器错误</h1>".encode()
_LOGIN: Final = '<!DOCTYPE html><html><title>登录</title><input type="password"></html>'.encode()
STATUSES: Final[Mapping[KingdeeFault, tuple[str, bytes]]] = {
    KingdeeFault.ERROR: ("500 Internal Server Error", _BROKEN),
    KingdeeFault.ERROR_AFTER: ("500 Internal Server Error", _BROKEN),
    KingdeeFault.BUSY: ("503 Service Unavailable\r\nretry-after: 7", b"<h1>Service Unavailable</h1>"),
    KingdeeFault.EXCEPTION: ("200 OK", "response_error:未将对象引用设置到对象的实例".encode()),
    KingdeeFault.SESSION_TEXT: ("200 OK", "N001:当前用户的会话不存在".encode()),
    KingdeeFault.LOGIN_PAGE: ("200 OK", _LOGIN),
    KingdeeFault.LOGIN_PAGE_AFTER: ("200 OK", _LOGIN),
    KingdeeFault.LOGIN_REDIRECT: (
        "302 Found\r\nlocation: /k3cloud/login.aspx?ReturnUrl=%2f",
        b"<h1>Object moved</h1>",
    ),
    KingdeeFault.UNAUTHORIZED: ("401 Unauthorized", b"<h1>Unauthorized</h1>"),
    KingdeeFault.FORBIDDEN: ("403 Forbidden", b"<h1>Forbidden</h1>"),
    KingdeeFault.DISK_FULL_ERROR: ("500 Internal Server Error", "<h1>磁盘空间不足</h1>".encode()),
    KingdeeFault.PAGE: ("200 OK", "<html><title>系统维护中</title></html>".encode()),
}
