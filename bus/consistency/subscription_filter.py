"""What of a topic's events a subscriber wants, by its subscriptions and by what it asks for besides. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bus.consistency.subscriptions import Subscription
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean_event, nearest_event
from bus.domain.text import Text
from schemas.catalogue import EVENT_NAMES
from schemas.topics import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketContext:
    """Where an event's ticket was before the event, and is after it: in which regions, and with whom."""

    regions: frozenset[str]
    people: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventConditions:
    """Which events pass: of one of `types`, of tickets of one of `regions`, with one of `assignees`; empty: any."""

    types: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()

    @property
    def by_ticket(self) -> bool:
        """Say whether the ticket has to be known."""
        return bool(self.regions or self.assignees)

    def takes_type(self, event_type: str) -> bool:
        """Say whether events of a type may pass."""
        return not self.types or event_type in self.types

    def takes_ticket(self, context: TicketContext) -> bool:
        """Say whether events of a ticket may pass."""
        return (not self.regions or not self.regions.isdisjoint(context.regions)) and (
            not self.assignees or not self.assignees.isdisjoint(context.people)
        )


ALL = EventConditions()


def conditions_by_topic(
    topics: Iterable[str], declared: Sequence[Subscription], asked: EventConditions
) -> Mapping[str, Sequence[Sequence[EventConditions]]]:
    """Give for each topic the alternatives by which an event passes, each a list of conditions that all hold.

    A topic that no subscription of the client names is not filtered by any: a subscription takes nothing away.
    """
    return {topic: [[_of(one), asked] for one in declared if topic in one.topics] or [[asked]] for topic in topics}


def _of(one: Subscription) -> EventConditions:
    return EventConditions(
        types=frozenset(one.types), regions=frozenset(one.regions), assignees=frozenset(one.assignees)
    )


def of_version(subscribed: Sequence[Subscription], version: str, topics: Collection[str]) -> Sequence[Subscription]:
    """Give a client's subscription of one version. Raises MalformedInput where there is none, or topics beyond it."""
    found = [one for one in subscribed if one.version == version]
    if not found:
        there = ", ".join(one.version for one in subscribed)
        zh = f"没有版本 {version!r} 的订阅" + (f",已有版本:{there}" if there else ",先运行 ticketbus subscription add")
        en = f"there is no subscription of version {version!r}"
        known = f"; those that are there: {there}" if there else ": ticketbus subscription add"
        raise MalformedInput("unknown_version", "version", zh, en + known)
    named = {topic for one in found for topic in one.topics}
    if beyond := [topic for topic in topics if topic not in named]:
        zh = f"版本 {version} 的订阅没有主题 {beyond[0]},只有 {'、'.join(sorted(named))}"
        en = f"version {version} of the subscription has not {beyond[0]}, only {', '.join(sorted(named))}"
        raise MalformedInput("beyond_subscription", "topics", zh, en)
    return found


def read_conditions(
    query: Mapping[str, Sequence[str]],
    topics: Collection[str],
    declared: Sequence[Subscription],
    contract: Contract,
) -> EventConditions:
    """Read what an address asks for, which may narrow what is declared and no more.

    `query`: the values of `types`, `regions`, `assignee`. Raises MalformedInput that names the parameter.
    """
    carried = sorted({name for topic in topics for name in contract.topics[topic].event_names})
    for name in query["types"]:
        if name not in carried:
            close, asked = nearest_event(name, carried), did_you_mean_event(name, carried)
            elsewhere, none = (
                Text("不在这些主题里", "is on none of these topics"),
                Text("不是事件类型", "is no type of event"),
            )
            wrong = elsewhere if name in EVENT_NAMES else none
            zh, en = f"{name!r} {wrong.zh}{asked.zh}", f"{name!r} {wrong.en}{asked.en}"
            raise MalformedInput("unknown_type", "types", zh, en, nearest=close)
    for parameter, values in query.items():
        allowed = _allowed(parameter, topics, declared)
        if allowed and (beyond := [one for one in values if one not in allowed]):
            zh = f"订阅声明的 {parameter} 只有 {'、'.join(sorted(allowed))},不含 {beyond[0]!r}"
            en = f"the subscription has only {', '.join(sorted(allowed))} as {parameter}, and not {beyond[0]!r}"
            raise MalformedInput("beyond_subscription", parameter, zh, en)
    return EventConditions(
        types=frozenset(query["types"]), regions=frozenset(query["regions"]), assignees=frozenset(query["assignee"])
    )


def _allowed(parameter: str, topics: Iterable[str], declared: Sequence[Subscription]) -> frozenset[str]:
    """Give the values that subscriptions leave; none: all are left, by one of them or for one of the topics."""
    left = set[str]()
    for topic in topics:
        of_topic = [one for one in declared if topic in one.topics]
        if not of_topic:
            return frozenset()
        for one in of_topic:
            values = {"types": one.types, "regions": one.regions, "assignee": one.assignees}[parameter]
            if not values:
                return frozenset()
            left |= {*values}
    return frozenset(left)
