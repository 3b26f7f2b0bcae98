"""What stands where a key should and is none: `无`, `N/A`, `---`, a phone of zeros. Pure."""

import re
from collections.abc import Collection
from unicodedata import normalize

from bus.domain.phone_numbers import plain_phone
from bus.domain.simplified import simplified
from bus.domain.terms import KeyKind
from bus.domain.text import IGNORABLE
from bus.domain.values import IncidentKey

PHONE_DIGITS_MIN = 5
# Compared without case, blanks and punctuation: `N/A`, `n.a.` and `#N/A` are `na`.
_WORDS = """
无 没有 暂无 暂缺 无此项 空 空白 未知 不知道 不清楚 不明 不详 未详 待定 待查 待补 待确认 未填 未填写 未提供
未登记 忘记 无号 无号码 无编号 无序列号 没有序列号 无订单 无订单号 没有订单号 无电话 没有电话 无手机号 na nan
不适用 不提供 客户未提供 用户未提供 客户不知道 客户不清楚 未能提供 无法提供 无法查看 无法识别 看不清 看不清楚 看不到
看不见 找不到 没找到 查不到 没写 没填 未写 未贴 未录入 未采集 未知设备 未知型号 不明设备 暂无序列号 暂无订单 暂无订单号
暂无编号 暂无号码 暂无电话 暂时没有 无标签 无铭牌 没有铭牌 没有标签 没有号码 没有编号 模糊 磨损 空值
待补充 待核实 待补录 补录
nil null none nothing empty blank undefined unknown unkown notavailable notapplicable notknown noserial
noserialnumber noorder nophone nonumber notprovided tbd tba tbc xx xxx
noneavailable noneprovided nonegiven notgiven notfound notreadable unreadable illegible cannotread unknowndevice
sn serial 序列号 无sn 没有sn 同上 见备注 见照片 见图 见附件 如图 如上 稍后提供 稍后补 后补 忘了 忘 没 测试 test unk
ref objectobject x unknownserial unknownserialnumber unknownnumber unknownorder nodevice missing
"""
WORDS = frozenset(_WORDS.split())
_COUNTED = "01234567890123456789"  # a phone made up by counting
_REPEATED_MIN = 4  # of one character that is all there is: 1111, XXXXX
# Digits that somebody hid: 139****0001, and of a phone 139xxxx0001.
_MASKED = re.compile(r"[*\u2022\u25cf]{2,}")
_MASKED_PHONE = re.compile(r"[*\u2022\u25cf\u00d7xX]{2,}")
_BETWEEN = (re.compile(r"\s+"), re.compile(r"[/,;|\u3001\uff0c\uff1b\uff0f]"))


def is_no_key(key: IncidentKey, more: Collection[str] = ()) -> bool:
    """Say whether a key names nothing: a word for none (`more`: of this deployment), only punctuation or zeros.

    What has hidden digits is none. A phone is none with fewer than five digits, one digit repeated, or digits that
    only count up.
    """
    return is_no_phone(key.value, more) if key.kind is KeyKind.PHONE else is_no_number(key.value, more)


def is_no_number(text: str, more: Collection[str] = ()) -> bool:
    """Say whether a serial or order number is none: a word for it, several of them, or one character repeated."""
    if _MASKED.search(normalize("NFKC", text)) or _is_none(plain_word(text), more):
        return True
    return any(all(_is_none(plain_word(part), more) for part in between.split(text.strip())) for between in _BETWEEN)


def _is_none(word: str, more: Collection[str]) -> bool:
    repeated = len(word) >= _REPEATED_MIN and len(set(word)) == 1
    return not word.strip("0") or repeated or word in more or word in WORDS


def is_no_phone(text: str, more: Collection[str] = ()) -> bool:
    """Say whether a phone is none."""
    digits = plain_phone(text).removeprefix("+")
    made_up = len(digits) < PHONE_DIGITS_MIN or len(set(digits)) == 1 or digits in _COUNTED
    made_up = made_up or _MASKED_PHONE.search(normalize("NFKC", text)) is not None
    return made_up or not digits.isdecimal() or plain_word(text) in more


def plain_word(text: str) -> str:
    """Spell a word as WORDS has them: its letters and digits, half width, lower case, in simplified characters."""
    shown = text if text.isascii() else simplified(IGNORABLE.sub("", normalize("NFKC", text)))
    return "".join(filter(str.isalnum, shown.casefold()))
