"""The stage of read models as it is, or with some of them, on a topic of the bench's own."""

import asyncio
import gc
import sys
from dataclasses import replace
from time import monotonic

from bus.alerts.log_sink import log_alert
from bus.app import open_core
from bus.cli.run import GC_THRESHOLDS
from bus.intake.dispatch import utc_now
from bus.kafka.clients import kafka_options
from bus.kafka.range_reader import open_reader
from bus.programs.lifecycle import stop_on_signals
from bus.settings import load
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.wire.event_reader import EventReader
from projections.read_models import decoding_once, ticket_stage


async def main(topic: str, *names: str) -> None:
    """Tell when it began (the clock `monotonic`), then keep these read models until SIGTERM."""
    gc.set_threshold(*GC_THRESHOLDS)  # as every program does
    settings, stopping = load(), asyncio.Event()
    stop_on_signals(stopping)
    async with open_core(settings) as core, open_reader(settings) as reader:
        whole = ticket_stage(decoding_once(EventReader(decode=core.codec.decode)), namespace=settings.namespace)
        handlers = tuple(one for one in whole.handlers if one.name in names)
        runner = Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now, report=core.alerts)
        worker = StageWorker(
            replace(whole, topic=topic, group=f"{topic}.group", handlers=handlers),
            runner=runner,
            pool=core.pool,
            reader=reader,
            kafka=kafka_options(settings),
            report=log_alert,
        )
        print("began", monotonic(), flush=True)
        await worker.run(stopping)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
