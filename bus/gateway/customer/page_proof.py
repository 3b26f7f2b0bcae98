"""What proves on a ticket's page that its customer answers: the link alone, or the code of an SMS (R20). Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bus.domain.closure_proof import CODE_TRIES
from bus.domain.decide_confirming import CODES_MAX
from bus.domain.errors import Refusal
from bus.domain.phone_numbers import mobile_number
from bus.domain.terms import is_synthetic
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.privacy.phones import masked

_SENT_SHOWN: Final = timedelta(minutes=5)
INSTEAD: Final = Text(
    "此页不能确认:请打开我们发给您的确认链接,或把短信验证码告诉工程师,或联系客服",
    "it cannot be confirmed on this page: open the link that we sent you, tell the engineer the code of the SMS, or "
    "ask our service",
)
LOCKED: Final = Text(
    "验证码错误次数过多,已停用:请打开我们发给您的确认链接,或联系客服",
    "too many wrong codes, none is taken any more: open the link that we sent you, or ask our service",
)
SPENT: Final = Text(
    "验证码不再重发:请看已收到的短信,或联系客服",
    "the code is not sent again: see the SMS that came, or ask our service",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProof:
    """Whether an answer on the page wants the `code`; whether one is `sent` by SMS, and can be sent `again`."""

    code: bool = False
    sent: bool = False
    again: bool = False


LINK_ALONE: Final = PageProof()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStep:
    """The code that an answer wants: the phone that has it, masked, or what to do `instead` of answering here.

    `again`: the page can have it sent once more.
    """

    phone: str = field(default="", repr=False)
    again: bool = False
    instead: Text | None = None


def code_step(ticket: Ticket, proof: PageProof) -> CodeStep | None:
    """Say which code an answer to the ticket's closure wants; None: the link is enough, as of a virtual ticket."""
    if not proof.code or is_synthetic(ticket.ticket_id) or ticket.closure is None:
        return None
    if ticket.closure.wrong_codes >= CODE_TRIES:
        return CodeStep(instead=LOCKED)
    mobile = mobile_number(ticket.customer.phone) if proof.sent else ""
    if not mobile:
        return CodeStep(instead=INSTEAD)
    return CodeStep(phone=masked(mobile), again=proof.again and ticket.closure.codes_asked < CODES_MAX)


def sent_lately(ticket: Ticket, step: CodeStep | None, now: datetime) -> Text | None:
    """Say that the code was sent once more, shortly after it was."""
    at = ticket.closure.code_asked_at if ticket.closure else None
    if step is None or not step.phone or at is None or now >= at + _SENT_SHOWN:
        return None
    return Text(f"验证码已发往 {step.phone},请查看短信。", f"the code is on its way to {step.phone}: see your SMS")


def in_customers_words(refusal: Refusal) -> Text:
    """Say to the customer why a code was not taken, or not sent; another refusal's own words do for them."""
    match refusal.code:
        case "wrong_code" if left := refusal.context.get("left"):
            return Text(
                f"验证码不对,还可以试 {left} 次;请看最近一条短信",
                f"this is not the code; {left} tries are left: see the newest SMS",
            )
        case "wrong_code" | "code_locked":
            return LOCKED
        case "codes_spent":
            return SPENT
        case _:
            return refusal.text
