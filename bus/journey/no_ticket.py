"""Verdicts on a name that no ticket has: refused at the door, on its way to a ticket, or never arrived. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, Protocol

from bus.domain.text import Text
from bus.journey.hop_sources import DeadLetterRow
from bus.journey.judge import NOTHING_STUCK, judge_inputs, judge_spool, judge_unsearched
from bus.journey.spooled import SpoolFound
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock, short

# By the numbers that the refused body mentions, by the trace and by what its sender repeats it under.
REFUSED_BY_NAME: LiteralString = """
SELECT source, code, field, detail_zh, detail_en, origin, trace_id, last_at, times FROM refused_inputs
WHERE lookups && %(lookups)s OR origin_ref = ANY(%(refs)s) ORDER BY last_at DESC LIMIT 20"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedInputRow:
    """Input that was refused, as often as it came."""

    source: str
    code: str
    field: str
    detail_zh: str
    detail_en: str
    origin: str
    trace_id: str
    last_at: datetime
    times: int


class UnarrivedTicket(Protocol):
    """A ticket that its source lists and the bus did not have when it was last compared."""

    @property
    def source(self) -> str:
        """Give the source."""
        ...

    @property
    def source_no(self) -> str:
        """Give its number there."""
        ...

    @property
    def source_at(self) -> datetime:
        """Give when it was opened there."""
        ...

    @property
    def first_seen_at(self) -> datetime:
        """Give when a reconciliation found it."""
        ...

    @property
    def settled_at(self) -> datetime | None:
        """Give when it came, or was listed no more; None while it is missing."""
        ...

    @property
    def mend(self) -> str:
        """Give the command that opens it."""
        ...


def judge_name(
    refused: Sequence[RefusedInputRow],
    letters: Sequence[DeadLetterRow],
    spooled: SpoolFound,
    missing: Sequence[UnarrivedTicket],
) -> list[Verdict]:
    """Judge a name without a ticket; without a verdict nobody knows it, and letters that were decided are done.

    That its source lists it says nothing more of what came, and was refused or waits.
    """
    verdicts = [*judge_spool(spooled), *judge_inputs(letters), *_refused(refused)] or _missing(missing)
    return [*verdicts, *judge_unsearched(spooled)] or [NOTHING_STUCK for _ in letters[:1]]


def _refused(rows: Sequence[RefusedInputRow]) -> list[Verdict]:
    return [
        Verdict(
            cause=VerdictCause.REFUSED,
            hop="committed",
            where=one.origin,
            owner=Owner.SOURCE,
            evidence={
                "code": one.code,
                "field": one.field,
                "times": one.times,
                "last_at": one.last_at,
                "trace_id": one.trace_id,
            },
            text=Text(
                f"{one.source} 的请求被拒({one.origin},{one.code},字段 {one.field or '-'},{one.times} 次,"
                f"最近 {clock(one.last_at).zh}):{short(one.detail_zh)}",
                f"a request of {one.source} was refused ({one.origin}, {one.code}, field {one.field or '-'}, "
                f"{one.times} times, last at {clock(one.last_at).en}): {short(one.detail_en)}",
            ),
        )
        for one in rows
    ]


def _missing(rows: Sequence[UnarrivedTicket]) -> list[Verdict]:
    return [
        Verdict(
            cause=VerdictCause.NEVER_ARRIVED,
            hop="received",
            where=one.source,
            owner=Owner.SOURCE,
            evidence={"source_no": one.source_no, "source_at": one.source_at, "found_at": one.first_seen_at},
            text=Text(
                f"没有到达:来源 {one.source} 的清单中有 {one.source_no},建于 {clock(one.source_at).zh},"
                f"{clock(one.first_seen_at).zh} 对账时发现",
                f"it never arrived: the source {one.source} lists {one.source_no}, opened at "
                f"{clock(one.source_at).en}; found by reconciling at {clock(one.first_seen_at).en}",
            ),
            next=one.mend,
        )
        for one in rows
        if one.settled_at is None
    ]
