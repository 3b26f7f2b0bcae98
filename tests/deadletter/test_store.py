"""Dead letters on a real database: grouped by cause, sent again or let go, all or none (R38)."""

from datetime import UTC, datetime
from functools import partial
from importlib import resources

import pytest

from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.postgres.pool import Pool, connected, in_transaction
from deadletter.dead_letter import Decision, LetterGone
from deadletter.store import discard, groups, read, retry
from tests.bus_under_test import eventually
from tests.databases import KEYS
from tests.deadletter.letters import LetterStore, dead
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.schemas.codecs import CODEC

MIGRATION = resources.files("bus.postgres").joinpath("migrations", "20261128000273_letter_words.sql")
DECISION = Decision(by="张工", why="物料已建档", at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


async def rejecting(delivery_queue: DeliveryQueue, *events: tuple[str, int], parked: int) -> Scripted:
    """Deliver to a target that rejects every first version of a ticket that begins with R."""

    async def reject(call: Call) -> None:
        if call.event.ticket_id.startswith("R") and call.event.version == 1:
            code = "E17" if call.event.ticket_id < "R5" else "E18"
            raise DeliveryFailed(FailureKind.REJECTED, f"no such material {call.event.ticket_id[1:]}", code=code)

    target = Scripted(before=reject)
    await deliver(delivery_queue, target, *events, parked=parked)
    return target


async def deliver(delivery_queue: DeliveryQueue, target: Scripted, *events: tuple[str, int], parked: int = 0) -> None:
    """Deliver until all is settled but for so many letters."""

    async def quiet() -> bool:
        rows = await delivery_queue.rows("SELECT count(*), count(*) FILTER (WHERE parked) FROM delivery_heads")
        return rows == [(parked, parked)]

    async with delivery_workers(delivery_queue.pool, target):
        if events:
            await delivery_queue.add(*events, now=utc_now())
        await eventually(quiet)


async def letter_of(delivery_queue: DeliveryQueue, ticket: str) -> int:
    """Give the number of a ticket's open letter."""
    ((number,),) = await delivery_queue.rows(f"SELECT id FROM letters WHERE ticket_id = '{ticket}' AND state = 'open'")  # noqa: S608 - a test's own names
    return int(number)


async def test_store_letters_are_grouped_by_cause_and_count_what_waits_behind(delivery_queue: DeliveryQueue) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R1", 2), ("R1", 3), ("R2", 1), ("R8", 1), ("A", 1), ("A", 2), parked=3)
    first, second = await groups(delivery_queue.pool)
    assert (first.letters, first.behind, first.kind, first.origin) == (2, 2, "rejected", "delivery:erp")
    assert (second.letters, second.behind) == (1, 0)
    assert first.cause != second.cause, "E17 is mended by another repair than E18"
    assert await groups(delivery_queue.pool, origin="delivery:crm") == []
    letter = await in_transaction(delivery_queue.pool, read, await letter_of(delivery_queue, "R1"))
    assert (letter.behind, letter.attempts, letter.state) == (2, 1, "open")


async def test_store_groups_are_apart_by_the_targets_words_and_each_shows_one_letter_truly(
    delivery_queue: DeliveryQueue,
) -> None:
    words = ["仓库 CK9 不存在", "仓库 CK1 不存在", "期间已结账", "物料 A 没有单位", "客户 C7 已停用", "仓库 CK5 不存在"]

    async def refuse(call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "HTTP 422", message=words[int(call.event.ticket_id[1:])])

    await deliver(
        delivery_queue, Scripted(before=refuse), *((f"T{number}", 1) for number in range(len(words))), parked=len(words)
    )
    found = await groups(delivery_queue.pool)
    assert sorted(one.letters for one in found) == [1, 1, 1, 3]
    for one in found:
        letter = await in_transaction(delivery_queue.pool, read, one.sample)
        assert (one.detail, one.message, one.cause) == (letter.detail, letter.failures[-1]["message"], letter.cause)


async def test_store_letters_of_before_are_told_apart_by_their_words_once_migrated(letter_store: LetterStore) -> None:
    words = ("仓库 CK9 不存在", "仓库 A1、A2 不存在", "期间已结账", None)
    await letter_store.put(
        *(
            dead(target="erp", origin_ref=str(number), failures=[{"message": message} if message else {}])
            for number, message in enumerate(words)
        )
    )
    up, _, _ = MIGRATION.read_text(encoding="utf-8").partition("-- migrate:down")
    async with connected(letter_store.pool) as connection:
        await connection.execute(up.encode())
    assert sorted(one.letters for one in await groups(letter_store.pool)) == [1, 1, 2]


async def test_store_a_letter_sent_again_is_delivered_once_and_what_waited_follows(
    delivery_queue: DeliveryQueue,
) -> None:
    target = await rejecting(delivery_queue, ("R1", 1), ("R1", 2), ("R2", 1), parked=2)
    number = await letter_of(delivery_queue, "R1")
    assert await in_transaction(delivery_queue.pool, retry, [number], DECISION, CODEC.encode_record, KEYS) == 1
    mended = Scripted()
    await deliver(delivery_queue, mended, parked=1)
    assert mended.order == [("R1", 1), ("R1", 2)]
    assert not target.order
    letter = await in_transaction(delivery_queue.pool, read, number)
    assert letter.state == "retried"
    assert [(one["decision"], one["by"], one["why"]) for one in letter.decisions] == [("retried", "张工", "物料已建档")]


async def test_store_a_letter_that_fails_again_is_a_new_letter(delivery_queue: DeliveryQueue) -> None:
    await rejecting(delivery_queue, ("R1", 1), parked=1)
    first = await letter_of(delivery_queue, "R1")
    await in_transaction(delivery_queue.pool, retry, [first], DECISION, CODEC.encode_record, KEYS)
    await rejecting(delivery_queue, parked=1)
    second = await letter_of(delivery_queue, "R1")
    assert second != first
    assert (await in_transaction(delivery_queue.pool, read, first)).state == "retried"


async def test_store_a_letter_let_go_is_never_delivered_and_what_waited_comes_forward(
    delivery_queue: DeliveryQueue,
) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R1", 2), ("R2", 1), parked=2)
    await in_transaction(
        delivery_queue.pool,
        discard,
        [await letter_of(delivery_queue, "R1"), await letter_of(delivery_queue, "R2")],
        DECISION,
        CODEC.encode_record,
    )
    target = Scripted()
    await deliver(delivery_queue, target)
    assert target.order == [("R1", 2)]
    assert await delivery_queue.rows(
        "SELECT ticket_id, version FROM deliveries WHERE state = 'discarded' ORDER BY 1"
    ) == [
        ("R1", 1),
        ("R2", 1),
    ]
    await delivery_queue.add(("R1", 1), ("R2", 1))
    assert await delivery_queue.claim() == [], "a replay does not bring it back"


@pytest.mark.parametrize("decide", [partial(retry, keys=KEYS), discard], ids=["retry", "discard"])
async def test_store_one_letter_that_is_gone_and_nothing_is_changed(
    delivery_queue: DeliveryQueue, decide: object
) -> None:
    assert callable(decide)
    await rejecting(delivery_queue, ("R1", 1), parked=1)
    number = await letter_of(delivery_queue, "R1")
    for numbers in ([number, 999_999], [999_999]):
        with pytest.raises(LetterGone, match="999999"):
            await in_transaction(delivery_queue.pool, decide, numbers, DECISION, CODEC.encode_record)
    assert (await in_transaction(delivery_queue.pool, read, number)).state == "open"
    await in_transaction(delivery_queue.pool, decide, [number], DECISION, CODEC.encode_record)
    with pytest.raises(LetterGone, match=str(number)):
        await in_transaction(delivery_queue.pool, decide, [number], DECISION, CODEC.encode_record)


async def test_store_a_letter_that_never_was(pool: Pool) -> None:
    with pytest.raises(LetterGone):
        await in_transaction(pool, read, 10**9)
