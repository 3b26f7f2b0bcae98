"""Which rule of a file an event falls under: the first that names it, and whose `when` holds. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from adapters.expressions import Expression


class EventRule(Protocol):
    """What a file says of some events. No `events`: of all."""

    @property
    def events(self) -> Sequence[str]:
        """The names of the events."""
        ...

    @property
    def when(self) -> Expression | None:
        """What must hold of an event and its ticket."""
        ...


def may_take(rules: Iterable[EventRule], event: str) -> bool:
    """Say whether any rule takes events of a name."""
    return any(not one.events or event in one.events for one in rules)


def takes(rule: EventRule, document: Mapping[str, Any]) -> bool:
    """Say whether a rule takes an event, by its document. Raises MalformedInput where `when` does not fit it."""
    return may_take([rule], document["name"]) and (rule.when is None or rule.when.holds(document))
