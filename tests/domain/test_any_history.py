"""Any sequence of commands keeps the invariants: what Hypothesis finds to want, in any order, with repeats."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from bus.domain.batch import Accepted, CommandResult, Outcome
from bus.domain.commands import Request
from bus.domain.events import Recorded, TicketEscalated, TicketOpened
from bus.domain.promise_events import SlaBreached, SlaWarned
from bus.domain.rules import Rules
from bus.intake.memory_store import MemoryStore
from tests.domain.any_history import ANY_ORDER_S, WAITS_S, Wish, wishes
from tests.domain.given import request
from tests.domain.invariants import everything_holds, numbering_dispatcher, promises_are_kept_or_told, whole_log
from tests.domain.people import OFFICE_RULES, RULES, START

EXAMPLES = settings(max_examples=60)


def asked(wanted: list[Wish], *, historic: bool = False, waives: tuple[str, ...] = ()) -> list[list[Request]]:
    """Turn wishes into batches of requests."""
    now = START
    made: list[Request] = []
    batches: list[list[Request]] = [[]]
    for number, wish in enumerate(wanted, start=1):
        now += timedelta(seconds=wish.wait_s)
        one = request(wish.command, number, at=now, source_no=wish.source_no, historic=historic, waives=waives)
        if wish.again and made:
            earlier = made[wish.earlier % len(made)]
            one = earlier if wish.again == "whole" else replace(one, command_id=earlier.command_id)
        made.append(one)
        batches[-1].append(one)
        if wish.ends_batch:
            batches.append([])
    return batches


def happened(
    batches: list[list[Request]], store: MemoryStore | None = None, rules: Rules = RULES
) -> tuple[MemoryStore, list[Recorded], list[Outcome]]:
    """Dispatch the batches; give the store, the log in the order of its making, and every outcome."""
    store = store or MemoryStore()
    dispatcher = numbering_dispatcher(store, rules)

    async def dispatch() -> list[Outcome]:
        return [outcome for batch in batches for outcome in await dispatcher.dispatch(batch)]

    outcomes = asyncio.run(dispatch())
    return store, whole_log(store), outcomes


@given(wishes(WAITS_S))
@EXAMPLES
def test_any_commands_in_the_order_of_their_times_keep_the_invariants_and_the_promises(wanted: list[Wish]) -> None:
    # A whole repeat of what was refused brings an older time: that is the next test's.
    store, _, outcomes = happened(asked([replace(w, again="") if w.again == "whole" else w for w in wanted]))
    everything_holds(store, outcomes)
    for events in store.log.values():
        promises_are_kept_or_told(events)


@given(wishes(WAITS_S))
@EXAMPLES
def test_any_commands_keep_the_promises_of_working_hours_too_r7(wanted: list[Wish]) -> None:
    store, _, outcomes = happened(asked([replace(w, again="") for w in wanted]), rules=OFFICE_RULES)
    everything_holds(store, outcomes)
    for events in store.log.values():
        assert isinstance(events[0].event, TicketOpened)
        assert events[0].event.calendar
        promises_are_kept_or_told(events)


@given(wishes(ANY_ORDER_S))
@EXAMPLES
def test_any_commands_in_any_order_keep_the_invariants(wanted: list[Wish]) -> None:
    store, _, outcomes = happened(asked(wanted))
    everything_holds(store, outcomes)


@given(wishes(ANY_ORDER_S), st.sampled_from([(), ("photos", "root_cause", "summary"), ("ticks", "confirmed_by")]))
@EXAMPLES
def test_any_imported_past_keeps_them_too_and_alarms_nobody(wanted: list[Wish], waives: tuple[str, ...]) -> None:
    store, log, outcomes = happened(asked(wanted, historic=True, waives=waives))
    everything_holds(store, outcomes)
    assert not [r for r in log if isinstance(r.event, SlaWarned | SlaBreached)]
    assert {r.historic for r in log} <= {True}
    assert not [r for r in log if isinstance(r.event, TicketEscalated) and r.event.reason.endswith("breached")]


@given(wishes(ANY_ORDER_S))
@EXAMPLES
def test_any_history_everything_that_had_an_effect_has_none_when_it_comes_again(wanted: list[Wish]) -> None:
    requests = asked(wanted)
    store, log, outcomes = happened(requests)
    effective = [
        (one, outcome)
        for one, outcome in zip(chain.from_iterable(requests), outcomes, strict=True)
        if isinstance(outcome, Accepted) and outcome.answer is not CommandResult.UNCHANGED
    ]
    _, log_after, repeated = happened([[one for one, _ in effective]], store)
    assert log_after == log
    assert repeated == [replace(outcome, repeated=True) for _, outcome in effective]
