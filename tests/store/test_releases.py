"""A database of a released version is migrated with every row, and what it holds is read as before."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.local.stack import Urls
from bus.postgres.migrate import migrate
from bus.postgres.pool import connected, in_transaction, open_pool
from bus.postgres.refold import fold_again
from bus.schema_registry import Registry, keep, load_codec, register
from bus.wire.codec import RegisteredSchema, ticket_from_json
from deadletter import redrive_store
from deadletter.unpublished import queue_unpublished
from schemas.catalogue import RECORD_TYPES
from tests.databases import admin_url_of
from tests.schemas.codecs import ONE_OF_EACH
from tests.store.releases import LAST_MIGRATION, migrate_to, restore, rows_of, schema_of

RENAMED = {"deeds": "idempotency_keys"}
REPLACED = {"redrive_letters"}  # by the counts of redrives and the letters' own column
DROPPED = {"letters": {"published_at"}, "letter_decisions": {"published_at", "returned_at"}}  # by the outbox

CHANGED = {"letters": {"cause"}}  # open letters are told apart by their words, too
EMPTY = {"letters_to_publish"}  # what `prepare` of 0.2.0 queued itself, of what was before it

ADDED = {
    "personal_erased",
    "handed_over_at",
    "working_since",
    "skills",
    "routing",
    "state_since",
    "closure",
    "closure_expired_at",
    "tags",
    "product",
    "batch",
    "customer_ref",
    "work_order",
    "step_deadlines",
    "step",
    "waits",
    "missed_claims",
    "collaborators",
    "answering",
    "acted_at",
    "priority",
    "link_number",
    "engineer_link_number",
    "asked_at",
    "visit_at",
    "escalated_to",
}  # to the states, by folding again
ADDED_TO_A_CLOCK = {"calendar": None}

Rows = Mapping[str, list[dict[str, Any]]]


@pytest.fixture(params=LAST_MIGRATION)
async def released(request: pytest.FixtureRequest, parts: Urls) -> AsyncIterator[str]:
    """Give a database as a release left it, with rows in every table."""
    async with schema_of(request.param, parts) as url:
        with psycopg.connect(admin_url_of(parts, url), autocommit=True) as connection:
            restore(request.param, connection)
        yield url


def rows_in(url: str) -> Rows:
    """Read all tables."""
    with psycopg.connect(url) as connection:
        return rows_of(connection)


def without(rows: list[dict[str, Any]], columns: set[str]) -> Counter[str]:
    """Count rows by their text, some columns left out."""
    return Counter(
        json.dumps({key: value for key, value in row.items() if key not in columns}, sort_keys=True) for row in rows
    )


async def test_releases_every_row_of_every_table_stands_after_the_migration(released: str) -> None:
    before = rows_in(released)
    assert {table for table, rows in before.items() if not rows} <= EMPTY, "the dump has rows in every table"
    for _ in range(2):  # repeating it changes nothing
        await migrate(released)
        after = rows_in(released)
        for table, rows in before.items():
            if table in REPLACED or not rows:
                continue
            now = after[RENAMED.get(table, table)]
            added = set(now[0]) - set(rows[0])
            dropped = DROPPED.get(table, set()) & set(rows[0])
            assert set(rows[0]) - set(now[0]) == dropped, table
            # A reporter's phone is a row of `ticket_phones` now.
            stays = [row for row in rows if table != "ticket_names" or row["kind"] != "customer"]
            changed = CHANGED.get(table, set())
            assert without(now, added | changed) == without(stays, dropped | changed), table
        reporters = {(row["value"], row["ticket_id"]) for row in before["ticket_names"] if row["kind"] == "customer"}
        assert reporters <= {(row["phone"], row["ticket_id"]) for row in after["ticket_phones"]}


async def test_releases_what_was_not_published_is_queued_once_and_a_redrive_stands_as_it_stood(released: str) -> None:
    before = rows_in(released)
    letters = [row for table in DROPPED for row in before[table] if row.get("published_at", "gone") is None]
    assert [row for row in before["outbox"] if row["published_at"] is None] or letters, "something waits for Kafka"
    assert bool(letters) == ("redrive_letters" in before), "letters of before 0.2.0 are published by marks of their own"
    await migrate(released)
    async with open_pool(released) as pool:
        async with connected(pool) as connection:
            codec = await load_codec(connection)
        assert [await queue_unpublished(pool, codec.encode_record) for _ in range(2)] == [len(letters), 0]
        letters_of_set, sent, left = letters_sent_and_left(before)
        (redrive,) = await redrive_store.redrives(pool)
        assert (redrive.state, redrive.letters, redrive.released) == ("running", letters_of_set, sent)
        assert (await in_transaction(pool, redrive_store.read, redrive.id)).left == left


def letters_sent_and_left(before: Rows) -> tuple[int, int, int]:
    """Count the letters of a release's one redrive: all, those that it has sent, those that it is still to send."""
    if "redrive_letters" not in before:
        (redrive,) = before["redrives"]
        open_ones = [row for row in before["letters"] if row["redrive"] == redrive["id"] and row["state"] == "open"]
        return redrive["letters"], redrive["released"], len(open_ones)
    states = {row["id"]: row["state"] for row in before["letters"]}
    rows = before["redrive_letters"]
    unsent = [row for row in rows if row["released_at"] is None]
    return len(rows), len(rows) - len(unsent), sum(states[row["letter"]] == "open" for row in unsent)


