"""A topic that brings hardly anything but letters is stood still before, partition by partition (R38)."""

import pytest

from bus.domain.errors import InvariantBroken
from bus.intake.dead_letter_limit import IN_A_ROW, LAST
from bus.wire.headers import RETURNED
from deadletter.rejected_inputs import MemoryRejectedInputs
from tests.gateway.fakes import CODEC, StoreThatMayBeAway
from tests.stage.test_commands import NO_CONNECTION, handler_on, record, sent

GOOD = CODEC.encode_record(sent())


async def test_dead_letter_limit_a_hundred_letters_in_a_row_stop_this_partition_before_the_next_record() -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    handler = handler_on(store, refused)
    await handler.handle(NO_CONNECTION, [record(b"garbage", n) for n in range(IN_A_ROW)])
    with pytest.raises(InvariantBroken, match="letters in a row"):
        await handler.handle(NO_CONNECTION, [record(GOOD, 100), record(GOOD, 101)])
    assert not store.log
    assert len(refused.kept) == IN_A_ROW
    await handler.handle(NO_CONNECTION, [record(GOOD, 0, partition=1)])
    assert len(store.log) == 1


async def test_dead_letter_limit_where_the_runner_stops_it_is_a_fresh_try_for_who_revives_it() -> None:
    handler = handler_on(StoreThatMayBeAway(), MemoryRejectedInputs())
    await handler.handle(NO_CONNECTION, [record(b"garbage", n) for n in range(IN_A_ROW)])
    with pytest.raises(InvariantBroken):
        await handler.handle(NO_CONNECTION, [record(GOOD, 100)])
    await handler.handle(NO_CONNECTION, [record(GOOD, 100)])


async def test_dead_letter_limit_a_fifth_of_the_last_records_may_be_letters_and_no_more() -> None:
    handler = handler_on(StoreThatMayBeAway(), MemoryRejectedInputs())
    mixed = [record(b"garbage" if n % 5 == 0 else GOOD, n) for n in range(LAST)]
    await handler.handle(NO_CONNECTION, mixed)
    await handler.handle(NO_CONNECTION, [record(b"garbage", 500), record(b"garbage", 501)])
    with pytest.raises(InvariantBroken, match="of the last 500"):
        await handler.handle(NO_CONNECTION, [record(GOOD, 502)])


async def test_dead_letter_limit_a_batch_that_comes_again_counts_once_and_what_people_sent_again_never() -> None:
    handler = handler_on(StoreThatMayBeAway(), MemoryRejectedInputs())
    letters = [record(b"garbage", n) for n in range(IN_A_ROW - 1)]
    for _ in range(3):
        await handler.handle(NO_CONNECTION, letters)
    returned = [record(b"garbage", 200 + n, headers=((RETURNED, b"7"),)) for n in range(IN_A_ROW)]
    await handler.handle(NO_CONNECTION, returned)
    await handler.handle(NO_CONNECTION, [record(b"garbage", 400)])
    with pytest.raises(InvariantBroken):
        await handler.handle(NO_CONNECTION, [record(GOOD, 401)])
