"""The filter of a stream: what its client's subscriptions and its address name, held against each event's ticket."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from bus.consistency.subscription_filter import (
    EventConditions,
    TicketContext,
    conditions_by_topic,
    of_version,
    read_conditions,
)
from bus.consistency.subscriptions import Subscription
from bus.domain.errors import MalformedInput, StoreUnavailable, VersionMissing
from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.gateway.stream.event_frame import StreamEvent
from bus.intake.reserved_names import plain_name
from schemas.catalogue import NAME_BY_CE_TYPE
from schemas.topics import Contract

KEPT: Final = 1000  # tickets that are remembered
PARAMETERS: Final = ("types", "regions", "assignee")
Declared = Callable[[], Awaitable[Sequence[Subscription]]]


class EventsOfTicket(Protocol):
    """The log of one ticket."""

    async def __call__(self, ticket_id: TicketId, *, after: int = 0) -> Sequence[Recorded]:
        """Read a ticket's events in order of version, those after a version alone. Raises StoreUnavailable."""
        ...


class DeclaredSubscriptions:
    """The subscriptions, read whenever a stream begins; those known last while PostgreSQL is away."""

    def __init__(self, read: Declared) -> None:
        """Know none yet."""
        self._read = read
        self._known: Sequence[Subscription] | None = None

    async def of(self, client: str) -> Sequence[Subscription]:
        """Give those of a client. Raises StoreUnavailable where none were ever read."""
        try:
            self._known = await self._read()
        except StoreUnavailable:
            if self._known is None:
                raise
        return [one for one in self._known if one.client == client]


@dataclass(slots=True)
class TicketContexts:
    """Folds tickets from the last version seen, by the log: a filter goes by the ticket as it was at the event."""

    events: EventsOfTicket
    _known: OrderedDict[TicketId, Ticket] = field(default_factory=OrderedDict)

    async def of(self, event: StreamEvent) -> TicketContext | None:
        """Give the context of an event, found once for all who share the event. Raises StoreUnavailable.

        None where it cannot be told: the record cannot be read, or the log lacks what came before it.
        """
        if not event.context_known:
            try:
                event.context = await self._folded(event.recorded)
            except (MalformedInput, VersionMissing):
                event.context = None
            event.context_known = True
        return event.context

    async def _folded(self, recorded: Recorded) -> TicketContext:
        ticket = self._known.pop(recorded.ticket_id, None)
        if ticket is not None and ticket.version >= recorded.version:
            ticket = None
        if (known := ticket.version if ticket else 0) + 1 < recorded.version:
            for one in await self.events(recorded.ticket_id, after=known):
                if one.version < recorded.version:
                    ticket = evolve(ticket, one)
        after = evolve(ticket, recorded)
        self._known[recorded.ticket_id] = after
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        both = [one for one in (ticket, after) if one is not None]
        people = {one.assignee.person for one in both} - {""}
        return TicketContext(regions=frozenset(one.region for one in both), people=frozenset(people))


class EventFilter:
    """What one subscriber wants; `shown` is what it is told of that, empty where nothing is filtered.

    Who goes with the tail shares what is known of tickets (`live`), who catches up has its own.
    """

    def __init__(
        self,
        conditions: Mapping[str, Sequence[Sequence[EventConditions]]],
        live: TicketContexts,
        shown: Sequence[Mapping[str, Any]],
    ) -> None:
        """Filter by the alternatives of each topic."""
        self.shown = shown
        self._conditions, self._live, self._own = conditions, live, TicketContexts(live.events)

    async def passing(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Give those that pass, in order; one that cannot be judged does. Raises StoreUnavailable."""
        return [one for one in events if await self._passes(one)] if self.shown else events

    async def _passes(self, event: StreamEvent) -> bool:
        name = NAME_BY_CE_TYPE.get(event.ce_type)
        if name is None:
            return True
        left = [one for one in self._conditions[event.place.topic] if all(each.takes_type(name) for each in one)]
        if not left or any(not any(each.by_ticket for each in one) for one in left):
            return bool(left)
        context = await (self._live if event.after else self._own).of(event)
        return context is None or any(all(each.takes_ticket(context) for each in one) for one in left)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFilters:
    """Makes the filter of each stream."""

    contract: Contract
    declared: DeclaredSubscriptions
    live: TicketContexts

    async def of(self, client: str, topics: Sequence[str], query: Mapping[str, str]) -> EventFilter:
        """Make it for a client, by all its subscriptions or by the `version` asked for.

        Raises MalformedInput that names what it may not ask for, and StoreUnavailable.
        """
        subscribed = await self.declared.of(client)
        if "version" in query:
            subscribed = of_version(subscribed, query["version"], topics)
        declared = [one for one in subscribed if {*topics} & {*one.topics}]
        values = {name: _values(name, query[name]) if name in query else [] for name in PARAMETERS}
        values["assignee"] = [plain_name(one) for one in values["assignee"]]
        asked = read_conditions(values, topics, declared, self.contract)
        filtered = [one for one in declared if one.types or one.regions or one.assignees]
        shown = [
            *(
                {"version": one.version, "topics": one.topics, "types": one.types, "regions": one.regions,
                 "assignees": one.assignees}
                for one in filtered
            ),
            *([{"topics": topics, "types": values["types"], "regions": values["regions"],
                "assignees": values["assignee"]}] if any(values.values()) else ()),
        ]  # fmt: skip
        return EventFilter(conditions_by_topic(topics, declared, asked), self.live, shown)


def _values(name: str, text: str) -> list[str]:
    values = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not values:
        zh, en = f"{name} 为空,请填写或去掉", f"{name} is empty: fill it in or leave it out"
        raise MalformedInput("missing", name, zh, en)
    return values
