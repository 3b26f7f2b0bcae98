"""That no worker runs, or nobody runs a stage: said within 25 s of its last heartbeat, and never of a restart."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bus.alerts.rules.program_parts import SHARD_STOPPED, TASK_FAILED
from bus.alerts.rules.programs import no_worker, unserved
from bus.postgres.heartbeats import ProgramBeat

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
RULE = no_worker(["delivery", "sla"])


def beat(
    program: str,
    ago_s: float,
    *parts: str,
    began_s: float = 3600,
    steady_s: float | None = None,
    stopped: bool = False,
) -> ProgramBeat:
    """Make a heartbeat of so many seconds ago, of a program that began so many seconds ago.

    `steady_s`: how long ago it could write heartbeats again.
    """
    at = NOW - timedelta(seconds=ago_s)
    return ProgramBeat(
        instance=uuid4(),
        program=program,
        host="host-1",
        started_at=NOW - timedelta(seconds=began_s),
        beat_at=at,
        ahead_s=0.0,
        parts=dict.fromkeys(parts),
        steady_since=NOW - timedelta(seconds=steady_s or began_s),
        stopped_at=at if stopped else None,
    )


def about(beats: Sequence[ProgramBeat]) -> list[str]:
    """Name what the rule fires about."""
    return [one.about for one in RULE.evaluate(beats, NOW)]


def test_programs_rule_a_worker_that_is_restarted_is_no_alert_and_one_that_stays_away_is() -> None:
    gateway = beat("gateway", 1)
    assert about([gateway, beat("worker", 15, "delivery", "sla", stopped=True)]) == []
    assert about([gateway, beat("worker", 21, "delivery", "sla", stopped=True)]) == ["worker"]
    assert about([gateway, beat("worker", 21, "delivery", "sla")]) == ["worker"]


def test_programs_rule_a_bus_that_has_just_started_is_given_time_for_its_worker() -> None:
    assert about([beat("gateway", 1, began_s=10)]) == []
    assert about([beat("gateway", 1, began_s=30)]) == ["worker"]


def test_programs_rule_while_postgres_is_away_no_worker_can_beat_and_it_is_given_time_afterwards() -> None:
    worker = beat("worker", 29, "delivery", "sla")
    assert about([beat("gateway", 1, steady_s=10), worker]) == []
    assert about([beat("gateway", 1, steady_s=21), worker]) == ["worker"]
    other = beat("gateway", 1)
    assert about([beat("gateway", 1, steady_s=10), other, worker]) == ["worker"], "PostgreSQL was there"


def test_programs_rule_parts_are_given_time_once_postgres_is_back() -> None:
    def failing(steady_s: float | None, began_s: float = 3600) -> bool:
        one = beat("worker", 2, steady_s=steady_s, began_s=began_s)
        return bool(TASK_FAILED.evaluate([replace(one, parts={"delivery": "PostgreSQL is away"})], NOW))

    assert (failing(25), failing(31), failing(None)) == (False, True, True)
    assert failing(None, began_s=5), "a part that fails from the start is heard of at once"


def test_programs_rule_a_stage_that_no_worker_runs_any_more_is_named() -> None:
    beats = [beat("gateway", 1), beat("worker", 2, "sla"), beat("worker", 60, "delivery")]
    assert about(beats) == ["delivery"]
    assert about([*beats, beat("worker", 1, "delivery", began_s=5)]) == []


def test_programs_rule_only_a_living_program_has_failing_parts() -> None:
    trouble = {"retention": "row 7"}
    living, dead = beat("worker", 2), beat("worker", 300)
    beats = [replace(one, parts=trouble) for one in (living, dead)]
    assert [one.about for one in TASK_FAILED.evaluate(beats, NOW)] == ["worker: retention"]
    assert TASK_FAILED.evaluate(beats[1:], NOW) == []


def test_programs_rule_a_stopped_shard_lasts_while_a_program_that_lives_says_so() -> None:
    trouble = {"outbox": "shard 3: T1 version 2: 9 bytes never get into ticket.events"}
    gateway, later = replace(beat("gateway", 2), parts=trouble), NOW + timedelta(hours=1)
    [stopped] = SHARD_STOPPED.evaluate([gateway], NOW)
    assert "T1 version 2" in stopped.en
    assert TASK_FAILED.evaluate([gateway], NOW) == [], "it is one alert"
    assert SHARD_STOPPED.evaluate([replace(gateway, beat_at=later)], later), "it does not end by itself"
    assert SHARD_STOPPED.evaluate([gateway], later) == []


def test_programs_rule_where_no_program_lives_who_asks_says_how_long_that_counts() -> None:
    dead = [beat("worker", 300, "delivery", "sla")]

    def missing(none_lives_s: float) -> list[str]:
        since = NOW - timedelta(seconds=none_lives_s)
        return [one.about for one in unserved(["delivery", "sla"], dead, NOW, none_lives=since)]

    assert about(dead) == [], "the round's own program has not beaten yet"
    assert (missing(10), missing(30)) == ([], ["worker"])
