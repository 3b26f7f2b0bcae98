"""A result of `topics check`: how bad it is, what shows it, the name that was meant and the command that mends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bus.alerts.alert import Severity
from bus.domain.text import Text


class CheckCode(StrEnum):
    """What a result is about."""

    NO_WRITER = "no_writer"  # a topic is read that nobody writes
    NO_READER = "no_reader"  # a topic is written that nobody reads, and is not open
    NO_RECORDS = "no_records"  # a topic takes neither events nor records
    UNKNOWN_PART = "unknown_part"  # a reader or writer that is part of no program
    RECORD_NOWHERE = "record_nowhere"  # a kind of record that no topic takes
    SCHEMA_FILE = "schema_file"  # a schema file does not say what its class says
    SUBSCRIBED_TOPIC = "subscribed_topic"  # a subscription names a topic that subscribers cannot read
    SUBSCRIBED_TYPE = "subscribed_type"  # a subscription names a type of event that its topics never carry
    SUBSCRIBED_FIELD = "subscribed_field"  # a subscription names a field that its events do not have
    DEPRECATED = "deprecated"  # a subscriber reads what will go
    FILTER_MATCHES_NOTHING = "filter_matches_nothing"  # a subscription names a region or a person that no ticket has
    RATE_LOW = "rate_low"  # far fewer events came for a subscription than it expects
    TOPIC_MISSING = "topic_missing"  # a declared topic is not on the broker
    PARTITIONS = "partitions"  # the broker's topic has another number of partitions
    CONFIG = "config"  # retention, compaction or another config of the broker's topic is not the contract's
    REGISTRY = "registry"  # the schema registry differs
    UNDECLARED = "undeclared"  # somebody uses a topic that nobody declares
    READER_ABSENT = "reader_absent"  # a declared reader does not read now
    READER_NEVER_SEEN = "reader_never_seen"  # a declared reader has never read
    READER_UNDECLARED = "reader_undeclared"  # a part of the bus reads a topic, and the contract does not say so
    UNWRITTEN = "unwritten"  # a topic is read, and no record was ever written to it
    SILENT = "silent"  # nothing was written to a topic for longer than ever at this hour of the week
    NO_SUBSCRIPTION = "no_subscription"  # somebody reads, and no subscription says who that is
    SUBSCRIBER_NEVER_SEEN = "subscriber_never_seen"  # a subscription whose client has never read


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One result; with no severity it is for information, and nothing is wrong.

    `about` is a topic, a reader, a client or a kind of record. `evidence` is what was seen: members, numbers, names.
    """

    code: CheckCode
    about: str
    text: Text
    severity: Severity | None = None
    evidence: tuple[str, ...] = ()
    nearest: str = ""
    mend: str = ""

    @property
    def level(self) -> str:
        """Spell the severity, `info` where nothing is wrong."""
        return self.severity.value if self.severity else "info"

    def __str__(self) -> str:
        """Say it on one line."""
        evidence = f"  [{'; '.join(self.evidence)}]" if self.evidence else ""
        return f"{self.level.upper()} {self.text}{evidence}" + (f"  → {self.mend}" if self.mend else "")

    def as_json(self) -> Mapping[str, Any]:
        """Give the members of the JSON object that `topics check --json` prints."""
        return {
            "code": self.code.value,
            "severity": self.level,
            "about": self.about,
            "zh": self.text.zh,
            "en": self.text.en,
            "evidence": [*self.evidence],
            "nearest": self.nearest,
            "mend": self.mend,
        }
