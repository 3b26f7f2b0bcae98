"""`topics check --live` on running programs: who reads, who should, and what nobody declared."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import NewTopic

from bus.consistency.shown_names import shown
from bus.gateway.auth.clients import token_hash
from bus.kafka.clients import admin, make_consumer, start_producer
from schemas.topics import COMMANDS, physical
from tests.bus_under_test import Bus, eventually

STATUS, TYPO = "ticket.status", "ticket.statu"

WRITTEN_EVERY_FOUR_MINUTES = """
INSERT INTO topic_minutes SELECT %s, date_trunc('minute', now()) - interval '15 minutes' - n * interval '4 minutes'
FROM generate_series(0, 11000) n RETURNING 1"""


@pytest.fixture
async def reading(bus: Bus) -> AsyncIterator[str]:
    """Let a group read a declared topic, and somebody write one that nobody declares; gives the group."""
    group, typo = f"{bus.settings.namespace}.bi", physical(bus.settings.namespace, TYPO)
    async with admin(bus.settings) as client:
        await client.create_topics([NewTopic(typo, 1, 1)])
    producer = await start_producer(bus.settings)
    try:
        await producer.send_and_wait(typo, b"x")
    finally:
        await producer.stop()
    consumer = make_consumer(bus.settings, physical(bus.settings.namespace, STATUS), group_id=group, client_id="bi-1")
    await consumer.start()
    try:
        yield group
    finally:
        await consumer.stop()
        async with admin(bus.settings) as client:
            await client.delete_topics([typo])


async def checked(bus: Bus) -> dict[tuple[str, str], dict[str, Any]]:
    """Give what `topics check --live --json` finds, by code and about."""
    done = await asyncio.to_thread(bus.run, "topics", "check", "--live", "--json")
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (1 if any(one["severity"] != "info" for one in found) else 0)
    return {(one["code"], one["about"]): one for one in found}


async def the_subscriber_has_what_it_needs(bus: Bus, kit: str) -> None:
    """Hold what `subscription add` says against the gateway and the sample."""
    group, topic = physical(bus.settings.namespace, "subscriber.bi/1"), physical(bus.settings.namespace, STATUS)
    assert "topics apply --acl" not in kit, "this broker asks for no rights"
    assert f"group: {group}\n" in kit
    token = re.search(r"token: (\S+)\n", kit)
    assert token is not None
    assert bus.query("SELECT role FROM clients WHERE token_sha256 = %s", token_hash(token[1])) == [("subscriber",)]
    sample = (await asyncio.to_thread(bus.run, "subscription", "sample", "bi", "go")).stdout
    for value in (topic, group, "ticket.opened.v1"):
        assert f'= "{value}"' in sample


async def test_topics_check_live_finds_absent_readers_strangers_and_what_nobody_declares(
    bus: Bus, reading: str
) -> None:
    own = f"{physical(bus.settings.namespace, 'ticketbus.commands')} → {COMMANDS}"
    who, typo = shown(reading), physical(bus.settings.namespace, TYPO)
    before = await checked(bus)
    assert before["reader_never_seen", own]["mend"] == "ticketbus worker --stages commands"
    assert "--group" in before["no_subscription", who]["mend"]
    assert before["no_subscription", who]["severity"] == "info"
    assert before["no_subscription", who]["evidence"][0].startswith("bi-1 @ 127.0.0.1")
    assert ("unwritten", f"{who} → {STATUS}") in before
    undeclared = before["undeclared", typo]
    assert (undeclared["severity"], undeclared["nearest"]) == ("p2", physical(bus.settings.namespace, STATUS))
    assert "1 records" in undeclared["en"]

    asked = ("bi", "--owner", "数据组", "--contact", "bi@corp", "--topic", STATUS, "--type", "TicketOpened")
    added = await asyncio.to_thread(bus.run, "subscription", "add", *asked, "--why", "reports", "--token")
    assert added.returncode == 0, added.stderr
    await the_subscriber_has_what_it_needs(bus, added.stdout)
    wrong = await asyncio.to_thread(bus.run, "subscription", "add", *asked[:-1], "TicketOpend", "--version", "2")
    assert wrong.returncode == 2
    assert "did you mean TicketOpened?" in wrong.stderr
    bus.start("worker")

    async def all_read() -> bool:
        found = await checked(bus)
        return {code for code, _ in found} == {"undeclared", "unwritten"}

    await eventually(all_read, each_s=1.0, what=lambda: bus.last_words("worker"))

    async def seen() -> bool:
        return bus.query("SELECT who FROM topic_readers WHERE topic = %s", STATUS) == [(who,)]

    await eventually(seen, what="the round that writes who reads")
    listed = await asyncio.to_thread(bus.run, "subscription", "show", "bi")
    assert f"见于 seen: {who} {STATUS}" in listed.stdout
    assert " reports" in listed.stdout
    assert len(bus.query(WRITTEN_EVERY_FOUR_MINUTES, STATUS)) > 5_000
    silent = (await checked(bus))["silent", STATUS]
    assert (silent["severity"], silent["mend"]) == ("p2", "ticketbus status")
    gone = await asyncio.to_thread(bus.run, "subscription", "remove", "bi", "--why", "done")
    assert gone.returncode == 0
    assert (await asyncio.to_thread(bus.run, "subscription", "remove", "bi", "--why", "done")).returncode == 1
    assert ("no_subscription", who) in await checked(bus)
