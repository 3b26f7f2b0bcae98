"""What a CRM sends that the bus does not know: fields, nulls, numbers, types and bodies of no type."""

import json

import pytest
from pydantic import ValidationError

from adapters.contract_suites.source import delivered
from adapters.crm.adapter import CrmAdapter, CrmWebhookOptions
from adapters.crm.type_names import meant_type
from bus.domain.commands import Note, OpenTicket
from bus.intake.source_adapter import Ignored
from tests.adapters.test_crm_translate import AT, CREATED, SECRET, body, refusal, translated


def test_crm_unknown_a_type_that_is_none_of_ours_is_ignored_whatever_else_the_body_has() -> None:
    for raw in (b'{"type":"ping"}', b'{"type":"ping","data":null,"zen":"x"}', b'{"type":7}'):
        assert isinstance(refusal(raw), Ignored)
    assert not isinstance(refusal(body("ticket.created", {})), Ignored)
    assert translated("Ticket.Created", CREATED).command == translated("ticket.created", CREATED).command


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ticket.craeted", "ticket.created"),
        ("ticket.create", "ticket.created"),
        ("ticket.reated", "ticket.created"),
        ("tikcet.craeted", "ticket.created"),
        ("TicketCreated", "ticket.created"),
        ("TICKET_CREATED", "ticket.created"),
        ("tickets.created", "ticket.created"),
        ("crm.ticket.created", "ticket.created"),
        ("ticket.created.v2", "ticket.created"),
        ("ticket.cr\u0435ated", "ticket.created"),
        ("\u200bticket.created", "ticket.created"),
        ("created", "ticket.created"),
        ("ticket.notes", "ticket.note"),
        ("ticket.status-change", "ticket.status_changed"),
        ("ticket.closure_confirm", "ticket.closure_confirmed"),
    ],
)
def test_crm_unknown_a_misspelled_type_is_refused_with_what_was_meant(word: str, meant: str) -> None:
    for raw in (body(word, CREATED), json.dumps({"event": word, "data": {}}).encode()):
        assert not isinstance(refusal(raw), Ignored)
    error = refusal(body(word, CREATED))
    assert (error.code, error.field, error.context["nearest"]) == ("misspelled_type", "$.type", meant)
    assert f"did you mean {meant!r}" in error.en
    assert f"“{meant}”" in error.zh


TICKET_EVENTS = {
    "ticket.opened": "ticket.created",
    "ticket.new": "ticket.created",
    "ticket.closed": "ticket.status_changed",
    "crm.TicketOpened": "ticket.created",
    "ticket.comment": "ticket.note",
    **dict.fromkeys(("ticket", "ticket.", "ticket.updated", "ticket.deleted", "ticket.rated", "ticket.treated"), ""),
    **dict.fromkeys(("ticket.note.deleted", "ticket.assigned", "tickets_merged"), ""),
    **dict.fromkeys(
        ("工单创建", "报修", "case.created", "incident.opened", "work_order.created", "crm.WorkOrderNew"), ""
    ),
}
FOREIGN_EVENTS = """
ping push vote quote notes.app customer.updated customer.created order.created note.created v1
"""


@pytest.mark.parametrize("word", TICKET_EVENTS)
def test_crm_unknown_a_ticket_event_that_is_none_of_ours_is_refused_whatever_it_holds(word: str) -> None:
    for raw in (body(word, CREATED), json.dumps({"type": word}).encode()):
        error = refusal(raw)
        assert not isinstance(error, Ignored)
        assert (error.code, error.field, error.context["nearest"]) == ("unknown_type", "$.type", TICKET_EVENTS[word])


@pytest.mark.parametrize("word", FOREIGN_EVENTS.split())
def test_crm_unknown_a_foreign_event_is_ignored_unless_it_names_a_ticket(word: str) -> None:
    assert meant_type(word) == ""
    assert isinstance(refusal(body(word, {"id": 7, "source_no": None})), Ignored)
    for raw in (
        body(word, {"source_no": "7"}),
        body(word, {"incident_key": CREATED["incident_key"]}),
        json.dumps({"type": word, "source_no": 7}).encode(),
        body(word, {"sourceNo": "7"}),
        body(word, {"ticket": {"工单号": "7"}}),
        json.dumps({"type": word, "payload": {"incidentKey": {"kind": "serial", "value": "SN-7"}}}).encode(),
    ):
        error = refusal(raw)
        assert not isinstance(error, Ignored)
        assert error.code == "unknown_type"


