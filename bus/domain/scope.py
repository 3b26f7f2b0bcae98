"""Which tickets a client's commands and reads reach: those of its source, its person or its regions. Pure."""

from dataclasses import dataclass

from bus.domain.ticket import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is named must be the ticket's; a scope that names nothing reaches every ticket."""

    source: str = ""
    person: str = ""
    regions: tuple[str, ...] = ()

    def reaches(self, ticket: Ticket, *, reported: bool = False, helping: bool = False) -> bool:
        """Say whether a ticket is one of these; `reported`: the source, which did not open it, reported on it.

        `helping`: for what collaborators may do as well, that is to read, to remark and to add a proof.
        """
        people = [ticket.assignee.person, ticket.assignee.backup_person, ticket.answering]
        people += [one.person for one in ticket.collaborators] if helping else []
        return (
            (not self.source or reported or ticket.source == self.source)
            and (not self.person or self.person in people)
            and (not self.regions or ticket.region in self.regions)
        )
