"""The result of comparing the two stores."""

from dataclasses import dataclass, field
from typing import NamedTuple

LISTED_MAX = 100


class Difference(NamedTuple):
    """One difference; `kind` is stable, for machines."""

    kind: str
    ticket_id: str
    version: int
    where: str


@dataclass(slots=True, kw_only=True)
class LogReport:
    """What a verification saw. `waiting` events are committed and not published yet; `repeats` are harmless."""

    stored: int = 0
    records: int = 0
    repeats: int = 0
    waiting: int = 0
    differences: int = 0
    listed: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Count a difference and keep the first ones to tell."""
        self.differences += 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(difference)
