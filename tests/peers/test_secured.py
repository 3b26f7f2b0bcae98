"""A secured broker: each program works with the rights that the contract gives it, and nobody does more."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import websockets
from aiokafka import errors
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion
from pydantic import SecretStr

from bus.domain.errors import KafkaUnavailable
from bus.kafka.acls import AclsRefused, apply_acls
from bus.kafka.clients import kafka_options, make_consumer, make_producer, touch
from bus.local.ports import PortClaims
from bus.local.stack import Urls
from bus.settings import Settings, load
from schemas.acls import Acl, acls_of
from schemas.topics import COMMANDS, DEADLETTER, HOSTS, INTAKE, LOG, load_contract
from tests import databases
from tests.bus_under_test import TOKEN, Bus, Questions, eventually, settings_from
from tests.e2e.test_commands_topic import opened
from tests.peers.secured import Secured, secured_kafka, sees_who_reads

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("bus")]

LIMIT_S = 60.0
WRONG: dict[str, Callable[[Path], dict[str, object]]] = {
    "password": lambda folder: {"kafka_password": SecretStr((folder / "password").read_text().strip())},
    "authority": lambda _: {"kafka_ca_file": None},
    "no TLS": lambda _: {"kafka_security_protocol": "PLAINTEXT"},
}
JUDGED = "SELECT 1 FROM consumers WHERE topic = %s AND members > 0 AND lag = 0"  # one of the worker's own stages
SOURCE, SUBSCRIBER = "source.mes", "subscriber.bi"
APPLY = ("topics", "apply", "--acl", "--source", "mes", "--subscriber", "bi")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Run the broker for all tests of this file."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


@pytest.fixture(scope="module")
def bus(kafka: Secured, parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Prepare a bus on the broker; its programs are started by `start`, each as its own user."""
    folder, claims = tmp_path_factory.mktemp("bus"), PortClaims(load().cache)
    ports = [claims.claim(("http",), {}, fixed={})["http"] for _ in range(2)]
    environment = {
        **os.environ,
        "DATABASE_URL": databases.make_database(parts, f"t{uuid4().hex[:10]}"),
        "SCHEMA_REGISTRY_URL": parts.schema_registry_url,
        "SCHEMA_REGISTRY_BASIC_AUTH": parts.schema_registry_basic_auth or "",
        "TICKETBUS_NAMESPACE": "",
        "TICKETBUS_HTTP_PORT": str(ports[0]),
        "TICKETBUS_METRICS_PORT": str(ports[1]),
        "TICKETBUS_URL": f"http://127.0.0.1:{ports[0]}",
        "TICKETBUS_TOKEN": TOKEN,
        "TICKETBUS_MASTER_KEY": databases.MASTER_KEY,
        "TICKETBUS_WEBHOOK_SECRETS": "{}",
        "TICKETBUS_DATA": str(folder),
        "COLUMNS": "1000",
        **kafka.environment("admin"),
    }
    questions = Questions(environment["DATABASE_URL"])
    made = Bus(settings=settings_from(environment), environment=environment, folder=folder, questions=questions)
    asyncio.run(eventually(kafka.started, what=kafka.child.last_words))
    first, again = [made.run(*APPLY) for _ in range(2)]
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "ACL added: User:source.mes" in first.stdout
    assert "0 ACLs added" in again.stdout
    assert "ACL added" not in again.stdout
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()
    questions.close()
    claims.release()


def acting_as(bus: Bus, kafka: Secured, program: str) -> Bus:
    """Give the bus as one of its programs sees it: its own user."""
    return replace(bus, environment={**bus.environment, **kafka.environment(f"ticketbus.{program}")})


async def writes(settings: Settings, topic: str) -> bool:
    """Say whether a user may write a topic; who may not is told so, at once where it may write none at all."""
    producer = make_producer(settings)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"x", key=b"k")
    except (errors.TopicAuthorizationFailedError, errors.ClusterAuthorizationFailedError):
        return False
    finally:
        await producer.stop()
    return True


