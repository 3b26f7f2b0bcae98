"""What stands where a key should and is none: `无`, `N/A`, `---`, a phone of zeros. Pure."""

from collections.abc import Collection
from unicodedata import normalize

from bus.domain.phone_numbers import plain_phone
from bus.domain.terms import KeyKind
from bus.domain.text import IGNORABLE
from bus.domain.values import IncidentKey

PHONE_DIGITS_MIN = 5
# Compared without case, blanks and punctuation: `N/A`, `n.a.` and `#N/A` are `na`.
_WORDS = """
无 没有 暂无 暂缺 无此项 空 空白 未知 不知道 不清楚 不明 不详 未详 待定 待查 待补 待确认 未填 未填写 未提供
未登记 忘记 无号 无号码 无编号 无序列号 没有序列号 无订单 无订单号 没有订单号 无电话 没有电话 无手机号 na nan
nil null none nothing empty blank undefined unknown unkown notavailable notapplicable notknown noserial
noserialnumber noorder nophone nonumber notprovided tbd tba tbc xx xxx xxxx
"""
WORDS = frozenset(_WORDS.split())


def is_no_key(key: IncidentKey, more: Collection[str] = ()) -> bool:
    """Say whether a key names nothing: a word for none (`more`: of this deployment), only punctuation or zeros.

    A phone is none with fewer than five digits, or one digit repeated.
    """
    return is_no_phone(key.value, more) if key.kind is KeyKind.PHONE else is_no_number(key.value, more)


def is_no_number(text: str, more: Collection[str] = ()) -> bool:
    """Say whether a serial or order number is none."""
    word = plain_word(text)
    return not word.strip("0") or word in WORDS or word in more


def is_no_phone(text: str, more: Collection[str] = ()) -> bool:
    """Say whether a phone is none."""
    digits = plain_phone(text).removeprefix("+")
    return not digits.isdecimal() or len(digits) < PHONE_DIGITS_MIN or len(set(digits)) == 1 or plain_word(text) in more


def plain_word(text: str) -> str:
    """Spell a word as WORDS has them: its letters and digits, half width, lower case."""
    shown = text if text.isascii() else IGNORABLE.sub("", normalize("NFKC", text))
    return "".join(filter(str.isalnum, shown.casefold()))
