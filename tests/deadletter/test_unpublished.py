"""A database of the version before: what it had not published is published once, and its redrives go on."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest

from bus.kafka.range_reader import record_of
from bus.local.stack import Urls
from bus.postgres.migrate import migrate
from bus.postgres.pool import in_transaction, open_pool
from bus.settings import Settings
from bus.wire.record import Record
from deadletter import redrive_store
from deadletter.unpublished import queue_unpublished
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import COMMANDS, DEADLETTER
from tests.bus_under_test import eventually
from tests.deadletter.letters import BEGAN, DECISION, DIED, LetterStore, noted, told
from tests.deadletter.test_redrive_store import carrying_out
from tests.delivery.deliveries import DeliveryQueue, event
from tests.delivery.scripted import Scripted, delivery_workers
from tests.schemas.codecs import CODEC
from tests.store.kafka_log import records
from tests.store.releases import schema_of

PUBLISHED = "2026-11-23T00:00:00Z"
_LETTER = """
INSERT INTO letters (target, ticket_id, version, event, trace_id, reason, kind, cause, detail, attempts, failures,
                     value, died_at, state, origin, origin_ref, headers, began_at, edited_from, published_at)
VALUES (%(target)s, %(ticket)s, %(version)s, '', '', 'rejected', 'rejected', 'c', 'no', 1, '[{"kind": "rejected"}]',
        %(value)s, %(died)s, %(state)s, %(origin)s, %(ref)s, '{"traceparent": "00"}', %(began)s, %(of)s, %(published)s)
RETURNING id"""
_DECISION = """
INSERT INTO letter_decisions (letter, decision, decided_by, decided_why, decided_at, redrive, published_at, returned_at)
VALUES (%s, %s, '张工', '物料已建档', %s, %s, %s, %s)"""
_REDRIVE = """
INSERT INTO redrives (query, canary, watch_s, rate_per_s, approved_by, approved_why, frozen_at, state, ended_why)
VALUES ('{"target": "erp"}', 1, 0, 100, '张工', '物料已建档', %s, %s, %s) RETURNING id"""
_EVENT = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                    historic, value)
VALUES (%s, 1, gen_random_uuid(), '', gen_random_uuid(), '', '', now(), now(), false, %s)"""


