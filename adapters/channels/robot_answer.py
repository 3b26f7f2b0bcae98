"""What a chat robot answers: HTTP 200 whatever happened, and a code in the body that says what did. Pure."""

from collections.abc import Collection
from typing import Final

import orjson

from adapters.outbound_http import HttpResponse
from bus.alerts.engine.channel import NotSent
from bus.observability.masking import mask_text

MESSAGE_CHARS_MAX: Final = 200


def judge_robot(answer: HttpResponse, *, throttled: Collection[int], wait_s: float) -> None:
    """Take a robot's answer as sent only where its body says `errcode` 0. Raises NotSent.

    `throttled`: the codes that mean too many messages; it is asked again after `wait_s`.
    """
    try:
        body = orjson.loads(answer.body)
        code, words = body["errcode"], str(body.get("errmsg", ""))
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise NotSent(f"HTTP {answer.status}, and no errcode in the answer") from None
    if answer.status != 200:
        raise NotSent(f"HTTP {answer.status}, errcode {code}")
    if code == 0 and not isinstance(code, bool):
        return
    why = f"errcode {code}: {mask_text(words)[:MESSAGE_CHARS_MAX]}"
    raise NotSent(why, retry_after_s=wait_s if code in throttled else None)
