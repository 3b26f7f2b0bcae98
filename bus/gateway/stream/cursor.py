"""A subscriber's cursor: opaque text that holds the next offset of every partition of its topics. Pure."""

import base64
import binascii
from collections.abc import Iterable, Mapping

import orjson

from bus.domain.errors import MalformedInput
from bus.kafka.tail_reader import Partition, Positions

CURSOR_CHARS_MAX = 8000
_OFFSET_MAX = 2**63 - 1


def write_cursor(positions: Mapping[Partition, int]) -> str:
    """Spell positions as a cursor."""
    offsets: dict[str, list[int]] = {}
    for place in sorted(positions):
        offsets.setdefault(place.topic, []).append(positions[place])
    return base64.urlsafe_b64encode(orjson.dumps(offsets)).decode().rstrip("=")


def read_cursor(cursor: str, topics: Iterable[str], partitions: Mapping[str, int]) -> Positions:
    """Read the positions of those of the topics that the cursor knows. Raises MalformedInput."""
    try:
        if len(cursor) > CURSOR_CHARS_MAX:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        offsets = orjson.loads(text)
        if not isinstance(offsets, dict):
            raise TypeError
        known = [topic for topic in topics if topic in offsets]
        return {
            Partition(topic, number): offset
            for topic in known
            for number, offset in enumerate(_checked(offsets[topic], partitions[topic]))
        }
    except (binascii.Error, ValueError, TypeError):
        zh, en = "cursor 无效,请用收到的最后一个 cursor", "not a cursor of ours; use the last one you got"
        raise MalformedInput("cursor_malformed", "cursor", zh, en) from None


def _checked(offsets: object, partitions: int) -> list[int]:
    if not isinstance(offsets, list) or len(offsets) != partitions:
        raise ValueError
    if not all(type(one) is int and 0 <= one <= _OFFSET_MAX for one in offsets):
        raise ValueError
    return offsets
