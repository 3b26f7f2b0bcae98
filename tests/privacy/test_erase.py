"""What is held of a person is sealed wherever it is stored, shown to whoever may see it, and erased for good (R50)."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from psycopg.types.json import Jsonb
from websockets.asyncio.client import connect

from bus.app import Core
from bus.consistency.restore import restore
from bus.consistency.verify import verify_log
from bus.domain.batch import Accepted, Refused
from bus.domain.commands import AskProgress, Command, Note, OpenTicket, Request
from bus.domain.terms import KeyKind
from bus.domain.values import Customer, IncidentKey
from bus.intake.dispatch import utc_now
from bus.kafka.clients import start_producer
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.wire.event_reader import EventReader
from bus.wire.rejected_input import RejectedInput
from bus.wire.sealing import ERASED
from schemas.messages import CommandSent
from schemas.topics import COMMANDS, physical
from tests.bus_under_test import PATIENCE_S, TOKEN, Bus, bus_on, eventually
from tests.consistency.test_two_stores import request
from tests.domain.people import CLOSED, OPEN
from tests.privacy.everywhere import places_of

NAME, PHONE, STREET, WORDS = "欧阳云岚", "13800004711", "云栖小区七栋", "门锁密码四八二一"
REF = "KH-884213-A"
PERSONAL = (NAME, PHONE, STREET, WORDS, REF)
STRANGER = Customer(name="司马青禾", phone="13800004712", address="青禾路一号")
PERSON = Customer(name=NAME, phone=PHONE, address=STREET)


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    with bus_on(parts, tmp_path, database_kept=False) as made:
        made.start("gateway")
        made.start("worker")
        asyncio.run(made.ready())
        yield made


def opening(number: int, customer: Customer, key: IncidentKey | None = None) -> Request:
    own = key or IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{number}")
    ref = "" if customer is STRANGER else REF
    command = replace(
        OPEN, incident_key=own, source_no=f"C-{number}", customer=customer, description=WORDS, customer_ref=ref
    )
    return request(number, command, 0)


async def lives(core: Core) -> list[str]:
    """Close three tickets of the person, and leave one of a stranger; gives their numbers."""
    by_phone = IncidentKey(kind=KeyKind.PHONE, value=f"+86 {PHONE}")
    openings = [opening(1, PERSON), opening(2, PERSON), opening(3, Customer(), by_phone), opening(4, STRANGER)]
    outcomes = await core.dispatcher.dispatch(openings)
    saying: list[Command] = [Note(text=f"{NAME}: {WORDS}"), AskProgress(asked_by=NAME, text=WORDS)]
    for minute, command in enumerate([*saying, *(one for one in CLOSED if not isinstance(one, OpenTicket))], start=1):
        later = await core.dispatcher.dispatch([request(number, command, minute) for number in (1, 2, 3)])
        assert all(isinstance(one, Accepted) for one in later), later
    return [one.ticket_id for one in outcomes if isinstance(one, Accepted)]


async def refuse(core: Core) -> None:
    """Let input of the person be refused: one that its sender heard of, one that became a letter."""
    for ref, heard in (("told", True), ("letter", False)):
        body = orjson.dumps({"name": NAME, "phone": PHONE})
        one = RejectedInput(
            origin="http", origin_ref=ref, source="crm", code="c", field="f", detail_zh="不", detail_en="no",
            body=body, trace_id="0" * 31 + "9", kind="refused", heard=heard,
        )  # fmt: skip
        await core.refused.keep([one])


async def send_on_kafka(core: Core) -> None:
    """Let a system write a command in clear."""
    producer = await start_producer(core.settings)
    sent = CommandSent(
        idempotency_key="k-1", source="crm", actor="crm", ticket_source_no="C-1", command=Note(text=f"{PHONE} {WORDS}")
    )
    await producer.send_and_wait(physical(core.settings.namespace, COMMANDS), core.codec.encode_record(sent))
    await producer.stop()


async def shown(bus: Bus, ticket_id: str) -> str:
    """Give all that HTTP shows of a ticket."""
    async with bus.client() as http:
        answers = [await http.get(f"/v1/tickets/{ticket_id}{rest}") for rest in ("", "/events")]
    assert [one.status_code for one in answers] == [200, 200]
    return "".join(one.text for one in answers)


async def streamed(bus: Bus, *numbers: str) -> dict[str, str]:
    """Give what a subscriber is sent of the first version of each of these tickets."""
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics=ticket.events&cursor=start"
    headers, found = {"Authorization": f"Bearer {TOKEN}"}, dict[str, str]()
    async with connect(url, additional_headers=headers, proxy=None, max_queue=None) as ws, asyncio.timeout(PATIENCE_S):
        while found.keys() != {*numbers}:
            text = str(await ws.recv(decode=True))
            data = orjson.loads(text).get("data") or {}
            if data.get("ticket_id") in numbers and data["version"] == 1:
                found[data["ticket_id"]] = text
    return found


async def found_by(bus: Bus, name: str) -> int:
    async with bus.client() as http:
        answer: httpx2.Response = await http.post("/v1/journeys", json={"any": name})
    return answer.status_code


async def published(core: Core) -> None:
    async def all_of_it() -> bool:
        async with connected(core.pool) as connection:
            rows = await connection.execute("SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1")
            return not await rows.fetchall()

    await eventually(all_of_it, what="everything is published")


async def kept(core: Core, query: str) -> list[tuple[Any, ...]]:
    async with connected(core.pool) as connection:
        return await (await connection.execute(query.encode())).fetchall()


async def say(core: Core, ticket_id: str, words: str) -> None:
    """Let a target say of a failure what it knows of a person by itself."""
    failures = Jsonb([{"kind": "unavailable"}, {"kind": "rejected", "message": words}])
    query = "INSERT INTO delivery_heads (target, ticket_id, version, next_at, failures) VALUES ('x', %s, 1, now(), %s)"
    async with connected(core.pool) as connection:
        await connection.execute(query, (ticket_id, failures))


async def test_erase_sealed_where_it_is_stored_shown_to_who_may_and_gone_for_good(bus: Bus) -> None:
    async with bus.core() as core:
        mine, *_, strangers = numbers = await lives(core)
        await refuse(core)
        await send_on_kafka(core)
        await eventually(lambda: found_version(core, mine, len(CLOSED) + 3), what="the command on Kafka took effect")
        await published(core)
        # Sealed at rest; but for what a system itself wrote in clear.
        assert await places_of(core, *PERSONAL, STRANGER.phone) == {COMMANDS}
        # Shown to who may, and that is on file.
        seen, sent = await shown(bus, mine), (await streamed(bus, mine))[mine]
        assert all(text in seen and text in sent for text in PERSONAL)
        assert [await found_by(bus, one) for one in (PHONE, f"+86 {PHONE}", STRANGER.phone)] == [200, 200, 200]
        reads = bus.run("privacy", "log", "--ticket", mine, "--json")
        assert reads.returncode == 0, reads
        assert [(one["client"], one["what"]) for one in map(orjson.loads, reads.stdout.splitlines())] == [
            ("first-admin", mine)
        ]
        # Not while one is open.
        open_one = (await core.dispatcher.dispatch([opening(9, PERSON)]))[0]
        assert isinstance(open_one, Accepted)
        refusal = bus.run("privacy", "erase", PHONE, "--by", "张工", "--why", "客户要求")
        assert (refusal.returncode, open_one.ticket_id in refusal.stderr) == (1, True)
        assert PHONE in await shown(bus, mine)
        for minute, command in enumerate(CLOSED[1:], start=1):
            await core.dispatcher.dispatch([request(9, command, minute)])
        await say(core, mine, NAME)
        before = await kept(core, "SELECT key_id, about, wrapped FROM personal_keys")
        count = await kept(core, "SELECT count(*) FROM events")
        erased = bus.run("privacy", "erase", f"+86 {PHONE}", "--by", "张工", "--why", "客户要求")
        assert (erased.returncode, "4 张工单" in erased.stdout) == (0, True), erased
        await published(core)
        # Gone: from where it was stored, and from what is shown.
        assert await places_of(core, *PERSONAL) == set()
        for number, sent in (await streamed(bus, *numbers[:-1], open_one.ticket_id)).items():
            text = await shown(bus, number) + sent
            assert ERASED in text
            assert not any(one in text for one in PERSONAL)
        assert STRANGER.phone in await shown(bus, strangers)
        assert [await found_by(bus, one) for one in (PHONE, STRANGER.phone)] == [404, 200]
        again = bus.run("privacy", "erase", PHONE, "--by", "张工", "--why", "客户要求")
        assert (again.returncode, "nothing is held" in again.stderr) == (1, True)
        # Order and counts stay.
        assert await kept(core, "SELECT count(*) FROM events") == [(count[0][0] + 4,)]
        await verified(core)
        # A backup of before is erased again.
        await from_backup(core, before, mine)
        assert PHONE in await shown(bus, mine)
        events = EventReader(decode=core.codec.decode, know=core.schemas.know)
        assert await restore(core.pool, core.settings, core.contract, events, core.keys) == 1
        assert PHONE not in await shown(bus, mine)
        await verified(core)
        # Nothing is written on it that no phone would find; a customer who comes again is a new one, on it too.
        (refused,) = await core.dispatcher.dispatch([noted := request(1, Note(text=WORDS), 90)])
        assert isinstance(refused, Refused)
        assert (refused.error.code, refused.error.field) == ("personal_data_erased", "text")
        later = replace(opening(1, PERSON), at=utc_now(), received_at=utc_now())
        assert isinstance((await core.dispatcher.dispatch([later]))[0], Accepted)
        assert (PHONE in await shown(bus, mine), await found_by(bus, PHONE)) == (True, 200)
        assert isinstance((await core.dispatcher.dispatch([noted]))[0], Accepted)
        await core.relay.close()


async def found_version(core: Core, ticket_id: str, version: int) -> bool:
    rows = await kept(core, f"SELECT version FROM ticket_states WHERE ticket_id = '{ticket_id}'")  # noqa: S608 - our own names
    return bool(rows[0][0] == version)


async def verified(core: Core) -> None:
    report = await verify_log(core.pool, core.settings, core.contract, core.codec)
    assert report.differences == 0, report


async def from_backup(core: Core, keys: list[tuple[Any, ...]], ticket_id: str) -> None:
    """Have the database as it was before a ticket was erased: its keys, and not its last event."""
    last = "ticket_id = %(ticket)s AND version = (SELECT version FROM ticket_states WHERE ticket_id = %(ticket)s)"
    queries = [
        f"DELETE FROM commands WHERE command_id IN (SELECT command_id FROM events WHERE {last})",  # noqa: S608 - our own names
        f"DELETE FROM outbox WHERE {last}",  # noqa: S608 - our own names
        f"DELETE FROM events WHERE {last}",  # noqa: S608 - our own names
        """UPDATE ticket_states SET version = version - 1,
           state = jsonb_set(state, '{version}', to_jsonb(version - 1)) WHERE ticket_id = %(ticket)s""",
    ]
    async with connected(core.pool) as connection:
        for key_id, _, wrapped in (one for one in keys if one[1] == ticket_id):
            await connection.execute("UPDATE personal_keys SET wrapped = %s WHERE key_id = %s", (wrapped, key_id))
        for query in queries:
            await connection.execute(query.encode(), {"ticket": ticket_id})
