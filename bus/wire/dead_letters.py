"""Dead letters in lists, as values: what the store gives, HTTP answers and commands show."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroup:
    """Open letters that one repair would mend; `behind` counts what waits behind them, `sample` is one's number.

    `detail` and `message`, what the target said at the last attempt, are the sample's own. `first_at`, `last_at`: when
    the oldest and the newest of them died.
    """

    cause: str
    origin: str
    target: str
    event: str
    kind: str
    reason: str
    detail: str
    message: str | None
    letters: int
    behind: int
    first_at: datetime
    last_at: datetime
    sample: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLetter:
    """An open letter in a list; `message` is what the other side said last, `behind` counts what waits behind it.

    `redrive`: the one that it is frozen for.
    """

    id: int
    origin: str
    origin_ref: str
    target: str
    ticket_id: str
    version: int
    event: str
    reason: str
    kind: str
    detail: str
    message: str | None
    attempts: int
    died_at: datetime
    edited_from: int | None
    redrive: int | None
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedrivePart:
    """Letters of a redrive that are not sent yet and that one repair would mend; `sample` is one's number."""

    target: str
    cause: str
    event: str
    kind: str
    letters: int
    sample: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSet:
    """A set as it was frozen; `taken` letters stand in another redrive, `worn` were sent again too often."""

    id: int
    letters: int
    events: dict[str, int]
    taken: int
    worn: int