class Before:
    """A database as the version before left it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Write on a connection of the test's own."""
        self._connection = connection

    def run(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        """Run a statement; gives its rows."""
        found = self._connection.execute(query.encode(), *given)
        return found.fetchall() if found.description else []

    def letter(self, ticket: str, *, published: bool, state: str = "open", of: int | None = None) -> int:
        """Write the letter of a delivery to the ERP."""
        own = {"origin": "delivery:erp", "ref": f"{ticket}/1", "target": "erp", "ticket": ticket, "version": 1}
        return self._post({**own, "value": CODEC.encode(event(ticket, 1))}, published=published, state=state, of=of)

    def command(self, key: str, *, published: bool, state: str) -> int:
        """Write the letter of a command."""
        own = {"origin": "commands", "ref": key, "target": "", "ticket": "", "version": 0}
        value = CODEC.encode_record(noted(key, "x"))
        return self._post({**own, "value": value}, published=published, state=state, of=None)

    def _post(self, own: dict[str, Any], *, published: bool, state: str, of: int | None) -> int:
        when = {"died": DIED, "began": BEGAN, "published": PUBLISHED if published else None}
        ((number,),) = self.run(_LETTER, {**own, **when, "state": state, "of": of})
        return int(number)

    def decide(
        self, letter: int, what: str, *, redrive: int | None = None, published: bool = True, returned: bool = True
    ) -> None:
        """Write a decision."""
        marks = (PUBLISHED if published else None, PUBLISHED if returned else None)
        self.run(_DECISION, (letter, what, DIED, redrive, *marks))

    def redrive(self, state: str, why: str | None = None) -> int:
        """Write a redrive."""
        ((number,),) = self.run(_REDRIVE, (DIED, state, why))
        return int(number)

    def in_set(self, redrive: int, ticket: str, delivery: str, *, letter: str = "open", sent: bool = False) -> int:
        """Write a letter of a redrive's set, and the delivery as it stands: waiting, parked, done, or discarded."""
        number = self.letter(ticket, published=True, state=letter)
        self.decide(number, "frozen", redrive=redrive)
        if letter != "open":
            self.decide(number, letter, redrive=redrive if sent else None)
        self.run("INSERT INTO redrive_letters VALUES (%s, %s, %s)", (redrive, number, DIED if sent else None))
        state = delivery if delivery in {"done", "discarded"} else "waiting"
        self.run(_EVENT, (ticket, CODEC.encode(event(ticket, 1))))
        self.run("INSERT INTO deliveries VALUES ('erp', %s, 1, %s, 1, '', now(), NULL, NULL)", (ticket, state))
        if state == "waiting":
            head = (
                "INSERT INTO delivery_heads (target, ticket_id, version, next_at, parked) VALUES ('erp', %s, 1, %s, %s)"
            )
            self.run(head, (ticket, DIED, delivery == "parked"))
        return number


@pytest.fixture
async def database_before(parts: Urls) -> AsyncIterator[str]:
    """Give a database at the last migration of the version before."""
    async with schema_of("before-0.2.0", parts) as url:
        yield url


async def about(settings: Settings, *numbers: int) -> Sequence[tuple[str, int, Record]]:
    """Say what was told of letters, in order."""
    read = [(CODEC.decode_record(one.value), record_of(one)) for one in await records(settings, DEADLETTER)]
    kinds = [("posted" if isinstance(one, LetterPosted) else one.decision, one.letter, record) for one, record in read]
    return [one for one in kinds if one[1] in numbers]


async def test_upgrade_what_was_not_published_is_published_once_and_nothing_else(
    database_before: str, settings: Settings
) -> None:
    with psycopg.connect(database_before, autocommit=True) as connection:
        before = Before(connection)
        known = before.letter("T1", published=True, state="discarded")
        before.decide(known, "discarded")
        news = before.letter("T2", published=False, state="edited")
        before.decide(news, "edited", published=False)
        copy = before.letter("T2", published=False, of=news)
        told_half = before.letter("T3", published=True, state="retried")
        before.decide(told_half, "retried", published=False)
        back = before.command("k-back", published=True, state="retried")
        before.decide(back, "retried", published=True, returned=False)
        gone = before.command("k-gone", published=True, state="retried")
        before.decide(gone, "retried", published=False, returned=True)
        before.run(_EVENT, ("T9", CODEC.encode(event("T9", 1))))
        before.run("INSERT INTO outbox (shard, topic, ticket_id, version) VALUES (0, 'ticket.events', 'T9', 1)")
    await migrate(database_before)
    async with open_pool(database_before) as pool:
        assert [await queue_unpublished(pool, CODEC.encode_record) for _ in range(2)] == [6, 0]
        seen = len(await records(settings, COMMANDS))
        assert await told(LetterStore(pool), settings) == 7
        assert await told(LetterStore(pool), settings) == 0
    found = await about(settings, known, news, copy, told_half, back, gone)
    assert [(what, number) for what, number, record in found if record.key == b"T2"] == [
        ("posted", news),
        ("posted", copy),
        ("edited", news),
    ]
    rest = sorted((what, number) for what, number, record in found if record.key != b"T2")
    assert rest == [("retried", told_half), ("retried", gone)]
    (command,) = (await records(settings, COMMANDS))[seen:]
    assert command.value == CODEC.encode_record(noted("k-back", "x"))
    assert {record.timestamp_ms for _, _, record in found} == {int(DIED.timestamp() * 1000)}
    decided = [CODEC.decode_record(record.value or b"") for what, _, record in found if what == "retried"]
    assert {(one.decided_by, one.decided_why) for one in decided if isinstance(one, LetterDecided)} == {
        ("张工", "物料已建档")
    }


async def test_upgrade_redrives_go_on_as_they_stood_with_their_figures(database_before: str) -> None:
    with psycopg.connect(database_before, autocommit=True) as connection:
        before = Before(connection)
        running, stopped = before.redrive("running"), before.redrive("stopped", "given up")
        before.in_set(running, "R1", "done", letter="retried", sent=True)
        before.in_set(running, "R2", "waiting", letter="retried", sent=True)
        before.in_set(running, "R3", "parked", letter="open")
        before.in_set(running, "R4", "discarded", letter="discarded")
        before.in_set(stopped, "S1", "parked", letter="retried", sent=True)
        before.letter("S1", published=True)  # it died again
        before.in_set(stopped, "S2", "parked", letter="open")
    await migrate(database_before)
    async with open_pool(database_before) as pool:
        figures = {one.id: (one.letters, one.released, one.left, one.delivered, one.failed) for one in
                   await redrive_store.redrives(pool)}  # fmt: skip
        assert figures == {running: (4, 2, 1, 1, 0), stopped: (2, 1, 1, 0, 1)}
        target = Scripted()

        async def over() -> bool:
            return (await in_transaction(pool, redrive_store.read, running)).state == "done"

        async with delivery_workers(pool, target), carrying_out(DeliveryQueue(pool=pool)):
            await eventually(over, within_s=60)
        assert sorted(target.order) == [("R2", 1), ("R3", 1)]
        ended = await in_transaction(pool, redrive_store.read, running)
        assert (ended.ended_why, ended.left) == ("3 arrived, 0 failed again", 0)
        again = await in_transaction(
            pool,
            redrive_store.freeze,
            redrive_store.DeadLetterQuery(target="erp"),
            ended.terms,
            DECISION,
            CODEC.encode_record,
        )
        assert (again.letters, again.taken) == (2, 0), "the stopped one's rest, and what died again"
