"""Lag: consumer groups and queues as a worker judged them last, and the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.alerts.rules.relay import STUCK_AFTER, waiting_shards
from bus.consistency.consumer_round import unhealthy
from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_text import WORDS, evidence, watched
from bus.consistency.consumer_verdict import ConsumerStatus
from bus.consistency.shown_names import shown
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.pool import connected

NAME: Final = "lag"
_UNPUBLISHED: Final = "SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT 100000) AS waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class LagReadings:
    """Consumers as they were judged, and how many records wait in the outbox (counted to 100,000), since when."""

    consumers: Sequence[ConsumerStatus]
    unpublished: int
    oldest: datetime | None
    now: datetime


async def _read(examined: Examined) -> LagReadings:
    async with connected(examined.database) as connection:
        row = await (await connection.execute(_UNPUBLISHED)).fetchone()
        assert row is not None
        return LagReadings(
            consumers=await all_consumers(connection),
            unpublished=row[0],
            oldest=min((one.since for one in await waiting_shards(connection)), default=None),
            now=examined.now,
        )


def judge(found: LagReadings) -> Sequence[Diagnosis]:
    """Judge consumers by their verdicts, the outbox by its oldest record. Pure."""
    return [*_consumers(found), _outbox(found)]


def _consumers(found: LagReadings) -> Sequence[Diagnosis]:
    if not watched(found.consumers, found.now):
        says = "no worker judges the consumers, so that nobody knows their lag"
        return [Diagnosis(check=NAME, verdict="unseen", says=says, mend="ticketbus worker")]
    ill = [one for one in found.consumers if unhealthy(one)]
    if not ill:
        most = max((one.lag for one in found.consumers), default=0)
        says = f"{len(found.consumers)} consumers are well, at most {most} records behind"
        return [Diagnosis(check=NAME, verdict="ok", says=says, evidence={"lag_max": most})]
    return [
        Diagnosis(
            check=NAME,
            verdict="wrong",
            says=f"{shown(one.consumer)} on {one.topic}: {WORDS[one.verdict].en}; {evidence(one).en}",
            mend="ticketbus consumers list",
            evidence={"lag": one.lag, "verdict": one.verdict.value, "topic": one.topic},
        )
        for one in ill
    ]


def _outbox(found: LagReadings) -> Diagnosis:
    age_s = max(0.0, (found.now - found.oldest).total_seconds()) if found.oldest else 0.0
    says = f"{found.unpublished} records wait in the outbox" + (f", the oldest for {age_s:.0f} s" if age_s else "")
    counts = {"unpublished": found.unpublished, "oldest_s": round(age_s, 1)}
    if age_s <= STUCK_AFTER.total_seconds():
        return Diagnosis(check=NAME, verdict="ok", says=says, evidence=counts)
    mend = "see docs/operating.md#what-the-relay-cannot-publish; `ticketbus topics check --live`"
    return Diagnosis(check=NAME, verdict="wrong", says=says, mend=mend, evidence=counts)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
