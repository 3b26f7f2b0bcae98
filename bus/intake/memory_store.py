"""The in-memory store: the same contract as PostgreSQL's, for tests and for trying the core."""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import chain, count, islice

from bus.domain.batch import BatchDecision, LoadedState, ProcessedCommand, ReadSet
from bus.domain.errors import InvariantBroken
from bus.domain.events import Recorded
from bus.domain.events_page import PAGE_BYTES_MAX, EventsPage, page_of
from bus.domain.people import Person
from bus.domain.routing import PersonLoad, Staff
from bus.domain.terms import CommandId, State, TicketId
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey
from bus.domain.work_order_events import WorkOrderStarted
from bus.domain.work_template import WorkOrderTemplate


class MemoryStore:
    """Keeps everything in dictionaries; one transaction at a time."""

    def __init__(self) -> None:
        """Begin empty."""
        self.log: dict[TicketId, list[Recorded]] = {}
        self._tickets: dict[TicketId, Ticket] = {}
        self._names: dict[TicketKey, KeyHolder] = {}
        self._earlier: dict[TicketKey, list[KeyHolder]] = {}  # by when they were opened
        self._done: dict[CommandId, ProcessedCommand] = {}
        self._numbers = count(1)
        self._turn = asyncio.Lock()
        self.files = dict[str, str]()
        self.articles: set[str] = set()
        self.people: dict[str, Person] = {}
        self.left = set[str]()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MemoryTransaction"]:
        """Open a transaction; its changes are kept on a clean exit only."""
        async with self._turn:
            transaction = MemoryTransaction(self)
            yield transaction
            transaction.commit()

    def drop_oldest(self, *, but: int) -> None:
        """Let go of all `but` the newest tickets, with their names, and of all command ids."""
        for ticket_id in tuple(islice(self.log, max(len(self.log) - but, 0))):
            del self.log[ticket_id], self._tickets[ticket_id]
        self._names = {name: known for name, known in self._names.items() if known.ticket_id in self._tickets}
        stay = ((name, [one for one in held if one.ticket_id in self._tickets]) for name, held in self._earlier.items())
        self._earlier = {name: held for name, held in stay if held}
        self._done.clear()

    def staff(self) -> Staff:
        """Give who is there, with the open tickets of each; of what they did before nothing is known here."""
        open_states = (State.ASSIGNED, State.IN_PROGRESS)
        held = Counter(one.assignee.person for one in self._tickets.values() if one.state in open_states)
        return Staff(people=self.people, loads={name: PersonLoad(open_tickets=held[name]) for name in self.people})

    def template(self, ticket_id: TicketId) -> WorkOrderTemplate | None:
        """Give what the work order of a ticket follows."""
        order = self._tickets[ticket_id].work_order if ticket_id in self._tickets else None
        event = self.log[ticket_id][order.started_in - 1].event if order else None
        return event.template if isinstance(event, WorkOrderStarted) else None

    def opened_near(self, name: TicketKey, at: datetime, window: timedelta) -> Sequence[KeyHolder]:
        """Give the earlier tickets of a key that were opened within a window of a time."""
        held = self._earlier.get(name, [])
        begin = bisect_left(held, -window, key=lambda one: one.opened_at - at)
        return held[begin : bisect_right(held, window, key=lambda one: one.opened_at - at)]

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        """Read the folded state."""
        return self._tickets.get(ticket_id)

    async def events(self, ticket_id: TicketId, *, after: int = 0, until: int | None = None) -> Sequence[Recorded]:
        """Read a ticket's events in order."""
        return tuple(self.log.get(ticket_id, ())[after:until])

    async def reported(self, ticket_id: TicketId, source: str) -> bool:
        """Look through the events."""
        return any(one.source == source for one in self.log.get(ticket_id, ()))

    async def events_page(
        self, ticket_id: TicketId, *, after: int, most: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> EventsPage | None:
        """Read a page; each event counts as a kilobyte."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None:
            return None
        events = self.log[ticket_id][after : after + min(most, max(bytes_max // 1024, 1))]
        return page_of(ticket.trace_id, events, ticket.version)


class MemoryTransaction:
    """Changes waiting for a clean exit."""

    def __init__(self, store: MemoryStore) -> None:
        """Work on that store."""
        self._store = store
        self._settled: list[BatchDecision] = []

    async def load(self, wanted: ReadSet) -> LoadedState:
        """Give what the batch needs."""
        store = self._store
        names = {n: store._names[n] for n in (*wanted.opening_names, *wanted.names) if n in store._names}
        earlier: dict[TicketKey, set[KeyHolder]] = {}
        for name, at in wanted.reported_at:
            if held := store.opened_near(name, at, wanted.window):
                earlier.setdefault(name, set()).update(held)
        holders = chain(names.values(), *earlier.values())
        ids = {*wanted.ticket_ids, *(known.ticket_id for known in holders)}
        return LoadedState(
            tickets={i: store._tickets[i] for i in ids if i in store._tickets},
            names=names,
            earlier=earlier,
            staff=store.staff() if wanted.routes else Staff(),
            templates={i: found for i in ids if (found := store.template(i))},
            roles={name: store.people[name].role for name in wanted.approvers if name in store.people},
            done={i: store._done[i] for i in wanted.command_ids if i in store._done},
            reported={one for one in wanted.reported if any(e.source == one[1] for e in store.log.get(one[0], ()))},
            files={one: store.files[one] for one in wanted.files if one in store.files},
            people=frozenset(store.people),
            left=frozenset(store.left),
            articles=frozenset(store.articles & {*wanted.articles}),
            traces={t.trace_id for t in store._tickets.values()} & {*wanted.trace_ids},
            numbers=[next(store._numbers) for one in wanted.openings if one not in store._done],
        )

    async def append(self, settled: BatchDecision) -> None:
        """Check versions now, keep the change for the commit."""
        heads = {i: len(events) for i, events in self._store.log.items()}
        for recorded in settled.events:
            if recorded.version != heads.get(recorded.ticket_id, 0) + 1:
                raise InvariantBroken(f"{recorded.ticket_id}: version {recorded.version} is taken or leaves a gap")
            heads[recorded.ticket_id] = recorded.version
        if any(done.command_id in self._store._done for done in settled.done):
            raise InvariantBroken("a command was applied twice")
        self._settled.append(settled)

    def commit(self) -> None:
        """Make the change visible."""
        store = self._store
        for settled in self._settled:
            for recorded in settled.events:
                store.log.setdefault(recorded.ticket_id, []).append(recorded)
            store._tickets.update(settled.tickets)
            store._names.update(settled.names)
            for name, holder in sorted(settled.earlier):
                insort(store._earlier.setdefault(name, []), holder, key=lambda one: one.opened_at)
            store._done.update({done.command_id: done for done in settled.done})
