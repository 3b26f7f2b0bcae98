"""Both stores decide on a work order by the template in its event, and know who may approve by the directory (R48)."""

from dataclasses import replace
from uuid import uuid4

import pytest

from bus.domain.batch import Accepted, Refused
from bus.domain.decided import Decided
from bus.domain.work_order_commands import ApproveStep, SignStep
from bus.domain.work_template import MeasuredValue
from bus.intake.dispatch import Dispatcher, utc_now
from bus.intake.memory_store import MemoryStore
from bus.intake.store_port import Store
from bus.people.directory import Directory
from bus.postgres.pool import Pool
from bus.postgres.store import PostgresStore
from tests.databases import KEYS
from tests.domain.invariants import folded
from tests.domain.people import RESOLVE, RULES, SAMPLES, SIGNED, START
from tests.people.staff import LI, WANG
from tests.schemas.codecs import CODEC
from tests.store.contract_suite import at_once, fresh, opening

LEAD = replace(LI, person="钱队", role="team_lead", contact="13800000009")
LEFT = replace(LEAD, person="周队")


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "postgres"])
async def test_work_order_is_decided_by_the_template_in_its_event_and_roles_of_the_directory_r48(
    in_memory: bool, pool: Pool, postgres_store: PostgresStore
) -> None:
    store: Store = MemoryStore() if in_memory else postgres_store
    people, decided = (LI, WANG, LEAD, LEFT), Decided(by="张工", at=utc_now())
    if isinstance(store, MemoryStore):
        store.people = {one.person: one for one in (LI, WANG, LEAD)}
    else:
        directory = Directory(pool=pool, keys=KEYS, encode=CODEC.encode_record, rules=RULES)
        await directory.apply(people, decided)
        await directory.leave(LEFT.person, decided)
    dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: START)
    key = uuid4().hex
    [opened] = await at_once(dispatcher, [[fresh(opening(key))]])
    await dispatcher.dispatch([fresh(one, ticket_id=opened.ticket_id) for one in SIGNED[1:]])  # started in this batch
    later = replace(dispatcher, rules=replace(RULES, work_orders={}))  # the file has no template any more
    values = tuple(MeasuredValue(key=name, value=value) for name, value in (("resistance", 5.0), ("leakage", 0.9)))
    approve = ApproveStep(step="insulation", level="team_lead")
    outcomes = await later.dispatch(
        [
            fresh(SAMPLES[ApproveStep], ticket_id=opened.ticket_id),
            fresh(SignStep(step="repair", photos=("photo://4",)), ticket_id=opened.ticket_id),
            fresh(SignStep(step="insulation", values=values, note="潮湿"), ticket_id=opened.ticket_id),
            *(fresh(approve, ticket_id=opened.ticket_id, actor=one) for one in (LEFT.person, "王师傅", LEAD.person)),
            fresh(RESOLVE, ticket_id=opened.ticket_id),
        ]
    )
    assert [one.error.code if isinstance(one, Refused) else "" for one in outcomes] == [
        *["", "", ""],
        *["not_of_role", "not_of_role", ""],
        "step_open",
    ]
    assert isinstance(outcomes[-1], Refused)
    assert outcomes[-1].error.context["step"] == "hand-over"
    assert isinstance(outcomes[0], Accepted)
    assert folded(await store.events(opened.ticket_id)) == await store.ticket(opened.ticket_id)
