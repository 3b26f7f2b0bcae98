"""The shape of every story: `given(the past).when(what is wanted).then(what happens)`, or `.then_refused(why)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from bus.domain.batch import Accepted, BatchDecision, CommandResult, LoadedState, Outcome, Refused
from bus.domain.batch_decider import settle
from bus.domain.commands import Command, Request
from bus.domain.errors import CommandRefused
from bus.domain.events import Event, Recorded
from bus.domain.rules import Rules
from bus.domain.terms import CommandId, EventId, TicketId, TraceId
from bus.domain.ticket import Ticket
from tests.domain.people import ACTORS, RULES, START


@dataclass(frozen=True, slots=True)
class At:
    """A command that comes at a time of its own."""

    at: datetime
    command: Command


def request(command: Command, number: int, **own: Any) -> Request:
    """Wrap a command as the gateway would; `own` replaces any field of the request."""
    at = own.pop("at", START)
    made = Request(
        command_id=CommandId(UUID(int=number)),
        command=command,
        source="crm",
        actor=ACTORS.get(type(command), "陈女士"),
        at=at,
        received_at=at,
        trace_id=TraceId(f"{number:032x}"),
        fingerprint=repr(command),
    )
    return replace(made, **own)


class Story:
    """What has happened so far, to any number of tickets; commands are addressed to the one last touched."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.loaded = LoadedState(tickets={}, names={}, done={}, numbers=list(range(1, 1000)))
        self.loaded.people = frozenset({"李工"})
        self.log: list[Recorded] = []
        self._ids: Iterator[int] = count(1)
        self._last: TicketId | None = None

    def when(self, command: Command | At, **own: Any) -> Told:
        """Want something of the last ticket, and give what came of it; `own` replaces fields of the request."""
        if isinstance(command, At):
            return self.when(command.command, **{"at": command.at, **own})
        return self.ask(request(command, next(self._ids), **{"ticket_id": self._last, **own}))

    def ask(self, wanted: Request) -> Told:
        """Let a request happen as it is."""
        settled = settle(
            [wanted],
            self.loaded,
            rules=self.rules,
            recorded_at=wanted.received_at,
            new_event_id=lambda: EventId(UUID(int=next(self._ids))),
        )
        self.log += settled.events
        (outcome,) = settled.outcomes
        if isinstance(outcome, Accepted):
            self._last = outcome.ticket_id
        return Told(self, settled, outcome)

    @property
    def ticket(self) -> Ticket:
        """Give the ticket that was last touched."""
        assert self._last
        return self.loaded.tickets[self._last]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a request."""

    story: Story
    settled: BatchDecision
    outcome: Outcome

    @property
    def events(self) -> list[Event]:
        """List what happened."""
        return [recorded.event for recorded in self.settled.events]

    @property
    def accepted(self) -> Accepted:
        """Give the outcome, which is none of refusal."""
        assert isinstance(self.outcome, Accepted), self.outcome
        return self.outcome

    def then(self, *events: Event | type[Event]) -> Story:
        """Hold what happened against the events expected, whole or by their type; the story may go on."""
        assert isinstance(self.outcome, Accepted), self.outcome
        kinds = [type(e) if isinstance(wanted, type) else e for e, wanted in zip(self.events, events, strict=False)]
        assert [*kinds, *self.events[len(kinds) :]] == list(events)
        return self.story

    def then_answer(self, answer: CommandResult, ticket_id: str | None = None) -> Story:
        """Hold the answer, and the ticket that it names, against what is expected."""
        assert self.accepted.answer is answer
        assert ticket_id in {None, self.accepted.ticket_id}
        return self.story

    def then_refused(self, code: str, field: str | None = None) -> CommandRefused:
        """Hold the refusal's code and field against what is expected; nothing happened."""
        assert isinstance(self.outcome, Refused), self.events
        error = self.outcome.error
        assert (error.code, field or error.field) == (code, error.field)
        assert error.zh
        assert error.en
        assert self.settled.events == []
        return error


def given(*commands: Command | At, **own: Any) -> Story:
    """Begin a story with commands that are all accepted; `own` goes with each request."""
    story = Story()
    for command in commands:
        assert isinstance(story.when(command, **own).outcome, Accepted), command
    return story
