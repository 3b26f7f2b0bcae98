"""Words and sentences of an answer that say whether it was done, in Chinese and English. Pure; docs/answers.md."""

import re
from enum import Enum
from typing import Final

from bus.domain.simplified import simplified


class Meaning(Enum):
    """What a field, or a whole answer, says of the delivery."""

    DONE = "done"
    FAILED = "failed"
    UNCLEAR = "unclear"  # nothing in it speaks of it
    UNREADABLE = "unreadable"  # no answer of such a receiver: a page, or half of a text


class AskedWait(Enum):
    """What a refusal asks for: it did nothing, and the same call may succeed later."""

    BUSY = "busy"
    SLOWER = "slower"


GOOD: Final = frozenset(
    {"ok", "okay", "success", "succeed", "succeeded", "successful", "succ", "done", "accepted", "received", "created"}
    | {"queued", "true", "yes", "成功", "操作成功", "处理成功", "接收成功", "请求成功"}
)
# No ticket and no device has these for its state.
FAILED_WORDS: Final = frozenset({"fail", "failed", "failure", "unsuccessful", "失败", "操作失败", "处理失败"})
LEFT_OUT_WORDS: Final = frozenset(
    {"ignored", "skipped", "discarded", "dropped", "忽略", "已忽略", "跳过", "已跳过", "丢弃", "已丢弃"}
)
_BAD_FIRST: Final = FAILED_WORDS | (
    {"error", "err", "erreur", "fatal", "exception"} | {"接收失败", "请求失败", "错误", "异常"}
)
_BAD: Final = _BAD_FIRST | {
    *("false", "no", "ng", "nok", "nack", "rejected", "refused", "denied", "invalid", "unauthorized", "forbidden"),
    *("timeout", "killed", "ko", "échec", "echec", "拒绝", "不成功", "未成功"),
}
_FIRST_WORD: Final = re.compile(r"[\s:;,.!()\uff1a\uff1b\uff0c\u3002\uff01]+")
_PART: Final = re.compile(r"[^\W_]+")
_BAD_PART: Final = _BAD - {"no", "ko", "false"}
_TEXT_MAX: Final = 300  # a longer text without fields is no sentence about a call

# What speaks of the call's own side, in sentences that say that it is away or shut.
_OURS: Final = r"(?:接口|服务|租户|账[号户]|用户|应用|密钥|令牌|授权|许可证?|套餐|系统|数据库|(?<!网络)连接|会话|证书)"
_SHUT: Final = r"(?:下线|下架|停用|停机|停服|欠费|禁用|冻结|锁定|到期|失效|注销|吊销|断开|中断|断线)"
_BUSY: Final = re.compile(
    r"繁忙|请稍[后候]再|稍[后候](?:再试|重试)|请重试|正在维护|维护中|暂时?不可用|暂停服务|服务不可用|开小差"
    r"|\bdeadlock\b|\b(?:busy|try (?:it )?again|temporar(?:y|ily)"
    r"|(?:service|server|system) (?:is )?(?:currently )?(?:unavailable|not available))\b"
)
_SLOWER: Final = re.compile(
    r"限流|限频|频率|频繁|请求过多|次数过多|并发过[高大多]"
    r"|\btoo (?:many|fast|frequent(?:ly)?)\b|\brate.?limit|\bthrottl|\bover (?:the )?limit\b|\bquota\b"
)
_FAILURES: Final = r"失败|错误|异常|\b(?:fail(?:ed|ures?|s)?|errors?|exceptions?)\b"
_NO_FAILURE: Final = re.compile(
    rf"(?:没有|无|未发生|\bno |\bwithout |\bzero |(?<![0-9])0 ?[条个项]?)(?:任何|any )?(?:{_FAILURES})"
    rf"|(?:{_FAILURES})(?:原因|信息|记录|列表|条数|数量|数)?[\s:=\uff1a]*(?:0(?![0-9.])|[无空](?![\w])|none\b|null\b|\[\])"
    # What may happen is not what did.
    rf"|(?:如果?|若|一旦|\bif |\bin case of )[^,;.\uff0c\uff1b\u3002]{{0,16}}?(?:{_FAILURES})[^,;.\uff0c\uff1b\u3002]*"
)
# What no device and no customer does: these are about the call, whatever else a text says.
_PLAIN: Final = re.compile(
    r"失败|不存在|无效|非法|未授权|无权|没有权限|权限不足|不正确|不合法|不能为空|不可为空|缺少|不全|(?:[不未]|没有?)(?:能)?(?:成功|完成)"
    r"|找不到|未找到|查无|不允许|不支持|未登录|请(?:先|重新)登录|请登录[后再]|不通过|未通过|不匹配|格式有误|有误"
    rf"|{_OURS}[^,;.\uff0c\uff1b\u3002]{{0,4}}?{_SHUT}|被(?:禁用|封禁|冻结|拉黑)|不在[^,;.\uff0c\uff1b\u3002]{{0,6}}白名单"
    r"|处理中断(?!电)|未将对象引用|违反了?[^,;.\uff0c\uff1b\u3002]{0,24}约束"
    r"|\b(?:fail(?:ed|ures?|s)?|invalid|denied|unauthori[sz]ed|forbidden|not found|no such|not exists?|unsuccessful"
    r"|not allowed|not permitted|missing|unsupported|insufficient|not in (?:the )?(?:white|allow) ?list"
    # What frameworks and databases say of themselves.
    r"|object reference not set|duplicate entry|data too long|deadlock|violat(?:es|ed|ion)"
    r"|connection (?:refused|reset|closed)|ora-[0-9]{5}|\w+exception)\b"
)
# These may be the business's as well; beside a word of success they are.
_LIKELY: Final = re.compile(
    rf"{_FAILURES}|拒绝|过期|超时|超限|无法|禁止|出错|报错|冲突|不足|勿重复|(?:编码|编号|单号|主键|名称)重复"
    r"|\b(?:rejected|refused|timed? ?out|expired|unable to|cannot|could not|conflict)\b"
)
_SUCCESS: Final = re.compile(
    r"成功|(?<!待)完成|完毕|已(?:接收|受理|收到|记录|登记|保存|更新|创建|提交|处理|上报|入库)"
    r"|\b(?:success(?:ful(?:ly)?)?|succeeded|ok|received|accepted|saved|recorded|queued)\b"
)
_REPEAT: Final = re.compile(
    r"(?<!勿)重复|(?:已经?|曾)(?:处理|接收|收到|存在|同步)|\b(?:duplicated?|repeat(?:ed)?|already)\b"
)
# A text that is no document tells of a failure by its end, or by both words: as Microsoft Teams does in a 200.
_FAILED_TEXT: Final = re.compile(r"失败[.!\u3002\uff01]?$|\bfailed with (?:an )?(?:error|exception)\b")


