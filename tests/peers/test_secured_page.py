"""docs/securing.md, followed literally: all over TLS, nobody without; and each secret changed under traffic."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx2
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from standardwebhooks import Webhook

from bus.kafka.clients import admin
from bus.kafka.group_members import consumer_groups
from tests.peers.secured_page import SecuredStack, binaries, secured_stack, until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        not all(map(shutil.which, ("openssl", "curl", "psql"))) or binaries() is None,
        reason="needs openssl, curl and a PostgreSQL that was built with TLS: apt-get install postgresql",
    ),
]
SEE = "## 7. See that it is so"
# What curl ends with: no answer, three times; an unknown authority; psql: no connection; a refusal of ours; HTTP 401.
REFUSED = ((52, 56), (52, 56), (52, 56), (60,), (2,), (1,), (22,))


@pytest.fixture(scope="module")
def stack() -> Iterator[SecuredStack]:
    with TemporaryDirectory(prefix="secured-") as folder, secured_stack(Path(folder)) as made:
        yield made  # not below pytest's folder, which is closed to the user that root's PostgreSQL runs as


async def test_secured_page_refuses_and_takes_what_it_says(stack: SecuredStack) -> None:
    refused, taken = stack.blocks(SEE)
    commands = refused.splitlines()[1:]
    for command, codes in zip(commands, REFUSED, strict=True):
        done = stack.tried(command)
        assert done.returncode in codes, f"{command}: {done}"
    said = stack.run(taken)
    assert '"answer":"opened"' in said.replace(" ", "")
    assert "ticket.opened.v1 T" in said
    async with admin(stack.settings("admin")) as client:
        groups = [one.name for one in await consumer_groups(client)]
    assert groups, "the worker reads"
    assert [one for one in groups if one.startswith("subscriber.")] == [], "a group is left that nobody reads for"


def test_secured_page_secrets_stand_in_no_log_and_are_masked(stack: SecuredStack) -> None:
    shown = stack.run("as ticketbus.gateway ticketbus settings --json")
    rows = {row["variable"]: row for row in map(json.loads, shown.splitlines())}
    assert {name for name, row in rows.items() if row["source"] == "file"} == {
        "DATABASE_URL", "SCHEMA_REGISTRY_BASIC_AUTH", "TICKETBUS_KAFKA_PASSWORD", "TICKETBUS_MASTER_KEY",
        "TICKETBUS_WEBHOOK_SECRETS", "TICKETBUS_INTAKE_SECRETS",
    }  # fmt: skip
    secrets = [
        stack.secret(name)
        for name in (
            "database_password",
            "master_key",
            "ticketbus.gateway.password",
            "ticketbus.worker.password",
            "token",
        )
    ]
    secrets += [
        stack.secret("schema_registry_basic_auth").partition(":")[2],
        *json.loads(stack.secret("intake_secrets")),
    ]
    texts = [shown, *map(stack.log_of, ("gateway", "worker", "watch"))]
    assert [one for one in secrets for text in texts if one in text] == []


def test_secured_page_postgresql_asks_both_roles_for_a_client_certificate_where_it_is_told_to(
    stack: SecuredStack,
) -> None:
    data, secrets, heading = stack.folder / "postgres", stack.folder / "secrets", "### A client certificate as well"
    access, kept = data / "pg_hba.conf", ("database_url", "database_password")
    before, plain = access.read_text(), {name: (secrets / name).read_text() for name in kept}
    without = stack.secret("database_url")
    (option,), (line,), (shown,) = (stack.blocks(heading, one) for one in ("ini", "text", "sh"))
    with stack.as_superuser() as connection:
        connection.execute(f"ALTER SYSTEM SET {option}")
        access.write_text(before.replace("hostssl", f"{line}hostssl", 1))
        connection.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: not connects(without), lambda: "PostgreSQL asks for no certificate")
            stack.run(shown)
            assert connects(stack.secret("database_url"))
            stack.run("as admin ticketbus prepare")  # dbmate's driver, too
            stack.run(stack.blocks("### The password of PostgreSQL")[0])
            rotated = stack.secret("database_url")
            assert ("//bus_2:" in rotated, connects(rotated)) == (True, True)
            assert not connects(rotated.partition("&sslcert")[0]), "bus_2 comes in without a certificate"
            assert not connects(rotated.replace("bus_2.pem", "bus.pem")), "bus_2 comes in by another's certificate"
        finally:
            access.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            for name, content in plain.items():
                (secrets / name).write_text(content)
        until(lambda: connects(without), lambda: "PostgreSQL does not take the role without one")
        connection.execute("DROP ROLE IF EXISTS bus_2")


def connects(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass(slots=True)
class Traffic:
    """Opens tickets one after another by a few clients; each asks again until it is answered."""

    stack: SecuredStack
    token: str
    opened: dict[str, str] = field(default_factory=dict)  # ticket by serial
    asked_again: int = 0
    ended: bool = False

    async def run(self, http: httpx2.AsyncClient) -> None:
        """Open tickets until ended; whatever was asked is asked to its end."""
        while not self.ended:
            serial = f"SN-{uuid4().hex[:12].upper()}"
            async with asyncio.timeout(60):
                self.opened[serial] = await self._open(http, serial)

    async def _open(self, http: httpx2.AsyncClient, serial: str) -> str:
        body = {
            "incident_key": {"kind": "serial", "value": serial},
            "title": "洗衣机漏水", "type": "hardware_fault", "region": "上海",
        }  # fmt: skip
        while True:
            headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": serial}
            try:
                answer = await http.post("/v1/tickets", json=body, headers=headers)
            except httpx2.TransportError:
                pass
            else:
                if answer.status_code == 201:
                    return str(answer.json()["ticket_id"])
                assert answer.status_code >= 500, answer.text
            self.asked_again += 1
            await asyncio.sleep(0.1)

    async def goes_on(self) -> None:
        """Wait until tickets have been opened by all clients since now."""
        wanted = len(self.opened) + 20
        async with asyncio.timeout(60):
            while len(self.opened) < wanted:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def traffic(stack: SecuredStack) -> AsyncIterator[Traffic]:
    trust = ssl.create_default_context(cafile=str(stack.folder / "secrets" / "ca.pem"))
    made = Traffic(stack, stack.secret("token"))
    limits = httpx2.Limits(max_keepalive_connections=0)  # each request shakes hands anew
    async with httpx2.AsyncClient(base_url=stack.gateway, verify=trust, trust_env=False, limits=limits) as http:
        clients = [asyncio.create_task(made.run(http)) for _ in range(4)]
        try:
            yield made
            assert not any(one.done() for one in clients), clients
        finally:
            made.ended = True  # a request cancelled in its TLS handshake would leave the connection open
            await asyncio.gather(*clients, return_exceptions=True)


async def events(stack: SecuredStack) -> set[tuple[str, str, bytes | None]]:
    """Read ticket, version and content of every event of the log, as a subscriber that drops what it has seen."""
    consumer = AIOKafkaConsumer(
        "ticket.events",
        bootstrap_servers=stack.kafka,
        security_protocol="SASL_SSL",
        ssl_context=ssl.create_default_context(cafile=str(stack.folder / "secrets" / "ca.pem")),
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username="subscriber.bi",
        sasl_plain_password=stack.secret("subscriber.bi.password"),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    found = set[tuple[str, str, bytes | None]]()
    async with consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        async with asyncio.timeout(60):
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        assert record.key
                        found.add((record.key.decode(), dict(record.headers)["ticket-version"].decode(), record.value))
    return found


async def test_secured_page_each_secret_is_changed_under_traffic_and_nothing_is_lost_or_repeated(
    stack: SecuredStack,
) -> None:
    async def do(heading: str, block: int = 0) -> None:
        await asyncio.to_thread(stack.run, stack.blocks(f"### {heading}")[block])

    async def restart(*programs: str) -> None:
        for program in programs:
            await asyncio.to_thread(stack.restart, program)
        await running.goes_on()

    async with traffic(stack) as running:
        await running.goes_on()
        await do("A client's token")
        first, running.token = running.token, stack.secret("token")
        assert first != running.token
        await running.goes_on()
        assert await status(stack, first) == 200
        await do("A webhook's secret")
        new, old = json.loads(stack.secret("webhook_secrets"))["crm"]
        await do("A user's password on Kafka")
        await do("The password of PostgreSQL")
        await restart("gateway", "worker", "watch")
        for secret in (new, old):
            await asyncio.to_thread(deliver, stack, secret)
        await do("A user's password on Kafka", 1)
        with await asyncio.to_thread(stack.as_superuser) as connection:
            connection.execute("ALTER ROLE bus PASSWORD NULL")
            users = connection.execute(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'ticketbus' AND usename LIKE 'bus%'"
            ).fetchall()
        assert users == [("bus_2",)]
        before = await shown(stack)
        await do("Certificates")
        async with asyncio.timeout(60):
            while await shown(stack) == before:
                await asyncio.sleep(0.2)
        await running.goes_on()
    ids = list(running.opened.values())
    assert len(set(ids)) == len(ids)

    async def published() -> bool:
        with await asyncio.to_thread(stack.as_superuser, "ticketbus") as connection:
            return connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone() == (0,)

    async with asyncio.timeout(60):
        while not await published():
            await asyncio.sleep(0.2)
    found = await events(stack)
    versions = [(ticket, version) for ticket, version, _ in found]
    assert len(set(versions)) == len(versions), "an event stands on Kafka with two contents"
    assert {ticket for ticket, version in versions if version == "1"} >= set(ids)
    with await asyncio.to_thread(stack.as_superuser, "ticketbus") as connection:
        opened = "SELECT count(*) FROM events WHERE version = 1 AND ticket_id = ANY(%s)"
        assert connection.execute(opened, (ids,)).fetchone() == (len(ids),)
        seen = "SELECT count(*) FILTER (WHERE ticket_id = ANY(%s)), count(*) FILTER (WHERE source = 'crm') FROM tickets"
        async with asyncio.timeout(120):  # the worker was just restarted, and catches up
            while connection.execute(seen, (ids,)).fetchone() != (len(ids), 2):
                await asyncio.sleep(0.2)
    await asyncio.to_thread(stack.run, "as ticketbus.operator ticketbus log verify")
    print(f"{len(ids)} tickets, {running.asked_again} asked again")


async def status(stack: SecuredStack, token: str) -> int:
    trust = ssl.create_default_context(cafile=str(stack.folder / "secrets" / "ca.pem"))
    async with httpx2.AsyncClient(base_url=stack.gateway, verify=trust, trust_env=False) as http:
        return (await http.get("/v1/tickets", headers={"Authorization": f"Bearer {token}"})).status_code


async def shown(stack: SecuredStack) -> object:
    """Give the serial number of the certificate that the gateway shows."""
    trust = ssl.create_default_context(cafile=str(stack.folder / "secrets" / "ca.pem"))
    _, writer = await asyncio.open_connection("localhost", stack.ports[8444], ssl=trust)
    serial = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return serial


def deliver(stack: SecuredStack, secret: str) -> None:
    """Deliver a signed webhook of the CRM's."""
    number = f"CRM-{uuid4().hex[:8]}"
    key = {"kind": "serial", "value": f"SN-{number}"}
    data = {"source_no": number, "incident_key": key, "title": "空调不制冷", "type": "hardware_fault"}
    now = datetime.now(UTC)
    body = json.dumps({"type": "ticket.created", "timestamp": now.isoformat(), "data": data})
    headers = {"webhook-id": f"msg_{number}", "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = Webhook(secret).sign(headers["webhook-id"], now, body)
    trust = ssl.create_default_context(cafile=str(stack.folder / "secrets" / "ca.pem"))
    answer = httpx2.post(f"{stack.gateway}/v1/sources/crm/webhook", content=body, headers=headers, verify=trust)
    assert answer.status_code in (200, 201), answer.text
