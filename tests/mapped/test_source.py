"""A mapped source keeps the contract of every source, and translates as its map says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters import expressions
from adapters.contract_suites.source import SourceContract, delivered
from adapters.mapped import translate
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.source import MappedSource
from adapters.mapped.translate import read_any
from bus.domain.commands import Note, OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.terms import KeyKind
from bus.intake.source_adapter import Ignored, Source
from tests.mapped.maps import CONTENT, NOW, body_of, comment, created, desk, signed


class TestMappedKeepsTheContract(SourceContract):
    """Every duty of `adapters/source_contract.py`."""

    parts = ("type", "time", "id", "subject", "priority", "serial", "requester", "created_at", "tags")

    def adapter(self) -> Source:
        return desk()

    def good(self) -> tuple[Mapping[str, str], bytes]:
        body = body_of(created())
        return signed(body), body

    def mutated(self, part: str, value: object) -> bytes:
        document = created()
        (document if part in ("type", "time", "id") else document["detail"])[part] = value
        return body_of(document).decode().encode("utf-8", "replace")


class TestMappedWithAnUnsignedIdKeepsTheContract(TestMappedKeepsTheContract):
    """As GitHub's and Jira's: the id stands in a header that the signature does not cover."""

    unsigned = ("x-desk-delivery",)

    def adapter(self) -> Source:
        return desk(CONTENT.replace("delivery_id: {field: id}", "delivery_id: {header: x-desk-delivery}"))

    def good(self) -> tuple[Mapping[str, str], bytes]:
        headers, body = super().good()
        return {**headers, "x-desk-delivery": "d-1"}, body


def requests(document: Any, content: str = CONTENT) -> tuple[Request, ...]:
    source = desk(content)
    return tuple(source.translate(delivered(source, body_of(document))))


def test_mapped_all_that_a_delivery_reads_has_one_limit_of_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of many dear expressions held the gateway for minutes, with one delivery that its source had signed."""
    assert requests(created())
    monkeypatch.setattr(expressions, "CPU_S_MAX", -1.0)
    refused = refusal(created())
    assert (refused.code, "more than -1 s of CPU" in refused.en) == ("too_much", True)


def opening(document: Any, content: str = CONTENT) -> OpenTicket:
    command = requests(document, content)[0].command
    assert isinstance(command, OpenTicket)
    return command


def refusal(document: Any, content: str = CONTENT) -> MalformedInput:
    with pytest.raises(MalformedInput) as refused:
        requests(document, content)
    return refused.value


def test_mapped_a_repeat_is_known_by_what_the_map_takes_of_it() -> None:
    (first,) = requests(created())
    (again,) = requests(dict(reversed(created(age_s=7).items())))
    (other,) = requests(created(subject="水泵又不转"))
    assert (again.command_id, again.fingerprint) == (first.command_id, first.fingerprint)
    assert other.command_id == first.command_id
    assert other.fingerprint != first.fingerprint


def test_mapped_a_document_becomes_the_command_that_its_map_says() -> None:
    document = created(
        requester={"name": "王女士", "phone": "13800000001"}, tags=["泵", "-"], created_at="2026-11-22T09:00:00+08:00"
    )
    (request,) = requests(document)
    command = request.command
    assert isinstance(command, OpenTicket)
    assert (command.incident_key.kind, command.incident_key.value) == (KeyKind.SERIAL, "SN-1")
    assert (command.title, command.type, command.source_no) == ("水泵不转", "hardware_fault", "5158")
    assert (command.priority, command.skills, command.customer.phone) == ("中", ("泵",), "13800000001")
    assert command.opened_at == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert (request.actor, request.source, request.source_no) == ("王强", "desk", "")
    assert request.at == datetime(2026, 11, 22, 1, 29, tzinfo=UTC)


def test_mapped_a_note_is_addressed_by_the_number_and_made_by_an_expression() -> None:
    (request,) = requests(comment())
    assert request.command == Note(text=": 客户又来电")
    assert (request.source_no, request.actor) == ("5158", "desk")


def test_mapped_an_unknown_word_is_refused_with_the_nearest_and_its_path() -> None:
    refused = refusal(created(priority="URGNT"))
    assert (refused.code, refused.field, refused.context["nearest"]) == ("unknown_word", "$.detail.priority", "URGENT")
    assert opening(created(priority=None)).priority == "中"


def test_mapped_what_is_needed_and_missing_is_named_by_where_the_map_reads_it() -> None:
    refused = refusal(created(subject="  "))
    assert (refused.code, refused.field) == ("missing", "$.detail.subject")
    refused = refusal(created(id=None))
    assert (refused.code, refused.field) == ("missing", "$.detail.id")
    refused = refusal(created(serial=None))
    assert refused.code == "missing"


def test_mapped_a_field_that_no_store_holds_is_named_by_its_path() -> None:
    refused = refusal(created(subject="x" * 501))
    assert (refused.code, refused.field) == ("too_long", "$.detail.subject")
    assert refusal(created(subject={"de": 1})).field == "$.detail.subject"


@pytest.mark.parametrize("number", [5158, "5158", 5158.0])
def test_mapped_a_number_is_its_text_with_all_of_its_digits(number: object) -> None:
    assert opening(created(id=number)).source_no == "5158"
    assert opening(created(id=123456789012345678901)).source_no == "123456789012345678901"


def test_mapped_what_no_command_takes_is_passed_over_or_a_note_as_the_map_says() -> None:
    other = {"id": "d-3", "type": "ticket.tagged", "detail": {"id": 5158, "tag": "vip"}}
    with pytest.raises(Ignored):
        requests(other)
    noted = CONTENT.replace("otherwise: pass-over", "otherwise: {note: \"join('', ['标签 ', detail.tag])\"}")
    (request,) = requests(other, noted)
    assert request.command == Note(text="标签 vip")


