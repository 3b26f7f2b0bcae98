"""Lead and collaborators of a ticket 权责矩阵 (R10): what must hold of them, and who answers now. Pure."""

from collections.abc import Collection
from typing import Final, assert_never

from bus.domain import refusals
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.collaborator_events import CollaboratorAdded, CollaboratorRemoved
from bus.domain.errors import CommandRefused
from bus.domain.naming import did_you_mean, nearest
from bus.domain.ticket import Ticket
from bus.domain.values import Collaborator

COLLABORATORS_MAX: Final = 20


def collaborated(
    command: AddCollaborator | RemoveCollaborator, ticket: Ticket
) -> tuple[CollaboratorAdded | CollaboratorRemoved, ...]:
    """Answer with the part that begins or ends, or refuse it. Raises CommandRefused."""
    parts = {one.person: one.part for one in ticket.collaborators}
    match command:
        case AddCollaborator(person=person, part=part):
            if person == ticket.assignee.person:
                raise refusals.already("person", f"{person} 是负责人", f"{person} is the lead already")
            if parts.get(person) == part:
                raise refusals.already("part", f"{person} 已负责“{part}”", f"{person} has that part already")
            if person not in parts and len(parts) >= COLLABORATORS_MAX:
                most = COLLABORATORS_MAX
                raise refusals.out_of_range("person", f"协作人最多 {most} 位", f"at most {most} collaborators")
            return (CollaboratorAdded(person=person, part=part),)
        case RemoveCollaborator(person=person, reason=reason):
            if person not in parts:
                raise refusals.unknown_word("person", person, sorted(parts))
            return (CollaboratorRemoved(person=person, part=parts[person], reason=reason),)
        case _ as unknown:
            assert_never(unknown)


def with_part(known: tuple[Collaborator, ...], person: str, part: str) -> tuple[Collaborator, ...]:
    """Give the collaborators once somebody has a part; an empty one: none any more."""
    others = tuple(one for one in known if one.person != person)
    return (*others, Collaborator(person=person, part=part)) if part else others


def check_known(command: object, known: Collection[str]) -> None:
    """Refuse a collaborator who is not in the directory of people. Raises CommandRefused."""
    if isinstance(command, AddCollaborator) and command.person not in known:
        close = nearest(command.person, known)
        meant = did_you_mean(close, quoted=True)
        zh, en = (
            f"人员名录中没有“{command.person}”{meant.zh}",
            f"there is no {command.person!r} in the directory{meant.en}",
        )
        raise CommandRefused("unknown_word", "person", zh, en, nearest=close)


def who_answers(ticket: Ticket) -> str:
    """Name who answers for a ticket now; empty: nobody. In a handover who had it, until it is accepted."""
    return ticket.answering or ticket.assignee.person
