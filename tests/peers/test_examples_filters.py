"""The sample subscribers hold a subscription's filter by the headers of records, and end where a topic is missing."""

import asyncio
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bus.cli.samples import Language
from bus.domain.events import TicketOpened
from bus.kafka.clients import make_producer
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.schema_registry import Registry, register_all
from bus.settings import Settings
from bus.wire.codec import Codec
from bus.wire.headers import ASSIGNEE, ASSIGNEE_BEFORE, REGION, REGION_BEFORE
from schemas.topics import load_contract, physical
from tests.bus_under_test import eventually
from tests.databases import make_database
from tests.gateway.fakes import headers_of
from tests.gateway.test_stream_kafka import history
from tests.peers.test_examples import SUBSCRIBERS, TOPICS, Log, Subscriber
from tests.peers.test_examples_data import sinking

ENDS_WITHIN_S = 60.0  # on a machine that has much else to do; some seconds where it has not
# What each record says, and whether a subscriber of Shanghai or Suzhou and 张伟 or 王磊 is to take it.
SAID: tuple[tuple[dict[str, str], bool], ...] = (
    ({REGION: "苏州", ASSIGNEE: "王磊"}, True),
    ({REGION: "上海", ASSIGNEE: "李工", ASSIGNEE_BEFORE: "张伟"}, True),
    ({}, True),  # of a release that said nothing of it
    ({REGION: "上海"}, True),
    ({REGION: "上海", ASSIGNEE: ""}, False),
    ({REGION: "上海", ASSIGNEE: "", ASSIGNEE_BEFORE: "李工"}, False),
    ({REGION: "北京", ASSIGNEE: "张伟"}, False),
    ({REGION: "北京", REGION_BEFORE: "苏州", ASSIGNEE: "张伟"}, True),
    ({REGION: "北京", REGION_BEFORE: "天津", ASSIGNEE: "张伟"}, False),
    ({REGION: "上", ASSIGNEE: "张伟"}, False),
    ({REGION: "上海", ASSIGNEE: "张伟"}, True),  # the last: what comes before has been read
)

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
async def log(parts: Urls) -> Log:
    """Publish an event for each of `SAID`; `events` are those to be taken."""
    settings = Settings(kafka_bootstrap=parts.kafka_bootstrap, namespace=f"x{uuid4().hex[:8]}")
    await apply_topics(settings, load_contract(), replication=1)
    registry = Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth)
    codec = Codec(await register_all(registry))
    opened = [one for one in await history() if isinstance(one.event, TicketOpened)]
    taken = []
    async with make_producer(settings) as producer:
        for one, (said, passes) in zip(opened, SAID, strict=False):
            headers = [*headers_of(one), *[(name, text.encode()) for name, text in said.items()]]
            await producer.send_and_wait(
                physical(settings.namespace, TOPICS[0]), codec.encode(one), key=b"one", headers=headers
            )
            if passes:
                taken.append(one)
    assert len(opened) >= len(SAID)
    return Log(settings, parts.schema_registry_url, taken)


@pytest.mark.parametrize("language", SUBSCRIBERS)
async def test_examples_take_what_the_filter_leaves_and_end_where_a_topic_is_missing(
    language: Language, log: Log, tmp_path: Path
) -> None:
    subscriber = Subscriber(language, tmp_path, log)
    subscriber.fill("filtered", regions="上海,苏州", assignees="张伟,王磊")
    async with subscriber.running() as process:
        lines = await subscriber.lines(process, len(log.events))
    assert [line.split()[:3] for line in lines] == [["done", one.ticket_id, "v1:"] for one in log.events]
    wrong = physical(log.settings.namespace, "ticket.asign")
    subscriber.fill("wrong", topics=f"{physical(log.settings.namespace, TOPICS[1])},{wrong}")
    async with subscriber.running() as process:
        assert process.stdout is not None
        async with asyncio.timeout(ENDS_WITHIN_S):
            await process.stdout.read()
            assert await process.wait() != 0
    assert wrong in subscriber.errors()


async def test_examples_sink_takes_what_the_filter_leaves_and_ends_where_a_topic_is_missing(
    log: Log, parts: Urls, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(make_database, parts, f"sink{uuid4().hex[:8]}")
    last, filters = log.events[-1].ticket_id, {"regions": "上海,苏州", "assignees": "张伟,王磊"}
    with psycopg.connect(url, autocommit=True) as db:

        async def has_the_last() -> bool:
            try:
                return db.execute("SELECT FROM sink_tickets WHERE ticket_id = %s", (last,)).fetchone() is not None
            except psycopg.errors.UndefinedTable:
                return False

        with sinking(log, tmp_path, url, "none", **filters, types="note.added.v1") as process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"0 rows; skip 0: already there\n"
        with sinking(log, tmp_path, url, "filtered", **filters, types="ticket.opened.v1"):
            await eventually(has_the_last, within_s=ENDS_WITHIN_S)
        rows = db.execute("SELECT ticket_id, version FROM sink_events").fetchall()
    assert {*rows} == {(one.ticket_id, one.version) for one in log.events}
    wrong = physical(log.settings.namespace, "ticket.asign")
    with sinking(log, tmp_path, url, "wrong", topics=wrong) as process:
        assert await asyncio.to_thread(process.wait, ENDS_WITHIN_S) != 0
    assert f"no such topic, or no right to it: {wrong}" in (tmp_path / "stderr").read_text()
