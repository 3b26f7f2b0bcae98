"""The bare limit of a stage: a Faust agent that does nothing with what it is given but count it."""

import asyncio
import sys
import tempfile
from time import monotonic
from typing import Any

import faust
from faust.types import StreamT
from yarl import URL

from bus.aio import unless
from bus.programs.lifecycle import stop_on_signals
from bus.settings import load


async def main(topic: str, *counts: str) -> None:
    """Tell when it began and when it had seen so many events (the clock `monotonic`), until SIGTERM."""
    stopping, goals, seen = asyncio.Event(), {int(one) for one in counts}, 0
    stop_on_signals(stopping)
    with tempfile.TemporaryDirectory() as data:
        app = faust.App(
            f"{topic}.group",
            broker=[URL(f"kafka://{load().kafka_bootstrap}")],
            datadir=data,
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            reply_create_topic=False,
            consumer_auto_offset_reset="earliest",
            stream_wait_empty=False,
        )

        async def run(stream: StreamT[Any]) -> None:
            nonlocal seen
            async for _ in stream:
                seen += 1
                if seen in goals:
                    print(seen, monotonic(), flush=True)

        source = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(source, name=f"{topic}.run")(run)
        app.finalize()
        print("began", monotonic(), flush=True)
        await app.start()
        await unless(stopping, asyncio.Event().wait())
        await app.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
