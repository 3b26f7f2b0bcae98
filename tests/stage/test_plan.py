"""The plan of a stage, case by case: what is near is delivered, what is far or has a gap is read directly."""

from collections.abc import Mapping

import pytest

from bus.stage.plan import FAR, NEAR, CatchUp, Deliver, Plan, Position, Wait, far_behind, plan

ENDS = {0: 5_000, 1: 5_000}


def stands(handler: str, *next_offsets: int) -> list[Position]:
    """Let a handler stand at these offsets of partitions 0, 1, …"""
    return [
        Position(handler=handler, partition=partition, next_offset=next_offset)
        for partition, next_offset in enumerate(next_offsets)
    ]


def planned(
    positions: list[Position],
    unread: Mapping[int, int],
    *,
    at_hand: bool = True,
    ends: Mapping[int, int] = ENDS,
    assigned: frozenset[int] = frozenset({0, 1}),
) -> Plan:
    """Plan for two partitions that end at 5,000."""
    return plan(positions, ends, assigned, unread, at_hand=at_hand)


def test_plan_delivers_records_that_begin_where_the_handlers_stand() -> None:
    assert planned(stands("a", 4_990, 5_000), {0: 4_990}) == Deliver()


def test_plan_delivers_repeats_which_the_runner_drops() -> None:
    assert planned(stands("a", 5_000, 5_000), {0: 4_990}) == Deliver()


def test_plan_waits_without_records_at_hand_and_without_lag() -> None:
    assert planned(stands("a", 5_000, 5_000), {}, at_hand=False) == Wait()


def test_plan_waits_for_what_came_since_the_last_look() -> None:
    before = {0: 4_990, 1: 5_000}
    assert planned(stands("a", 4_990, 5_000), before, at_hand=False) == Wait()


def test_plan_catches_up_what_was_there_at_the_last_look_and_was_not_delivered() -> None:
    before = {0: 4_991, 1: 5_000}
    assert planned(stands("a", 4_990, 5_000), before, at_hand=False) == CatchUp(frozenset({0}))


def test_plan_catches_up_a_gap_of_any_handler_on_its_partition_alone() -> None:
    positions = [*stands("a", 4_990, 4_990), *stands("b", 4_989, 4_990)]
    assert planned(positions, {0: 4_990, 1: 4_990}) == CatchUp(frozenset({0}))


@pytest.mark.parametrize(("lag", "expected"), [(FAR, Deliver()), (FAR + 1, CatchUp(frozenset({0, 1})))])
def test_plan_reads_directly_from_a_lag_on_that_is_far(lag: int, expected: Plan) -> None:
    half = lag // 2
    assert planned(stands("a", 5_000 - half, 5_000 - (lag - half)), {0: 5_000 - half}) == expected


def test_plan_reads_directly_when_one_handler_is_far_although_another_is_not() -> None:
    positions = [*stands("a", 5_000, 5_000), *stands("b", 3_000, 5_000)]
    assert planned(positions, {}, at_hand=False) == CatchUp(frozenset({0, 1}))


def test_plan_leaves_partitions_of_another_worker_alone() -> None:
    one = frozenset({1})
    assert planned(stands("a", 0, 5_000), {0: 4_990}, assigned=one) == Wait()
    assert planned(stands("a", 0, 4_995), {0: 4_990, 1: 4_995}, assigned=one) == Deliver()
    assert planned(stands("a", 0, 0), {0: 4_990}, assigned=frozenset()) == Wait()


def test_plan_lets_records_pass_that_every_handler_stands_still_before() -> None:
    assert planned([], {0: 4_990}) == Deliver()


def test_plan_takes_a_partition_whose_end_is_not_known_for_near() -> None:
    assert planned(stands("a", 10, 0), {0: 10}, ends={}) == Deliver()


def test_plan_far_behind_names_the_handlers_that_lag_much_more_than_the_nearest() -> None:
    positions = [*stands("a", 4_900, 4_900), *stands("near", 4_900 - NEAR, 4_900), *stands("new", 0, 0)]
    assert far_behind(positions, ENDS) == {"new"}
    assert far_behind([*positions, *stands("just", 4_899 - NEAR, 4_900)], ENDS) == {"new", "just"}


def test_plan_far_behind_is_nobody_where_all_are_equally_far() -> None:
    assert far_behind([*stands("a", 0, 0), *stands("b", 0, 10)], ENDS) == frozenset()
    assert far_behind([], ENDS) == frozenset()


def test_plan_far_behind_never_names_all_handlers() -> None:
    assert far_behind([*stands("a", 5_000, 0), *stands("b", 0, 5_000)], ENDS) == frozenset()
