"""Which systems events are delivered to: the outbound adapters by the name that a targets file gives them."""

import os
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from adapters.crm.callback import CrmCallback, CrmCallbackOptions
from adapters.erp.kingdee import Kingdee
from adapters.erp.kingdee_options import KingdeeOptions
from bus.app import Core
from bus.delivery.calling import Caller
from bus.delivery.courier import Courier
from bus.delivery.plan import Plan, TargetPlan, load_plan
from bus.delivery.target import Target
from bus.dispatch import utc_now
from bus.events import Recorded
from bus.settings import Settings
from bus.ticket import Ticket, evolve
from deadletter import letters

ADAPTERS: Final[Mapping[str, type[BaseModel]]] = {"crm-callback": CrmCallbackOptions, "kingdee": KingdeeOptions}


def plan_of(settings: Settings) -> Plan:
    """Read the targets file; without one there are no targets. Raises PlanWrong."""
    return load_plan(settings.targets_file, ADAPTERS) if settings.targets_file else Plan(targets={})


def couriers(core: Core, plan: Plan) -> Mapping[str, tuple[Courier, Target]]:
    """Make a courier for every target. Raises PlanWrong where a secret is not set."""
    made = {name: _adapter(core, name, target) for name, target in plan.targets.items()}
    return {name: (_courier(core, name, plan.targets[name], target), target) for name, target in made.items()}


def _adapter(core: Core, name: str, target: TargetPlan) -> Target:
    where = f"targets.{name}.options"
    match target.options:
        case CrmCallbackOptions() as options:

            async def ticket_at(recorded: Recorded) -> Ticket:
                return await _ticket_at(core, recorded)

            return CrmCallback(options.url, options.keys(os.environ, where=where), ticket_at)
        case KingdeeOptions() as options:
            return Kingdee(options.settings(os.environ, where=where))
        case other:
            raise AssertionError(f"no adapter takes {type(other).__name__}")


async def _ticket_at(core: Core, recorded: Recorded) -> Ticket:
    """Fold a ticket up to an event: what is told of it is the same at every attempt. Raises StoreUnavailable."""
    ticket: Ticket | None = None
    for one in await core.store.events(recorded.ticket_id):
        if one.version <= recorded.version:
            ticket = evolve(ticket, one)
    assert ticket is not None, "a delivery refers to an event"
    return ticket


def _courier(core: Core, name: str, plan: TargetPlan, target: Target) -> Courier:
    caller = Caller(
        name=name,
        target=target,
        within_s=plan.attempt_timeout.total_seconds(),
        decode=core.codec.decode,
        encode=core.codec.encode_record,
        dispatch=core.dispatcher.dispatch,
        refused=core.refused,
        now=utc_now,
    )
    return Courier(name=name, plan=plan, caller=caller, pool=core.pool, park=letters.post_deliveries, now=utc_now)
