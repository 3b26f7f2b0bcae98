"""The live fold as a stage of this bus: Faust delivers, the runner applies; what is far behind is read directly."""

import asyncio
import sys

from bench.fold import opened, read_model
from bus.alerts.log_sink import log_alert
from bus.intake.dispatch import utc_now
from bus.kafka.clients import kafka_options
from bus.kafka.range_reader import open_reader
from bus.programs.lifecycle import stop_on_signals
from bus.settings import load
from bus.stage.handler import Stage
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.wire.event_reader import EventReader
from projections.store import ProjectionHandler


async def main(topic: str, table: str) -> None:
    """Fold until SIGTERM."""
    settings, stopping = load(), asyncio.Event()
    stop_on_signals(stopping)
    assert settings.database_url
    async with opened(settings.database_url) as (pool, codec), open_reader(settings) as reader:
        handlers = (ProjectionHandler(read_model(table), EventReader(decode=codec.decode)),)
        stage = Stage(name=table, topic=topic, group=topic, handlers=handlers)
        runner = Runner(topic=topic, pool=pool, reader=reader, now=utc_now, report=log_alert)
        worker = StageWorker(
            stage, runner=runner, pool=pool, reader=reader, kafka=kafka_options(settings), report=log_alert
        )
        await worker.run(stopping)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
