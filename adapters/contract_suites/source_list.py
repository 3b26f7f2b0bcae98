"""The duties of a source's list as tests: subclass `SourceListContract` as `Test…`, say what system it is read from.

The tests need pytest alone: each runs its own event loop.
"""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from bus.domain.terms import State
from bus.reconcile.source_list import COMPARED, ListedTicket, ListingSource, ListUnavailable

SINCE = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=2)
TICKETS = 25
NUMBERS = {f"N-{number}" for number in range(TICKETS)}


class ListedSystem(Protocol):
    """The system that has the list, as its tests drive it."""

    @property
    def source(self) -> ListingSource:
        """The source under test, bound to this system; its pauses between attempts made short."""
        ...

    def create(self, number: str, at: datetime) -> None:
        """Create a ticket there, opened at that time."""
        ...

    def fail(self, times: int | None) -> None:
        """Fail the next so many requests, or all."""
        ...


class SourceListContract(ABC):
    """What `ListingSource.listed` promises. The system gives several pages for TICKETS tickets."""

    @abstractmethod
    def system(self) -> AbstractAsyncContextManager[ListedSystem]:
        """Start the system, without tickets."""

    def test_every_ticket_of_the_time_comes_and_no_other_number(self) -> None:
        listed = asyncio.run(self._list())
        assert {one.number for one in listed if SINCE <= one.at < UNTIL} == NUMBERS

    def test_times_are_aware_and_what_is_compared_is_in_the_words_of_the_bus(self) -> None:
        listed = asyncio.run(self._list())
        assert all(one.at.utcoffset() == timedelta(0) for one in listed)
        assert {name for one in listed for name in one.fields} <= {*COMPARED}
        assert {one.fields["state"] for one in listed if "state" in one.fields} <= {*State}
        assert all(one.opening is None or one.opening.source_no == one.number for one in listed)

    def test_a_request_that_fails_once_is_made_again(self) -> None:
        assert {one.number for one in asyncio.run(self._list(fails=1))} >= NUMBERS

    def test_a_list_that_does_not_come_to_its_end_is_none(self) -> None:
        async def broken_off() -> None:
            async with self.system() as system:
                _fill(system)
                pages = system.source.listed(SINCE, UNTIL)
                assert await anext(pages)
                system.fail(None)
                with pytest.raises(ListUnavailable):
                    _ = [page async for page in pages]

        asyncio.run(broken_off())

    async def _list(self, fails: int = 0) -> list[ListedTicket]:
        async with self.system() as system:
            _fill(system)
            if fails:
                system.fail(fails)
            return [one async for page in system.source.listed(SINCE, UNTIL) for one in page]


def _fill(system: ListedSystem) -> None:
    for number in range(TICKETS):
        system.create(f"N-{number}", SINCE + timedelta(minutes=number))
    system.create("N-before", SINCE - timedelta(seconds=1))
    system.create("N-behind", UNTIL)