async def test_releases_its_events_fold_into_the_states_it_kept_with_what_these_lack(released: str) -> None:
    await migrate(released)
    kept = {row["ticket_id"]: row["state"] for row in rows_in(released)["ticket_states"]}
    async with open_pool(released) as pool, connected(pool) as connection:
        codec = await load_codec(connection)
        assert [await fold_again(pool, codec) for _ in range(2)] == [len(kept), 0]
        for row in rows_in(released)["ticket_states"]:
            before = kept[row["ticket_id"]]
            clocks = {name: before[name] | ADDED_TO_A_CLOCK for name in ("response", "resolution")}
            assert row["state"].items() >= {**before, **clocks}.items()
            assert row["state"].keys() - before.keys() <= ADDED
        values = await connection.execute("SELECT value FROM events ORDER BY ticket_id, version")
        events = [codec.decode(value) for (value,) in await values.fetchall()]
        found = await connection.execute("SELECT ticket_id, state FROM ticket_states")
        states = {ticket_id: ticket_from_json(state) for ticket_id, state in await found.fetchall()}
    folded = dict[str, Ticket]()
    for ticket_id, own in groupby(events, key=attrgetter("ticket_id")):
        ticket: Ticket | None = None
        for event in own:
            ticket = evolve(ticket, event)
        assert ticket is not None
        folded[ticket_id] = ticket
    assert folded == states


async def test_releases_rows_of_before_clocks_and_targets_are_migrated(released: str) -> None:
    await migrate_to("20261128000220", released)
    opened = datetime(2026, 11, 20, tzinfo=UTC)
    due = opened + timedelta(minutes=15)
    clocks = [
        # state, due_at, warn_at, breached_at; a clock that stood after its breach, and then ran on, fell due later
        ("breached", due + timedelta(days=3), due + timedelta(days=2), due),
        ("breached", due, None, due),
        ("breached", None, None, due),
        ("running", due, due - timedelta(minutes=3), None),
        ("met", None, None, None),
    ]
    with psycopg.connect(released, autocommit=True) as connection:
        for number, (state, *times) in enumerate(clocks):
            connection.execute(
                "INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, due_at, warn_at, breached_at)"
                " VALUES (%s, 'first_response', 'a', 900, %s, %s, %s, %s)",
                (f"T-old-{number}", state, *times),
            )
        connection.execute("INSERT INTO imports (source, file) VALUES ('old', 'old.csv')")
    before = rows_in(released)
    assert all(before[table] for table in ("sla_clocks", "delivery_targets", "letters", "refused_inputs", "imports"))
    await migrate(released)
    after = rows_in(released)
    assert {table: len(after[table]) for table in before} == {table: len(rows) for table, rows in before.items()}
    with psycopg.connect(released) as connection:
        query = "SELECT state, due_at, warn_at, breached_at FROM sla_clocks WHERE ticket_id LIKE 'T-old%' ORDER BY 1, 2"
        now = connection.execute(query).fetchall()
    assert now == [*[("breached", due, None, due)] * 3, clocks[4], clocks[3]]
    targets = {row["target"]: (row["asked_wait"], row["undeclared_at"]) for row in after["delivery_targets"]}
    assert targets == {row["target"]: (False, None) for row in before["delivery_targets"]}
    async with open_pool(released) as pool:
        async with connected(pool) as connection:
            gap = await connection.execute("DELETE FROM events WHERE version = 1 AND ticket_id LIKE '%-000001'")
            codec = await load_codec(connection)
        assert await fold_again(pool, codec) == len(before["ticket_states"]) - gap.rowcount, "the others stay"


async def test_releases_its_schemas_and_ours_are_compatible_and_ours_are_written_from_now_on(
    released: str, parts: Urls
) -> None:
    await migrate(released)
    apart, ours = f"t{uuid4().hex[:8]}", dict[int, RegisteredSchema]()
    async with (
        open_pool(released) as pool,
        connected(pool) as connection,
        Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth).client() as http,
    ):
        kept = await (await connection.execute("SELECT subject, definition FROM registered_schemas")).fetchall()
        before = {subject: json.loads(definition) for subject, definition in kept}
        assert before.keys() < {one.subject for one in RECORD_TYPES}
        await connection.execute("DELETE FROM registered_schemas")
        for one in RECORD_TYPES:
            subject = f"{apart}.{one.subject}"
            if one.subject in before:
                first = await register(http, subject, before[one.subject])
                await keep(connection, {first.schema_id: replace(first, subject=one.subject)})
            second = await register(http, subject, one.schema)
            ours[second.schema_id] = replace(second, subject=one.subject)
        await keep(connection, ours)
        codec = await load_codec(connection)
    written = [codec.encode(event) for event in ONE_OF_EACH]
    assert {int.from_bytes(value[1:5]) for value in written} <= ours.keys()
    assert [codec.decode(value) for value in written] == ONE_OF_EACH
