"""The parts for real: each answers its own protocol, keeps what it was given, and says how it is."""

import base64
import http.client
import json
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bus.doctor.local_stack import examine_local
from bus.lent_settings import resolve
from bus.local import postgres, survey
from bus.local import state as states
from bus.local.failures import AlreadyRunning
from bus.local.stack import LocalStack, Urls, running_parts
from bus.settings import Settings
from tests.local.conftest import only_embedded


def test_parts_postgresql_takes_its_generated_password_and_no_other(embedded: tuple[Path, Urls]) -> None:
    data, urls = embedded
    with psycopg.connect(urls.database_url) as connection:
        shown = connection.execute("SELECT current_setting('server_version_num')::int, current_database()").fetchone()
        limits = connection.execute("SELECT current_setting('listen_addresses'), current_setting('max_connections')")
        assert limits.fetchone() == ("127.0.0.1", "200")
    assert shown == (shown[0], "ticketbus") if shown else False
    port = urlsplit(urls.database_url).port or 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url(port=port, password="guess"))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host={data / 'postgres'} port={port} user=postgres dbname=postgres")


async def test_parts_kafka_keeps_a_record_and_makes_no_topic_by_itself(embedded: tuple[Path, Urls]) -> None:
    _, urls = embedded
    admin = AIOKafkaAdminClient(bootstrap_servers=urls.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
        async with AIOKafkaProducer(
            bootstrap_servers=urls.kafka_bootstrap, enable_idempotence=True, acks="all"
        ) as producer:
            await producer.send_and_wait("kept", b"one", partition=0)
        consumer = AIOKafkaConsumer(bootstrap_servers=urls.kafka_bootstrap, auto_offset_reset="earliest")
        async with consumer:
            consumer.assign([TopicPartition("kept", 0)])
            assert (await consumer.getone()).value == b"one"
        assert "unheard-of" not in await admin.list_topics()
    finally:
        await admin.close()


def test_parts_the_registry_speaks_the_confluent_api_and_stores_in_postgresql(embedded: tuple[Path, Urls]) -> None:
    _, urls = embedded
    root = urlsplit(urls.schema_registry_url)
    connection = http.client.HTTPConnection(root.hostname or "", root.port, timeout=60)
    body = json.dumps({"schema": json.dumps({"type": "record", "name": "example.Kept", "fields": []})})
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    connection.request("POST", root.path + "/subjects/example.Kept/versions", body, headers)
    refused = connection.getresponse()
    assert (refused.status, b"not authenticated" in refused.read()) == (401, True)
    headers["Authorization"] = f"Basic {base64.b64encode((urls.schema_registry_basic_auth or '').encode()).decode()}"
    connection.request("POST", root.path + "/subjects/example.Kept/versions", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read())["id"] > 0
    connection.close()
    database = urlsplit(urls.admin_url)._replace(path=f"/{postgres.REGISTRY_DATABASE}").geturl()
    with psycopg.connect(database) as stored:
        assert stored.execute("SELECT count(*) FROM artifacts WHERE artifactid = 'example.Kept'").fetchone() == (1,)


def test_parts_secrets_are_the_owner_s_alone(embedded: tuple[Path, Urls]) -> None:
    data, _ = embedded
    assert stat.S_IMODE((data / "stack.json").stat().st_mode) == 0o600
    assert not list(data.glob("*.secret"))


def test_parts_status_and_doctor_say_that_all_is_well(embedded: tuple[Path, Urls]) -> None:
    data, _ = embedded
    rows = survey.survey(data)
    assert [row.part for row in rows] == ["postgres", "kafka", "registry"]
    assert survey.all_up(rows)
    findings = examine_local(only_embedded(), data)
    assert {each.verdict for each in findings} == {"ok"}


def test_parts_commands_find_the_running_stack(embedded: tuple[Path, Urls]) -> None:
    data, urls = embedded
    assert resolve(only_embedded(), data).kafka_bootstrap == urls.kafka_bootstrap


def test_parts_a_second_stack_on_the_same_data_is_refused_with_the_pid(embedded: tuple[Path, Urls]) -> None:
    data, _ = embedded
    before = states.load(data)
    with pytest.raises(AlreadyRunning, match="ticketbus down") as refused:
        LocalStack(data=data, settings=only_embedded()).start()
    assert before is not None
    assert before.supervisor is not None
    assert refused.value.pid == before.supervisor.pid
    assert states.load(data) == before


def test_parts_two_stacks_run_side_by_side_and_outside_parts_are_used(
    embedded: tuple[Path, Urls], outside: Callable[..., Settings], data: Path, said: list[str]
) -> None:
    """The second one has a PostgreSQL of its own and the first one's Kafka and registry."""
    _, first = embedded
    with running_parts(data, settings=outside(database_url=None), say=said.append) as second:
        assert second.kafka_bootstrap == first.kafka_bootstrap
        assert second.schema_registry_url == first.schema_registry_url
        assert second.database_url != first.database_url
        psycopg.connect(second.database_url).close()
        psycopg.connect(first.database_url).close()
        rows = {row.part: row for row in survey.survey(data)}
        assert {name: row.where for name, row in rows.items()} == {
            "kafka": "outside",
            "registry": "outside",
            "postgres": "embedded",
        }
        assert survey.all_up(rows.values())
    assert not (data / "kafka").exists()
    told = [line for line in said if "kafka" in line]
    assert told == ["kafka is not started: KAFKA_BOOTSTRAP names an outside one"]
    with running_parts(data, settings=outside(database_url=second.database_url)) as again:
        assert again.database_url == second.database_url, "an address that it lent itself is not an outside part"
        psycopg.connect(again.database_url).close()
