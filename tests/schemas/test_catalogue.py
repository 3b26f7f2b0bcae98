"""The schema files and the classes are equal, both ways; topics, root causes and promises are what was agreed."""

import re
from dataclasses import MISSING, fields
from importlib import resources
from typing import Any, get_args

import pytest
import yaml
from fastavro import parse_schema

from bus.config_file import ConfigFileInvalid
from bus.domain import events, promise_events
from bus.domain.commands import OUTSIDE
from bus.rules_config import load_rules, load_sla
from bus.settings import Settings
from schemas.catalogue import BY_CLASS, BY_SUBJECT, COMMAND_TYPES, EVENT_NAMES, EVENT_TYPES, RECORD_TYPES, RecordType
from schemas.topics import Topic, load_contract, physical
from tests.domain.people import HOUR, MINUTE
from tests.schemas.codecs import recorded

WHICH = ("event_id", "ticket_id", "version", "trace_id")
ENVELOPE = (*WHICH, "occurred_at", "recorded_at", "source", "actor", "command_id")
FILES = sorted(
    f"{folder}/{one.name}"
    for folder in ("commands", "records")
    for one in resources.files("schemas").joinpath(folder).iterdir()
)
CONTRACT = load_contract()


def named(record: RecordType) -> str:
    """Name a record for the list of tests."""
    return record.cls.__name__


def types_in(schema: Any) -> list[Any]:
    """List every schema within a schema, itself first."""
    if isinstance(schema, list):
        return [one for each in schema for one in types_in(each)]
    if not isinstance(schema, dict):
        return [schema]
    parts = [
        *(field["type"] for field in schema.get("fields") or []),
        schema.get("items", []),
        schema.get("values", []),
    ]
    return [schema, *types_in(parts)]


@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_catalogue_the_file_is_what_the_class_says(record: RecordType) -> None:
    assert record.schema == record.derived


@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_catalogue_the_class_has_the_fields_of_the_file_and_their_order(record: RecordType) -> None:
    names = [field["name"] for field in record.schema["fields"]]
    own = [field.name for field in fields(record.cls)]
    assert names[len(names) - len(own) :] == own


def records_in(record: RecordType) -> list[dict[str, Any]]:
    """List the records of a schema file, the outer one first."""
    return [one for one in types_in(record.schema) if isinstance(one, dict) and one["type"] == "record"]


@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_catalogue_every_field_says_what_it_is_and_times_and_sizes_their_unit(record: RecordType) -> None:
    for inner in records_in(record):
        for field in inner["fields"]:
            doc, types = field.get("doc", ""), types_in(field["type"])
            assert len(doc.split()) > 1, field
            for unit, wanted in (
                ("UTC", any("timestamp-micros" in one.values() for one in types if isinstance(one, dict))),
                ("in seconds", field["name"].endswith("_s")),
                ("bytes", field["name"].endswith("_bytes")),
            ):
                assert not wanted or unit in doc, field


@pytest.mark.parametrize("record", EVENT_TYPES, ids=named)
def test_catalogue_a_dataschema_is_an_absolute_uri_with_the_subject(record: RecordType) -> None:
    urn = re.fullmatch(r"urn:[a-z0-9][a-z0-9-]{1,31}:schema:([A-Za-z0-9.]+)", record.dataschema)  # RFC 8141
    assert urn is not None
    assert urn[1] == f"{record.schema['namespace']}.{record.schema['name']}"


def test_catalogue_a_closed_list_is_named_word_by_word() -> None:
    fields_of = {one["name"]: one for one in BY_CLASS[promise_events.SlaWarned].schema["fields"]}
    assert fields_of["clock"]["doc"].endswith("; one of: first_response, resolution")


def test_catalogue_what_a_command_may_leave_out_has_its_default() -> None:
    nobody = {"name": "", "phone": "", "address": ""}
    nothing = {"skills": [], "customer": nobody, "photos": [], "changed": [], "ticks": []}
    found = {
        field["name"]: field.get("default")
        for record in COMMAND_TYPES
        for field in record.schema["fields"]
        if field["name"] in nothing
    }
    assert found == nothing
    for record in COMMAND_TYPES:
        optional = {one.name for one in fields(record.cls) if one.default is not MISSING}
        assert {one["name"] for one in record.schema["fields"] if "default" in one} >= optional


def test_catalogue_a_name_that_stands_in_several_files_is_the_same_record_in_all() -> None:
    known = dict[str, Any]()
    for record in RECORD_TYPES:
        for inner in records_in(record):
            assert known.setdefault(f"{record.namespace}.{inner['name']}", inner) == inner


def test_catalogue_every_file_has_its_class_and_every_event_its_file() -> None:
    assert sorted(one.file_name for one in RECORD_TYPES) == FILES
    assert tuple(event.__name__ for event in get_args(events.Event)) == EVENT_NAMES
    assert tuple(one.cls for one in COMMAND_TYPES) == OUTSIDE
    assert len(BY_SUBJECT) == len(RECORD_TYPES)


