"""Records in clear on Kafka that took effect: what systems and the gateway wrote there, before the bus sealed it."""

from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from bus.kafka.clients import admin
from bus.postgres.pool import Pool, connected
from bus.settings import Settings
from schemas.topics import COMMANDS, INTAKE, physical

_HANDLED = """
SELECT topic, partition, min(next_offset) FROM stage_offsets WHERE topic = ANY(%s) GROUP BY topic, partition"""


async def delete_handled(pool: Pool, settings: Settings) -> int:
    """Delete from `ticket.commands` and `ticket.intake` what took effect; gives in how many partitions.

    What is refused stands in PostgreSQL, sealed. A broker frees the bytes when it closes the segment that they are in.
    Raises StoreUnavailable, KafkaUnavailable.
    """
    topics = [physical(settings.namespace, name) for name in (COMMANDS, INTAKE)]
    async with connected(pool) as connection:
        rows = await (await connection.execute(_HANDLED, (topics,))).fetchall()
    handled = {TopicPartition(topic, partition): offset for topic, partition, offset in rows if offset}
    if not handled:
        return 0
    async with admin(settings) as client:
        await client.delete_records({place: RecordsToDelete(offset) for place, offset in handled.items()})
    return len(handled)
