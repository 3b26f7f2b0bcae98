"""Both stores choose the ticket that a report joins by one rule, which is written out here once more."""

from collections import Counter
from datetime import datetime
from random import Random
from uuid import uuid4

import pytest

from bus.domain.batch import CommandResult
from bus.domain.terms import TicketId
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.intake.store_port import Store
from bus.postgres.store import PostgresStore
from tests.domain.people import CLOSED, MINUTE, RULES, START
from tests.store.contract_suite import at_once, fresh, opening


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "postgres"])
async def test_nearest_ticket_a_report_joins_the_open_ticket_of_its_key_opened_nearest(
    in_memory: bool, postgres_store: PostgresStore
) -> None:
    store: Store = MemoryStore() if in_memory else postgres_store
    dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: START)
    random, answers = Random(13), Counter[CommandResult]()  # noqa: S311 - no secret
    opened, closed = list[tuple[str, datetime, TicketId]](), set[TicketId]()
    keys = [uuid4().hex for _ in range(6)]
    for _ in range(60):
        batch = [(random.choice(keys), START - random.randrange(90) * MINUTE) for _ in range(3)]
        outcomes = await at_once(dispatcher, [[fresh(opening(key, opened_at=at)) for key, at in batch]])
        for (key, at), outcome in zip(batch, outcomes, strict=True):
            near = [
                (abs(at - began), START - began, ticket_id)
                for known, began, ticket_id in opened
                if known == key and abs(at - began) <= RULES.dedupe_window and ticket_id not in closed
            ]
            answers[outcome.answer] += 1
            expected = (CommandResult.JOINED, min(near)[-1]) if near else (CommandResult.OPENED, outcome.ticket_id)
            assert (outcome.answer, outcome.ticket_id) == expected
            if not near:
                opened.append((key, at, outcome.ticket_id))
        over = random.choice(opened)[-1]
        if over not in closed:
            await at_once(dispatcher, [[fresh(one, ticket_id=over) for one in CLOSED[1:]]])
            closed.add(over)
    assert min(answers[CommandResult.OPENED], answers[CommandResult.JOINED]) > 40
    assert len(closed) > 20