@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_catalogue_every_schema_parses_under_its_full_name(record: RecordType) -> None:
    parsed = parse_schema(record.schema)
    assert isinstance(parsed, dict)
    assert parsed["name"] == record.subject


@pytest.mark.parametrize("record", EVENT_TYPES, ids=named)
def test_catalogue_every_event_begins_with_the_same_fields(record: RecordType) -> None:
    assert tuple(field["name"] for field in record.schema["fields"])[: len(ENVELOPE)] == ENVELOPE
    assert record.subject == f"ticketbus.ticket.{record.cls.__name__}"


@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_catalogue_no_schema_can_be_made_to_take_memory_or_stack_without_bytes(record: RecordType) -> None:
    inner = types_in(record.schema)
    assert "null" not in [one["items"] for one in inner if isinstance(one, dict) and "items" in one]
    for one in inner:
        if isinstance(one, dict) and one["type"] == "record":  # a name within its own record would be recursive
            assert one["name"] not in types_in([field["type"] for field in one["fields"]])


def test_catalogue_there_are_23_root_causes_in_two_languages() -> None:
    causes = yaml.safe_load(resources.files("schemas").joinpath("root_causes.yaml").read_text(encoding="utf-8"))
    assert load_rules(Settings()).root_causes == frozenset(causes)
    assert len(causes) == 23
    assert all(code == code.lower() and len(texts) == 2 and all(texts) for code, texts in causes.items())
    assert len({texts[0] for texts in causes.values()}) == 23


def test_catalogue_the_promises_are_those_that_were_agreed() -> None:
    sla = load_rules(Settings()).sla
    assert sla["hardware_fault"].response == 15 * MINUTE
    assert sla["configuration_question"].response == 2 * HOUR


@pytest.mark.parametrize("text", ["", "[]", "x: {}", "x: {name: X, response: PT0S, resolution: PT1H}", "x: ["])
def test_catalogue_a_promise_that_cannot_be_read_names_the_file(text: str, tmp_path: Any) -> None:
    path = tmp_path / "sla.yaml"
    path.write_text(text)
    with pytest.raises(ConfigFileInvalid, match=r"sla\.yaml"):
        load_sla(path)


@pytest.mark.parametrize("record", EVENT_TYPES, ids=named)
def test_catalogue_every_event_goes_to_the_log_and_the_past_nowhere_else(record: RecordType) -> None:
    event: Any = object.__new__(record.cls)
    live, past = recorded(event), recorded(event, historic=True)
    assert CONTRACT.destinations(live)[0] == "ticket.events"
    assert CONTRACT.destinations(past) == ("ticket.events",)


@pytest.mark.parametrize(("topic", "event"), [
    ("ticket.assign", "TicketAssigned"), ("ticket.assign", "TicketReturned"), ("ticket.assign", "AssignmentAccepted"),
    ("ticket.status", "TicketOpened"), ("ticket.status", "TicketResolved"), ("ticket.status", "ClosureConfirmed"),
    ("ticket.sla", "SlaWarned"), ("ticket.sla", "SlaBreached"), ("ticket.parts", "PartsRequested"),
])  # fmt: skip
def test_catalogue_a_subscriber_topic_is_a_view_of_the_log(topic: str, event: str) -> None:
    assert topic in CONTRACT.live[event]


def test_catalogue_ticket_topics_have_one_partition_count_and_everyone_a_writer_and_a_reader() -> None:
    assert len({topic.partitions for topic in CONTRACT.topics.values() if topic.key == "ticket_id"}) == 1
    assert all(topic.writers and topic.readers for topic in CONTRACT.topics.values())


def test_catalogue_a_compacted_topic_keeps_the_last_of_each_key_for_ever_and_no_events() -> None:
    hosts = {**CONTRACT.topics["bus.hosts"].model_dump(), "compacted": True}
    assert Topic.model_validate(hosts).retention is None
    for wrong in ({"retention": "7 days"}, {"events": ("TicketOpened",)}):
        with pytest.raises(ValueError, match="a compacted topic keeps"):
            Topic.model_validate({**hosts, **wrong})


@pytest.mark.parametrize("record", COMMAND_TYPES, ids=named)
def test_catalogue_every_command_may_stand_on_its_topic_and_begins_with_the_same_fields(record: RecordType) -> None:
    begins = ("idempotency_key", "source", "actor", "at", "ticket_id", "ticket_source_no")
    assert tuple(field["name"] for field in record.schema["fields"])[: len(begins)] == begins
    assert record.subject in CONTRACT.topics["ticket.commands"].subjects


def test_catalogue_subscribers_are_told_the_topic_that_they_meant() -> None:
    assert CONTRACT.nearest("ticket.assigns") == "ticket.assign"
    assert CONTRACT.nearest("nonsense") == ""
    assert "ticket.intake" not in CONTRACT.public()


def test_catalogue_a_namespace_stands_before_the_name() -> None:
    assert (physical("", "ticket.events"), physical("t1", "ticket.events")) == ("ticket.events", "t1.ticket.events")
