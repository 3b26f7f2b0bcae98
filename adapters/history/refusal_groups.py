"""Refused rows of an import counted by reason, with the lines of the first ones. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from bus.domain.text import Text
from bus.wire.rejected_input import RejectedInput

LINES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalGroup:
    """Rows refused with one code at one field; `detail` is the first one's.

    `lines` are those of the first; `more` were refused.
    """

    code: str
    field: str
    detail: Text
    count: int
    lines: tuple[int, ...]
    more: bool = False


def counted(groups: Iterable[RefusalGroup], refused: Iterable[RejectedInput]) -> tuple[RefusalGroup, ...]:
    """Add refused rows to the groups, in the order in which reasons first came."""
    found = {(one.code, one.field): one for one in groups}
    for one in refused:
        line = int(one.headers["line"])
        known = found.get((one.code, one.field))
        if known is None:
            detail = Text(one.detail_zh, one.detail_en)
            group = RefusalGroup(code=one.code, field=one.field, detail=detail, count=1, lines=(line,))
        else:
            lines = tuple(dict.fromkeys((*known.lines, line)))
            more = known.more or len(lines) > LINES_SHOWN
            group = replace(known, count=known.count + 1, lines=lines[:LINES_SHOWN], more=more)
        found[one.code, one.field] = group
    return tuple(found.values())
