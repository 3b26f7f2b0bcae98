"""The topic contract as values, and the topics an event goes to: a pure function of event and contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from bus.domain.events import Recorded
from bus.domain.naming import nearest
from bus.domain.terms import is_synthetic
from schemas.catalogue import BY_SUBJECT, COMMAND_SUBJECTS, EVENT_NAMES

LOG = "ticket.events"
PROBE = "ticket.probe"
INTAKE = "ticket.intake"
COMMANDS = "ticket.commands"
DEADLETTER = "ticket.deadletter"
HOSTS = "bus.hosts"
ALERTS = "bus.alerts"
AUDIT = "bus.audit"
DECISIONS = "bus.decisions"


def _retention(value: object) -> object:
    if isinstance(value, str) and value.endswith(" days"):
        return timedelta(days=int(value.removesuffix(" days")))
    return None if value == "forever" else value


class Topic(BaseModel):
    """One topic of the contract. `retention` None keeps records for ever, of a `compacted` topic the last of each key.

    `historic` topics take the imported past, `synthetic` ones virtual tickets: beside the real ones, or alone.
    Writers and readers are the bus's own parts (schemas/acls.py); an `open`
    topic is written for readers whom the contract does not name, with `why`. Others' readers are subscriptions.
    An `irregular` topic has records of what goes wrong: its silence is no alert.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    key: str
    partitions: int = Field(ge=1)
    retention: Annotated[timedelta | None, BeforeValidator(_retention)]
    compacted: bool = False
    events: Literal["all"] | tuple[str, ...] = ()
    records: Literal["commands"] | tuple[str, ...] = ()
    historic: bool = False
    synthetic: Literal["none", "also", "only"] = "none"
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    public: bool
    irregular: bool = False
    open: bool = False
    why: str = ""

    @model_validator(mode="after")
    def _kept_for_ever(self) -> Self:
        if self.compacted and (self.retention is not None or self.events):
            raise ValueError("a compacted topic keeps the last record of each key for ever, and no events")
        return self

    @model_validator(mode="after")
    def _open_for_a_reason(self) -> Self:
        if self.open != bool(self.why):
            raise ValueError("`open: true` and `why` go together: say why nobody of the bus reads it")
        return self

    @property
    def event_names(self) -> tuple[str, ...]:
        """List the event classes that this topic takes."""
        return EVENT_NAMES if self.events == "all" else self.events

    @property
    def subjects(self) -> tuple[str, ...]:
        """List the full names of the records, other than events, that this topic takes."""
        return COMMAND_SUBJECTS if self.records == "commands" else self.records


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """All topics by their logical names, and the routes of each event type."""

    topics: Mapping[str, Topic]
    live: Mapping[str, tuple[str, ...]]
    historic: Mapping[str, tuple[str, ...]]
    synthetic: Mapping[str, tuple[str, ...]]

    def destinations(self, recorded: Recorded) -> tuple[str, ...]:
        """Name the topics an event goes to; the imported past goes to the log alone."""
        routes = self.routes(recorded.ticket_id, historic=recorded.historic)
        return routes[type(recorded.event).__name__]

    def routes(self, ticket_id: str, *, historic: bool) -> Mapping[str, tuple[str, ...]]:
        """Give the routes of a ticket's events."""
        if is_synthetic(ticket_id):
            return self.synthetic
        return self.historic if historic else self.live

    def public(self) -> tuple[str, ...]:
        """List the topics that subscribers may read."""
        return tuple(name for name, topic in self.topics.items() if topic.public)

    def nearest(self, name: str) -> str:
        """Name the public topic closest to what was meant, or nothing: did you mean ticket.assign?"""
        return nearest(name, self.public())


def load_contract() -> Contract:
    """Read schemas/topics.yaml; ValueError names the topic and the word that is wrong."""
    text = resources.files("schemas").joinpath("topics.yaml").read_text(encoding="utf-8")
    topics = TypeAdapter(dict[str, Topic]).validate_python(yaml.safe_load(text))
    partitions = {topic.partitions for topic in topics.values() if topic.event_names}
    if len(partitions) != 1:
        raise ValueError(f"topics.yaml: ticket topics must have equal partitions, not {sorted(partitions)}")
    for name, topic in topics.items():
        unknown = {*topic.event_names} - {*EVENT_NAMES} | {*topic.subjects} - {*BY_SUBJECT}
        if unknown:
            raise ValueError(f"topics.yaml: {name} names unknown records {sorted(unknown)}")
    real = {name: topic for name, topic in topics.items() if topic.synthetic != "only"}
    return Contract(
        topics=topics,
        live=_routes(real),
        historic=_routes({name: topic for name, topic in real.items() if topic.historic}),
        synthetic=_routes({name: topic for name, topic in topics.items() if topic.synthetic != "none"}),
    )


def physical(namespace: str, topic: str) -> str:
    """Spell a topic as the broker knows it; a namespace lets several environments share one cluster."""
    return f"{namespace}.{topic}" if namespace else topic


def _routes(topics: Mapping[str, Topic]) -> dict[str, tuple[str, ...]]:
    return {event: tuple(n for n, topic in topics.items() if event in topic.event_names) for event in EVENT_NAMES}
