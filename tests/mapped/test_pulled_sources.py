"""A worker reads lists, topics and dropped files of mapped sources: once each, in order, what is refused kept."""

import asyncio
import io
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
from aiokafka.admin import NewTopic

from adapters.simulators.fxiaoke import QUERY, FxiaokeSimulator
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.kafka.clients import admin, start_producer
from bus.local.stack import Urls
from bus.schema_registry import registry_of
from tests.adapters.fxiaoke_calls import SECRETS as FXIAOKE_SECRETS
from tests.bus_under_test import Bus, bus_on, eventually
from tests.mapped.list_server import ListServer

MAP = """
source: {name}
transport: {transport}
delivery_id: {{field: "join('/', [id, updated])"}}
{documents}
number: id
commands:
  - command: open-ticket
    when: kind == 'new'
    fields:
      incident_key: {{kind: {{value: order}}, value: "join('-', ['{name}', id])"}}
      title: title
      type: {{value: hardware_fault}}
      priority: {{from: priority, words: {{high: 高}}}}
  - command: note
    when: kind == 'note'
    fields: {{text: title}}
"""
WHO = ("--by", "张工", "--why", "接入")


def document(number: int, kind: str = "new", **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": f"N-{number}", "kind": kind, "title": f"工单 {number}", "updated": now, **more}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run one worker for all of them."""
    with bus_on(parts, tmp_path_factory.mktemp("pulled")) as made:
        made.environment.update(FXIAOKE_SECRETS)
        made.start("worker")
        yield made
        assert made.stop("worker") == 0, made.last_words("worker")


async def apply(bus: Bus, name: str, transport: dict[str, Any], documents: str = "") -> None:
    file = bus.folder / f"{name}.yaml"
    file.write_text(MAP.format(name=name, transport=json.dumps(transport), documents=documents))
    done = await asyncio.to_thread(bus.run, "map", "apply", str(file), *WHO)
    assert done.returncode == 0, done.stderr
    assert "a worker reads it" in done.stdout
    assert "POST" not in done.stdout


def opened(bus: Bus, name: str) -> list[str]:
    rows = bus.query(
        "SELECT state->>'source_no' FROM ticket_states WHERE state->>'source' = %s ORDER BY ticket_id", name
    )
    return [number for (number,) in rows]


async def until(bus: Bus, name: str, numbers: list[str]) -> None:
    async def all_there() -> bool:
        return opened(bus, name) == numbers

    await eventually(all_there, what=lambda: f"{opened(bus, name)} {bus.last_words('worker')}")


async def refused(bus: Bus, name: str) -> list[tuple[Any, ...]]:
    async def some() -> list[tuple[Any, ...]]:
        return bus.query("SELECT code, headers FROM refused_inputs WHERE source = %s", name)

    return await eventually(some)


async def test_pulled_a_list_is_polled_and_each_change_taken_once(bus: Bus) -> None:
    async with ListServer([document(n) for n in (1, 2, 3)]) as server:
        transport = {
            "kind": "list", "url": server.url, "private_addresses": True,
            "since": {"query": "since"}, "changed_at": "updated",
            "next": {"kind": "token", "from": "next", "query": "cursor"}, "every_s": 1, "calls_per_minute": 6_000,
        }  # fmt: skip
        await apply(bus, "polled", transport, "documents: cases")
        await until(bus, "polled", ["N-1", "N-2", "N-3"])
        server.fails = [b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"]
        server.documents += [document(4), document(4, "note"), document(5, priority="hihg")]
        await until(bus, "polled", ["N-1", "N-2", "N-3", "N-4"])
        ((_, headers),) = await refused(bus, "polled")
        assert headers[":map-version"] == "1"
        asked = len(server.queries)

        async def asked_again() -> bool:
            return len(server.queries) > asked + 2

        await eventually(asked_again)
    assert opened(bus, "polled") == ["N-1", "N-2", "N-3", "N-4"]

    async def trouble() -> bool:  # the list is away by now
        parts = "SELECT parts->>'source maps' FROM programs WHERE program = 'worker' AND stopped_at IS NULL"
        return any("polled: " in (why or "") for (why,) in bus.query(parts))

    await eventually(trouble)
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = 'polled'") == [(1,)]


async def test_pulled_a_map_that_names_a_key_of_the_bus_sends_it_to_nobody(bus: Bus) -> None:
    """It stands in the table since before it was refused, as whoever may write there could put it."""
    async with ListServer([document(1)]) as server:
        transport: dict[str, Any] = {
            "kind": "list", "url": server.url, "private_addresses": True,
            "since": {"query": "since"}, "changed_at": "updated", "every_s": 1,
        }  # fmt: skip
        for name in ("TICKETBUS_MASTER_KEY", "DATABASE_URL"):
            login = {"kind": "header", "header": "X-Key", "secret": name}
            content = MAP.format(
                name=f"thief-{name[:8].lower()}",
                transport=json.dumps(transport | {"login": login}),
                documents="documents: cases",
            )
            bus.query(
                "INSERT INTO source_maps (source, version, content, made_by, reason) VALUES (%s, 1, %s, 'a', 'b')"
                " RETURNING 1",
                f"thief-{name[:8].lower()}",
                content,
            )
        await apply(bus, "honest", transport, "documents: cases")
        await until(bus, "honest", ["N-1"])

        async def named() -> list[str]:
            parts = "SELECT parts->>'source maps' FROM programs WHERE program = 'worker' AND stopped_at IS NULL"
            return [why for (why,) in bus.query(parts) if "thief-ticketbu" in why and "thief-database" in why]

        await eventually(named)
        assert [one for one in server.headers if "x-key" in one] == []
    assert bus.environment["TICKETBUS_MASTER_KEY"] not in bus.log_of("worker")


async def test_pulled_a_topic_of_json_and_one_of_avro_are_read_in_a_group(bus: Bus) -> None:
    schema = {
        "type": "record",
        "name": "Case",
        "fields": [{"name": name, "type": "string"} for name in ("id", "kind", "title", "updated")],
    }
    registry = registry_of(bus.settings)
    assert registry is not None
    async with registry.client() as http:
        answer = await http.post(
            f"/subjects/{bus.settings.namespace}-case/versions", json={"schema": json.dumps(schema)}
        )
        number = answer.json()["id"]

    def avro(one: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), one)
        return struct.pack(">bI", 0, number) + out.getvalue()

    names = {kind: f"cases.{kind}.{bus.settings.namespace}" for kind in ("json", "avro")}
    async with admin(bus.settings) as client:
        await client.create_topics([NewTopic(one, 1, 1) for one in names.values()])
    producer = await start_producer(bus.settings)
    try:
        for n in (1, 2):
            await producer.send_and_wait(names["json"], json.dumps(document(n)).encode())
            await producer.send_and_wait(names["avro"], avro(document(n)))
        await producer.send_and_wait(names["avro"], b"\0\0\0\0\1garbage")
        for kind, topic in names.items():
            await apply(bus, f"of-{kind}", {"kind": "topic", "topic": topic, "value": kind, "begin": "earliest"})
        await until(bus, "of-json", ["N-1", "N-2"])
        await until(bus, "of-avro", ["N-1", "N-2"])
        assert len(await refused(bus, "of-avro")) == 1
        await producer.send_and_wait(names["json"], json.dumps(document(3)).encode())
        await until(bus, "of-json", ["N-1", "N-2", "N-3"])
    finally:
        await producer.stop()


async def test_pulled_dropped_files_are_taken_in_and_moved_away(bus: Bus) -> None:
    folder = bus.folder / "drop"
    folder.mkdir()
    await apply(
        bus, "dropped", {"kind": "files", "directory": str(folder), "format": "ndjson", "settled_s": 0, "every_s": 1}
    )
    lines = [json.dumps(document(n)).encode() for n in (1, 2)]
    (folder / ".a").write_bytes(b"\n".join([*lines, b"not json"]))
    (folder / ".a").rename(folder / "a.ndjson")
    await until(bus, "dropped", ["N-1", "N-2"])

    async def moved() -> list[Path]:
        return list((folder / "done").glob("*"))

    assert [one.name for one in await eventually(moved)] == ["a.ndjson"]
    (folder / "b.ndjson").write_bytes(b"\n".join([*lines, json.dumps(document(3)).encode()]))
    await until(bus, "dropped", ["N-1", "N-2", "N-3"])


async def test_pulled_documents_that_no_command_takes_are_passed_over_however_many_they_are(bus: Bus) -> None:
    folder = bus.folder / "passed-over"
    folder.mkdir()
    asked = {"kind": "files", "directory": str(folder), "format": "ndjson", "settled_s": 0, "every_s": 1}
    await apply(bus, "passed", asked)
    for number, name in ((1, "a"), (2, "b")):
        other = [document(number * 1_000 + n, "of nobody") for n in range(130)]
        lines = [json.dumps(one).encode() for one in (*other, document(number))]
        (folder / f".{name}").write_bytes(b"\n".join(lines))
        (folder / f".{name}").rename(folder / f"{name}.ndjson")
        await until(bus, "passed", [f"N-{n}" for n in range(1, number + 1)])
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = 'passed'") == [(0,)]


FXIAOKE_MAP = """
source: crm-objects
transport: {transport}
delivery_id: {{field: "join('/', [_id, to_string(last_modified_time)])"}}
number: name
at: last_modified_time
time: {{format: epoch_ms}}
commands:
  - command: open-ticket
    when: status__c == 'new'
    fields:
      incident_key: {{kind: {{value: order}}, value: name}}
      title: title__c
      type: {{value: hardware_fault}}
      opened_at: create_time
  - {{command: note, when: status__c != 'new', fields: {{text: status__c}}}}
"""


async def test_pulled_records_of_fxiaoke_each_change_is_taken_once_whatever_its_answers_are(bus: Bus) -> None:
    crm = FxiaokeSimulator()
    for fault in ("TOKEN_EXPIRED", "CUT_AFTER", "FOREIGN", "REPEATED", "GBK"):
        crm.fail(FxiaokeFault[fault], times=1, only=(QUERY,))
    async with crm.serving():
        account = crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE")
        transport = {"kind": "fxiaoke", "account": account, "object": "CasesObj", "every_s": 1}
        file = bus.folder / "crm-objects.yaml"
        file.write_text(FXIAOKE_MAP.format(transport=json.dumps(transport)))
        done = await asyncio.to_thread(bus.run, "map", "apply", str(file), *WHO)
        assert done.returncode == 0, done.stderr
        cases = [crm.books.create("CasesObj", {"title__c": f"水泵 {n}", "status__c": "new"}) for n in range(120)]
        numbers = sorted(one.values["name"] for one in crm.books.records)

        async def all_there() -> bool:
            return sorted(opened(bus, "crm-objects")) == numbers

        await eventually(all_there, what=lambda: f"{crm.switched_on} {bus.last_words('worker')}")
        crm.books.update("CasesObj", {"_id": cases[7], "status__c": "processing"})
        notes = "SELECT count(*) FROM events WHERE source = 'crm-objects' AND ce_type = 'note.added.v1'"

        async def noted() -> bool:
            return bus.query(notes) == [(1,)]

        await eventually(noted)
        asked = crm.calls.count(QUERY)

        async def asked_again() -> bool:
            return crm.calls.count(QUERY) > asked + 2

        await eventually(asked_again)
    assert crm.switched_on == []
    assert (bus.query(notes), sorted(opened(bus, "crm-objects"))) == ([(1,)], numbers)
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = 'crm-objects'") == [(0,)]
