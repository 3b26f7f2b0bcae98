"""The sample subscribers on a secured broker: TLS, SCRAM, and the rights that `topics apply --acl` gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.cli.samples import Language
from bus.domain.events import TicketOpened
from bus.kafka.acls import apply_acls
from bus.kafka.clients import make_producer
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.schema_registry import Registry, register_all
from bus.wire.codec import Codec
from schemas.acls import acls_of
from schemas.topics import load_contract
from tests.bus_under_test import eventually
from tests.gateway.fakes import headers_of
from tests.gateway.test_stream_kafka import history
from tests.peers.secured import Secured, password, secured_kafka
from tests.peers.test_examples import SUBSCRIBERS, TOPICS, Log, Subscriber

USER = "subscriber.bi"

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Run the broker for all tests of this file."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


@pytest.fixture(scope="module")
async def log(kafka: Secured, parts: Urls) -> Log:
    """Publish a few events as the relay does; the subscriber has its rights."""
    await eventually(kafka.started, what=lambda: kafka.child.log.read_text()[-2000:])
    admin, contract = kafka.settings("admin"), load_contract()
    await apply_topics(admin, contract, replication=1)
    await apply_acls(admin, acls_of(contract, namespace="", subscribers=["bi"]))
    codec = Codec(
        await register_all(Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth))
    )
    events = [one for one in (await history())[:20] if isinstance(one.event, TicketOpened)]
    async with make_producer(admin) as producer:
        for one in events:
            await producer.send_and_wait(
                TOPICS[0], codec.encode(one), key=one.ticket_id.encode(), headers=headers_of(one)
            )
    return Log(admin, parts.schema_registry_url, events)


@pytest.mark.parametrize("language", SUBSCRIBERS)
async def test_examples_read_a_secured_broker_as_the_subscriber(
    language: Language, log: Log, kafka: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in kafka.environment(USER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TICKETBUS_KAFKA_PASSWORD_FILE")
    monkeypatch.setenv("TICKETBUS_KAFKA_PASSWORD", password(kafka.secrets, USER))
    subscriber = Subscriber(language, tmp_path, log)
    subscriber.fill("subscriber.bi/" + language)
    async with subscriber.running() as process:
        lines = await subscriber.lines(process, len(log.events))
    assert {tuple(line.split()[:2]) for line in lines} == {("done", one.ticket_id) for one in log.events}
