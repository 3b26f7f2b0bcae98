"""The judge on hops that were expected: what was missed is named, by its own verdict or by the cause of it. Pure."""

from dataclasses import replace

import pytest

from bus.domain.ticket import Ticket
from bus.journey.expected_hops import ExpectedRow
from bus.journey.hop_sources import DeliveryRow
from bus.journey.judge import TicketRecord, judge
from bus.journey.readings import Readings
from bus.journey.verdict import Owner, Verdict, VerdictCause
from tests.journey.test_judge import (
    APP,
    CLOSED,
    GATEWAY,
    MINUTE,
    NOW,
    PUSH,
    TARGET,
    TRIED,
    UNPUBLISHED,
    UNREAD,
    WAITS,
    readings,
    ticket_of,
)

Cause = VerdictCause
AT_ERP = ExpectedRow(
    expectation="sent_to_erp",
    version=1,
    hop="delivered",
    place="erp",
    targets=[],
    due_at=NOW - MINUTE,
    arrived_at=None,
    state="missed",
)
LISTED = replace(AT_ERP, expectation="listed", hop="projected", place="tickets")
TAKEN = replace(AT_ERP, expectation="taken", hop="acted_on", place="assignment.accepted")


def expecting(
    *expected: ExpectedRow, read: Readings | None = None, rows: tuple[DeliveryRow, ...] = (), ticket: Ticket = CLOSED
) -> list[Verdict]:
    return judge(TicketRecord(ticket=ticket, deliveries=rows, expected=expected), read or readings(), NOW)


@pytest.mark.parametrize("row", [AT_ERP, LISTED, replace(AT_ERP, hop="published", place="ticket.status")])
def test_judge_expected_a_missed_hop_that_nothing_accounts_for_is_the_verdict(row: ExpectedRow) -> None:
    (verdict,) = expecting(row, replace(row, version=2), ticket=ticket_of("王工"))
    assert (verdict.cause, verdict.hop, verdict.where) == (Cause.HOP_MISSING, row.hop, row.place)
    assert verdict.versions == [1, 2]
    assert f"v1, v2 was expected at {row.place}" in verdict.text.en


def test_judge_expected_what_a_person_did_not_do_is_theirs_and_the_clock_says_nothing_beside_it() -> None:
    (verdict,) = expecting(TAKEN, ticket=ticket_of("王工"))
    assert (verdict.cause, verdict.owner, verdict.where) == (Cause.NOT_ACTED_ON, Owner.ENGINEER, "王工")
    assert "nothing is stuck" not in verdict.text.en
    assert expecting(TAKEN)[0].owner is Owner.DISPATCHER


def test_judge_expected_what_is_due_later_or_came_late_is_no_cause() -> None:
    (verdict,) = expecting(replace(AT_ERP, state="pending"), replace(AT_ERP, state="late"))
    assert verdict.cause is Cause.DONE


UNREAD_BY = {one: readings(unread=[replace(UNREAD, handler=one, versions=[1])]) for one in ("tickets", "deliveries")}
PAUSED = readings(targets=(replace(TARGET, paused="x"), replace(TARGET, target="crm", paused="x")))
OFFLINE = readings(targets=(APP,))


@pytest.mark.parametrize(
    ("row", "read", "rows", "causes"),
    [
        (AT_ERP, readings(unpublished=[UNPUBLISHED]), (), [Cause.IN_OUTBOX]),
        (TAKEN, readings(unpublished=[UNPUBLISHED]), (), [Cause.IN_OUTBOX]),
        (LISTED, UNREAD_BY["tickets"], (), [Cause.STAGE_BEHIND]),
        (LISTED, UNREAD_BY["deliveries"], (), [Cause.STAGE_BEHIND, Cause.HOP_MISSING]),
        (AT_ERP, UNREAD_BY["deliveries"], (), [Cause.STAGE_BEHIND]),
        (AT_ERP, UNREAD_BY["tickets"], (), [Cause.STAGE_BEHIND, Cause.HOP_MISSING]),
        (AT_ERP, PAUSED, (WAITS,), [Cause.TARGET_PAUSED]),
        (AT_ERP, PAUSED, (replace(WAITS, version=2),), [Cause.TARGET_PAUSED, Cause.HOP_MISSING]),
        (AT_ERP, PAUSED, (replace(WAITS, target="crm"),), [Cause.TARGET_PAUSED, Cause.HOP_MISSING]),
        (replace(AT_ERP, targets=["erp", "crm"]), PAUSED, (replace(WAITS, target="crm"),), [Cause.TARGET_PAUSED]),
        (TAKEN, OFFLINE, (PUSH,), [Cause.NOBODY_CONNECTED]),
        (TAKEN, readings(), (TRIED,), [Cause.RETRYING, Cause.NOT_ACTED_ON]),
        (AT_ERP, readings(GATEWAY, unread=[replace(UNREAD, versions=[1])]), (WAITS,), [Cause.NO_WORKER]),
    ],
)
def test_judge_expected_a_verdict_accounts_for_what_is_missing_at_its_place_or_behind_it(
    row: ExpectedRow, read: Readings, rows: tuple[DeliveryRow, ...], causes: list[VerdictCause]
) -> None:
    assert [one.cause for one in expecting(row, read=read, rows=rows, ticket=ticket_of("王工"))] == causes
