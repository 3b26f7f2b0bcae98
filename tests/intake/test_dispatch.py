"""The dispatcher around the core: a transaction per batch, outcomes in order, the relay woken only with cause."""

from uuid import uuid4

import pytest

from bus.domain.batch import Accepted, Refused
from bus.domain.commands import Command, Note, Request
from bus.domain.errors import IntakeStopped
from bus.domain.text import Text
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from tests.domain.given import request
from tests.domain.people import ASSIGN, CONFIRM, OPEN, RULES, START


class Bell:
    """Counts how often the relay would have been woken."""

    def __init__(self) -> None:
        self.rung = 0

    def __call__(self) -> None:
        """Ring."""
        self.rung += 1


@pytest.fixture
def bell() -> Bell:
    """Give a bell that nobody has rung."""
    return Bell()


@pytest.fixture
def dispatcher(bell: Bell) -> Dispatcher:
    """Give a dispatcher on an empty store."""
    return Dispatcher(store=MemoryStore(), rules=RULES, now=lambda: START, committed=bell)


def wanted(*commands: Command) -> list[Request]:
    """Wrap commands for the ticket that the source calls C-1."""
    return [request(one, uuid4().int, source_no="C-1") for one in commands]


async def test_dispatch_a_batch_sees_its_own_effects_and_answers_in_order(dispatcher: Dispatcher, bell: Bell) -> None:
    outcomes = await dispatcher.dispatch(wanted(OPEN, CONFIRM, ASSIGN, Note(text="门禁密码 1234")))
    assert [type(one) for one in outcomes] == [Accepted, Refused, Accepted, Accepted]
    assert [one.version for one in outcomes if isinstance(one, Accepted)] == [1, 2, 3]
    assert bell.rung == 1


async def test_dispatch_nothing_wanted_is_nothing_done(dispatcher: Dispatcher, bell: Bell) -> None:
    assert await dispatcher.dispatch([]) == []
    assert bell.rung == 0


async def test_dispatch_the_relay_is_not_woken_for_refusals_and_repeats(dispatcher: Dispatcher, bell: Bell) -> None:
    opening = wanted(OPEN)
    await dispatcher.dispatch(opening)
    await dispatcher.dispatch(wanted(CONFIRM))
    (repeat,) = await dispatcher.dispatch(opening)
    assert isinstance(repeat, Accepted)
    assert repeat.repeated
    assert bell.rung == 1


async def test_dispatch_what_is_not_admitted_has_no_effect(bell: Bell) -> None:
    async def admit() -> None:
        raise IntakeStopped(Text("停写", "at its floor"))

    store = MemoryStore()
    with pytest.raises(IntakeStopped):
        await Dispatcher(store=store, rules=RULES, committed=bell, admit=admit).dispatch(wanted(OPEN))
    assert (store.log, bell.rung) == ({}, 0)
