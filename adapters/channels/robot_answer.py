"""What a chat robot answers: HTTP 200 whatever happened, and a code in the body that says what did. Pure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from adapters.outbound_http import HttpResponse
from bus.alerts.engine.channel import NotSent


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotCodes:
    """Codes of a robot: `throttled` means too many messages, for `wait_s`; `too_long` a message beyond its limit.

    `throttled_words`: what an answer says, in lower case, whose code is none of them but means the same.
    """

    throttled: frozenset[int]
    wait_s: float
    too_long: frozenset[int]
    throttled_words: tuple[str, ...] = ()


class MessageTooLong(NotSent):
    """The robot takes no message of that length."""


def judge_robot(answer: HttpResponse, codes: RobotCodes) -> None:
    """Take a robot's answer as sent only where its body, read whole, says `errcode` 0. Raises NotSent.

    Its text is the robot's own words: the channel takes its secrets out.
    """
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        body = None
    code = body.get("errcode") if isinstance(body, dict) else None
    wait_s = codes.wait_s if answer.status == 429 else None
    if type(code) is not int:  # neither a text, nor true, nor 0.0
        cut = f" ({answer.cut})" if answer.cut else ""
        raise NotSent(f"HTTP {answer.status}, and no errcode in the answer{cut}", retry_after_s=wait_s)
    if answer.status == 200 and code == 0:
        return
    words = body["errmsg"] if isinstance(body.get("errmsg"), str) else ""
    status = "" if answer.status == 200 else f"HTTP {answer.status}, "
    why = f"{status}errcode {code}: {words}"
    if code in codes.too_long:
        raise MessageTooLong(why)
    if code in codes.throttled or any(one in words.lower() for one in codes.throttled_words):
        wait_s = codes.wait_s
    raise NotSent(why, retry_after_s=wait_s)


async def shorter_if_too_long(send: Callable[[int], Awaitable[None]], bytes_max: int) -> None:
    """Send at most so many bytes; half of them, at once, where the robot's own limit has become lower."""
    try:
        await send(bytes_max)
    except MessageTooLong:
        await send(bytes_max // 2)
