"""The worker: stages, relay, SLA timer, delivery workers, redrives and retention."""

import asyncio
import functools
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from socket import gethostname
from typing import Any

from bus.aio import unless
from bus.app import Core
from bus.backup.verified import DECLARE_EVERY_S, declare_age_max
from bus.consistency.topic_mismatch import allowed_topics
from bus.delivery.declarations import DeclaredTarget, keep_declared
from bus.delivery.delivery_worker import DeliveryWorker
from bus.delivery.document_list import ListingTarget
from bus.delivery.enqueue_handler import EnqueueHandler
from bus.delivery.status import report_target_status
from bus.delivery.target import ProbedTarget
from bus.delivery.targets_config import TargetsConfig
from bus.intake.commands_topic import COMMANDS_HANDLER, CommandsTranslator
from bus.intake.disk_floor import DiskFloor
from bus.intake.dispatch import utc_now
from bus.intake.dispatch_handler import DispatchHandler, RecordTranslator
from bus.intake.intake_topic import INTAKE_HANDLER, IntakeTranslator
from bus.intake.source_adapter import Source
from bus.journey.expectation_timer import ExpectationTimer
from bus.journey.expectations import ExpectationOpener
from bus.journey.expectations_config import Expectations
from bus.journey.learned_limits import CurrentLimits
from bus.kafka.clients import kafka_options
from bus.kafka.range_reader import open_reader
from bus.knowledge.drafting import DraftHandler
from bus.postgres.heartbeats import KAFKA_PART, RELAY_PART, STARTING
from bus.postgres.retention import days_kept, delete_old_rows
from bus.programs.alerting import AlertChannels, alerting_of, alerting_tasks, open_channels
from bus.programs.audit_sealing import audit_key, keep_sealed
from bus.programs.certificate_watch import watch_certificates
from bus.programs.deadlines import deadline_tasks
from bus.programs.disk_watch import watch_disks
from bus.programs.expectations import expectations_of
from bus.programs.health_server import ProgramHealth, serve_health
from bus.programs.kept_up import KeptUp
from bus.programs.knowledge import knowledge_of
from bus.programs.lifecycle import end_with_leftovers, run_until_stopped, serve_until_stopped
from bus.programs.live_sources import MAPS_PART, live_sources
from bus.programs.probes import Probes
from bus.programs.pulled_sources import PulledSources
from bus.programs.reconcile_watch import ReconcileWatch
from bus.programs.registry_watch import watch_registry
from bus.programs.rollout_watch import watch_rollouts
from bus.programs.rounds import in_rounds
from bus.programs.serving import Serving, serving_of
from bus.programs.sources import sources
from bus.programs.target_reconcile_watch import TargetReconcileWatch, target_reconciler_of
from bus.programs.targets import (
    Closeable,
    Runnable,
    certificate_files,
    check_targets,
    delivery_workers,
    targets_config_of,
)
from bus.programs.topic_watch import TopicWatch
from bus.reconcile.reconciler import Reconciler
from bus.schema_registry import registry_of
from bus.settings import Settings, secret_bytes
from bus.stage.handler import Stage, stage_of
from bus.stage.offsets import DELIVERIES_HANDLER
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.stage_names import DELIVERY, HOSTS, SLA, STAGES
from bus.wire.event_reader import EventReader
from deadletter.redrive_worker import carry_out_running
from projections import read_models
from projections.read_models import decoding_once
from schemas.topics import COMMANDS, INTAKE, LOG, physical

CONNECTIONS = 18  # more than there are handlers: each holds one and may take a second, so one more is always free


async def run_worker(settings: Settings, wanted: Iterable[str] = STAGES) -> None:
    """Run the stages wanted, a relay and redrives until SIGTERM or Ctrl-C.

    `sla` is the timer of SLA targets alone; with `delivery` the delivery workers run too.

    Raises ConfigFileInvalid, CertificateUnusable before anything runs.
    """
    names = frozenset(wanted)
    targets, serving = await checked_targets(settings, names), serving_of(settings)
    async with open_channels(settings) as channels:
        health = ProgramHealth()
        health.watch("postgres", lambda: "not reached yet")
        if settings.metrics_port:
            serve_health(health, settings.http_host, settings.metrics_port, serving.certificate)
        started = _Wanted(names=names, targets=targets, channels=channels, health=health, serving=serving)
        await serve_until_stopped(settings, CONNECTIONS, functools.partial(_serve, started))
    await end_with_leftovers()


