"""A journey tells what became of each event at other systems, what died of it, who waits behind, and what to do."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from bus.app import Core
from bus.cli.trace import lines
from bus.delivery import queue, target_state
from bus.delivery.breaker import CLOSED, Breaker
from bus.delivery.dead_letter_port import ParkedDelivery
from bus.delivery.queue import Claim, DeliveryEnd, EndedClaim, FailedClaim, NewDelivery
from bus.delivery.triage import Reason
from bus.domain.errors import MalformedInput
from bus.domain.terms import TicketId
from bus.domain.text import visible
from bus.gateway.http.journey_answers import JourneyAnswer
from bus.journey.journey import JourneyParts, journey
from bus.local.stack import Urls
from bus.postgres.pool import connected, in_transaction
from bus.wire.rejected_input import refused_input
from deadletter import store as letters
from deadletter.dead_letter import Decision
from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import life, opening, request
from tests.gateway.typed import type_faults
from tests.journey.test_journey import RUNS

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LEASE, FIVE_S = timedelta(seconds=30), timedelta(seconds=5)
MENDED = Decision(by="张工", why="物料已建档,问 13812345678", at=NOW)


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus of the module's own."""
    with bus_on(parts, tmp_path_factory.mktemp("delivered")) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open its core, with a worker that runs and nothing known of any target."""
    async with bus.core() as opened:
        async with connected(opened.pool) as connection:
            await connection.execute("TRUNCATE delivery_targets, programs")
            await connection.execute(RUNS)
        yield opened


async def told(core: Core, anything: str, now: datetime = NOW) -> dict[str, Any]:
    """Tell the journey of what is known."""
    log = JourneyParts(records=physical(core.settings.namespace, LOG), stages={})
    found = await journey(core.pool, core.clear, log, anything, now=lambda: now)
    assert found is not None
    assert type_faults(JourneyAnswer, found) == []
    return found


async def lived(core: Core, number: int) -> TicketId:
    """Let a ticket have four events; gives its number."""
    outcomes = await core.dispatcher.dispatch([request(number, one, minute) for minute, one in enumerate(life(number))])
    return TicketId(getattr(outcomes[0], "ticket_id", ""))


async def wait_for(core: Core, target: str, ticket_id: TicketId, *versions: int, at: datetime = NOW) -> None:
    """Let events wait for a target."""
    some = [NewDelivery(target=target, ticket_id=ticket_id, version=one) for one in versions]
    await in_transaction(core.pool, queue.add, some, at)


async def claim(core: Core, target: str, ticket_id: TicketId, now: datetime = NOW) -> Claim:
    """Claim what is next of a ticket."""
    async with connected(core.pool) as connection:
        claims = await queue.claim(connection, target, 10, now=now, lease=LEASE)
    (own,) = [one for one in claims if one.ticket_id == ticket_id]
    return own


async def settle(
    core: Core, target: str, *, ended: Sequence[EndedClaim] = (), again: Sequence[FailedClaim] = (), now: datetime = NOW
) -> None:
    async with connected(core.pool) as connection:
        assert await queue.settle(connection, target, ended, again, now)


async def delivered(core: Core, target: str, ticket_id: TicketId, now: datetime = NOW) -> None:
    own = await claim(core, target, ticket_id, now)
    await settle(
        core, target, ended=[EndedClaim(claim=own, how=DeliveryEnd.DONE, reference=f"B-{own.version}")], now=now
    )


async def dies(core: Core, target: str, ticket_id: TicketId, detail: str = "物料不存在", at: datetime = NOW) -> int:
    """Let the next delivery of a ticket become a letter; gives its number."""
    own = await claim(core, target, ticket_id, at)
    failure = {"at": at.isoformat(), "kind": "rejected", "detail": detail, "message": "物料 M-17 已禁用"}
    await settle(core, target, again=[FailedClaim(claim=own, at=at, unsure=False, failure=failure, parked=True)])
    parked = ParkedDelivery(target=target, claim=own, recorded=None, reason=Reason.REJECTED, failure=failure, at=at)
    async with connected(core.pool) as connection:
        await letters.post_deliveries(connection, [parked], encode=core.codec.encode_record)
        query = "SELECT id FROM letters WHERE target = %s AND ticket_id = %s AND state = 'open'"
        ((number,),) = await (await connection.execute(query, (target, ticket_id))).fetchall()
    return int(number)


async def refused(core: Core, code: str, trace_id: str, ticket_id: str | None = None) -> None:
    """Let input of a webhook have no effect."""
    refusal = MalformedInput(code, "title", f"{code} 不行", f"{code} is no good")
    given = refused_input(
        refusal, origin="webhook:crm", origin_ref=uuid4().hex, source="crm", body=b"{}", trace_id=trace_id,
        ticket_id=ticket_id,
    )  # fmt: skip
    await core.refused.keep([given])


def at_target(journey: dict[str, Any], version: int, target: str = "erp") -> list[dict[str, Any]]:
    """Give the hops of a version at a target, but for their time."""
    hops = journey["events"][version - 1]["hops"]
    return [{name: hop[name] for name in hop if name not in ("at", "where")} for hop in hops if hop["where"] == target]


def said(journey: dict[str, Any]) -> list[str]:
    return [line["zh"] for line in journey["verdict"]]


async def test_journey_delivered_a_delivery_is_told_with_its_reference_and_its_lag_at_its_own_target(
    core: Core,
) -> None:
    ticket_id = await lived(core, 1)
    await wait_for(core, "callback", ticket_id, 1, at=NOW)
    await wait_for(core, "erp", ticket_id, 1, at=NOW + timedelta(seconds=2))
    await delivered(core, "erp", ticket_id, NOW + timedelta(seconds=3))
    await delivered(core, "callback", ticket_id, NOW + timedelta(seconds=7))
    found = await told(core, ticket_id)
    done = {"hop": "delivered", "reference": "B-1", "attempts": 1}
    assert at_target(found, 1) == [{"hop": "enqueued", "lag_ms": None}, {**done, "lag_ms": 1000.0}]
    assert at_target(found, 1, "callback")[1] == {**done, "lag_ms": 7000.0}
    assert found["letters"] == []


async def test_journey_delivered_what_died_is_told_with_its_letter_and_what_waits_behind_it(core: Core) -> None:
    ticket_id = await lived(core, 2)
    await wait_for(core, "erp", ticket_id, 1, 2, 3, 4)
    await wait_for(core, "callback", ticket_id, 2)
    await delivered(core, "erp", ticket_id)
    number = await dies(core, "erp", ticket_id, "物料不存在 13812345678")
    found = await told(core, ticket_id)
    dead = {"hop": "dead", "lag_ms": 0.0, "letter": number, "kind": "rejected", "attempts": 1}
    assert at_target(found, 2)[1:] == [dead]
    behind = [{"hop": "delivery_waiting", "behind": 2, "letter": number, "lag_ms": None}]
    assert [at_target(found, version)[1:] for version in (3, 4)] == [behind, behind]
    assert at_target(found, 2, "callback")[1]["attempts"] == 0
    (letter,) = found["letters"]
    assert [letter[name] for name in ("number", "origin", "state", "version")] == [number, "delivery:erp", "open", 2]
    assert (letter["reason"], letter["died_at"], letter["message"]) == ("rejected", NOW, "物料 M-17 已禁用")
    assert [line for line in lines(found) if "rejected/rejected: 物料不存在" in line and "物料 M-17 已禁用" in line]
    _unpublished, callback, first, second = said(found)
    assert callback.startswith("v2 → callback 自 2026-11-22 16:00:00 +08:00 排队")
    assert first.startswith(f"v2 → erp 死信 {number}:物料不存在 138****5678。用 deadletter show {number} 查看")
    assert second == f"v3、v4 → erp 在死信 {number} 之后等待"


async def test_journey_delivered_what_is_tried_again_tells_when_and_why_and_how_its_target_stands(core: Core) -> None:
    ticket_id, later = await lived(core, 3), NOW + timedelta(minutes=5)
    await wait_for(core, "erp", ticket_id, 1, 2)
    words = {"status": 503, "detail": "HTTP 503 at Save", "message": "系统维护中,请联系 138****5678"}
    failure = {"at": NOW.isoformat(), "kind": "unavailable", **words}
    own = await claim(core, "erp", ticket_id)
    await settle(core, "erp", again=[FailedClaim(claim=own, at=later, unsure=False, failure=failure)])
    await target_state.begin(core.pool, "erp")
    await in_transaction(core.pool, target_state.write, "erp", Breaker(failures=12, not_before=NOW + FIVE_S))
    found = await told(core, ticket_id)
    assert at_target(found, 1)[1] == {
        "hop": "delivery_waiting", "attempts": 1, "next_at": later, "kind": "unavailable", "lag_ms": None, **words,
    }  # fmt: skip
    assert [line for line in lines(found) if "系统维护中" in line and "unavailable HTTP 503: HTTP 503 at Save" in line]
    last = ";已试 1 次,上次 unavailable HTTP 503:系统维护中,请联系 138****5678"
    held = f"v1、v2 → erp 连续失败 12 次,已熔断,只放行探测,下次 2026-11-22 16:00:05 +08:00:修好对方系统后自动继续{last}"
    assert said(found)[1:] == [held]
    assert said(await told(core, ticket_id, NOW + timedelta(seconds=6)))[1:] == [held], "a probe may go, and no more"
    await in_transaction(core.pool, target_state.write, "erp", CLOSED)
    assert said(await told(core, ticket_id))[1] == f"v1、v2 → erp 等待投递{last},最早 2026-11-22 16:05:00 +08:00 再试"
    assert "即将再试" in said(await told(core, ticket_id, later))[1]
    await in_transaction(core.pool, target_state.write, "erp", Breaker(failures=1, not_before=later, asked_wait=True))
    assert "erp 要求 2026-11-22 16:05:00 +08:00 前不要调用" in said(await told(core, ticket_id))[1]
    await in_transaction(core.pool, target_state.pause, "erp", by="张工", why="盘点")
    paused, asked = said(found := await told(core, ticket_id))[1:]
    assert paused == f"v1、v2 → erp 已暂停:张工: 盘点。恢复用 delivery resume erp{last}"
    assert ("Retry-After" in asked, found["verdict"][1]["evidence"]["by"]) == (True, "张工")


async def test_journey_delivered_a_letter_mended_and_sent_again_died_once_and_keeps_its_decisions(core: Core) -> None:
    ticket_id = await lived(core, 4)
    await wait_for(core, "erp", ticket_id, 1, 2)
    number = await dies(core, "erp", ticket_id)
    copy = await in_transaction(core.pool, letters.replace, number, b"mended", MENDED, core.codec.encode_record)
    assert [hop.get("letter") for hop in at_target(await told(core, ticket_id), 1)] == [None, copy]
    await in_transaction(core.pool, letters.retry, [copy], MENDED, core.codec.encode_record, core.keys)
    later = NOW + timedelta(seconds=1)
    await delivered(core, "erp", ticket_id, later)
    other = await dies(core, "erp", ticket_id, at=later)
    await in_transaction(
        core.pool, letters.discard, [other], replace(MENDED, at=NOW + timedelta(seconds=2)), core.codec.encode_record
    )
    found = await told(core, ticket_id)
    assert [hop["hop"] for hop in at_target(found, 1)] == ["enqueued", "dead", "delivered"]
    assert at_target(found, 2)[2] == {"hop": "discarded", "why": "物料已建档,问 138****5678", "lag_ms": 2000.0}
    first, second, third = found["letters"]
    assert [one["state"] for one in (first, second, third)] == ["edited", "retried", "discarded"]
    assert (second["edited_from"], second["number"]) == (number, copy)
    (decision,) = second["decisions"]
    assert [decision[name] for name in ("decision", "by", "why")] == ["retried", "张工", "物料已建档,问 138****5678"]
    assert not any("死信" in line for line in said(found))


async def test_journey_delivered_a_letter_of_no_ticket_is_found_by_its_trace(core: Core, bus: Bus) -> None:
    trace_id = uuid4().hex
    for _ in range(2):
        await refused(core, "no_such_form", trace_id)
    found = await told(core, trace_id.upper())
    assert (found["ticket_id"], found["trace_id"], found["events"]) == (None, trace_id, [])
    assert [one["origin"] for one in found["letters"]] == ["webhook:crm"] * 2
    first, second = (one["number"] for one in found["letters"])
    (line,) = found["verdict"]
    assert line["zh"].startswith(f"webhook:crm 的输入没有生效,死信 {first}, {second}:no_such_form 不行")
    assert f"deadletter show {first}" in line["en"]
    done = bus.run("trace", trace_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"死信 letter {first} open webhook:crm" in done.stdout
    assert f"→ {line['zh']}\n  {line['en']}\n  $ ticketbus deadletter show {first}\n" in done.stdout
    await in_transaction(core.pool, letters.discard, [first, second], MENDED, core.codec.encode_record)
    assert said(await told(core, trace_id))[0].startswith("没有卡住")
    unknown = bus.run("trace", uuid4().hex)
    assert (unknown.returncode, unknown.stdout) == (1, "")


async def test_journey_delivered_input_without_effect_is_told_with_its_ticket_and_finds_it(core: Core) -> None:
    ticket_id, other_id = await lived(core, 6), await lived(core, 7)
    trace_id, own = f"{6:032x}", uuid4().hex
    await refused(core, "by_number", own, ticket_id)
    await refused(core, "by_trace", trace_id)
    await refused(core, "of_another", trace_id, other_id)
    found = await told(core, ticket_id)
    assert [one["reason"] for one in found["letters"]] == ["by_number", "by_trace"]
    assert (await told(core, own))["ticket_id"] == ticket_id
    assert {ticket_id, *found["also"]} == {ticket_id}
    assert [one["reason"] for one in (await told(core, other_id))["letters"]] == ["of_another"]


async def test_journey_delivered_of_very_many_letters_the_open_ones_of_deliveries_are_told(core: Core) -> None:
    ticket_id = await lived(core, 8)
    await wait_for(core, "erp", ticket_id, 1)
    number = await dies(core, "erp", ticket_id)
    for _ in range(101):
        await refused(core, "again", uuid4().hex, ticket_id)
    found = await told(core, ticket_id)
    assert len(found["letters"]) == 100
    assert found["letters"][0]["number"] == number
    assert sum("again 不行" in line for line in said(found)) == 1


async def test_journey_delivered_a_ticket_that_arrived_everywhere_is_not_stuck(core: Core) -> None:
    (opened,) = await core.dispatcher.dispatch([request(9, opening(9), 0)])
    ticket_id = TicketId(getattr(opened, "ticket_id", ""))
    (line,) = said(await told(core, ticket_id))
    assert line.startswith("v1 已入库,自 ")
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE outbox SET published_at = %s, kafka_offset = 1", (NOW,))
    await wait_for(core, "erp", ticket_id, 1)
    await delivered(core, "erp", ticket_id)
    found = await told(core, ticket_id)
    assert [(line["cause"], line["zh"][:4]) for line in found["verdict"]] == [("not_acted_on", "没有卡住")]
    assert at_target(found, 1)[0] == {"hop": "enqueued", "lag_ms": 0.0}
    assert re.search(r"送达 delivered .*erp  B-1 \(1×\)", "\n".join(lines(found)))


async def test_journey_delivered_the_command_tells_every_hop_at_a_target(core: Core) -> None:
    ticket_id = await lived(core, 10)
    await wait_for(core, "erp", ticket_id, 1, 2, 3)
    await wait_for(core, "callback", ticket_id, 1)
    await in_transaction(
        core.pool, letters.discard, [await dies(core, "erp", ticket_id)], MENDED, core.codec.encode_record
    )
    number = await dies(core, "erp", ticket_id)
    printed = lines(await told(core, ticket_id))
    assert [visible(line) for line in printed] == printed, "a line is one line: the terminal escapes what breaks it"
    shown = "\n".join(printed)
    for text in (
        "作废 discarded", "物料已建档", f"死信 letter {number}: rejected (1×)", f"behind it, 死信 letter {number}",
        "0×, -, 下次 next 2026-11-22 08:00:00", f"死信 letter {number} open delivery:erp v2", "discarded by 张工",
        f"→ v3 → erp 在死信 {number} 之后等待",
    ):  # fmt: skip
        assert text in shown, shown
