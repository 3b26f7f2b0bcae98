"""Codes and words of SAP's messages that say more than a refusal: locked, short of stock, not allowed. Pure.

Codes are those of its message classes, in any language. Seen first-hand: M3/024, M7/021, L9/514 and /IWBEP/CM_COS/005.
Words are of the languages that installations here have: Chinese, English, German; the Chinese and German ones were not
seen first-hand. That something is `gesperrt` or `locked` is not enough: so is a cost centre that is closed for good.
"""

import re
from typing import Final

from bus.domain.simplified import folded

_CODE: Final = re.compile(r"([A-Z][A-Z0-9])/?([0-9]{3})")  # M7/021, also written M7021

LOCKED_CODES: Final = frozenset({"M3/024"})  # valuation data is locked by a user
SHORT_CODES: Final = frozenset({"M7/021"})  # deficit of unrestricted-use stock
DELIVERY_CODES: Final = frozenset({"L9/514"})  # "Delivery … created", in place of a material document
OUTDATED_CODES: Final = frozenset({"/IWBEP/CM_COS/005"})  # RequestID: done before, and the result is kept no more

_LOCKED: Final = re.compile(
    r"\blocked by\b|\b(?:is |are )?(?:currently |already )?being (?:processed|edited|changed|used) by\b"
    r"|\b(?:durch|von|vom)\b[^.;]{0,60}\bgesperrt\b|\bgesperrt (?:durch|von|vom)\b"
    r"|\bwird (?:gerade|zurzeit|momentan|bereits)\b[^.;]{0,60}\bbearbeitet\b"
    r"|被[^,.;!]{0,60}?(?:锁定|加锁|占用|处理|编辑)|由[^,.;!]{0,40}?锁定|(?:用户|使用者)[^,.;!]{0,40}?正在(?:处理|编辑|使用)"
)
_LATER: Final = re.compile(
    r"\block table overflow\b|\bdeadlock\b|\btry (?:it )?again later\b|\bspäter (?:noch einmal|nochmals|erneut)\b"
    r"|锁表溢出|稍[后候]再?重?试"
)
_SHORT: Final = re.compile(
    r"\bdeficit of\b|\bfehlmenge\b|\bunterdeckung\b"
    r"|(?:库存|非限制)[^,.;!]{0,20}?(?:不足|短缺|赤字|缺少)|(?:不足|短缺|赤字|缺少)[^,.;!]{0,12}?(?:库存|非限制)"
)
_NOT_ALLOWED: Final = re.compile(
    r"\b(?:no|not|missing|lack(?:ing)?)\b[^.;]{0,30}\bauthori[sz](?:ation|ations|ed)\b"
    r"|\bkeine berechtigung|\bnicht berechtigt\b|\bfehlende berechtigung"
    r"|(?:没有|无|缺少|缺乏|不具备)[^,.;!]{0,20}?(?:权限|授权)|未(?:被|经)?授权|权限不足"
)
_CSRF: Final = re.compile(r"\bcsrf token validation failed\b|csrf[^.;]{0,20}(?:校验|验证|令牌)[^.;]{0,10}(?:失败|无效)")


def plain_code(code: str) -> str:
    """Spell a code of a message class one way."""
    found = _CODE.fullmatch(code.strip().upper())
    return f"{found[1]}/{found[2]}" if found else code.strip()


def says_locked(text: str) -> bool:
    """Say whether a text tells that somebody else has what is needed open, so that it can be tried again later."""
    return _LOCKED.search(folded(text)) is not None


def says_later(text: str) -> bool:
    """Say whether a text asks to come again later."""
    return _LATER.search(folded(text)) is not None


def says_short(text: str) -> bool:
    """Say whether a text tells that the store has not enough."""
    return _SHORT.search(folded(text)) is not None


def says_not_allowed(text: str) -> bool:
    """Say whether a text tells that our user lacks a permission."""
    return _NOT_ALLOWED.search(folded(text)) is not None


def says_csrf(text: str) -> bool:
    """Say whether a text tells that the CSRF token was not taken."""
    return _CSRF.search(folded(text)) is not None
