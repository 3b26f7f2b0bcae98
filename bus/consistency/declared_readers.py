"""Which subscribers a topic, an event or a field of one is read by, as far as they have said so. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bus.consistency.subscriptions import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReader:
    """A subscriber; `sure`: it has named it. Else it reads what that is part of, and has not named parts."""

    subscription: Subscription
    sure: bool

    def __str__(self) -> str:
        """Say who that is, whom to ask, and how sure it is."""
        one = self.subscription
        return f"{one.client} {one.version} ({one.owner}, {one.contact})" + ("" if self.sure else " 可能 maybe")


def declared_readers(
    what: str, carried: Mapping[str, Collection[str]], subscriptions: Iterable[Subscription]
) -> list[DeclaredReader]:
    """Find who reads `what`: a topic, an event, or a field by its path; `carried` are the events of each topic."""
    judged = ((one, _reads(what, carried, one)) for one in subscriptions)
    return [DeclaredReader(subscription=one, sure=sure) for one, sure in judged if sure is not None]


def _reads(what: str, carried: Mapping[str, Collection[str]], one: Subscription) -> bool | None:
    """Say whether a subscription names it; None: it does not read it."""
    if what in carried:
        return True if what in one.topics else None
    event, _, path = what.partition(".")
    if not any(event in carried.get(topic, ()) for topic in one.topics) or (one.types and event not in one.types):
        return None
    fields = [name for name in one.fields if name.startswith(f"{event}.")]
    if not path or not fields:
        return bool(not path and one.types)
    touched = any(what == name or what.startswith(f"{name}.") or name.startswith(f"{what}.") for name in fields)
    return True if touched else None
