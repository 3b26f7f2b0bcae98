"""What every page for customers says the same way."""

from typing import Final

from bus.domain.text import Text

GONE: Final = Text("此链接无效或已过期,请联系客服", "this link is not valid, or has expired; please ask our service")
AWAY: Final = Text("系统暂时无法受理,请稍后再打开此链接", "not now: please open this link again in some minutes")
TOO_OFTEN: Final = Text("打开次数过多,请稍后再试", "too many tries; please wait a little")
CONFIRMED: Final = Text("已收到您的确认,谢谢!", "you have confirmed it, thank you")
CONFIRMED_BEFORE: Final = Text(
    "此前已确认完成,这次的回答没有记录;如问题仍在,请联系客服",
    "it was confirmed before, and this answer was not taken; if it is not solved, please ask our service",
)
REJECTED: Final = Text("已收到您的反馈,我们会继续处理。", "thank you for telling us, we go on working on it")
REJECTED_BEFORE: Final = Text(
    "此前已反馈没有解决,我们正在处理,这次的回答没有记录;处理完会再请您确认",
    "it was answered before that it is not solved, and this answer was not taken; we shall ask you again",
)
NOT_AWAITED: Final = Text(
    "现在没有等您确认的服务,这次的回答没有记录;如有问题,请联系客服",
    "nothing waits for your answer now, and this one was not taken; please ask our service",
)
EXPIRED: Final = Text(
    "请您确认的期限已过,这次的回答没有记录;请联系客服",
    "the time to answer is over, and this answer was not taken; please ask our service",
)
CODES_TOO_OFTEN: Final = Text("获取验证码过于频繁,请稍后再试", "too many codes wanted; please wait a little")
ASKED: Final = Text("已收到您的催办,我们会尽快处理。", "we have your question and will see to it")
CLOSED_BEFORE: Final = Text(
    "服务已完成,这次的催单没有记录;如问题仍在,请联系客服",
    "it is closed, and your question was not taken; if it is not solved, please ask our service",
)
