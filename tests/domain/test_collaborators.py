"""Lead and collaborators with a part each, who answers in a handover, and what is nobody's turn (R10)."""

from dataclasses import replace

import pytest

from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.collaborator_events import CollaboratorAdded, CollaboratorRemoved
from bus.domain.collaborators import COLLABORATORS_MAX, who_answers
from bus.domain.commands import Accept, AddEvidence, Assign, Command, Note, Return, Start
from bus.domain.drift import DriftReason, drifted
from bus.domain.scope import Scope
from bus.domain.terms import EvidenceKind
from bus.domain.values import Collaborator
from tests.domain.given import Story, given
from tests.domain.people import ASSIGN, ASSIGNED, HOUR, MINUTE, OPEN, RESOLVE, START, WANG, WORKING, ZHAO

HELPS = AddCollaborator(person="李工", part="制冷回路")
HANDED = Assign(assignee=ZHAO, reason="换班")


def test_collaborators_have_a_part_until_it_ends_or_they_lead() -> None:
    story = given(*ASSIGNED).when(HELPS).then(CollaboratorAdded(person="李工", part="制冷回路"))
    assert story.ticket.collaborators == (Collaborator(person="李工", part="制冷回路"),)
    story.when(HELPS).then_refused("already", "part")
    story = story.when(replace(HELPS, part="电气")).then(CollaboratorAdded)
    assert [one.part for one in story.ticket.collaborators] == ["电气"], "another part takes its place"
    removed = CollaboratorRemoved(person="李工", part="电气", reason="完成")
    story = story.when(RemoveCollaborator(person="李工", reason="完成")).then(removed)
    assert story.ticket.collaborators == ()
    story.when(RemoveCollaborator(person="李工", reason="完成")).then_refused("unknown_word", "person")
    leads = given(OPEN, HELPS, replace(ASSIGN, assignee=replace(WANG, person="李工", backup_person="王师傅"))).ticket
    assert (leads.assignee.person, leads.collaborators) == ("李工", ()), "who leads is no collaborator"


def test_collaborators_are_people_of_the_directory_not_the_lead_and_not_endless() -> None:
    refused = given(*ASSIGNED).when(replace(HELPS, person="李公")).then_refused("unknown_word", "person")
    assert refused.context["nearest"] == "李工"
    story = Story()
    for one in ASSIGNED:
        story.when(one)
    names = [f"协作{n}" for n in range(COLLABORATORS_MAX + 1)]
    story.loaded.people = frozenset({*names, WANG.person})
    story.when(replace(HELPS, person=WANG.person)).then_refused("already", "person")
    for name in names[:-1]:
        story = story.when(replace(HELPS, person=name)).then(CollaboratorAdded)
    story.when(replace(HELPS, person=names[-1])).then_refused("out_of_range", "person")


@pytest.mark.parametrize(
    ("commands", "answers"),
    [
        ([], "王师傅"),
        ([HANDED], "王师傅"),
        ([HANDED, Note(text="交接中")], "王师傅"),
        ([HANDED, Accept()], "赵工"),
        ([HANDED, replace(HANDED, assignee=replace(ZHAO, person="孙工"))], "王师傅"),
        ([HANDED, Return(reason="无人")], ""),
        ([HANDED, RESOLVE], "赵工"),
    ],
)
def test_collaborators_in_a_handover_who_had_the_work_answers_until_it_is_accepted(
    commands: list[Command], answers: str
) -> None:
    assert who_answers(given(*WORKING, *commands).ticket) == answers


def test_collaborators_what_was_never_claimed_is_handed_over_by_nobody() -> None:
    assert who_answers(given(*ASSIGNED, HANDED).ticket) == "赵工"


def test_collaborators_read_remark_and_prove_and_who_hands_over_acts() -> None:
    ticket = given(*WORKING, HELPS, HANDED).ticket
    helper, before = Scope(person="李工"), Scope(person="王师傅")
    other = replace(ticket, assignee=replace(ticket.assignee, backup_person="周工"))
    assert (helper.reaches(other), helper.reaches(other, helping=True), before.reaches(other)) == (False, True, True)
    story = given(*WORKING, HELPS)
    story.loaded.tickets[story.ticket.ticket_id] = replace(
        story.ticket, assignee=replace(story.ticket.assignee, backup_person="周工")
    )
    proof = AddEvidence(kind=EvidenceKind.PHOTO, uri="photo://9")
    for command in (Note(text="压力正常"), proof):
        assert story.when(command, scope=helper).accepted.version > story.ticket.version - 1
    story.when(RESOLVE, scope=helper).then_refused("not_yours")


def test_collaborators_a_ticket_that_is_nobodys_turn_drifts() -> None:
    back = given(*ASSIGNED, Return(reason="不在本区")).ticket
    assert drifted(back, START + 15 * MINUTE) is None
    found = drifted(back, START + 16 * MINUTE)
    assert found is not None
    assert found.reasons == (DriftReason.NOBODY,)
    fresh = given(OPEN).ticket
    assert drifted(fresh, START + HOUR) is None, "nobody has looked yet: that is what the promise is for"
    unsuited = replace(fresh, routing=replace(fresh.routing, unroutable="skill"))
    assert drifted(unsuited, START + HOUR) is not None
    working = given(*ASSIGNED, Accept(), Start()).ticket
    assert drifted(working, START + MINUTE, {"李工"}) is None
    gone = drifted(working, START + MINUTE, {"王师傅"})
    assert gone is not None
    assert gone.reasons == (DriftReason.NOBODY,)
    handed = given(*WORKING, HANDED).ticket
    assert drifted(handed, START + MINUTE, {"王师傅"}) is not None, "who answers has left, and nobody has taken over"
