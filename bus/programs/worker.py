"""The worker: the stages, the relay and the SLA timer."""

import asyncio
import functools
from collections.abc import Collection, Coroutine, Iterable
from typing import Any

from prometheus_client import start_http_server

from bus.app import Core
from bus.dispatch import utc_now
from bus.kafka import kafka_options
from bus.log.event_reader import EventReader
from bus.log.reader import open_reader
from bus.programs.pushes import forget_pushes
from bus.programs.running import end_with_leftovers, run_until_stopped, serve_until_stopped
from bus.programs.sources import sources
from bus.settings import Settings
from bus.stage.commands import COMMANDS_HANDLER, CommandsDoor
from bus.stage.dispatching import DispatchingHandler, Door
from bus.stage.handler import Stage
from bus.stage.intake import INTAKE_HANDLER, IntakeDoor
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.topics import COMMANDS, INTAKE, physical
from bus.waiting import unless
from projections.registry import stages as projection_stages
from projections.sla_timer import SlaTimer

STAGES = ("projections", "sla", "intake", "commands")
CONNECTIONS = 14


async def run_worker(settings: Settings, wanted: Iterable[str] = STAGES) -> None:
    """Run the stages wanted, a relay, and with `sla` its timer, until SIGTERM or Ctrl-C."""
    names = frozenset(wanted)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.http_host)
    await serve_until_stopped(settings, CONNECTIONS, functools.partial(_serve, names))
    await end_with_leftovers()


async def _serve(names: Collection[str], core: Core, stopping: asyncio.Event) -> None:
    tasks: dict[str, Coroutine[Any, Any, None]] = {
        stage.name: _run_stage(core, stage, stopping) for stage in _stages(core) if stage.name in names
    }
    tasks["relay"] = unless(stopping, core.relay.run())
    tasks["forget_pushes"] = unless(stopping, forget_pushes(core.pool))
    if "sla" in names:
        timer = SlaTimer(pool=core.pool, dispatch=core.dispatcher.dispatch)
        tasks["sla_timer"] = timer.run(stopping, utc_now)
    await run_until_stopped(tasks, stopping)


def _stages(core: Core) -> tuple[Stage, ...]:
    namespace = core.settings.namespace
    events = EventReader(decode=core.codec.decode, know=core.schemas.know, keep=core.refused.keep)
    doors: dict[str, tuple[str, Door]] = {
        INTAKE_HANDLER: (INTAKE, IntakeDoor(codec=core.codec, sources=sources(core.settings))),
        COMMANDS_HANDLER: (COMMANDS, CommandsDoor(codec=core.codec, bytes_max=core.settings.body_bytes_max)),
    }
    return (
        *projection_stages(events, namespace=namespace),
        *(_dispatching(core, name, topic, door) for name, (topic, door) in doors.items()),
    )


def _dispatching(core: Core, name: str, topic: str, door: Door) -> Stage:
    handler = DispatchingHandler(
        name=name, door=door, dispatcher=core.dispatcher, refused=core.refused, know=core.schemas.know
    )
    namespace = core.settings.namespace
    group = physical(namespace, f"ticketbus.{name}")
    return Stage(name=name, topic=physical(namespace, topic), group=group, handlers=(handler,))


async def _run_stage(core: Core, stage: Stage, stopping: asyncio.Event) -> None:
    async with open_reader(core.settings) as reader:
        runner = Runner(topic=stage.topic, pool=core.pool, reader=reader, now=utc_now)
        kafka = kafka_options(core.settings)
        await StageWorker(stage, runner=runner, pool=core.pool, reader=reader, kafka=kafka).run(stopping)
