"""The journey of a ticket as the gateway answers it."""

from datetime import datetime
from typing import NotRequired

from typing_extensions import TypedDict

from bus.domain.terms import State
from bus.gateway.http.answers import NextStep


class HopAnswer(TypedDict):
    """A step of an event's way: when, and how long after the step that it followed.

    `map_version`: of the source's map that made the command. What follows it is of deliveries.
    """

    hop: str
    where: str
    at: datetime | None
    lag_ms: float | None
    map_version: NotRequired[int]
    attempts: NotRequired[int | None]
    next_at: NotRequired[datetime | None]
    kind: NotRequired[str | None]
    status: NotRequired[int]
    detail: NotRequired[str]
    message: NotRequired[str]
    reference: NotRequired[str]
    why: NotRequired[str]
    behind: NotRequired[int | None]
    letter: NotRequired[int | None]


class JourneyEvent(TypedDict):
    """An event of a journey, with its hops."""

    version: int
    event_type: str
    event_id: str
    actor: str
    source: str
    historic: bool
    implied: bool
    waived: list[str]
    hops: list[HopAnswer]


class ExpectedAnswer(TypedDict):
    """A hop that is missing (`missed`), is due later (`pending`), or came after `due_at` (`late`)."""

    expectation: str
    version: int
    hop: str
    where: str
    state: str
    due_at: datetime
    at: datetime | None
    late_ms: float | None


class RefusalAnswer(TypedDict):
    """Input about the ticket that was refused."""

    code: str
    field: str
    detail: str
    detail_en: str
    origin: str
    at: datetime
    times: int


class DecisionAnswer(TypedDict):
    """What a person decided about a dead letter."""

    decision: str
    by: str
    why: str
    at: datetime
    redrive: int | None


class JourneyLetter(TypedDict):
    """A dead letter of the ticket; free text is masked. `version`, `event` and `message` are those of a delivery."""

    number: int
    origin: str
    ticket_id: str | None
    version: int | None
    event: str | None
    state: str
    reason: str
    kind: str
    detail: str
    message: str | None
    attempts: int
    died_at: datetime
    edited_from: int | None
    decisions: list[DecisionAnswer]


class VerdictLine(TypedDict):
    """Where a ticket is stuck and what to do next.

    `hop`: the one that is missing, `where`: at which handler, target, topic. `versions`: those that wait. `evidence`:
    what was read, by cause. `next`: the command that mends it or shows more, empty where the bus goes on by itself.
    """

    cause: str
    hop: str
    where: str
    owner: str
    versions: list[int]
    evidence: dict[str, object]
    next: str
    zh: str
    en: str


class TimeCharged(TypedDict):
    """Seconds that a ticket waited for each party, and their sum: the time that it was not closed."""

    bus: float
    source: float
    target: float
    engineer: float
    customer: float
    parts: float
    total: float


class JourneyAnswer(TypedDict):
    """A ticket's way, found by any of its names; all but letters and verdict is null where no ticket is known.

    `time` stands on the first page alone.
    """

    ticket_id: str | None
    synthetic: bool
    trace_id: str
    source: str | None
    source_no: str | None
    title: str | None
    state: State | None
    state_zh: str | None
    version: int | None
    opened_at: datetime | None
    next_step: NextStep | None
    also: list[str]
    events: list[JourneyEvent]
    expected: list[ExpectedAnswer]
    refusals: list[RefusalAnswer]
    letters: list[JourneyLetter]
    verdict: list[VerdictLine]
    time: TimeCharged | None
    next: str | None
