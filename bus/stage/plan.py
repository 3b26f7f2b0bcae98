"""What a stage does next: deliver the records at hand, catch up from the log, or wait. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

FAR = 1_000  # records of lag; beyond this the log is read directly: that costs a fraction of a delivery
NEAR = 1_000  # records; a handler that lags this much more than another of its stage is caught up apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The offset that a handler takes next on a partition."""

    handler: str
    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the handlers the records at hand."""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Read these partitions directly, from each handler's position to the end offset; the records at hand are part."""

    partitions: frozenset[int]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do: the lag, if there is one, is about to be delivered."""


Plan = Deliver | CatchUp | Wait


def plan(
    positions: Iterable[Position],
    ends: Mapping[int, int],
    assigned: Collection[int],
    unread: Mapping[int, int],
    *,
    at_hand: bool,
) -> Plan:
    """Decide the next step for handlers with about the same lag.

    `ends` are the partitions' end offsets, as far as known; `unread` gives for each the offset from which records are
    still to be delivered, or are `at_hand`: a handler's position before it is a gap.
    """
    here = [one for one in positions if one.partition in assigned]
    if max(_lags(here, ends).values(), default=0) > FAR:
        return CatchUp(frozenset(assigned))
    if gaps := {one.partition for one in here if one.next_offset < unread.get(one.partition, 0)}:
        return CatchUp(frozenset(gaps))
    return Deliver() if at_hand and unread.keys() & set(assigned) else Wait()


def far_behind(positions: Iterable[Position], ends: Mapping[int, int]) -> frozenset[str]:
    """Name the handlers that lag much more than another of their stage: being rebuilt, or new. Never all of them."""
    lags = _lags(positions, ends)
    least = min(lags.values(), default=0)
    return frozenset(handler for handler, lag in lags.items() if lag > least + NEAR)


def _lags(positions: Iterable[Position], ends: Mapping[int, int]) -> Counter[str]:
    """Sum the lag of each handler over the partitions whose end offset is known."""
    lags = Counter[str]()
    for one in positions:
        lags[one.handler] += max(ends.get(one.partition, 0) - one.next_offset, 0)
    return lags