async def reads(settings: Settings, topic: str, group: str) -> bool:
    """Say whether a user may read a topic in a group; who may not is told so."""
    consumer = make_consumer(settings, topic, group_id=group)
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.start()
            await consumer.getmany(timeout_ms=500)
    except (errors.TopicAuthorizationFailedError, errors.GroupAuthorizationFailedError):
        return False
    finally:
        await consumer.stop()
    return True


async def test_secured_the_programs_work_each_with_its_own_rights(kafka: Secured, bus: Bus) -> None:
    for program in ("gateway", "worker", "watch"):
        one = acting_as(bus, kafka, program)
        if program == "gateway":
            del one.environment["TICKETBUS_METRICS_PORT"]
        one.start(program)
    await bus.ready()
    number, key = f"S-{uuid4().hex[:8]}", uuid4().hex
    async with bus.core() as core:
        value = core.codec.encode_record(opened(number, key))
    source = kafka.settings(SOURCE)
    async with make_producer(source, transactional_id=f"{SOURCE}/{key}") as producer, producer.transaction():
        await producer.send(COMMANDS, value, key=number.encode())

    async def projected() -> bool:
        ticket = bus.query("SELECT 1 FROM tickets WHERE source_no = %s", number)
        return bool(ticket and bus.query("SELECT 1 FROM hosts") and bus.query(JUDGED, LOG))

    await eventually(projected, what=lambda: "\n".join(map(bus.last_words, bus.processes)))

    async def all_work() -> bool:
        async with httpx2.AsyncClient(trust_env=False) as http:
            return (await http.get(f"{worker}/readyz")).status_code == 200

    worker = f"http://127.0.0.1:{bus.environment['TICKETBUS_METRICS_PORT']}"
    await eventually(all_work, what=lambda: bus.last_words("worker"))
    await _streams(bus)
    await sees_who_reads(kafka.settings(SUBSCRIBER), bus, acting_as(bus, kafka, "operator"))
    for program in ("watch", "worker", "gateway"):
        assert bus.stop(program) == 0, bus.log_of(program)[-2000:]
        assert "uthorization" not in bus.log_of(program)
    assert bus.query("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


async def _streams(bus: Bus) -> None:
    """Read the event from the gateway's stream, which reads every public topic."""
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics={LOG},ticket.status&cursor=start"
    async with (
        asyncio.timeout(LIMIT_S),
        websockets.connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None) as stream,
    ):
        topics = set[str]()
        while topics != {LOG, "ticket.status"}:
            frame = json.loads(await stream.recv())
            topics |= {frame["topic"]} if frame["kind"] == "event" else set()


