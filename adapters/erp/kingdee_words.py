"""Sentences of Kingdee's that stand for a code which it did not give: a lost session, a bill somebody has open. Pure.

They come in simplified and traditional Chinese and in English, by the language of the account. Whole sentences are
looked for: two characters of one also stand inside the names of materials (a network controller).
"""

import re
from typing import Final

from bus.domain.simplified import folded

_SESSION: Final = r"(?:会话|工作阶段)(?:信息|资讯)?"
_LOGIN_ZH: Final = r"登[录陆入]"
_ENDED: Final = r"(?:已|已经)?(?:丢失|遗失|过期|超时|逾时|失效)"
# N001 alone stands for a lost session; inside a sentence it may be anybody's material.
_LOST: Final = re.compile(
    rf"{_SESSION}{_ENDED}|{_LOGIN_ZH}(?:信息|资讯|状态)?{_ENDED}"
    rf"|(?:用户|使用者|尚|还|您)未{_LOGIN_ZH}|重新{_LOGIN_ZH}|(?:^|[|;\n])\W*n001\b"
    r"|\bsession(?: info(?:rmation)?| state| token)? (?:(?:has|have|is|was|already|been) ){0,3}"
    r"(?:expired|timed? ?out|lost|invalid|not found)|\b(?:invalid|expired|lost) session\b"
    r"|\bplease (?:re-?)?(?:log ?[io]n|sign ?in)(?: again)?\b|\b(?:log ?in|sign ?in) again\b|\bnot logged ?in\b"
    r"|\blogin (?:(?:has|is|was|been) ){0,2}(?:expired|timed? ?out)"
)
_TOUCHED: Final = r"(?:编辑|修改|操作|使用|占用|锁定|打开)"
_IN_USE: Final = re.compile(
    rf"网[络路](?:控制)?冲突|(?:网[络路]控制|网控)(?:失败|异常|冲突|:|中(?:[,.;!]|$))"
    rf"|被(?:其[他它])?(?:用户|使用者)[^,.;!\u3002]{{0,40}}?{_TOUCHED}|被(?:其[他它]人?|他人|别人)(?:正在)?{_TOUCHED}"
    rf"|(?:用户|使用者)[^,.;!\u3002]{{0,40}}正在{_TOUCHED}|稍[后候]再?重?试"
    r"|\bnetwork (?:control(?: conflict| failed| failure|:)|conflict)"
    r"|\bbeing (?:edited|modified|changed|used|processed|operated) by\b"
    r"|\b(?:edited|modified|changed|opened|locked|in use|used|occupied) by (?:another|other|a different) user"
    r"|\b(?:try again|retry) later\b"
)
_LOGIN_PAGE: Final = re.compile(rf"type=[\"']?password|{_LOGIN_ZH}|log ?in|sign ?in|returnurl")


def says_session_lost(text: str) -> bool:
    """Say whether a text tells that we are not logged in."""
    return _LOST.search(folded(text)) is not None


def says_in_use(text: str) -> bool:
    """Say whether a text tells that somebody else has the bill open, so that it can be tried again later."""
    return _IN_USE.search(folded(text)) is not None


def is_login_page(page: str) -> bool:
    """Say whether a page is the one where people log in."""
    return _LOGIN_PAGE.search(folded(page)) is not None
