"""The dispatcher around the core: a transaction per batch, outcomes in order, the relay woken only with cause."""

from uuid import uuid4

import pytest

from bus.domain.batch import Accepted, Refused
from bus.domain.commands import Command, Note, Request
from bus.domain.errors import IntakeStopped
from bus.domain.terms import State
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.intake.dispatch import NOT_ALLOWED, Dispatcher
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


async def test_dispatch_together_is_all_or_nothing_and_a_repeat_is_not_asked_again(bell: Bell) -> None:
    store = MemoryStore()
    dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: START, committed=bell)
    await dispatcher.dispatch(wanted(OPEN))

    def pending(ticket: Ticket) -> bool:
        return ticket.state is State.PENDING

    _, refusal = await dispatcher.dispatch_together(wanted(ASSIGN, CONFIRM), pending)
    (ticket,) = store.log
    assert (refusal, len(store.log[ticket]), bell.rung) == ("not_now", 1, 1)
    both = wanted(ASSIGN, Note(text="值班"))
    outcomes, refusal = await dispatcher.dispatch_together(both, pending)
    assert ([type(one) for one in outcomes], refusal, bell.rung) == ([Accepted, Accepted], "", 2)
    repeats, refusal = await dispatcher.dispatch_together(both, pending)
    assert ([one.repeated for one in repeats if isinstance(one, Accepted)], refusal) == ([True, True], "")
    assert await dispatcher.dispatch_together(wanted(Note(text="晚了")), pending) == ([], NOT_ALLOWED)
    assert len(store.log[ticket]) == 3
