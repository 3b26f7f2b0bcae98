"""The worker: the stages, the relay and the SLA timer."""

import asyncio
from collections.abc import Iterable

from prometheus_client import start_http_server

from bus.app import Core, open_core
from bus.dispatch import utc_now
from bus.errors import Refusal
from bus.gateway.intake import take_in
from bus.kafka import kafka_options
from bus.programs.running import FOR_EVER, cancelled_at_stop, run_until_stopped, stop_on_signals
from bus.programs.sources import sources
from bus.records import RequestReceived
from bus.refused import refused_input
from bus.settings import Settings
from bus.stage.handler import Stage
from bus.stage.intake import IntakeHandler
from bus.stage.log_reader import reader_on
from bus.stage.record import Record
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.topics import INTAKE, physical
from projections.registry import stages as projection_stages
from projections.sla_timer import SlaTimer

STAGES = ("projections", "sla", "intake")
CONNECTIONS = 12


async def run_worker(settings: Settings, wanted: Iterable[str] = STAGES) -> None:
    """Run the stages wanted, a relay, and with `sla` its timer, until SIGTERM or Ctrl-C."""
    names, stopping = set(wanted), asyncio.Event()
    stop_on_signals(stopping)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.http_host)
    async with open_core(settings, connections=CONNECTIONS, patience_s=FOR_EVER) as core:
        stages = [stage for stage in _stages(core) if stage.name in names]
        tasks = {stage.name: _stage_worker(core, stage).run(stopping) for stage in stages}
        tasks["relay"] = cancelled_at_stop(core.relay.run(), stopping)
        if "sla" in names:
            timer = SlaTimer(pool=core.pool, dispatch=core.dispatcher.dispatch)
            tasks["sla_timer"] = timer.run(stopping, asyncio.Event(), utc_now)
        await run_until_stopped(tasks, stopping)


def _stages(core: Core) -> tuple[Stage, ...]:
    return (*projection_stages(core.codec.decode, namespace=core.settings.namespace), _intake(core))


def _stage_worker(core: Core, stage: Stage) -> StageWorker:
    reader = reader_on(core.settings)
    runner = Runner(topic=stage.topic, pool=core.pool, reader=reader, now=utc_now)
    return StageWorker(stage, runner=runner, pool=core.pool, reader=reader, kafka=kafka_options(core.settings))


def _intake(core: Core) -> Stage:
    doors = sources(core.settings)

    async def take(received: RequestReceived) -> None:
        await take_in(received, sources=doors, dispatcher=core.dispatcher, refused=core.refused)

    async def keep(record: Record, refusal: Refusal) -> None:
        unreadable = refused_input(
            refusal,
            origin="intake",
            origin_ref=f"{record.topic}/{record.partition}@{record.offset}",
            source=(record.key or b"").decode(errors="replace"),
            body=record.value or b"",
            trace_id="",
        )
        await core.refused.keep([unreadable])

    handler: IntakeHandler[RequestReceived] = IntakeHandler(decode=core.codec.decode_record, run=take, keep=keep)
    namespace = core.settings.namespace
    return Stage(
        name="intake",
        topic=physical(namespace, INTAKE),
        group=physical(namespace, "ticketbus.intake"),
        handlers=(handler,),
    )
