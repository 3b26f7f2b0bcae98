"""Rewrites an older data directory: texts are sealed in PostgreSQL, and Kafka's topics are made anew of that (R50)."""

from collections.abc import Callable

from bus.app import Core
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.kafka.range_reader import RangeReader, open_reader
from bus.outbox.republish import queue_all_anew
from bus.postgres.pool import connected, in_transaction
from bus.privacy import new_log
from bus.privacy.kafka_copies import delete_handled
from bus.privacy.migrate import Sealed, seal_stored
from bus.stage.offsets import DELIVERIES_HANDLER
from bus.stage.runner import Runner
from deadletter.unpublished import note_all, queue_unpublished
from projections.read_models import TICKET_MODELS, handler_of
from projections.rebuild import rebuild
from schemas.topics import LOG, physical

Say = Callable[[str], None]
STEP = 100_000  # records, or rows, between two lines of progress


async def migrate(core: Core, by: str, say: Say) -> bool:
    """Seal all that was stored in clear and make the log anew; gives whether there was anything. Run it again after
    a crash, it goes on.

    Raises NotMigrated, which says what to do first; StoreUnavailable, KafkaUnavailable, RegistryUnavailable.
    """
    async with new_log.alone(core.pool):
        if await in_transaction(core.pool, new_log.begun) is None:
            await _check(core, in_full=True)
        progress = _each_step(say)
        sealed = await seal_stored(core.pool, core.clear, by, lambda so_far: progress(sum(so_far), _counts(so_far)))
        say(_counts(sealed))
        if (found := await in_transaction(core.pool, new_log.begun)) is None:
            return False
        if found.queued_to is None:
            await _queue(core, say)
        if not found.topics_made:
            await _make_topics(core, say)
        await _publish(core, say)
        await _follow(core, say)
        say(str(Text("正在整理表,旧字节随之消失", "writing the tables anew, without the old bytes")))
        await new_log.vacuum(core.pool)
        await in_transaction(core.pool, new_log.end)
    return True


async def _check(core: Core, *, in_full: bool) -> None:
    async with open_reader(core.settings) as reader:
        await new_log.check_nothing_waits(core.pool, core.settings, core.contract, reader, DELIVERIES_HANDLER)
        if in_full:
            await new_log.check_all_stored(core.pool, core.settings, core.contract, reader)


async def _queue(core: Core, say: Say) -> None:
    """Queue every event for the new log, unless something has come in since that did not take effect."""
    await _check(core, in_full=False)
    async with connected(core.pool) as connection:
        await new_log.check_alone(connection)  # one that came before the first batch was sealed
        await new_log.queued(connection, await queue_all_anew(connection, core.contract, core.schemas.events))
    say(str(Text("全部事件已排队,等待重新发布", "all events are queued to be published again")))


async def _make_topics(core: Core, say: Say) -> None:
    await new_log.make_topics(core.settings, core.contract)
    await delete_handled(core.pool, core.settings)
    async with connected(core.pool) as connection:
        await new_log.made(connection)
        await note_all(connection)
    say(str(Text("主题已重建", "the topics are made anew")))


async def _publish(core: Core, say: Say) -> None:
    await queue_unpublished(core.pool, core.codec.encode_record)
    published, progress = 0, _each_step(say)
    try:
        while count := await core.relay.publish_once():
            published += count
            progress(published, _published(published))
    finally:
        await core.relay.close()
    await in_transaction(core.pool, new_log.check_all_published)
    say(_published(published))


async def _follow(core: Core, say: Say) -> None:
    """Let the handlers of the log go on in the new one, and build the read models again from it."""
    await in_transaction(core.pool, new_log.reset_handlers, core.settings, DELIVERIES_HANDLER)
    topic, partitions = physical(core.settings.namespace, LOG), core.contract.topics[LOG].partitions
    async with open_reader(core.settings) as reader:
        for name, model in TICKET_MODELS.items():
            await rebuild(
                handler_of(model, core.codec, core.schemas.know, core.refused.keep),
                topic=topic,
                partitions=partitions,
                pool=core.pool,
                runner=_runner(core, topic, reader),
                reader=reader,
            )
            say(str(Text(f"读模型 {name} 已重建", "built again")))


def _runner(core: Core, topic: str, reader: RangeReader) -> Runner:
    return Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now, report=core.alerts)


def _each_step(say: Say) -> Callable[[int, str], None]:
    """Give what says a line of progress, once for every STEP that a count has passed."""
    steps = 0

    def progress(count: int, line: str) -> None:
        nonlocal steps
        if count // STEP > steps:
            steps = count // STEP
            say(line)

    return progress


def _counts(sealed: Sealed) -> str:
    zh = f"已封存 {sealed.tickets:,} 张工单,{sealed.letters:,} 封死信,{sealed.refused_inputs:,} 份被拒输入"
    return str(Text(zh, "sealed: tickets, letters, refused inputs"))


def _published(count: int) -> str:
    return str(Text(f"已发布 {count:,} 条记录", "records published"))