def word(text: str) -> Meaning:
    """Judge one word or name of a state, in lower case and simplified characters."""
    return Meaning.DONE if text in GOOD else Meaning.FAILED if text in _BAD else Meaning.UNCLEAR


def compound(text: str) -> Meaning:
    """Judge a word of several parts, spelled as one: `api-success`, `param_error`, `success::调用成功`."""
    parts = set(_PART.findall(text))
    if parts & _BAD_PART:
        return Meaning.FAILED
    return Meaning.DONE if parts & GOOD and not parts & _BAD else Meaning.UNCLEAR


def sentence(text: str) -> Meaning:
    """Judge the words beside a code: `更新失败`, `Ticket not found`, `请求成功!`, `成功3条,失败0条`, `系统繁忙`."""
    rest = _rest(text)
    if _PLAIN.search(rest) or asks_to_wait(rest):
        return Meaning.FAILED
    if _SUCCESS.search(rest) or rest in GOOD:
        return Meaning.UNCLEAR if _LIKELY.search(rest) else Meaning.DONE
    return Meaning.FAILED if _LIKELY.search(rest) else Meaning.UNCLEAR


def is_repeat(text: str) -> bool:
    """Say whether a text says that the same had come before: `duplicate`, `重复请求`, `already processed`."""
    return _REPEAT.search(_rest(text)) is not None


def plainly_failed(text: str) -> bool:
    """Say whether a text speaks of a failed call in words that no record of a device's fault has."""
    rest = _rest(text)
    return _PLAIN.search(rest) is not None or asks_to_wait(rest) is not None


def asks_to_wait(text: str) -> AskedWait | None:
    """Say whether a refusal's words ask to come later: `系统繁忙,请稍后再试`, `too many requests`."""
    words = _plain_words(text)
    return AskedWait.SLOWER if _SLOWER.search(words) else AskedWait.BUSY if _BUSY.search(words) else None


def whole_text(text: str) -> Meaning:
    """Judge an answer that is no document: by a word, its first word, its end, or a short sentence about a failure."""
    whole = simplified(text.strip().casefold())
    first, *_ = _FIRST_WORD.split(whole, maxsplit=1)
    failed = first in _BAD_FIRST or _FAILED_TEXT.search(_rest(whole))
    if failed or (len(whole) <= _TEXT_MAX and plainly_failed(whole)):
        return Meaning.FAILED
    return word(whole)


def _rest(text: str) -> str:
    """Give a text without what only denies a failure, or foresees one."""
    return _NO_FAILURE.sub(" ", _plain_words(text))


def _plain_words(text: str) -> str:
    """Give a text in lower case, simplified characters and words: `INVALID_USER_KEY` is a sentence as well."""
    return simplified(text.strip().casefold()).replace("_", " ")
