"""A trial of a map: samples are translated and decided on an empty store in memory; nothing is sent or written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from adapters.mapped.map_file import SourceMap
from adapters.mapped.source import MappedSource
from adapters.mapped.translate import read_any
from adapters.mapped.transports import PolledList
from bus.domain.batch import Accepted
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab
from bus.domain.rules import Rules
from bus.domain.terms import TraceId
from bus.domain.text import Text
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.intake.source_adapter import Ignored
from schemas.messages import RequestReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCommand:
    """What a sample would do: the command with its fields, and what the bus would answer on an empty store.

    `hint`: what would be refused if it were delivered now, since a sample may be older than a delivery.
    """

    command: str
    number: str
    actor: str
    at: datetime
    fields: Mapping[str, Any]
    answer: str
    refusal: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSample:
    """A sample and what came of it: commands, or why it is refused or passed over."""

    sample: str
    outcome: str
    commands: Sequence[TriedCommand] = field(default=())
    code: str = ""
    path: str = ""
    detail: str = ""


async def tried(
    mapped: SourceMap, samples: Mapping[str, bytes], headers: Mapping[str, str], rules: Rules, now: datetime
) -> Sequence[TriedSample]:
    """Play samples in order on one empty store: a note finds the ticket that was opened before. `headers`: of each.

    Of a sample that holds several deliveries, or is a page of a list, each is one: `NAME#1`, `NAME#2`.
    """
    source = MappedSource(mapped, 1, {})
    dispatcher = Dispatcher(store=MemoryStore(), rules=rules)
    found = list[TriedSample]()
    parts = [part for name, body in samples.items() for part in _apart(mapped, name, body)]
    for number, (name, body) in enumerate(parts):
        received = source.delivery(
            f"sample-{number}",
            body,
            headers={name.lower(): value for name, value in headers.items()},
            received_at=now,
            trace_id=TraceId(f"{number + 1:032x}"),
        )
        try:
            batch = source.batch(received)
        except MalformedInput as refusal:
            found.append(_not_taken(name, refusal))
            continue
        for place, one in enumerate(batch.deliveries if batch else [received], 1):
            shown = f"{name}#{place}" if batch and len(batch.deliveries) > 1 else name
            found.append(await _tried(source, dispatcher, shown, one))
    return found


def _apart(mapped: SourceMap, name: str, body: bytes) -> Sequence[tuple[str, bytes]]:
    """Take a page of a list apart, as whoever reads the list does; anything else is one document."""
    if not isinstance(mapped.transport, PolledList):
        return [(name, body)]
    try:
        page = read_any(body)
        found = page if mapped.documents is None else mapped.documents.read(page)
    except MalformedInput:
        return [(name, body)]
    if not isinstance(found, list):  # a sample may be one document of a page
        return [(name, body)]
    return [(f"{name}#{place}", orjson.dumps(one)) for place, one in enumerate(found, 1)]


def _not_taken(name: str, refusal: MalformedInput) -> TriedSample:
    outcome = "passed over" if isinstance(refusal, Ignored) else "refused"
    return TriedSample(sample=name, outcome=outcome, code=refusal.code, path=refusal.field, detail=str(refusal.text))


async def _tried(source: MappedSource, dispatcher: Dispatcher, name: str, received: RequestReceived) -> TriedSample:
    try:
        # A sample may be old: it is decided as of when it came.
        requests = [replace(one, received_at=min(one.at, received.received_at)) for one in source.translate(received)]
        outcomes = await dispatcher.dispatch(requests)
    except MalformedInput as refusal:
        return _not_taken(name, refusal)
    hints = [_too_late(one, received.received_at, dispatcher.rules) for one in requests]
    commands = [
        replace(_command(request, outcome), hint=hint)
        for request, outcome, hint in zip(requests, outcomes, hints, strict=True)
    ]
    refused = any(one.refusal for one in commands)
    return TriedSample(sample=name, outcome="refused" if refused else "accepted", commands=commands)


def _too_late(request: Request, now: datetime, rules: Rules) -> str:
    """Say that a delivery of now would be refused for the time that it happened at; empty where it would not."""
    times = [one for one in (request.at, getattr(request.command, "opened_at", None)) if one]
    if all(now - one <= rules.lateness_max for one in times):
        return ""
    days = rules.lateness_max.days
    return str(
        Text(
            f"样例早于 {days} 天:现在真的投递会被拒绝(too_late),请把时间改到 {days} 天以内再投递",
            f"more than {days} days ago: delivered now it would be refused (too_late); give it a time within {days} "
            "days before you deliver it",
        )
    )


def _command(request: Request, outcome: Any) -> TriedCommand:
    error = None if isinstance(outcome, Accepted) else outcome.error
    fields = {name: value for name, value in asdict(request.command).items() if _is_there(value)}
    return TriedCommand(
        command=kebab(type(request.command)),
        number=request.source_no or fields.get("source_no", ""),
        actor=request.actor,
        at=request.at,
        fields=fields,
        answer="refused" if error else str(outcome.answer),
        refusal=f"{error.code} ({error.field}): {error.text}" if error else "",
    )


def _is_there(value: Any) -> bool:
    return any(value.values()) if isinstance(value, dict) else value not in ("", (), None)
