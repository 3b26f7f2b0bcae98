"""A verdict on a ticket: what does not go on, since what cause, whose it is, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bus.domain.text import Text
from bus.domain.time_text import WITH_THE_YEAR, time_text
from bus.observability.masking import mask_text

DETAIL_MAX = 200
NAMED_MAX = 3


class VerdictCause(StrEnum):
    """Why a ticket is where it is: a closed set, in the order of a ticket's way. docs/trace.md has a row for each."""

    DONE = "done"
    NEVER_ARRIVED = "never_arrived"
    REFUSED = "refused"
    IN_SPOOL = "in_spool"
    SPOOL_UNSEARCHED = "spool_unsearched"
    INPUT_LETTER = "input_letter"
    IN_OUTBOX = "in_outbox"
    RELAY_STUCK = "relay_stuck"
    KAFKA_AWAY = "kafka_away"
    STAGE_BEHIND = "stage_behind"
    STAGE_STOPPED = "stage_stopped"
    WORKER_FROZEN = "worker_frozen"
    NO_WORKER = "no_worker"
    TARGET_UNDECLARED = "target_undeclared"
    TARGET_PAUSED = "target_paused"
    DISK_FLOOR = "disk_floor"
    RETRY_AFTER = "retry_after"
    BREAKER_OPEN = "breaker_open"
    DEAD_LETTER = "dead_letter"
    BEHIND = "behind"
    RETRYING = "retrying"
    UNCONFIRMED = "unconfirmed"
    POSTPONED = "postponed"
    RATE_LIMITED = "rate_limited"
    QUEUED = "queued"
    NO_GATEWAY = "no_gateway"
    NOT_ASSIGNED = "not_assigned"
    NOBODY_CONNECTED = "nobody_connected"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    TOPIC_MISMATCH = "topic_mismatch"
    HOP_MISSING = "hop_missing"
    FILTERED = "filtered"
    NOT_ACTED_ON = "not_acted_on"


class Owner(StrEnum):
    """Who can mend it."""

    NOBODY = "nobody"
    BUS = "bus"
    SOURCE = "source"
    TARGET = "target"
    SUBSCRIBER = "subscriber"
    DISPATCHER = "dispatcher"
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One cause, in two languages.

    `hop`: the hop that is missing, as HopSource names it. `where`: at which handler, target, topic or person.
    `versions`: the ticket's versions that wait. `evidence`: what was read, as JSON values. `next`: the command that
    mends it or shows more; empty where the bus goes on by itself.
    """

    cause: VerdictCause
    hop: str
    where: str
    owner: Owner
    text: Text
    versions: Sequence[int] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    next: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "cause": self.cause.value,
            "hop": self.hop,
            "where": self.where,
            "owner": self.owner.value,
            "versions": list(self.versions),
            "evidence": dict(self.evidence),
            "next": self.next,
            "zh": self.text.zh,
            "en": self.text.en,
        }


def named(versions: Sequence[int]) -> Text:
    """Name versions; of many the first and the last."""
    names = [f"v{one}" for one in versions]
    if len(names) > NAMED_MAX:
        names = [f"{names[0]}…{names[-1]} ({len(names)})"]
    return Text("、".join(names), ", ".join(names))


def short(detail: str) -> str:
    """Mask and cut a text that others wrote."""
    text = mask_text(detail)
    return text if len(text) <= DETAIL_MAX else text[: DETAIL_MAX - 1] + "…"


def clock(at: datetime) -> Text:
    """Spell a time as all verdicts do."""
    return time_text(at, WITH_THE_YEAR)