REPORT = {"detail": {"id": "35436", "subject": "空调不制冷", "phone": "13912347777"}}


@pytest.mark.parametrize(
    "word", ["issue.opened", "task.created", "complaint.created", "new", "sr.created", "job.created", "order.created"]
)
def test_crm_unknown_what_opens_something_with_a_title_and_a_phone_is_a_report_and_is_refused(word: str) -> None:
    error = refusal(json.dumps({"type": word, **REPORT}).encode())
    assert not isinstance(error, Ignored)
    assert error.code == "unknown_type"
    for foreign in ({"detail": {"id": "7", "phone": "13912347777"}}, {"detail": {"subject": "空调不制冷"}}, {}):
        assert isinstance(refusal(json.dumps({"type": word, **foreign}).encode()), Ignored)


@pytest.mark.parametrize("word", ["ping", "customer.created", "task.deleted", "issue.closed", "user.new.phone"])
def test_crm_unknown_what_opens_no_ticket_is_ignored_with_a_title_and_a_phone(word: str) -> None:
    assert isinstance(refusal(json.dumps({"type": word, **REPORT}).encode()), Ignored)


def test_crm_unknown_a_tickets_event_under_another_field_is_no_body_without_a_type() -> None:
    for raw in ({"event": "case.new", "payload": {"phone": "1"}}, {"eventType": "工单创建"}):
        assert not isinstance(refusal(json.dumps(raw).encode()), Ignored)
    assert isinstance(refusal(json.dumps({"event": "contact.new", "zen": "keep tickets short"}).encode()), Ignored)


def test_crm_unknown_an_empty_text_is_the_same_as_no_field() -> None:
    empty = {"opened_at": "", "customer": "", "skills": "", "region": " ", "description": None}
    bare = {name: value for name, value in CREATED.items() if name not in empty}
    assert translated("ticket.created", CREATED | empty).command == translated("ticket.created", bare).command


def test_crm_unknown_one_text_where_a_list_is_meant_is_its_only_item() -> None:
    listed = translated("ticket.created", CREATED | {"skills": ["电工"]})
    assert translated("ticket.created", CREATED | {"skills": "电工"}).command == listed.command


def test_crm_unknown_a_type_of_any_length_is_looked_at_in_no_time() -> None:
    assert meant_type("ticket.created" * 100_000) == ""
    assert refusal(body("ticket.created" * 100_000, CREATED)).code == "unknown_type"


def test_crm_unknown_what_a_sources_file_passes_over_is_ignored_and_our_own_types_cannot_be() -> None:
    options = CrmWebhookOptions(secrets=("CRM_SECRET",), ignore_types=("Ticket.Updated", "customer.updated"))
    adapter = CrmAdapter([SECRET], ignore_types=options.ignore_types)
    for word in ("ticket.updated", "TICKET.UPDATED", "customer.updated"):
        with pytest.raises(Ignored):
            adapter.translate(delivered(adapter, body(word, CREATED)))
    for ours in ("ticket.created", "ticket.craeted", " "):
        with pytest.raises(ValidationError, match="ignore_types"):
            CrmWebhookOptions(secrets=("CRM_SECRET",), ignore_types=(ours,))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"zen":"Keep it logically awesome.","hook_id":7,"hook":{"type":"Repository"}}',
        b'{"type":null}',
        b'{"type":"","data":{}}',
        b'{"type":" "}',
        b'{"event":"ping","data":"x"}',
    ],
)
def test_crm_unknown_a_body_of_no_type_that_asks_for_nothing_is_ignored(raw: bytes) -> None:
    error = refusal(raw)
    assert isinstance(error, Ignored)
    assert (error.code, error.field) == ("no_type", "$.type")


