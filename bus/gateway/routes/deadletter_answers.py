"""What the routes of dead letters, redrives and delivery queues answer, as types for their description."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from bus.delivery.status import TargetStatus
from bus.gateway.http.journey_answers import DecisionAnswer
from bus.wire.dead_letters import DeadLetterGroup, ListedLetter, RedrivePart


class LetterList(TypedDict):
    """The open dead letters by cause, the largest group first."""

    groups: list[DeadLetterGroup]


class LettersOfCausePage(TypedDict):
    """The open letters of a cause by number, a hundred at most; `next`: the `after` to go on with; null at the end."""

    letters: list[ListedLetter]
    next: int | None


class LetterAnswer(TypedDict):
    """A dead letter: its bytes in hex, what they say, and what was decided.

    `editable`: what an edit may change: an event's or a command's own fields, a request's body as text; null of a
    letter that is no longer open, or that cannot be edited.
    """

    id: int
    origin: str
    origin_ref: str
    target: str
    ticket_id: str
    version: int
    event: str
    trace_id: str
    reason: str
    kind: str
    cause: str
    detail: str
    attempts: int
    failures: list[dict[str, Any]]
    headers: dict[str, str]
    value: str
    decoded: dict[str, Any]
    editable: dict[str, Any] | str | None
    began_at: datetime
    died_at: datetime
    state: str
    edited_from: int | None
    behind: int
    decisions: list[DecisionAnswer]


class RedriveQuery(TypedDict):
    """Which letters a set was frozen of; null: of any."""

    target: str
    cause: str | None
    event: str | None
    kind: str | None


class RedriveAnswer(TypedDict):
    """A redrive and how far it is."""

    id: int
    state: str
    query: RedriveQuery
    canary: int
    watch_s: float
    rate_per_s: float
    approved_by: str
    approved_why: str
    run_by: str
    frozen_at: datetime
    letters: int
    released: int
    left: int
    delivered: int
    failed: int
    first_released_at: datetime | None
    ended_at: datetime | None
    ended_why: str | None


class RedriveShown(RedriveAnswer):
    """A redrive, and what of it is not sent yet, by target and cause; before it is run, that is all that would be sent.

    `outside`: how many open letters match it now and are not in it: another redrive has them, they were sent again too
    often, or they died since. `two_persons`: another person than who froze it runs it.
    """

    parts: list[RedrivePart]
    outside: int
    two_persons: bool


class RedriveList(TypedDict):
    """The redrives, newest first, a hundred at most."""

    redrives: list[RedriveAnswer]


class TargetList(TypedDict):
    """The queues towards other systems."""

    deliveries: list[TargetStatus]


class RetriedAnswer(TypedDict):
    """How many letters were sent again."""

    retried: int


class DiscardedAnswer(TypedDict):
    """How many letters were let go."""

    discarded: int


class CheckedEdit(TypedDict):
    """What a letter holds, and what it would hold once it is edited: fields, or a request's body."""

    letter: int
    before: dict[str, Any] | str
    after: dict[str, Any] | str


class EditedAnswer(TypedDict):
    """The number of the mended copy, and of the letter that it stands for."""

    letter: int
    edited_from: int


class PausedAnswer(TypedDict):
    """A target, and by whom and why it is paused; null when it is not."""

    target: str
    paused: str | None


class DiscardedQueueAnswer(TypedDict):
    """How many deliveries of a target were let go, how many of them were letters, and how many still wait.

    `next`: what to give as `after` to go on; null at the end.
    """

    target: str
    discarded: int
    letters: int
    left: int
    next: str | None


class MovedQueueAnswer(TypedDict):
    """How many deliveries moved, how many the other target had already, how many still wait; `letters` of those moved.

    `not_taken`: by event, how many of this step's tickets wait on, since the other target does not take such events.
    `next`: what to give as `after` to go on; null at the end.
    """

    target: str
    to: str
    moved: int
    known: int
    letters: int
    left: int
    not_taken: dict[str, int]
    next: str | None
