"""W3C trace context as it comes with a request: traceparent and tracestate, read as the standard asks. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bus.domain.terms import TraceId
from bus.domain.values import PLAIN_TRACE, CallerTrace

STATE_CHARS_MAX = 512
STATE_MEMBERS_MAX = 32
LONG_MEMBER_CHARS = 128  # longer ones go first where there is too much
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MEMBER = re.compile(r"([a-z0-9][a-z0-9_\-*/@]{0,255})=[ -+\--<>-~]{0,255}[!-+\--<>-~]")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace and one span of it, both lower-case hex, whether it is sampled, and the vendors' own entries."""

    trace_id: TraceId
    span_id: str
    sampled: bool = True
    tracestate: str = ""

    @property
    def traceparent(self) -> str:
        """Spell it as the header has it."""
        return f"00-{self.trace_id}-{self.span_id}-{flags(sampled=self.sampled)}"


def flags(*, sampled: bool) -> str:
    """Spell the trace flags; others than `sampled` are not known here."""
    return "01" if sampled else "00"


def parse(header: str | None) -> TraceContext | None:
    """Read a traceparent; what is not valid counts as none, as the standard asks."""
    found = _TRACEPARENT.fullmatch((header or "").strip(" \t"))
    if found is None or not found[0].isascii() or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return TraceContext(TraceId(found[2]), found[3], sampled=bool(int(found[4], 16) & 1))


def parent_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Find the caller's context among raw headers; several contradict each other, so they count as none."""
    parents, states = list[str](), list[str]()
    for name, value in headers:
        match name.lower():
            case b"traceparent":
                parents.append(value.decode("latin-1"))
            case b"tracestate":
                states.append(value.decode("latin-1"))
            case _:
                continue
    parent = parse(parents[0]) if len(parents) == 1 else None
    return replace(parent, tracestate=read_tracestate(states)) if parent else None


def read_tracestate(values: Iterable[str]) -> str:
    """Give the entries of tracestate headers, in order; empty when one is not valid, as the standard asks."""
    members = [member.strip(" \t") for value in values for member in value.split(",")]
    members = [member for member in members if member]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {one[1] for one in found if one}
    if len(keys) < len(members) or len(members) > STATE_MEMBERS_MAX:
        return ""
    if len(",".join(members)) > STATE_CHARS_MAX:
        members = [member for member in members if len(member) <= LONG_MEMBER_CHARS]
    while len(",".join(members)) > STATE_CHARS_MAX:
        members.pop()
    return ",".join(members)


def caller_trace(headers: Mapping[str, str], trace_id: str) -> CallerTrace:
    """Give what came beside a trace's id in headers by lower-case name; nothing where they are of another trace."""
    parent = parse(headers.get("traceparent"))
    if parent is None or parent.trace_id != trace_id:
        return PLAIN_TRACE
    return CallerTrace(sampled=parent.sampled, tracestate=read_tracestate([headers.get("tracestate", "")]))
