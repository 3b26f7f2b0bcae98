"""What the routes of dead letters, redrives and delivery queues answer, as types for their description."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict


class LettersOfCause(TypedDict):
    """Open dead letters that one repair would mend."""

    cause: str
    origin: str
    target: str
    event: str
    kind: str
    reason: str
    detail: str
    letters: int
    behind: int
    first_at: datetime
    last_at: datetime
    sample: int


class LetterList(TypedDict):
    """The open dead letters by cause, the largest group first."""

    groups: list[LettersOfCause]


class LetterAnswer(TypedDict):
    """A dead letter: its bytes in hex, what they say, and what was decided."""

    id: int
    origin: str
    state: str
    reason: str
    kind: str
    detail: str
    value: str
    decoded: dict[str, Any]
    failures: list[dict[str, Any]]
    decisions: list[dict[str, Any]]


class RedriveAnswer(TypedDict):
    """A redrive and how far it is."""

    id: int
    state: str
    approved_by: str
    approved_why: str
    run_by: str
    frozen_at: datetime
    letters: int
    released: int
    left: int
    delivered: int
    failed: int
    ended_at: datetime | None
    ended_why: str | None


class RedriveList(TypedDict):
    """The redrives, oldest first."""

    redrives: list[RedriveAnswer]


class FrozenAnswer(TypedDict):
    """A set as it was frozen; `taken` letters stand in another redrive, `worn` were sent again too often."""

    id: int
    letters: int
    events: dict[str, int]
    taken: int
    worn: int


class TargetAnswer(TypedDict):
    """What waits for a target, and whether it is called."""

    target: str
    waiting: int
    parked: int
    failing: int
    attempts: int
    overdue: int
    oldest_at: datetime | None
    paused: str | None
    failures: int
    not_before: datetime | None


class TargetList(TypedDict):
    """The queues towards other systems."""

    deliveries: list[TargetAnswer]


class RetriedAnswer(TypedDict):
    """How many letters were sent again."""

    retried: int


class DiscardedAnswer(TypedDict):
    """How many letters were let go."""

    discarded: int


class EditedAnswer(TypedDict):
    """The number of the mended copy, and of the letter that it stands for."""

    letter: int
    edited_from: int


class PausedAnswer(TypedDict):
    """A target, and by whom and why it is paused; null when it is not."""

    target: str
    paused: str | None