async def checked_targets(settings: Settings, names: Collection[str] = STAGES) -> TargetsConfig:
    """Read what a worker of these stages is configured by, before anything runs; gives the targets.

    Raises ConfigFileInvalid, NoteInvalid, SettingsInvalid.
    """
    targets = targets_config_of(settings)
    sources(settings)
    allowed_topics(settings.topics_allowed_file)
    days_kept(settings.keep_days)
    audit_key(settings)
    expectations_of(settings, targets)
    if DELIVERY in names:
        await check_targets(settings, targets)
    return targets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a worker is to run, as its command line and files say."""

    names: frozenset[str]
    targets: TargetsConfig
    channels: AlertChannels
    health: ProgramHealth
    serving: Serving


async def _serve(wanted: _Wanted, core: Core, stopping: asyncio.Event) -> None:
    alerting = alerting_of(core, wanted.channels)
    names, targets, health = wanted.names, wanted.targets, wanted.health
    expectations = expectations_of(core.settings, targets)
    known = await live_sources(core)
    every_stage = stages_of(core, targets, expectations, known)
    stages = [stage for stage in every_stage if stage.name in names]
    for stage in stages:
        health.watch(stage.name, lambda: STARTING)
    watched = {RELAY_PART: core.relay.trouble, KAFKA_PART: core.relay.kafka_away, "postgres": lambda: None}
    for part, trouble in watched.items():
        health.watch(part, trouble)
    made = delivery_workers(core, targets) if DELIVERY in names else {}
    awaiting = [worker for worker, _ in made.values() if isinstance(worker, DeliveryWorker)]

    def applied(handler: str) -> None:
        for worker in awaiting if handler == DELIVERIES_HANDLER else ():
            worker.wake()

    topics = TopicWatch(settings=core.settings, contract=core.contract, pool=core.pool, stages=every_stage)
    reconciling, pulled = _reconciling(core, known), PulledSources(core=core, known=known)
    tasks: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "relay": lambda: unless(stopping, core.relay.run()),
        "redrives": lambda: unless(
            stopping, carry_out_running(core.pool, utc_now, core.codec.encode_record, core.alerts)
        ),
        "retention": lambda: unless(stopping, delete_old_rows(core.pool, days_kept(core.settings.keep_days))),
        "topics": lambda: unless(stopping, topics.run()),
        "reconciliations": lambda: unless(stopping, reconciling.run()),
        "target reconciliations": lambda: unless(stopping, _reconciling_targets(core, made).run()),
        "backups": lambda: unless(stopping, _backups(core)),
        MAPS_PART: lambda: unless(stopping, known.run()),
        "pulled sources": lambda: unless(stopping, pulled.run()),
    }
    if registry := registry_of(core.settings):
        tasks["registry"] = lambda: unless(stopping, watch_registry(registry, core.pool))
    if key := audit_key(core.settings):
        tasks["audit"] = lambda: unless(stopping, keep_sealed(core, key, utc_now))
    loops = {**alerting_tasks(core, alerting, "worker", health.troubles), **wanted.serving.tasks()}
    tasks |= {name: functools.partial(_until, stopping, loop) for name, loop in loops.items()}
    if HOSTS in names:
        tasks["disks"] = lambda: unless(stopping, watch_disks(core.settings, core.pool))
    if SLA in names:
        tasks |= deadline_tasks(core, health, stopping)
    tasks |= {f"delivery {name}": functools.partial(worker.run, stopping) for name, (worker, _) in made.items()}
    if DELIVERY in names:
        expecting = ExpectationTimer(pool=core.pool, records=physical(core.settings.namespace, LOG), known=expectations)
        tasks["expectations"] = lambda: expecting.run(stopping)
        fetched = {name for name, (worker, _) in made.items() if not isinstance(worker, DeliveryWorker)}
        declared = _declared(targets, fetched)
        tasks["declarations"] = lambda: unless(stopping, keep_declared(core.pool, declared))
        tasks["rollouts"] = lambda: unless(stopping, watch_rollouts(core.pool, core.codec.encode_record, utc_now))
        tasks["targets"] = lambda: unless(stopping, report_target_status(core.pool, utc_now))
        certificates = certificate_files(core.settings, targets)
        tasks["certificates"] = lambda: unless(stopping, watch_certificates(core.pool, gethostname(), certificates))
    tasks["probes"] = lambda: unless(stopping, _probes(core, made).run())
    kept = {name: KeptUp(name=name, run=run, report=core.alerts) for name, run in tasks.items()}
    for name, one in kept.items():
        health.watch(name, one.trouble)
    health.watch(MAPS_PART, lambda: kept[MAPS_PART].trouble() or known.refused() or pulled.trouble())
    running = {name: one.until(stopping) for name, one in kept.items()}
    running |= {stage.name: _run_stage(core, stage, health, stopping, applied) for stage in stages}
    try:
        await run_until_stopped(running, stopping)
    finally:
        for _, target in made.values():
            await target.close()


def _backups(core: Core) -> Coroutine[Any, Any, None]:
    declare = functools.partial(declare_age_max, core.pool, core.settings.backup_age_max)
    return in_rounds(declare, DECLARE_EVERY_S, "backup_age_not_declared")


def _reconciling(core: Core, known: Mapping[str, Source]) -> ReconcileWatch:
    return ReconcileWatch(
        reconciler=Reconciler(pool=core.pool, store=core.store),
        sources=known,
        every=timedelta(minutes=core.settings.reconcile_minutes),
    )


def _reconciling_targets(core: Core, made: Mapping[str, tuple[Runnable, Closeable]]) -> TargetReconcileWatch:
    return TargetReconcileWatch(
        reconciler=target_reconciler_of(core),
        targets={name: target for name, (_, target) in made.items() if isinstance(target, ListingTarget)},
        every=timedelta(hours=core.settings.reconcile_targets_hours),
    )


def _probes(core: Core, made: Mapping[str, tuple[Runnable, Closeable]]) -> Probes:
    targets = {name: target for name, (_, target) in made.items() if isinstance(target, ProbedTarget)}
    return Probes(
        pool=core.pool,
        dispatch=core.dispatcher.dispatch,
        rules=core.dispatcher.rules,
        records=physical(core.settings.namespace, LOG),
        every=core.settings.probe_every,
        within=core.settings.probe_within,
        targets=targets,
        unprobed=[name for name in made if name not in targets],
    )


def _declared(targets: TargetsConfig, fetched: Collection[str]) -> dict[str, DeclaredTarget]:
    return {
        name: DeclaredTarget(
            host=one.host,
            events=one.events,
            fetched=name in fetched,
            canary_of=one.canary_of,
            rate_per_s=one.rate_per_s,
            attempts_max=one.retry.attempts,
        )
        for name, one in targets.targets.items()
    }


async def _until(stopping: asyncio.Event, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await unless(stopping, loop())


def stages_of(
    core: Core, targets: TargetsConfig, expectations: Expectations, known: Mapping[str, Source]
) -> tuple[Stage, ...]:
    """Make every stage that reads Kafka; `known`: the sources whose deliveries may wait there."""
    namespace = core.settings.namespace
    events = decoding_once(EventReader(decode=core.codec.decode, know=core.schemas.know, keep=core.refused.keep))
    secrets = secret_bytes(core.settings.intake_secrets)
    translators: dict[str, tuple[str, RecordTranslator]] = {
        INTAKE_HANDLER: (INTAKE, IntakeTranslator(codec=core.codec, sources=known, secrets=secrets)),
        COMMANDS_HANDLER: (COMMANDS, CommandsTranslator(codec=core.codec, bytes_max=core.settings.body_bytes_max)),
    }
    floor = DiskFloor(pool=core.pool)
    opener = ExpectationOpener(limits=CurrentLimits(expectations=expectations))
    deliveries = EnqueueHandler(events=events, config=targets, now=utc_now, expect=opener.open)
    drafts = DraftHandler(events=events, knowledge=knowledge_of(core), now=utc_now)
    return (
        *read_models.stages(events, core.codec, core.schemas.know, core.refused.keep, drafts, namespace=namespace),
        stage_of(DELIVERY, LOG, deliveries, namespace=namespace),
        *(_dispatching(core, floor, name, topic, translator) for name, (topic, translator) in translators.items()),
    )


def _dispatching(core: Core, floor: DiskFloor, name: str, topic: str, translator: RecordTranslator) -> Stage:
    dispatcher = replace(core.dispatcher, admit=floor.admit)
    handler = DispatchHandler(
        name=name, translator=translator, dispatcher=dispatcher, refused=core.refused, know=core.schemas.know
    )
    return stage_of(name, topic, handler, namespace=core.settings.namespace)


async def _run_stage(
    core: Core, stage: Stage, health: ProgramHealth, stopping: asyncio.Event, applied: Callable[[str], None]
) -> None:
    async with open_reader(core.settings) as reader:
        runner = Runner(
            topic=stage.topic, pool=core.pool, reader=reader, now=utc_now, applied=applied, report=core.alerts
        )
        kafka = kafka_options(core.settings)
        worker = StageWorker(stage, runner=runner, pool=core.pool, reader=reader, kafka=kafka, report=core.alerts)
        health.watch(stage.name, worker.trouble)
        await worker.run(stopping)