@pytest.mark.parametrize("command", ["log verify", "projection verify", "doctor --only certificates,topics,versions"])
async def test_secured_the_operators_commands_work(kafka: Secured, bus: Bus, command: str) -> None:
    done = await asyncio.to_thread(acting_as(bus, kafka, "operator").run, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr


async def test_secured_prepare_needs_no_super_user(kafka: Secured, bus: Bus) -> None:
    done = await asyncio.to_thread(acting_as(bus, kafka, "prepare").run, "prepare")
    assert done.returncode == 0, done.stderr
    with pytest.raises(AclsRefused):
        await apply_acls(kafka.settings("ticketbus.prepare"), acls_of(load_contract(), namespace=""))


@pytest.mark.parametrize("topic", [LOG, "ticket.status", INTAKE, DEADLETTER, HOSTS])
async def test_secured_a_source_writes_commands_and_nothing_else(kafka: Secured, topic: str) -> None:
    assert not await writes(kafka.settings(SOURCE), topic)
    assert not await reads(kafka.settings(SOURCE), topic, f"{SOURCE}/x")


async def test_secured_a_source_takes_no_transactional_id_of_anothers(kafka: Secured) -> None:
    producer = make_producer(kafka.settings(SOURCE), transactional_id="source.mes2/x")
    with pytest.raises(errors.TransactionalIdAuthorizationFailed):
        await producer.start()
    await producer.stop()


async def test_secured_a_subscriber_reads_what_is_public_in_its_own_groups(kafka: Secured) -> None:
    settings = kafka.settings(SUBSCRIBER)
    for topic, one in load_contract().topics.items():
        assert await reads(settings, topic, f"{SUBSCRIBER}/reports") is one.public, topic
        assert not await writes(settings, topic), topic
    assert not await reads(settings, LOG, "ticketbus.projections")


@pytest.mark.parametrize(
    ("program", "writable", "not_writable"),
    [
        ("gateway", INTAKE, None),  # with the relay in it, it writes every topic
        ("gateway", HOSTS, None),
        ("worker", INTAKE, HOSTS),
        ("watch", HOSTS, LOG),
        ("operator", HOSTS, COMMANDS),
        ("prepare", None, LOG),
    ],
)
async def test_secured_a_program_writes_what_it_must(
    kafka: Secured, program: str, writable: str | None, not_writable: str | None
) -> None:
    settings = kafka.settings(f"ticketbus.{program}")
    assert writable is None or await writes(settings, writable)
    assert not_writable is None or not await writes(settings, not_writable)


async def test_secured_the_gateway_reads_no_dead_letters_and_no_commands(kafka: Secured) -> None:
    for topic in (DEADLETTER, COMMANDS, INTAKE):
        assert not await reads(kafka.settings("ticketbus.gateway"), topic, "ticketbus.gateway")


async def test_secured_acls_of_others_stay_and_are_listed(kafka: Secured) -> None:
    other = Acl(principal="User:etl", resource="topic", name="ticket.", operation="Read", prefixed=True)
    elsewhere = Acl(principal="User:etl", resource="topic", name="orders", operation="Read")
    admin, wanted = kafka.settings("admin"), acls_of(load_contract(), namespace="")
    await apply_acls(admin, [other, elsewhere])
    applied = await apply_acls(admin, wanted)
    assert applied.added == ()
    assert other in applied.others
    assert elsewhere not in applied.others
    assert Acl(principal="User:source.mes", resource="topic", name=COMMANDS, operation="Write") in applied.others
    again = await apply_acls(admin, [*wanted, other, elsewhere])
    assert again.added == ()


@pytest.mark.parametrize("wrong", WRONG)
async def test_secured_nobody_gets_in_without_password_authority_and_tls(
    kafka: Secured, tmp_path: Path, wrong: str
) -> None:
    settings = kafka.settings(SOURCE)
    (tmp_path / "password").write_text("guessed\n")
    with pytest.raises(KafkaUnavailable):
        await touch(settings.model_copy(update=WRONG[wrong](tmp_path)))


async def test_secured_a_password_is_changed_without_a_gap(kafka: Secured) -> None:
    """As docs/securing.md has it: the new password by the other mechanism, then the old one goes."""
    old, admin = kafka.settings(SUBSCRIBER), KafkaAdminClient(**kafka_options(kafka.settings("admin")))
    update = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_password": SecretStr("another0one")}
    new = old.model_copy(update=update)
    with pytest.raises(KafkaUnavailable):
        await touch(new)
    with closing(admin):
        added = UserScramCredentialUpsertion(SUBSCRIBER, ScramMechanism.SCRAM_SHA_512, "another0one")
        await asyncio.to_thread(admin.alter_user_scram_credentials, [added])
        await eventually(connects(new))
        assert await connects(old)()
        removed = UserScramCredentialDeletion(SUBSCRIBER, ScramMechanism.SCRAM_SHA_256)
        await asyncio.to_thread(admin.alter_user_scram_credentials, [removed])

    async def refused() -> bool:
        return not await connects(old)()

    await eventually(refused)
    assert await connects(new)()


def connects(settings: Settings) -> Callable[[], Awaitable[bool]]:
    """Say whether Kafka lets a user in; a broker learns of a change a moment after it was acknowledged."""

    async def connected() -> bool:
        try:
            await touch(settings)
        except KafkaUnavailable:
            return False
        return True

    return connected