def test_crm_unknown_unknown_fields_and_nulls_change_nothing_and_are_named() -> None:
    customer = {**CREATED["customer"], "vip": 3, "address": None}
    added = CREATED | {"uuid": "7", "tags": [{"a": 1}], "command": "x", "skills": ["a", None], "customer": customer}
    adapter = CrmAdapter([SECRET])
    raw = json.dumps(
        {"type": "ticket.created", "timestamp": AT, "data": added | {"serial": None}, "id": 1, "a\u2028": 2}
    )
    (request,) = adapter.translate(delivered(adapter, raw.encode()))
    plain = translated("ticket.created", CREATED | {"skills": ["a"]})
    assert request.command == plain.command
    assert request.ignored == (
        "$.id", "$.a\\u2028", "$.data.customer.vip", "$.data.uuid", "$.data.tags", "$.data.command"
    )  # fmt: skip
    assert plain.ignored == ()


def test_crm_unknown_a_nul_in_a_field_that_nobody_reads_refuses_nothing_and_a_double_key_does() -> None:
    added = CREATED | {"memo": {"a": ["\0"]}, "b\0": 1, "customer": {**CREATED["customer"], "vip": "\0"}}
    adapter = CrmAdapter([SECRET])
    (request,) = adapter.translate(delivered(adapter, body("ticket.created", added)))
    assert request.command == translated("ticket.created", CREATED).command
    assert request.ignored == ("$.data.customer.vip", "$.data.memo", "$.data.b\\x00")
    twice = body("ticket.created", CREATED | {"memo": 1}).replace(b'"memo": 1', b'"memo": {"a": 1, "a": 2}')
    assert (refusal(twice).code, refusal(twice).field) == ("repeated_key", "$.data.memo.a")


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00 \ud83d\ude00", r"\\\ud800"])
def test_crm_unknown_a_lone_surrogate_is_refused_only_in_a_field_that_is_read(escape: str) -> None:
    def note(text: str, theirs: str) -> bytes:
        data = f'{{"source_no":"CRM-1001","text":"{text}","theirs":{{{theirs}}}}}'
        return f'{{"type":"ticket.note","timestamp":"{AT}","data":{data}}}'.encode()

    adapter = CrmAdapter([SECRET])
    (request,) = adapter.translate(delivered(adapter, note("a", f'"x":"{escape}","{escape}":1')))
    assert len(request.ignored) == 1
    error = refusal(note(escape, ""))
    assert (error.code, error.field) == ("lone_surrogate", "$.data.text")
    assert refusal(note("a", f'"x":1,"x":"{escape}"')).code == "repeated_key"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("7", "7"),
        ("7.0", "7"),
        ("-1", "-1"),
        ("9223372036854775808", "9223372036854775808"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("4.5", "4.5"),
        ("1.10", "1.10"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("1.38e10", "13800000000"),
        ("1E300", "1E300"),
    ],
)
def test_crm_unknown_a_number_where_a_text_is_meant_is_its_text(number: str, text: str) -> None:
    note = f'{{"type":"ticket.note","timestamp":"{AT}","data":{{"source_no":{number},"text":{number},"x":"\\ud800"}}}}'
    for raw in (note.encode(), note.replace("\\ud800", "").encode()):
        adapter = CrmAdapter([SECRET])
        (request,) = adapter.translate(delivered(adapter, raw))
        assert (request.source_no, request.command) == (text, Note(text=text))
    opened = translated("ticket.created", CREATED | {"incident_key": {"kind": "phone", "value": 13800000000}})
    assert isinstance(opened.command, OpenTicket)
    assert opened.command.incident_key.value == "13800000000"


@pytest.mark.parametrize(
    ("name", "value", "en"),
    [
        ("skills", {"a": 1}, "$.data.skills must be a JSON array"),
        ("customer", "a", "$.data.customer must be a JSON object"),
        ("title", True, "$.data.title must be a string"),
    ],
)
def test_crm_unknown_a_value_of_another_shape_is_refused_in_words_of_json(name: str, value: object, en: str) -> None:
    error = refusal(body("ticket.created", CREATED | {name: value}))
    assert (error.code, error.en) == ("wrong_value", en)
    assert "须为" in error.zh
