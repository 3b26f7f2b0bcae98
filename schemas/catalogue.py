"""The one list of what may travel on Kafka: each record's class, Avro name, CloudEvents type and schema file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import UnionType
from typing import Any, get_args

from bus.domain import events
from bus.domain.commands import OUTSIDE
from bus.domain.events import Recorded
from bus.domain.naming import dotted
from schemas.derive import record_schema
from schemas.insight_messages import InsightMessage
from schemas.messages import (
    AlertFlipped,
    ArticleChanged,
    CheckpointSealed,
    CommandSent,
    HostRead,
    LetterDecided,
    LetterPosted,
    PersonChanged,
    RequestReceived,
)

_EVENTS: UnionType = events.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeFields:
    """The fields that records of one kind begin with; `payload` is the one that holds the record's own."""

    cls: type
    payload: str


EVENT = EnvelopeFields(cls=Recorded, payload="event")
COMMAND = EnvelopeFields(cls=CommandSent, payload="command")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """One kind of record at one version. `ce_type` reads ticket.opened.v1; the subject is the record's full name."""

    cls: type
    namespace: str
    envelope: EnvelopeFields | None = None
    version: int = 1

    @property
    def subject(self) -> str:
        """Give the full Avro name, which is the registry's subject."""
        return f"{self.namespace}.{self.cls.__name__}"

    @property
    def ce_type(self) -> str:
        """Give the CloudEvents type."""
        return f"{dotted(self.cls)}.v{self.version}"

    @property
    def dataschema(self) -> str:
        """Give the CloudEvents dataschema: an absolute URI of the subject, the same at every registry and for good.

        An incompatible schema would be another subject; the very text is that of the id in the record's bytes.
        """
        return f"urn:ticketbus:schema:{self.subject}"

    @property
    def file_name(self) -> str:
        """Give the name of the schema file under schemas/."""
        folder = "commands" if self.envelope is COMMAND else "records"
        return f"{folder}/{dotted(self.cls).replace('.', '_')}.v{self.version}.avsc"

    @property
    def schema(self) -> dict[str, Any]:
        """Read the schema from its file, which is the contract."""
        text = resources.files("schemas").joinpath(self.file_name).read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text)
        return loaded

    @property
    def derived(self) -> dict[str, Any]:
        """Derive the schema from the class; a test holds it against the file."""
        outer = self.envelope
        within = (outer.cls, outer.payload) if outer else None
        return record_schema(self.cls, namespace=self.namespace, within=within)


EVENT_TYPES: tuple[RecordType, ...] = tuple(
    RecordType(cls=cls, namespace="ticketbus.ticket", envelope=EVENT) for cls in get_args(_EVENTS)
)
COMMAND_TYPES: tuple[RecordType, ...] = tuple(
    RecordType(cls=cls, namespace="ticketbus.command", envelope=COMMAND) for cls in OUTSIDE
)
INTAKE = RecordType(cls=RequestReceived, namespace="ticketbus.intake")
HOST = RecordType(cls=HostRead, namespace="ticketbus.host")
ALERT = RecordType(cls=AlertFlipped, namespace="ticketbus.alert")
CHECKPOINT = RecordType(cls=CheckpointSealed, namespace="ticketbus.audit")
DECISION_TYPES: tuple[RecordType, ...] = tuple(
    RecordType(cls=cls, namespace="ticketbus.decision")
    for cls in (PersonChanged, ArticleChanged, *get_args(InsightMessage))
)
LETTER_TYPES: tuple[RecordType, ...] = tuple(
    RecordType(cls=cls, namespace="ticketbus.deadletter") for cls in (LetterPosted, LetterDecided)
)
RECORD_TYPES: tuple[RecordType, ...] = (
    *EVENT_TYPES, *COMMAND_TYPES, INTAKE, HOST, ALERT, CHECKPOINT, *DECISION_TYPES, *LETTER_TYPES,
)  # fmt: skip
BY_CLASS: Mapping[type, RecordType] = {one.cls: one for one in RECORD_TYPES}
BY_SUBJECT: Mapping[str, RecordType] = {one.subject: one for one in RECORD_TYPES}
CE_TYPES: Mapping[str, str] = {one.cls.__name__: one.ce_type for one in EVENT_TYPES}
"""The CloudEvents type of each event, by its name."""
NAME_BY_CE_TYPE: Mapping[str, str] = {ce_type: name for name, ce_type in CE_TYPES.items()}
"""The name of each event, by its CloudEvents type."""
EVENT_NAMES: tuple[str, ...] = tuple(CE_TYPES)
COMMAND_SUBJECTS: tuple[str, ...] = tuple(one.subject for one in COMMAND_TYPES)


def undrawn() -> Sequence[str]:
    """Name the files under schemas/ that do not say what their classes say, or are not there."""
    return [f"schemas/{one.file_name}" for one in RECORD_TYPES if not _is_drawn(one)]


def _is_drawn(one: RecordType) -> bool:
    try:
        return one.schema == one.derived
    except (FileNotFoundError, json.JSONDecodeError):
        return False
