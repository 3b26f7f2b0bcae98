"""Stopped shards: which the relay skips, until when, and the alert raised for each."""

from dataclasses import dataclass
from time import monotonic

from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.errors import InvariantBroken
from bus.observability.masking import mask_text
from bus.outbox import metrics

RETRY_S = 2.0
LASTING_RETRY_S = 5.0  # somebody may mend the record, or the topic's limit
TOPIC_AWAY_S_MAX = 30.0  # a new topic is known to all brokers by then


class Unpublishable(InvariantBroken):
    """Kafka refuses a record of this shard: the shard is stopped, to keep the order.

    `lasting`: until somebody mends it; else the record's topic is missing and may be created.
    """

    def __init__(self, shard: int, record: str, why: str, *, lasting: bool) -> None:
        super().__init__(f"{record}: {why}")
        self.shard, self.lasting = shard, lasting


@dataclass(slots=True, kw_only=True)
class _Stopped:
    since: float
    again_at: float
    why: str
    alerted: bool = False


class StoppedShards:
    """The stopped shards of one relay, which retries each alone, every few seconds."""

    def __init__(self) -> None:
        self._shards: dict[int, _Stopped] = {}

    def all(self) -> list[int]:
        """List them."""
        return [*self._shards]

    def trouble(self) -> str | None:
        """Say which stand still, and before what; None if none does."""
        return "; ".join(f"shard {shard}: {mask_text(one.why)}" for shard, one in self._shards.items()) or None

    def due(self) -> int | None:
        """Give a shard that is due for a retry."""
        now = monotonic()
        return next((shard for shard, one in self._shards.items() if one.again_at <= now), None)

    def stop(self, error: Unpublishable, report: AlertSink) -> None:
        """Leave a shard alone; that a topic is away is reported once it has been so for some seconds."""
        now = monotonic()
        one = self._shards.setdefault(error.shard, _Stopped(since=now, again_at=now, why=""))
        one.why = str(error)
        one.again_at = now + (LASTING_RETRY_S if error.lasting else RETRY_S)
        if not one.alerted and (error.lasting or now - one.since >= TOPIC_AWAY_S_MAX):
            one.alerted = True
            report(_alert(error))
        self._count()

    def postpone(self, shard: int) -> None:
        """Leave the trial to another relay that is at it."""
        self._shards[shard].again_at = monotonic() + RETRY_S

    def resume(self, shard: int) -> None:
        """Mark a shard as running again."""
        del self._shards[shard]
        self._count()

    def _count(self) -> None:
        metrics.STOPPED.set(sum(one.alerted for one in self._shards.values()))


def _alert(error: Unpublishable) -> Alert:
    return Alert(
        rule=RuleName.SHARD_STOPPED,
        about=f"shard {error.shard}",
        zh=f"发布在分片 {error.shard} 停住,其后的记录都在等待:{error}",
        en=f"publishing stands still on shard {error.shard}, and what follows waits: {error}",
        facts={"shard": error.shard},
    )