def test_mapped_several_documents_are_commands_in_order_with_ids_of_their_own() -> None:
    content = CONTENT.replace("number: detail.id", "documents: events\nnumber: detail.id")
    made = requests({"id": "d-9", "events": [created(), comment("一"), comment("二")]}, content)
    assert [type(one.command) for one in made] == [OpenTicket, Note, Note]
    assert len({one.command_id for one in made}) == 3


def test_mapped_what_stands_around_a_list_is_read_once_and_every_document_has_it() -> None:
    listed = CONTENT.replace("number: detail.id", "documents: events\nenvelope: {sent: sent_at}\nnumber: detail.id")
    listed = listed.replace("at: time", "at: _envelope.sent").replace(
        "proof:", "transport: {headers: [X-Desk-Event]}\nproof:", 1
    )
    listed = listed.replace("when: \"type == 'ticket.comment'\"", "when: '_headers.\"x-desk-event\" && comment'")
    source = desk(listed)
    document = {"id": "d-9", "sent_at": "2026-11-22T01:20:00Z", "events": [created(), comment()]}
    received = delivered(source, body_of(document))
    made = source.translate(replace(received, headers={"x-desk-event": "news"}))
    assert [type(one.command) for one in made] == [OpenTicket, Note]
    assert {one.at for one in made} == {datetime(2026, 11, 22, 1, 20, tzinfo=UTC)}
    with pytest.raises(MalformedInput) as refused:
        source.translate(replace(received, body=body_of(document | {"sent_at": [document]})))
    assert (refused.value.code, refused.value.field) == ("wrong_type", "$.sent_at")
    with pytest.raises(SourceMapInvalid, match="documents"):
        read_map(CONTENT.replace("number: detail.id", "envelope: {sent: sent_at}\nnumber: detail.id"))


@pytest.mark.parametrize(("text", "code"), [("\\ud800", "lone_surrogate"), ("a\\u0000", "nul")])
def test_mapped_a_text_that_no_store_holds_is_refused_also_as_a_word_and_as_an_id(text: str, code: str) -> None:
    source, plain = desk(), body_of(created())
    word = plain.replace(b"NORMAL", text.encode())
    with pytest.raises(MalformedInput) as refused:
        source.translate(delivered(source, word))
    assert (refused.value.code, refused.value.field) == (code, "$.detail.priority")
    named = plain.replace(b"d-1", text.encode())
    with pytest.raises(MalformedInput) as refused:
        source.verify(signed(named), named, NOW)
    assert (refused.value.code, refused.value.field) == (code, "$.id")


def test_mapped_of_html_the_text_alone_is_taken() -> None:
    mapped = CONTENT.replace("title: detail.subject", "title: {from: detail.subject, html: true}")
    assert opening(created(subject="<p>水泵 <b>不转</b></p>"), mapped).title == "水泵 不转"
    assert refusal(created(subject="<p><br></p>"), mapped).code == "missing"


def test_mapped_a_form_is_read_as_fields_and_as_json_in_a_field() -> None:
    form = CONTENT.replace("proof:", "transport: {body: form-json, json_field: payload}\nproof:", 1)
    source = desk(form)
    body = urlencode({"payload": body_of(created()).decode()}).encode()
    assert source.verify(signed(body), body, NOW) == "d-1"
    (request,) = source.translate(delivered(source, body))
    assert isinstance(request.command, OpenTicket)


def test_mapped_headers_that_the_map_names_can_be_read() -> None:
    content = CONTENT.replace("proof:", "transport: {headers: [X-Desk-Event]}\nproof:", 1).replace(
        "type == 'ticket.created'", "_headers.\\\"x-desk-event\\\" == 'created'"
    )
    source = desk(content)
    received = delivered(source, body_of(created()))
    headers = {"x-desk-event": "created"}
    assert len(source.translate(replace(received, headers=headers))) == 1
    with pytest.raises(Ignored):
        source.translate(received)


def test_mapped_without_its_secret_every_delivery_is_refused_and_the_source_says_why() -> None:
    source = MappedSource(read_map(CONTENT), 3, {})
    assert "DESK_SECRET" in source.trouble
    body = body_of(created())
    with pytest.raises(MalformedInput) as refused:
        source.verify(signed(body), body, NOW)
    assert refused.value.code == "secret_not_set"
    assert len(source.translate(delivered(source, body))) == 1


def test_mapped_a_delivery_that_is_signed_long_ago_is_stale() -> None:
    body = body_of(created())
    with pytest.raises(MalformedInput) as refused:
        desk().verify(signed(body, NOW - timedelta(seconds=301)), body, NOW)
    assert refused.value.code == "stale_delivery"


def test_mapped_a_list_is_a_list_and_what_follows_it_is_not_json() -> None:
    content = CONTENT.replace("delivery_id: {field: id}", "delivery_id: {body: sha256}")
    assert len(requests([created(), comment()], content)) == 2
    source = desk(content)
    with pytest.raises(MalformedInput) as refused:
        source.translate(delivered(source, b'[1],"x":2'))
    assert refused.value.code == "not_json"


def test_mapped_a_body_is_parsed_once_for_its_id_and_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = list[bytes]()

    def counted(body: bytes) -> Any:
        parsed.append(body)
        return read_any(body)

    monkeypatch.setattr(translate, "read_any", counted)
    source = desk()
    for number in range(3):
        body = body_of(created() | {"id": f"d-{number}"})
        assert source.verify(signed(body), body, NOW) == f"d-{number}"
        assert len(source.translate(delivered(source, body))) == 1
    assert len(parsed) == 3
