"""What a history is asked of: a ticket, or a period. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a history is of: one ticket, or all events that were recorded in a period, its end excluded."""

    ticket: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def plain(self) -> dict[str, str]:
        """Spell it for a bundle."""
        if self.ticket:
            return {"ticket": self.ticket}
        assert self.since, "a period has its start"
        assert self.until, "a period has its end"
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}


def subject_of(ticket: str, since: datetime | None, until: datetime | None) -> Subject | None:
    """Give what a history is asked of; None for neither a ticket alone nor a whole period. Pure."""
    if ticket and not (since or until):
        return Subject(ticket=ticket.upper())
    if ticket or since is None or until is None or until <= since:
        return None
    return Subject(since=since, until=until)
