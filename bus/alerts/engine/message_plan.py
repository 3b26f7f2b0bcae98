"""What a channel may send now: urgent alerts one by one, the rest in digests, within its rate. Pure."""

from collections.abc import Sequence
from typing import Final

from bus.alerts.alert import Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import ChannelMessage, Notice

HELD_BACK: Final = 4  # messages of a minute that only P1 may use
DIGEST_NOTICES_MAX: Final = 1_000


def plan(waiting: Sequence[Notice], *, sent_last_minute: int, per_minute: int) -> list[ChannelMessage]:
    """Plan messages of what waits, oldest first. What is left for later waits for a free place in the minute.

    A P1 that opens is a message of its own as long as one more is free for the digest of the others; one of a drill
    takes no real one's place.
    """
    left = per_minute - sent_last_minute
    urgent = [one for one in waiting if _is_urgent(one)]
    others = [one for one in waiting if one not in urgent]
    if left <= 0 or not waiting:
        return []
    if len(urgent) + len(others) <= left - HELD_BACK:
        return [_single(one) for one in (*urgent, *others)]
    alone = min(len(urgent), max(left - 1, 1))
    messages = [_single(one) for one in urgent[:alone]]
    rest = [*urgent[alone:], *sorted(others, key=lambda one: one.severity)][:DIGEST_NOTICES_MAX]
    places = left - len(messages)
    if rest and places > 0 and (urgent[alone:] or places > HELD_BACK or alone):
        messages.append(ChannelMessage(notices=rest))
    return messages


def _is_urgent(notice: Notice) -> bool:
    opens = notice.flip in (Flip.OPENED, Flip.REOPENED, Flip.ESCALATED)
    return opens and notice.severity is Severity.P1 and not notice.drill


def _single(notice: Notice) -> ChannelMessage:
    return ChannelMessage(notices=[notice])
