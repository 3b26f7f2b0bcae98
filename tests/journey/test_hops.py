"""Hops of any source: in order of time, each with the lag after the hop it follows; a new source is one constant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bus.app import Core
from bus.journey import journey as journey_module
from bus.journey.hop_sources import OUTBOX, PUSHES, SOURCES, HopSource, PublishedRow, PushedRow
from bus.journey.hops import hops_of
from bus.postgres.pool import connected
from tests.consistency.test_two_stores import opening, request
from tests.journey.test_journey import bus, core, told

__all__ = ["bus", "core"]

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def test_hops_are_in_order_of_time_with_the_lag_after_the_hop_they_follow() -> None:
    published = PublishedRow(version=1, topic="t", shard=2, kafka_offset=7, published_at=AT)
    waiting = PublishedRow(version=1, topic="u", shard=2, kafka_offset=None, published_at=None)
    pushes = [PushedRow(version=1, topic="t", client=name, pushed_at=after(s)) for name, s in (("b", 2), ("a", 1.5))]
    assert hops_of({PUSHES: pushes, OUTBOX: [waiting, published]}) == {
        1: [
            {"hop": "published", "where": "t/2@7", "at": AT, "lag_ms": None},
            {"hop": "pushed", "where": "t → a", "at": after(1.5), "lag_ms": 1500.0},
            {"hop": "pushed", "where": "t → b", "at": after(2), "lag_ms": 2000.0},
            {"hop": "waiting", "where": "u/2", "at": None, "lag_ms": None},
        ]
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedRow:
    """A made-up step: somebody was paged."""

    version: int
    paged_at: datetime


async def test_hops_of_a_new_source_stand_in_their_place(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    paging = HopSource(
        query="SELECT version, recorded_at + interval '1 second' AS paged_at FROM events WHERE ticket_id = %(ticket)s",
        row=PagedRow,
        hops=lambda row: [(row.version, {"hop": "paged", "where": "phone", "at": row.paged_at})],
        follows={"paged": "committed"},
    )
    (opened,) = await core.dispatcher.dispatch([request(50, opening(50), 0)])
    async with connected(core.pool) as connection:
        publish = "UPDATE outbox SET published_at = now() + interval '1 hour' WHERE ticket_id = %s"
        await connection.execute(publish, (getattr(opened, "ticket_id", ""),))
    monkeypatch.setattr(journey_module, "SOURCES", (*SOURCES, paging))
    (event,) = (await told(core, "O-50"))["events"]
    assert [hop["hop"] for hop in event["hops"]][-3:] == ["paged", "published", "published"]
    (paged,) = [hop for hop in event["hops"] if hop["hop"] == "paged"]
    assert (paged["where"], paged["lag_ms"]) == ("phone", 1000.0)
