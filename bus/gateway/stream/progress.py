"""When a subscriber whose filter leaves events out is told where it stands, so that it need not read them again."""

from dataclasses import dataclass
from typing import Final

import orjson

from bus.gateway.stream.event_frame import Frame

EVERY_S: Final = 10.0
EVERY_EVENTS: Final = 1000


@dataclass(slots=True)
class Progress:
    """What was left out since the last frame; `sent_at` is the loop's clock then."""

    sent_at: float
    left_out: int = 0

    def is_due(self, left_out: int, now: float) -> bool:
        """Take in how many more events were left out; say whether that is to be told."""
        self.left_out += left_out
        return self.left_out >= EVERY_EVENTS or (self.left_out > 0 and now - self.sent_at >= EVERY_S)

    def sent(self, now: float) -> None:
        """Take in that a frame with a cursor went out."""
        self.sent_at, self.left_out = now, 0


def cursor_frame(cursor: str) -> Frame:
    """Make the frame that moves a subscriber on without an event. Pure."""
    return Frame("cursor", cursor, orjson.dumps({"kind": "cursor", "cursor": cursor}))
