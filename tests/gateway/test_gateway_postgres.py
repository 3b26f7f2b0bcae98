"""The gateway's own tables, and lists of tickets, on real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.terms import State, TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.clients import add_client, ensure_client, list_clients, load_tokens, revoke_client, token_hash
from bus.gateway.auth.roles import Role
from bus.gateway.ports import SentEvent, TicketQuery
from bus.gateway.read.ticket_rows import PostgresTicketReader
from bus.gateway.stream.sent_events import PostgresSentEvents
from bus.local.stack import Urls
from bus.postgres.device_rows import repairs_of
from bus.postgres.pool import connected, in_transaction, open_pool
from tests.bus_under_test import Bus, bus_on

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = {
    "version": 1, "trace_id": "ab" * 16, "historic": False, "source": "crm", "source_no": "A1", "title": "t",
    "incident_key": {"kind": "serial", "value": "SN"}, "type": "hardware_fault", "region": "", "serial": "SN",
    "paused": False, "opened_at": NOON.isoformat(), "root_cause": "", "reports": 1, "reassignments": 0, "pauses": 0,
    "reopens": 0, "asked": 0, "creator": "crm", "assigner": "", "last_at": NOON.isoformat(),
    "last_action": "ticket.opened", "folded": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Prepare a database of this module's own."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with bus_on(parts, folder) as made:
        yield made


async def test_gateway_postgres_a_token_is_shown_once_kept_as_a_hash_and_gone_when_revoked(bus: Bus) -> None:
    assert bus.settings.database_url is not None
    async with open_pool(bus.settings.database_url, size=2) as pool:
        token = await add_client(pool, "engineer-app", Role.ENGINEER)
        with pytest.raises(CommandRefused) as refused:
            await add_client(pool, "engineer-app", Role.ADMIN)
        assert refused.value.code == "already"
        known = await load_tokens(pool)
        assert known[token_hash(token)] == Client(name="engineer-app", role=Role.ENGINEER)
        for _ in range(2):
            await ensure_client(pool, "local-admin", Role.ADMIN, "chosen")
        assert (await load_tokens(pool))[token_hash("chosen")].role is Role.ADMIN
        assert await revoke_client(pool, "engineer-app")
        assert not await revoke_client(pool, "nobody")
        assert token_hash(token) not in await load_tokens(pool)
        listed = {one.name: one for one in await list_clients(pool)}
        assert listed["engineer-app"].revoked_at is not None
        assert listed["local-admin"].revoked_at is None
    assert token not in str(bus.query("SELECT * FROM clients"))


async def test_gateway_postgres_preparing_again_neither_revives_a_revoked_client_nor_raises_anybody_to_admin(
    bus: Bus,
) -> None:
    assert bus.settings.database_url is not None
    async with open_pool(bus.settings.database_url, size=2) as pool:
        await ensure_client(pool, "was-admin", Role.ADMIN, "old")
        await revoke_client(pool, "was-admin")
        with capture_logs() as logs:
            await ensure_client(pool, "was-admin", Role.ADMIN, "new")
        assert [one["event"] for one in logs] == ["a revoked client stays revoked"]
        token = await add_client(pool, "reader", Role.SUBSCRIBER)
        for name, role, taken, field in (
            ("reader", Role.ADMIN, "x", "name"),
            ("second-admin", Role.ADMIN, token, "token"),
        ):
            with pytest.raises(CommandRefused) as refused:
                await ensure_client(pool, name, role, taken)
            assert (refused.value.code, refused.value.field) == ("already", field)
            assert token not in str(refused.value)
        await ensure_client(pool, "local-admin", Role.ADMIN, "another")  # a live one may get another token
        known = await load_tokens(pool)
        assert token_hash("another") in known
        assert known[token_hash(token)] == Client(name="reader", role=Role.SUBSCRIBER)
        assert not {token_hash("old"), token_hash("new"), token_hash("x")} & set(known)
        for name in ("ticketbus", "bus"):
            with pytest.raises(MalformedInput, match="reserved_name"):
                await add_client(pool, name, Role.ENGINEER)


async def test_gateway_postgres_pushes_are_noted_once_and_kept_while_the_store_is_away(bus: Bus) -> None:
    assert bus.settings.database_url is not None
    push = SentEvent(ticket_id="T20261122-000001", version=2, topic="ticket.assign", client="app", pushed_at=NOON)
    async with open_pool(bus.settings.database_url, size=1) as pool:
        pushes = PostgresSentEvents(pool)
        pushes.note(push)
        pushes.note(push)
        await pushes.write()
    assert bus.query("SELECT ticket_id, version, topic, client, pushed_at FROM pushes") == [
        ("T20261122-000001", 2, "ticket.assign", "app", NOON)
    ]
    pushes.note(push)
    await pushes.write()  # the pool is closed: nothing is raised, and the note stays
    assert len(pushes._waiting) == 1


async def test_gateway_postgres_lists_are_filtered_and_paged_by_their_indexes(bus: Bus) -> None:
    assert bus.settings.database_url is not None
    async with open_pool(bus.settings.database_url, size=1) as pool:
        async with connected(pool) as connection:
            for number in range(1, 8):
                person = "王工" if number % 2 else ""
                state = State.ASSIGNED if number % 2 else State.PENDING
                row = {**ROW, "ticket_id": f"T20261122-{number:06d}", "state": state, "assignee": person}
                text = orjson.dumps({**row, "handler": person}).decode()
                await connection.execute(
                    "INSERT INTO tickets SELECT * FROM jsonb_populate_record(null::tickets, %s)", (text,)
                )
        reader = PostgresTicketReader(pool)
        whole = await reader.page(TicketQuery(limit=100))
        numbers = [row["ticket_id"] for row in whole]
        assert numbers == sorted(numbers, reverse=True)
        assert whole[0]["responsibility"]["handler"] == "王工"
        assert whole[0]["opened_at"] == NOON
        query = TicketQuery(state=State.ASSIGNED, assignee="王工", before=TicketId(numbers[0]), limit=2)
        below = await reader.page(query)
        assert [row["ticket_id"] for row in below] == ["T20261122-000005", "T20261122-000003"]
        assert await reader.page(TicketQuery(state=State.CLOSED, limit=5)) == []


async def test_gateway_postgres_r26_a_device_has_its_repairs_the_newest_first(bus: Bus) -> None:
    assert bus.settings.database_url is not None
    async with open_pool(bus.settings.database_url, size=1) as pool:
        async with connected(pool) as connection:
            for number, region in enumerate(("华东", "西南", "华东"), start=1):
                own = {"ticket_id": f"T20261123-{number:06d}", "region": region, "serial": "SN-7788"}
                repair = {**ROW, **own, "state": "closed", "assignee": "王工", "summary": "换板", "parts": [{"n": 1}]}
                repair["opened_at"] = (NOON + timedelta(days=number)).isoformat()
                for table in (b"tickets", b"device_history"):
                    insert = b"INSERT INTO %b SELECT * FROM jsonb_populate_record(null::%b, %%s)" % (table, table)
                    await connection.execute(insert, (orjson.dumps(repair).decode(),))
        found = await in_transaction(pool, repairs_of, "SN-7788", (), 2)
        assert [one.ticket_id[-1] for one in found] == ["3", "2"]
        assert (found[0].parts, found[0].assignee, found[0].summary) == ([{"n": 1}], "王工", "换板")
        found = await in_transaction(pool, repairs_of, "SN-7788", ("西南",), 9)
        assert [one.region for one in found] == ["西南"]
        assert await in_transaction(pool, repairs_of, "SN-1", (), 9) == []


async def test_gateway_postgres_clients_are_bound_by_the_command_and_old_ones_marked(bus: Bus) -> None:
    engineer = ("client", "add", "wang", "--role", "engineer")
    refused = bus.run(*engineer)
    assert (refused.returncode, "--on-behalf" in refused.stderr) == (2, True)
    assert bus.run(*engineer, "--person", "王\u200b磊").returncode == 0
    assert bus.run("client", "add", "crm-api", "--role", "source").returncode == 0
    assert (
        bus.run("client", "add", "desk", "--role", "dispatcher", "--region", "华东", "--region", "华北").returncode == 0
    )
    assert bus.settings.database_url is not None
    async with open_pool(bus.settings.database_url, size=1) as pool:
        token = await add_client(pool, "old-app", Role.ENGINEER)  # as a version before made them
        shown = bus.run("client", "list").stdout
        assert ["未绑定 unbound" in line for line in shown.splitlines() if "old-app" in line or "wang" in line] == [
            True,
            False,
        ]
        bindings = {one.name: one.binding for one in await list_clients(pool)}
        assert bindings["wang"] == Binding(bound=True, person="王磊")
        assert bindings["crm-api"] == Binding(bound=True, source="crm-api")
        assert bindings["desk"] == Binding(bound=True, regions=("华东", "华北"))
        assert bus.run("client", "bind", "nobody", "--on-behalf").returncode == 1
        assert bus.run("client", "bind", "old-app", "--on-behalf").returncode == 0
        assert (await load_tokens(pool))[token_hash(token)].binding == Binding(bound=True, on_behalf=True)

        async def bound(*options: str) -> Binding:  # as a refusal of what a person decides advises
            assert bus.run("client", "bind", "desk", *options).returncode == 0
            return next(one.binding for one in await list_clients(pool) if one.name == "desk")

        named = await bound("--person", "王芳")
        assert named == Binding(bound=True, person="王芳", regions=("华东", "华北")), "its regions stay"
        assert (await bound("--person", "王芳", "--all-regions")).regions == ()
