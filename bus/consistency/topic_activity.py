"""Minutes in which something was written to a topic, whoever wrote it: by the ends that each round reads anyway."""

from collections.abc import Collection, Mapping
from typing import Final

from bus.kafka.consumer_offsets import TopicMarks
from bus.postgres.pool import Connection
from schemas.topics import LOG, PROBE, Contract, physical

# All parts of a statement see the ends as they were before it.
_NOTE: Final = b"""
WITH ends AS (SELECT * FROM unnest(%(topics)s::text[], %(written)s::bigint[]) AS e (topic, written)),
grown AS (
    INSERT INTO topic_minutes SELECT topic, date_trunc('minute', now()) FROM ends JOIN topic_ends before USING (topic)
    WHERE ends.written > before.written ON CONFLICT DO NOTHING),
gone AS (DELETE FROM topic_ends WHERE topic <> ALL(%(watched)s))
INSERT INTO topic_ends (topic, written) SELECT topic, written FROM ends
ON CONFLICT (topic) DO UPDATE SET written = excluded.written, read_at = now()"""


def watched_topics(contract: Contract) -> Collection[str]:
    """Name the topics whose silence means something: none that is open for others, and none of irregular records."""
    return [name for name, topic in contract.topics.items() if not topic.open and not topic.irregular]


async def note_activity(
    connection: Connection, contract: Contract, namespace: str, marks: Mapping[str, TopicMarks]
) -> None:
    """Note which topics have grown since their ends were last read; a topic that is seen first has not grown."""
    watched = watched_topics(contract)
    found = {name: marks[physical(namespace, name)] for name in watched if physical(namespace, name) in marks}
    ends = {name: sum(end for _, end in one.marks.values()) for name, one in found.items()}
    virtual = marks.get(physical(namespace, PROBE))
    if LOG in ends and virtual:  # it has the records of ticket.probe, too, which say nothing of real tickets
        ends[LOG] -= sum(end for _, end in virtual.marks.values())
    await connection.execute(_NOTE, {"topics": [*ends], "written": [*ends.values()], "watched": [*watched]})
