"""Stages of this bus as they are, read models and all, on a topic of the bench's own."""

import asyncio
import sys
from dataclasses import replace
from time import monotonic

from bus.app import open_core
from bus.garbage import collect_seldom
from bus.intake.dispatch import utc_now
from bus.kafka.clients import kafka_options
from bus.kafka.range_reader import open_reader
from bus.programs.lifecycle import stop_on_signals
from bus.settings import load
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.wire.event_reader import EventReader
from projections.registry import stages


async def main(topic: str, *names: str) -> None:
    """Tell when it began (the clock `monotonic`), then keep the read models of these stages until SIGTERM."""
    collect_seldom()  # as every program does
    settings, stopping = load(), asyncio.Event()
    stop_on_signals(stopping)
    async with open_core(settings) as core:

        async def run(name: str) -> None:
            (stage,) = (
                one
                for one in stages(EventReader(decode=core.codec.decode), namespace=settings.namespace)
                if one.name == name
            )
            stage = replace(stage, topic=topic, group=f"{topic}.{name}")
            async with open_reader(settings) as reader:
                runner = Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now)
                kafka = kafka_options(settings)
                await StageWorker(stage, runner=runner, pool=core.pool, reader=reader, kafka=kafka).run(stopping)

        print("began", monotonic(), flush=True)
        await asyncio.gather(*(run(name) for name in names))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
