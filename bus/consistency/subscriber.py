"""How a subscriber does: when it was seen, how far its groups are, and who set them back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_text import UNWATCHED_AFTER, WORDS, age_text, consumer_json, evidence
from bus.consistency.consumer_verdict import ConsumerStatus
from bus.consistency.shown_names import shown
from bus.consistency.subscription_store import list_rewinds, seen_readers
from bus.consistency.subscriptions import ListedSubscription
from bus.consistency.topic_readers import TopicReader
from bus.postgres.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """What is known of all readers, and of one client's rewinds."""

    seen: Sequence[TopicReader]
    consumers: Sequence[ConsumerStatus]
    rewinds: Sequence[Mapping[str, Any]]

    def json_of(self, one: ListedSubscription) -> dict[str, Any]:
        """Give what `subscription show --json` has beside the row: nothing of one that was removed."""
        consumers = [consumer_json(each) for each in self._of(one)]
        return {"consumers": consumers, "rewinds": [] if one.removed_at else [*self.rewinds]}

    def lines(self, one: ListedSubscription, now: datetime) -> Iterator[str]:
        """Say it for people."""
        for each in self._of(one):
            word, figures, age = WORDS[each.verdict], evidence(each), age_text(each.oldest_at, now)
            oldest = f", 最早 oldest {age}" if age else ""
            stale = now - each.read_at > UNWATCHED_AFTER
            asked = f", 无 worker 观察,截至 no worker since {each.read_at:%m-%d %H:%M:%S}Z" if stale else ""
            yield (
                f"  消费组 group {shown(each.consumer)} {each.topic}: 积压 lag {each.lag}{oldest}  "
                f"{word.zh} {word.en}  {figures.zh} / {figures.en}{asked}"
            )
        for row in () if one.removed_at else self.rewinds:
            group, by = shown(row["consumer_group"]), row["rewound_by"]
            to = f"{row['to_time']:%Y-%m-%d %H:%M:%S}Z"
            yield f"  回退 rewound: {row['rewound_at']:%Y-%m-%d %H:%M} {by}: {group} → {to} {row['why']}".rstrip()

    def _of(self, one: ListedSubscription) -> Iterator[ConsumerStatus]:
        if one.removed_at is None:
            yield from (each for each in self.consumers if one.subscription.is_read_by(shown(each.consumer)))


async def read_subscriber(connection: Connection, client: str) -> Subscriber:
    """Read it, as the last round of a worker judged it."""
    return Subscriber(
        seen=await seen_readers(connection),
        consumers=await all_consumers(connection),
        rewinds=await list_rewinds(connection, client),
    )
