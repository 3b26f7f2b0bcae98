"""Expectations on a real database: raised once, whoever looks and whatever the clock; closed by what arrives."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.config_file import ConfigFileInvalid
from bus.delivery import undeclared
from bus.domain.events import Recorded
from bus.journey.expectation_timer import ExpectationTimer, SettledExpectation
from bus.journey.expectations import ExpectationOpener, expected_of
from bus.journey.expectations_config import Expectation, ExpectedHop, Places, load_expectations
from bus.journey.expected_hops import read_expected
from bus.journey.learned_limits import CurrentLimits
from bus.postgres.pool import Pool, connected, read_rows
from bus.programs.worker import checked_targets
from bus.settings import Settings
from schemas.topics import LOG
from tests.delivery.deliveries import DeliveryQueue, event, undeclare

NOTE = "NoteAdded"
ROLLOUT = """
INSERT INTO rollouts (target, canary, percent, step_minutes, step_events, started_by, why)
VALUES ('erp', 'erp-2', 50, 1, 1, 'x', 'x')"""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PLACES = Places(topics={"ticket.status": ["TicketOpened"]}, handlers=["tickets"], targets={"erp": [NOTE]})
RECORDED = event("A", 1).recorded_at
DUE = RECORDED + MINUTE


def expectation(hop: ExpectedHop, at: str, *unless: str) -> Expectation:
    return Expectation(after=(NOTE,), hop=hop, at=(at,), within=MINUTE, unless=unless)


DELIVERED = {"sent_to_erp": expectation(ExpectedHop.DELIVERED, "erp")}


@pytest.fixture
async def queue(pool: Pool) -> DeliveryQueue:
    """Begin without deliveries, events and expectations."""
    made = DeliveryQueue(pool=pool)
    await made.clear()
    async with connected(pool) as connection:
        await connection.execute(
            "TRUNCATE expectations, expectation_limits, stage_offsets, stage_batches, rollouts CASCADE"
        )
    return made


async def opened(pool: Pool, expectations: dict[str, Expectation], *events: Recorded) -> None:
    async with connected(pool) as connection:
        await ExpectationOpener(limits=CurrentLimits(expectations=expectations)).open(connection, events)


def timer(pool: Pool, *known: str) -> ExpectationTimer:
    return ExpectationTimer(
        pool=pool, records="t", known=dict.fromkeys(known or ("sent_to_erp",), DELIVERED["sent_to_erp"])
    )


async def run(pool: Pool, query: str) -> None:
    async with connected(pool) as connection:
        await connection.execute(query.encode())


async def alerts(pool: Pool) -> Sequence[Alert]:
    rule = RULES[RuleName.HOP_MISSING.value]
    async with connected(pool) as connection:
        return rule.evaluate(await rule.read(connection), datetime.now(UTC))


def states(found: Sequence[SettledExpectation]) -> list[tuple[str, int, str]]:
    return sorted((one.ticket_id, one.version, one.state) for one in found)


async def test_expectations_what_is_missing_is_raised_once_and_one_alert_counts_all(queue: DeliveryQueue) -> None:
    await opened(queue.pool, DELIVERED, event("A", 1), event("B", 1))
    assert await timer(queue.pool).settle(DUE - timedelta(seconds=1)) == []
    assert states(await timer(queue.pool).settle(DUE)) == [("A", 1, "missed"), ("B", 1, "missed")]
    assert await timer(queue.pool).settle(DUE + HOUR) == []
    (alert,) = await alerts(queue.pool)
    assert (alert.about, alert.facts["hops"], alert.ticket_id) == ("erp sent_to_erp", 2, "A")


async def test_expectations_a_late_arrival_closes_the_alert_and_tells_how_late(queue: DeliveryQueue) -> None:
    await queue.add(("A", 1), now=RECORDED)
    await opened(queue.pool, DELIVERED, event("A", 1))
    await timer(queue.pool).settle(DUE)
    await queue.done(*await queue.claim(now=DUE + MINUTE), now=DUE + MINUTE)
    (settled,) = await timer(queue.pool).settle(DUE + 2 * MINUTE)
    assert (settled.state, settled.arrived_at) == ("late", DUE + MINUTE)
    assert await alerts(queue.pool) == []
    async with connected(queue.pool) as connection:
        asked = {"ticket": "A", "records": "t", "log": LOG, "most": 10}
        (shown,) = await read_expected(connection, asked, DUE + 2 * MINUTE)
    assert (shown.state, shown.as_json()["late_ms"]) == ("late", 60_000.0)


async def test_expectations_what_came_in_time_is_met_and_raises_nothing(queue: DeliveryQueue) -> None:
    await queue.add(("A", 1), now=RECORDED)
    await queue.done(*await queue.claim(now=RECORDED), now=RECORDED)
    await opened(queue.pool, DELIVERED, event("A", 1))
    assert states(await timer(queue.pool).settle(DUE)) == [("A", 1, "met")]
    assert await alerts(queue.pool) == []


async def test_expectations_two_timers_at_once_raise_each_once(queue: DeliveryQueue) -> None:
    await opened(queue.pool, DELIVERED, *(event(f"T{n}", 1) for n in range(300)))
    found = await asyncio.gather(*(timer(queue.pool).settle(DUE) for _ in range(4)))
    assert len([one for some in found for one in some]) == 300


async def test_expectations_another_timer_does_not_wait_for_rows_that_are_claimed(queue: DeliveryQueue) -> None:
    await opened(queue.pool, DELIVERED, event("A", 1), event("B", 1))
    async with connected(queue.pool) as connection:
        await connection.execute("SELECT FROM expectations WHERE ticket_id = 'A' FOR UPDATE")
        async with asyncio.timeout(5):
            assert states(await timer(queue.pool).settle(DUE)) == [("B", 1, "missed")]


async def test_expectations_what_is_long_missed_is_looked_at_seldom_and_at_once_when_its_ticket_has_an_event(
    queue: DeliveryQueue,
) -> None:
    both = {**DELIVERED, "answered": expectation(ExpectedHop.ACTED_ON, NOTE)}
    await queue.add(("A", 1), now=RECORDED)
    await opened(queue.pool, both, event("A", 1), event("B", 1))
    looked, day = timer(queue.pool, *both), DUE + timedelta(days=1)
    await looked.settle(day)
    await queue.done(*await queue.claim(now=day), now=day)
    await queue.hold(("A", 2), ("B", 2))
    assert await looked.settle(day + 4 * MINUTE) == []
    assert [one.expectation for one in await looked.settle(day + 6 * MINUTE)] == ["sent_to_erp"]
    await opened(queue.pool, both, event("A", 2))
    found = await looked.settle(day + 7 * MINUTE)
    assert [(one.expectation, one.version) for one in found if one.before == "missed"] == [("answered", 1)]
    assert [one.ticket_id for one in await looked.settle(day + 3 * HOUR)] == ["B"]


class Crashed(Exception):
    """A worker died."""


async def test_expectations_a_claim_whose_worker_dies_before_its_commit_is_claimed_again(
    queue: DeliveryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(queue.pool, DELIVERED, event("A", 1))

    async def dying(*given: object) -> None:
        assert await read_rows(*given), "it is claimed"  # type: ignore[arg-type]  # as it was called
        raise Crashed

    monkeypatch.setattr("bus.journey.expectation_timer.read_rows", dying)
    with pytest.raises(Crashed):
        await timer(queue.pool).settle(DUE)
    monkeypatch.undo()
    assert states(await timer(queue.pool).settle(DUE)) == [("A", 1, "missed")]
    assert await timer(queue.pool).settle(DUE) == []


async def test_expectations_a_clock_that_jumps_ahead_and_back_raises_once_and_what_comes_in_time_is_met(
    queue: DeliveryQueue,
) -> None:
    await queue.add(("A", 1), now=RECORDED)
    await opened(queue.pool, DELIVERED, event("A", 1), event("B", 1))
    assert len(await timer(queue.pool).settle(RECORDED + HOUR)) == 2
    assert await timer(queue.pool).settle(RECORDED) == []
    await queue.done(*await queue.claim(now=RECORDED), now=RECORDED)
    assert states(await timer(queue.pool).settle(RECORDED + timedelta(seconds=20))) == [("A", 1, "met")]
    assert await timer(queue.pool).settle(DUE) == []


async def test_expectations_a_compensation_voids_and_a_removed_expectation_raises_no_longer(
    queue: DeliveryQueue,
) -> None:
    unless = {"sent_to_erp": expectation(ExpectedHop.DELIVERED, "erp", NOTE)}
    await opened(queue.pool, unless, event("A", 1), event("B", 1))
    await timer(queue.pool).settle(DUE)
    await queue.hold(("A", 2))
    assert states(await timer(queue.pool).settle(DUE + MINUTE)) == [("A", 1, "void")]
    assert states(await timer(queue.pool, "another").settle(DUE + HOUR)) == [("B", 1, "void")]
    assert await alerts(queue.pool) == []


async def test_expectations_the_alert_says_that_all_wait_at_the_new_version_whose_pause_then_hides_it(
    queue: DeliveryQueue,
) -> None:
    await run(queue.pool, ROLLOUT)
    await opened(queue.pool, DELIVERED, event("A", 1), event("B", 1))
    await queue.add(("A", 1), target="erp-2", now=RECORDED)
    await timer(queue.pool).settle(DUE)
    (alert,) = await alerts(queue.pool)
    assert alert.facts == {"hops": 2, "hop": "delivered"}, "B is missing beside it"
    await queue.add(("B", 1), target="erp-2", now=RECORDED)
    (alert,) = await alerts(queue.pool)
    assert alert.facts == {"hops": 2, "hop": "delivered", "canary": "erp-2"}


async def test_expectations_what_a_rollout_gave_to_the_new_version_or_was_moved_arrives_under_that_name(
    queue: DeliveryQueue,
) -> None:
    await run(queue.pool, ROLLOUT)
    await opened(queue.pool, DELIVERED, *(event(ticket, 1) for ticket in "ABCD"))
    await queue.add(("A", 1), target="erp-2", now=RECORDED)
    await queue.add(("B", 1), ("C", 1), ("D", 1), now=RECORDED)
    await undeclare(queue.pool, "erp", "crm", "erp-2")
    async with connected(queue.pool) as connection:
        await undeclared.move(connection, "erp", "crm", "why", RECORDED, tickets=["B", "C"])
        await undeclared.discard(connection, "erp", ["D"], "why", RECORDED)
    found = states(await timer(queue.pool).settle(DUE))
    assert found == [("A", 1, "missed"), ("B", 1, "missed"), ("C", 1, "missed"), ("D", 1, "void")]
    for target, ticket in (("erp-2", "A"), ("crm", "B")):
        (claim,) = [one for one in await queue.claim(target=target, now=DUE) if one.ticket_id == ticket]
        await queue.done(claim, target=target, now=DUE + MINUTE)
    await undeclare(queue.pool, "crm", "erp-2")
    async with connected(queue.pool) as connection:
        await undeclared.discard(connection, "crm", ["C"], "why", DUE + MINUTE)
    found = states(await timer(queue.pool).settle(DUE + HOUR))
    assert found == [("A", 1, "late"), ("B", 1, "late"), ("C", 1, "void")]


async def test_expectations_each_hop_is_found_where_it_is_known(queue: DeliveryQueue) -> None:
    all_hops = {
        "on_topic": expectation(ExpectedHop.PUBLISHED, "ticket.status"),
        "listed": expectation(ExpectedHop.PROJECTED, "tickets"),
        "answered": expectation(ExpectedHop.ACTED_ON, NOTE),
        "sent": expectation(ExpectedHop.DELIVERED, "erp"),
    }
    await queue.add(("A", 1), now=RECORDED)
    await opened(queue.pool, all_hops, event("A", 1))
    async with connected(queue.pool) as connection:
        await connection.execute(
            "INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset) "
            "VALUES (0, 'ticket.status', 'A', 1, %(at)s, 0), (0, %(log)s, 'A', 1, %(at)s, 7)",
            {"at": RECORDED, "log": LOG},
        )
        await connection.execute(
            "INSERT INTO stage_offsets (handler, partition, topic, next_offset, moved_at) "
            "VALUES ('tickets', 0, 't', 7, %s)",
            (RECORDED,),
        )
    looked = timer(queue.pool, *all_hops)
    found = {one.expectation: one.state for one in await looked.settle(DUE)}
    assert found == {"on_topic": "met", "listed": "missed", "answered": "missed", "sent": "missed"}
    await run(queue.pool, "UPDATE stage_offsets SET next_offset = 8")
    await queue.done(*await queue.claim(now=RECORDED), now=RECORDED)
    await queue.hold(("A", 2))
    found = {one.expectation: one.state for one in await looked.settle(DUE + MINUTE)}
    assert found == {"listed": "met", "answered": "late", "sent": "met"}


def test_expectations_imported_history_expects_nothing() -> None:
    past = replace(event("A", 1), historic=True)
    assert [row[:3] for row in expected_of(DELIVERED, [past, event("A", 2)], {"sent_to_erp": MINUTE})] == [
        ("A", 2, "sent_to_erp")
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{after: [TicketOpend], hop: published, at: ticket.status, within: PT1M}", "did you mean 'TicketOpened'"),
        ("{after: [TicketOpened], hop: published, at: ticket.stats, within: PT1M}", "did you mean 'ticket.status'"),
        ("{after: [NoteAdded], hop: published, at: ticket.status, within: PT1M}", "does not take NoteAdded"),
        ("{after: [NoteAdded], hop: projected, at: ticket, within: PT1M}", "there is no handler 'ticket'"),
        ("{after: [TicketOpened], hop: delivered, at: erp, within: PT1M}", "erp does not take TicketOpened"),
        ("{after: [NoteAdded], hop: acted_on, at: [Noted], within: PT1M}", "there is no event 'Noted'"),
        ("{after: [NoteAdded], hop: delivered, at: [erp, crm], within: PT1M}", "an expectation for each"),
        ("{after: [NoteAdded], hop: delivered, at: erp, within: PT0S}", "x.within"),
    ],
)
def test_expectations_config_a_fault_names_its_place_and_what_is_meant(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "expectations.yaml"
    path.write_text(f"x: {line}\n", encoding="utf-8")
    with pytest.raises(ConfigFileInvalid, match=fault):
        load_expectations(path, PLACES)


@pytest.mark.parametrize("stage", ["sla", "delivery"])
async def test_expectations_config_a_fault_stops_a_worker_of_any_stage_before_it_starts(
    tmp_path: Path, stage: str
) -> None:
    path = tmp_path / "expectations.yaml"
    path.write_text("x: {after: [TicketOpened], hop: publishd, at: ticket.status, within: PT1M}\n", encoding="utf-8")
    with pytest.raises(ConfigFileInvalid, match=rf"{path}: x\.hop"):
        await checked_targets(Settings(expectations_file=path), [stage])
