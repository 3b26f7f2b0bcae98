"""Which systems events are delivered to: the outbound adapters by the name that a targets file gives them."""

import asyncio
import functools
import os
from collections.abc import Mapping
from typing import Final, Protocol

from pydantic import BaseModel

from adapters.crm.callback import CrmCallback, CrmCallbackOptions
from adapters.engineer_app.options import UNUSED, EngineerAppOptions
from adapters.erp.kingdee import Kingdee
from adapters.erp.kingdee_options import KingdeeOptions
from bus.app import Core
from bus.delivery.attempt import AttemptRunner
from bus.delivery.dead_letter_port import Park
from bus.delivery.delivery_worker import DeliveryWorker
from bus.delivery.target import Target
from bus.delivery.targets_config import TargetConfig, TargetsConfig, TargetsConfigInvalid, load_plan
from bus.delivery.ticket_snapshots import TicketSnapshots
from bus.intake.dispatch import utc_now
from bus.push.overdue_monitor import OverdueMonitor
from bus.push.sessions import PushSessions
from bus.settings import Settings
from deadletter import store as letters

ADAPTERS: Final[Mapping[str, type[BaseModel]]] = {
    "crm-callback": CrmCallbackOptions,
    "engineer-app": EngineerAppOptions,
    "kingdee": KingdeeOptions,
}


class Runnable(Protocol):
    """What a worker does for a target."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Do it until `stopping` is set."""


class Closeable(Protocol):
    """What holds connections of a target."""

    async def close(self) -> None:
        """Let go of them; idempotent."""


def plan_of(settings: Settings) -> TargetsConfig:
    """Read the targets file; without one there are no targets. Raises TargetsConfigInvalid."""
    if settings.targets_file is None:
        return TargetsConfig(targets={})
    plan = load_plan(settings.targets_file, ADAPTERS)
    apps = [name for name, target in plan.targets.items() if isinstance(target.options, EngineerAppOptions)]
    faults = [
        f"targets.{name}.{field}: the engineer-app has no use for it"
        for name in apps
        for field in sorted(UNUSED & plan.targets[name].model_fields_set)
    ]
    faults += [f"targets.{name}: {apps[0]} is the engineer-app already, and there is one" for name in apps[1:]]
    if faults:
        raise TargetsConfigInvalid(f"{settings.targets_file}: {'; '.join(faults)}")
    return plan


def check_secrets(settings: Settings, plan: TargetsConfig) -> None:
    """See that every secret that a target names is there and can be one. Raises TargetsConfigInvalid, SettingsWrong."""
    for name, target in plan.targets.items():
        match target.options:
            case CrmCallbackOptions() as options:
                options.keys(os.environ, where=_where(settings, name))
            case KingdeeOptions() as options:
                options.settings(os.environ, where=_where(settings, name))
            case _:
                continue


def _where(settings: Settings, name: str) -> str:
    return f"{settings.targets_file}: targets.{name}.options"


def push_desk(core: Core, plan: TargetsConfig) -> PushSessions | None:
    """Make the desk for the target that apps come for by themselves, if there is one."""
    for name, target in plan.targets.items():
        if isinstance(target.options, EngineerAppOptions):
            return PushSessions(
                name=name,
                plan=target,
                pool=core.pool,
                decode=core.codec.decode,
                know=core.schemas.know,
                park=_park(core),
                now=utc_now,
            )
    return None


def couriers(core: Core, plan: TargetsConfig) -> Mapping[str, tuple[Runnable, Closeable]]:
    """Make a courier for every target that is called; what is fetched is looked after.

    Raises TargetsConfigInvalid where a secret is not set.
    """
    called = {name: one for name, one in plan.targets.items() if not isinstance(one.options, EngineerAppOptions)}
    made = {name: _adapter(core, name, target) for name, target in called.items()}
    serving: dict[str, tuple[Runnable, Closeable]] = {
        name: (_courier(core, name, called[name], target), target) for name, target in made.items()
    }
    for name in plan.targets.keys() - called.keys():
        rounds = OverdueMonitor(name=name, deadline=plan.targets[name].deadline, pool=core.pool, now=utc_now)
        serving[name] = (rounds, rounds)
    return serving


def _park(core: Core) -> Park:
    return functools.partial(letters.post_deliveries, encode=core.codec.encode_record)


def _adapter(core: Core, name: str, target: TargetConfig) -> Target:
    where = _where(core.settings, name)
    match target.options:
        case CrmCallbackOptions() as options:
            return CrmCallback(
                options.url, options.keys(os.environ, where=where), TicketSnapshots(core.store).ticket_at
            )
        case KingdeeOptions() as options:
            return Kingdee(options.settings(os.environ, where=where))
        case other:
            raise AssertionError(f"no adapter takes {type(other).__name__}")


def _courier(core: Core, name: str, plan: TargetConfig, target: Target) -> DeliveryWorker:
    caller = AttemptRunner(
        name=name,
        target=target,
        within_s=plan.attempt_timeout.total_seconds(),
        know=core.schemas.know,
        decode=core.codec.decode,
        encode=core.codec.encode_record,
        dispatch=core.dispatcher.dispatch,
        refused=core.refused,
        now=utc_now,
    )
    return DeliveryWorker(name=name, plan=plan, caller=caller, pool=core.pool, park=_park(core), now=utc_now)
