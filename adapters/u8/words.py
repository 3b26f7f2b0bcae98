"""What U8's sentences say: for most of its refusals it gives one code, and no table of codes is public. Pure.

Codes seen with their sentences in the vendor's pages and in reports of people who integrate it: 10001 平台错误,
20002 未检索到匹配的…, 20005 U8 服务调用失败 (with U8's own sentence behind it), 30012 token 已过期, 30021 此应用未上线,
30025 操作正在执行. All else stands here as sentences; not seen first-hand: those of a repeat, a lock and a shortage.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from bus.delivery.target import FailureKind
from bus.domain.simplified import folded
from bus.domain.text import Text

CONNECTIONS_MAX: Final = 8
ANSWER_BYTES_MAX: Final = 1024 * 1024
REFUSED: Final = Text("U8 未执行", "refused by U8")
NO_ANSWER: Final = Text("应答不是 U8 的", "no answer of U8's")


class U8Says(Enum):
    """What a refusal is about."""

    TOKEN_LOST = auto()
    NO_RIGHT = auto()  # licence, permission, registration: the same for every call until somebody mends it
    THROTTLED = auto()
    SHORT = auto()  # the store has not enough
    NONE_FOUND = auto()  # of a question: there is none
    IN_USE = auto()  # somebody has it open, or all licences are taken
    THERE_ALREADY = auto()
    RUNNING = auto()  # an earlier request of this kind is not finished
    AWAY = auto()  # the server behind did not get it
    UNSURE = auto()  # it broke at any point
    OTHER = auto()


_CODES: Final[Mapping[str, U8Says]] = {
    "10001": U8Says.UNSURE,
    "20002": U8Says.NONE_FOUND,
    "30012": U8Says.TOKEN_LOST,
    "30021": U8Says.NO_RIGHT,
    "30025": U8Says.RUNNING,
}
_OF_U8_ITSELF: Final = "2"  # what these codes begin with: the platform took the call, so the token is good
_KINDS: Final[Mapping[U8Says, FailureKind]] = {
    U8Says.TOKEN_LOST: FailureKind.UNAUTHORIZED,
    U8Says.NO_RIGHT: FailureKind.UNAUTHORIZED,
    U8Says.THROTTLED: FailureKind.THROTTLED,
    U8Says.IN_USE: FailureKind.UNAVAILABLE,
    U8Says.RUNNING: FailureKind.UNKNOWN,
    U8Says.AWAY: FailureKind.UNAVAILABLE,
    U8Says.UNSURE: FailureKind.UNKNOWN,
}

_SAME: Final = r"[^,.;!?。]"  # within one sentence
_GONE: Final = r"(?:过期|失效|无效|不存在|不正确|错误|非法|超[出过]|上限|expired|invalid|not found)"
_SENTENCES: Final[Mapping[U8Says, re.Pattern[str]]] = {  # the first that is there counts
    U8Says.TOKEN_LOST: re.compile(rf"(?:token|令牌){_SAME}{{0,20}}?{_GONE}|{_GONE}的? ?(?:token|令牌)"),
    U8Says.NO_RIGHT: re.compile(
        rf"(?:没有|无|缺少){_SAME}{{0,12}}?权限?|权限不足|未授权|未上线|未购买|未开通|注册号不正确"
        rf"|app_?(?:key|secret){_SAME}{{0,12}}?{_GONE}|(?:密码|口令)(?:错误|不正确)|登[录陆]失败"
        rf"|(?:外部系统|系统编码|sender){_SAME}{{0,12}}?(?:{_GONE}|未注册|未找到)|eai{_SAME}{{0,12}}?(?:登[录陆]|身份)"
    ),
    U8Says.THROTTLED: re.compile(r"频繁|频率|限流|(?:调用|访问)次数|too many|rate limit"),
    U8Says.SHORT: re.compile(
        r"(?:现存量|可用量|可用数量|库存(?:数?量)?|结存(?:数?量)?)(?:不足|不够|为负|小于)|超(?:现存量|可用量)|零出库|负库存"
        r"|insufficient (?:stock|inventory)"
    ),
    U8Says.NONE_FOUND: re.compile(
        r"(?:未|没有)(?:检索|查询)到|没有(?:符合|满足)条件|no (?:matching )?(?:record|data)\b"
    ),
    U8Says.IN_USE: re.compile(
        rf"(?:用户|操作员|其[他它]人|他人){_SAME}{{0,20}}?(?:修改|编辑|使用|占用|锁定|操作|打开)|被锁定|已锁定|互斥"
        r"|稍[后候]再?重?试|系统(?:繁)?忙|死锁|deadlock|(?:加密)?(?:点数|站点数?)(?:已)?(?:饱和|满)"
    ),
    U8Says.THERE_ALREADY: re.compile(r"重复|已(?:经)?存在|不唯一|已(?:经)?审核|duplicate|already"),
    U8Says.AWAY: re.compile(
        rf"(?:u8|企业|客户端|服务|数据库){_SAME}{{0,12}}?(?:不在线|离线|未启动|连接失败|无法连接|未连接)|磁盘空间|日志已满"
    ),
    U8Says.UNSURE: re.compile(
        r"超时|timed? ?out|an error occurred on the server|未将对象引用|object reference"
        r"|平台错误|内部错误|系统异常|未知错误"
    ),
    U8Says.RUNNING: re.compile(r"正在(?:执行|处理|排队)|(?:处理|执行|排队)中|尚未(?:完成|处理)|in progress|processing"),
}


def says(code: str, words: str) -> U8Says:
    """Say what a refusal is about, by its code where one is known for it, else by its words."""
    if code in _CODES:
        return _CODES[code]
    plain = folded(words)
    for meaning, sentence in _SENTENCES.items():
        if meaning is U8Says.TOKEN_LOST and code.startswith(_OF_U8_ITSELF):
            continue  # a material may be called so
        if sentence.search(plain):
            return meaning
    return U8Says.OTHER


def kind_of(meaning: U8Says, *, changes: bool) -> FailureKind:
    """Class a refusal; a question that failed has changed nothing, whatever came in its way."""
    return _KINDS.get(meaning, FailureKind.REJECTED).of(changes=changes)
