"""The judge on what is only part of the truth: a spool that was not looked through, a worker that is starting. Pure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.journey.judge import TicketRecord, judge
from bus.journey.no_ticket import judge_name
from bus.journey.spooled import SpoolFound
from bus.journey.verdict import VerdictCause
from bus.postgres.heartbeats import STARTING, ProgramBeat
from tests.journey.test_judge import CLOSED, INPUT, MINUTE, NOW, UNREAD, WORKER, judged, readings, ticket_of

Cause = VerdictCause
AWAY, MANY = SpoolFound(kafka_away=True), SpoolFound(unread=9)


def working(trouble: str | None, started: timedelta = timedelta(hours=1)) -> ProgramBeat:
    return replace(WORKER, parts={"projections": trouble, "delivery": None}, started_at=NOW - started)


@pytest.mark.parametrize("spooled", [AWAY, MANY])
def test_judge_unsure_of_the_spool_says_so_and_never_done(spooled: SpoolFound) -> None:
    closed = judge(TicketRecord(ticket=CLOSED, spooled=spooled), readings(), NOW)
    assert [one.cause for one in closed] == [Cause.SPOOL_UNSEARCHED]
    assert ("9 records" in closed[0].text.en, "Kafka is away" in closed[0].text.en) == (
        spooled is MANY,
        spooled is AWAY,
    )
    held = judge(TicketRecord(ticket=ticket_of("王工"), spooled=spooled), readings(), NOW)
    assert [one.cause for one in held] == [Cause.NOT_ACTED_ON, Cause.SPOOL_UNSEARCHED]
    assert [one.cause for one in judge_name([], [], spooled, [])] == [Cause.SPOOL_UNSEARCHED]
    decided = replace(INPUT, state="discarded")
    assert [one.cause for one in judge_name([], [decided], spooled, [])] == [Cause.SPOOL_UNSEARCHED]
    assert judge_name([], [], SpoolFound(), []) == []


STILL = replace(UNREAD, since=NOW - MINUTE, moved_at=NOW - MINUTE)
WORKERS = {
    "a second one is starting": ([working(None), working(STARTING)], UNREAD, Cause.STAGE_BEHIND, ""),
    "a second one fails": ([working(None), working("no topic x")], UNREAD, Cause.STAGE_BEHIND, ""),
    "it has just been started, late": ([working(STARTING, timedelta(seconds=5))], STILL, Cause.STAGE_BEHIND, ""),
    "it is starting for ever": ([working(STARTING)], STILL, Cause.STAGE_STOPPED, "has not moved"),
    "one fails and nothing moves": ([working(None), working("no topic x")], STILL, Cause.STAGE_STOPPED, "no topic x"),
    "the only one fails": ([working("no topic x")], UNREAD, Cause.STAGE_STOPPED, "no topic x"),
    "a handler fails": ([working(None)], replace(UNREAD, failure="offset 9"), Cause.STAGE_STOPPED, "offset 9"),
}


@pytest.mark.parametrize("case", WORKERS)
def test_judge_unsure_of_a_worker_that_starts_or_fails_looks_at_the_others(case: str) -> None:
    beats, row, cause, words = WORKERS[case]
    (verdict,) = judged(readings(*beats, unread=[row]))
    assert verdict.cause is cause
    assert words in verdict.text.en
