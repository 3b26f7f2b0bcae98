"""Frozen values made and changed as one dictionary behave as dataclasses do."""

from dataclasses import FrozenInstanceError, fields
from dataclasses import replace as by_the_book

import pytest

from bus.domain.events import Recorded
from bus.domain.fast_replace import made, replace
from bus.domain.sla_clock import Clock
from bus.domain.ticket import Ticket

CLOCK = Clock(limit_s=60)


def test_fast_replace_a_copy_is_equal_to_one_by_the_book_and_shares_nothing() -> None:
    changed = replace(CLOCK, warned=True)
    assert changed == by_the_book(CLOCK, warned=True)
    assert hash(changed) == hash(by_the_book(CLOCK, warned=True))
    assert not CLOCK.warned
    assert replace(changed, warned=False) == CLOCK
    assert vars(changed) is not vars(CLOCK)


def test_fast_replace_a_field_that_is_none_is_an_error() -> None:
    with pytest.raises(TypeError, match="Clock has no warnd"):
        replace(CLOCK, warnd=True)  # type: ignore[call-arg]  # that is the point


def test_fast_replace_what_is_made_is_frozen() -> None:
    value = made(Clock, dict(vars(CLOCK)))
    assert value == CLOCK
    with pytest.raises(FrozenInstanceError):
        value.warned = True  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("cls", [Clock, Ticket, Recorded])
def test_fast_replace_what_is_made_so_has_no_slots(cls: type) -> None:
    assert not hasattr(cls, "__slots__")
    assert fields(cls)
