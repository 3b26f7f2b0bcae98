"""Which systems events are delivered to: the targets file, and what serves each of its targets."""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from adapters.adapter import PushAdapter, TargetAdapter, TargetServices, building
from adapters.notices.served import refuse_unserved
from adapters.registry import TARGETS
from bus.app import Core
from bus.config_file import ConfigFileInvalid
from bus.delivery.attempt import AttemptRunner
from bus.delivery.dead_letter_port import Park
from bus.delivery.delivery_worker import DeliveryWorker
from bus.delivery.recipients import StoredRecipients
from bus.delivery.target import Call, Target
from bus.delivery.targets_config import TargetConfig, TargetsConfig, load_targets_config
from bus.delivery.ticket_snapshots import TicketSnapshots
from bus.delivery.ticket_texts import ticket_events
from bus.domain.errors import StoreUnavailable
from bus.domain.ticket import Ticket
from bus.intake.dispatch import utc_now
from bus.programs.certificate_watch import CertificateFile
from bus.programs.serving import own_certificates
from bus.push.overdue_monitor import OverdueMonitor
from bus.push.sessions import PushSessions
from bus.rules_config import closure_proofs, customer_links, engineer_links
from bus.settings import Settings
from deadletter import store as letters


class Runnable(Protocol):
    """What a worker does for a target."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Do it until `stopping` is set."""


class Closeable(Protocol):
    """What holds connections of a target."""

    async def close(self) -> None:
        """Close; idempotent."""


def targets_config_of(settings: Settings) -> TargetsConfig:
    """Read the targets file; without one there are no targets. Raises ConfigFileInvalid."""
    if settings.targets_file is None:
        return TargetsConfig(targets={})
    config = load_targets_config(settings.targets_file, TARGETS)
    pushed, faults = "", list[str]()
    for name, target in config.targets.items():
        adapter = TARGETS[target.adapter]
        if not isinstance(adapter, PushAdapter):
            continue
        if pushed:
            faults.append(f"targets.{name}: {pushed} is the {adapter.name} already, and there is one")
        unused = sorted(adapter.unused & target.model_fields_set)
        faults += [f"targets.{name}.{field}: the {adapter.name} has no use for it" for field in unused]
        pushed = pushed or name
    faults += [
        f"targets.{canary}.canary_of: apps come for their pushes themselves, in one version"
        for canary, old in config.canaries.items()
        if pushed in (canary, old)
    ]
    if faults:
        raise ConfigFileInvalid(f"{settings.targets_file}: {'; '.join(faults)}")
    return config


async def check_targets(settings: Settings, config: TargetsConfig) -> None:
    """Check that every target can be built, its secrets are there, and that every notice has a target.

    Raises ConfigFileInvalid, SettingsInvalid.
    """
    for name, target in config.targets.items():
        if built := unserved_target(settings, name, target):
            await built.close()
    refuse_unserved({name: (target.options, target.events) for name, target in config.targets.items()})


def unserved_target(settings: Settings, name: str, config: TargetConfig) -> Target | None:
    """Build a target that is not to be called; None for one that nobody calls.

    Raises ConfigFileInvalid, SettingsInvalid.
    """
    match TARGETS[config.adapter]:
        case TargetAdapter() as adapter:
            services = TargetServices(name=name, ticket_at=_no_ticket_yet, now=utc_now)
            return _built(settings, adapter, config, services)
        case PushAdapter():
            return None


def certificate_files(settings: Settings, config: TargetsConfig) -> Sequence[CertificateFile]:
    """Name the files that may hold certificates, of targets and of our own connections.

    Those that hold none are left out as they are read.
    """
    return [
        *own_certificates(settings),
        *(
            CertificateFile(used_by=f"targets.{name}.{option}", path=path)
            for name, target in config.targets.items()
            for option, path in target.options
            if isinstance(path, Path)
        ),
    ]


def push_sessions_of(core: Core, config: TargetsConfig) -> PushSessions | None:
    """Make the push sessions of the target that apps fetch from, if there is one."""
    for name, target in config.targets.items():
        if isinstance(TARGETS[target.adapter], PushAdapter):
            return PushSessions(
                name=name,
                config=target,
                pool=core.pool,
                decode=core.clear.decode,
                report=core.alerts,
                know=core.clear.know,
                park=_park(core),
                now=utc_now,
            )
    return None


def delivery_workers(core: Core, config: TargetsConfig) -> Mapping[str, tuple[Runnable, Closeable]]:
    """Make a delivery worker for every target that is called, an overdue monitor for what apps fetch.

    Raises ConfigFileInvalid where a secret is not set.
    """
    serving = dict[str, tuple[Runnable, Closeable]]()
    for name, target in config.targets.items():
        match TARGETS[target.adapter]:
            case TargetAdapter() as adapter:
                services = TargetServices(
                    name=name,
                    ticket_at=TicketSnapshots(core.store, core.clear.of_ticket).ticket_at,
                    now=utc_now,
                    recipients=StoredRecipients(target=name, pool=core.pool, digest=core.keys.lookup),
                    proofs=closure_proofs(core.settings, core.dispatcher.rules),
                    links=customer_links(core.settings, core.dispatcher.rules),
                    engineer_links=engineer_links(core.settings),
                )
                built = _built(core.settings, adapter, target, services)
                serving[name] = (_delivery_worker(core, name, target, built), built)
            case PushAdapter():
                rounds = OverdueMonitor(
                    name=name, deadline=target.deadline, pool=core.pool, now=utc_now, report=core.alerts
                )
                serving[name] = (rounds, rounds)
    return serving


def _park(core: Core) -> Park:
    return functools.partial(letters.post_deliveries, encode=core.codec.encode_record)


def _built(settings: Settings, adapter: TargetAdapter[Any], config: TargetConfig, services: TargetServices) -> Target:
    with building(adapter.name, where=f"{settings.targets_file}: targets.{services.name}.options") as secrets:
        return adapter.build(config.options, secrets, services)


async def _no_ticket_yet(_: Call) -> Ticket:
    raise StoreUnavailable("a target that is only checked is not called")


def _delivery_worker(core: Core, name: str, config: TargetConfig, target: Target) -> DeliveryWorker:
    caller = AttemptRunner(
        name=name,
        target=target,
        within_s=config.attempt_timeout.total_seconds(),
        know=core.clear.know,
        decode=core.clear.decode,
        events_of=functools.partial(ticket_events, core.pool, core.clear),
        encode=core.codec.encode_record,
        dispatch=core.dispatcher.dispatch,
        refused=core.refused,
        now=utc_now,
    )
    return DeliveryWorker(
        name=name, config=config, caller=caller, pool=core.pool, park=_park(core), now=utc_now, report=core.alerts
    )
