"""Refusals of what is to confirm a closure, with what to do."""

from bus.domain.closure_proof import CODE_DIGITS
from bus.domain.errors import CommandRefused
from bus.domain.refusals import ALREADY


def handler_is_no_customer() -> CommandRefused:
    """Refuse that somebody who works on the ticket signs as the customer."""
    return CommandRefused(
        "not_the_customer",
        "confirmed_by",
        "处理本工单的人不能代客户确认:请填写客户联系人的姓名",
        "who works on the ticket cannot confirm as the customer: name the customer's contact",
    )


def code_wanted() -> CommandRefused:
    """Refuse that somebody who works on the ticket confirms it without a code."""
    return CommandRefused(
        "missing",
        "code",
        "缺少“code”:处理人须凭客户收到的短信验证码确认,或请客户打开确认页面",
        "'code' is missing: who works on the ticket confirms by the code that the customer had by SMS, or the customer "
        "opens the page",
        missing="code",
    )


def no_codes() -> CommandRefused:
    """Refuse a code where there is none."""
    return CommandRefused(
        "no_codes",
        "code",
        "此工单没有短信验证码,请客户打开确认页面,或由客户系统确认",
        "there is no code of this ticket: the customer opens the page, or confirms in the CRM",
    )


def code_expired() -> CommandRefused:
    """Refuse a code of a request that is too old."""
    return CommandRefused(
        "code_expired",
        "code",
        "验证码已过期,请重新申请关闭 (request-closure)",
        "the code has expired: ask for closure again (request-closure)",
    )


def no_six_digits() -> CommandRefused:
    """Refuse what is no code at all: it costs no try."""
    return CommandRefused(
        "out_of_range",
        "code",
        f"验证码是 {CODE_DIGITS} 位数字,请按短信填写;此次不计次数",
        f"the code has {CODE_DIGITS} digits, as the SMS has them; this costs no try",
    )


def wrong_code(left: int) -> CommandRefused:
    """Refuse a wrong code, and say how often one may still be tried."""
    return CommandRefused(
        "wrong_code",
        "code",
        f"验证码不对,还可以试 {left} 次;请客户再读一遍最近一条短信",
        f"this is not the code; {left} tries are left: have the customer read the newest SMS again",
        left=left,
    )


def code_locked() -> CommandRefused:
    """Refuse any code after too many wrong ones."""
    return CommandRefused(
        "code_locked",
        "code",
        "验证码错误次数过多,已停用:请客户打开确认页面,或由客户系统确认",
        "too many wrong codes, none is taken any more: the customer opens the page, or confirms in the CRM",
    )


def code_sent_lately() -> CommandRefused:
    """Refuse to send the code once more so soon."""
    return CommandRefused(
        ALREADY,
        "code",
        "验证码刚刚已发送,请查看短信;一分钟后可再获取",
        "the code was sent a moment ago: see the SMS; it can be sent again after a minute",
    )


def codes_spent(most: int) -> CommandRefused:
    """Refuse to send the code once more after so many."""
    return CommandRefused(
        "codes_spent",
        "code",
        f"验证码已重发 {most} 次,不再发送:请查看已收到的短信,或请客户打开确认页面",
        f"the code was sent {most} times more and is not sent again: see the SMS that came, or the customer opens the "
        "page",
    )
