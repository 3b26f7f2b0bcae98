"""Who reads from outside, as stored by workers and gateways, and what of that no subscription says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.consistency.check_result import CheckResult
from bus.consistency.filter_check import check_filters, read_filter_facts
from bus.consistency.mismatch_store import open_now, read_mismatches
from bus.consistency.mismatch_text import mismatch_result
from bus.consistency.subscription_store import list_subscriptions, seen_readers
from bus.consistency.subscriptions import ListedSubscription, Subscription
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.consistency.topic_readers import TopicReader, added_lately, check_subscribers, from_outside
from bus.postgres.pool import Connection
from schemas.topics import Contract, physical

ENDS_OF: Final = timedelta(minutes=1)  # six rounds
_ENDS: Final[LiteralString] = """
SELECT DISTINCT ON (topic) topic, (SELECT sum((value ->> 2)::bigint)::bigint FROM jsonb_each(partitions))
FROM consumer_readings WHERE kind = 'group' AND read_at > now() - %s::interval ORDER BY topic, read_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownReaders:
    """What is stored of readers: who was seen, what is declared and used undeclared, and how much topics have had.

    `ends`: records by topic as the broker names it, of topics that a group was judged on in the last minute.
    `unmatched`: conditions of subscriptions that no ticket meets.
    """

    seen: Sequence[TopicReader] = ()
    listed: Sequence[ListedSubscription] = ()
    mismatches: Sequence[TopicMismatch] = ()
    ends: Mapping[str, int]
    unmatched: Sequence[CheckResult] = ()

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """Give what is declared."""
        return [one.subscription for one in self.listed]

    def outside(self, namespace: str) -> list[TopicReader]:
        """Give who reads declared topics from outside."""
        return from_outside(namespace, self.seen)

    def results(self, contract: Contract, namespace: str, now: datetime) -> list[CheckResult]:
        """Say what is not as it should be: undeclared topics that are read, readers without a row, rows without one."""
        names = {physical(namespace, name): name for name in contract.topics}
        ends = {names[topic]: end for topic, end in self.ends.items() if topic in names}
        used = [one for one in open_now(self.mismatches, now) if one.kind is not MismatchKind.TOPIC]
        new = added_lately(self.listed, now)
        readers = check_subscribers(
            contract, namespace, seen=self.seen, subscriptions=self.subscriptions, ends=ends, now=now, new=new
        )
        return [*map(mismatch_result, used), *readers, *self.unmatched]


async def read_known_readers(connection: Connection) -> KnownReaders:
    """Read it."""
    ends = await (await connection.execute(_ENDS, (ENDS_OF,))).fetchall()
    listed = await list_subscriptions(connection)
    declared = [one.subscription for one in listed]
    return KnownReaders(
        seen=await seen_readers(connection),
        listed=listed,
        mismatches=await read_mismatches(connection),
        ends=dict(ends),
        unmatched=[*check_filters(declared, await read_filter_facts(connection, declared))],
    )
