"""What answers of 纷享销客 mean: HTTP says 200 of everything, `errorCode` decides. Pure.

Its printed table of codes disagrees with what comes: 10006 is a wrong secret at the token and any wrong parameter
elsewhere, 10013 an offset beyond 10,000. So codes count only where they were seen, or where the vendor's pages on
limits name them; of all others the words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from adapters.answers.text import decoded
from adapters.answers.words import AskedWait, asks_to_wait
from adapters.fxiaoke_api.account import WINDOW_S
from adapters.fxiaoke_api.budget import until_midnight_s
from bus.delivery.target import FailureKind
from bus.domain.simplified import folded

TOKEN_LOST: Final = "20016"  # noqa: S105 - a code of theirs
_KINDS: Final[Mapping[str, FailureKind]] = {
    TOKEN_LOST: FailureKind.UNAUTHORIZED,
    "20017": FailureKind.UNAUTHORIZED,  # no token: something on the way takes the header out
    "30002": FailureKind.THROTTLED,  # the day's calls are used up
    "30003": FailureKind.UNAUTHORIZED,  # no calls were bought: the same until somebody buys them
    "30004": FailureKind.THROTTLED,
    "14001": FailureKind.THROTTLED,
}
_DAY_QUOTA: Final = "30002"
_UNSURE: Final = re.compile(
    r"超时|timed? ?out|(?:系统|内部|服务|未知)(?:异常|错误)|internal (?:server )?error|exception"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FxiaokeAnswer:
    """An answer as far as it is one: its code as a text, its words, and all of its fields."""

    code: str
    words: str
    content: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Say whether it tells of success."""
        return self.code == "0"


def read(body: bytes) -> FxiaokeAnswer | None:
    """Read an answer, in UTF-8 or GB 18030 whatever its head says; None where it has no `errorCode`."""
    try:
        content = orjson.loads(decoded(body).lstrip("\ufeff"))
    except orjson.JSONDecodeError:
        return None
    match content:
        case {"errorCode": int() | str() as code} if not isinstance(code, bool) and str(code).strip():
            words = (content.get("errorMessage"), content.get("errorDescription"))
            texts = dict.fromkeys(one for one in words if isinstance(one, str))
            return FxiaokeAnswer(code=str(code).strip(), words="; ".join(texts), content=content)
        case _:
            return None


def kind_of(answer: FxiaokeAnswer, *, changes: bool) -> FailureKind:
    """Class a refusal; a question that failed has changed nothing, whatever came in its way."""
    if known := _KINDS.get(answer.code):
        return known
    match asks_to_wait(answer.words):
        case AskedWait.SLOWER:
            return FailureKind.THROTTLED
        case AskedWait.BUSY:
            return FailureKind.UNAVAILABLE
        case None:
            pass
    if _UNSURE.search(folded(answer.words)):
        return FailureKind.UNKNOWN.of(changes=changes)
    return FailureKind.REJECTED


def wait_s(answer: FxiaokeAnswer, now: datetime) -> float | None:
    """Give the seconds to wait after a refusal: to midnight in China for the day's quota, 20 for calls too fast."""
    if answer.code == _DAY_QUOTA:
        return until_midnight_s(now)
    return WINDOW_S if _KINDS.get(answer.code) is FailureKind.THROTTLED else None
