"""A CRM's deliveries become commands, field by field; what cannot be read is refused by name."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract_suites.source import NOW, TRACE, SourceContract, delivered
from adapters.crm.adapter import CrmAdapter
from adapters.crm.status import REOPEN_WORDS, SYNONYMS
from adapters.webhook_signature import secret, sign
from bus.domain.batch import Accepted, CommandResult, Outcome, Refused
from bus.domain.closing_commands import ConfirmClosure, RejectClosure, Reopen
from bus.domain.commands import AskProgress, Command, Note, OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.domain.terms import KeyKind, State, Tick
from bus.domain.values import Customer, IncidentKey
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.intake.source_adapter import Source

SECRET = "whsec_" + "QUJD" * 12
AT = "2026-11-22T09:30:00+08:00"
CREATED: dict[str, Any] = {
    "source_no": "CRM-1001",
    "by": "王客服",
    "incident_key": {"kind": "serial", "value": "SN-88-0001"},
    "title": "洗衣机不脱水",
    "type": "hardware_fault",
    "region": "华东",
    "customer": {"name": "李女士", "phone": "13800000000"},
}
RULES = Rules(
    dedupe_window=timedelta(minutes=15),
    sla={"hardware_fault": SlaLimit(response=timedelta(minutes=15), resolution=timedelta(hours=24))},
    root_causes=frozenset({"worn_part"}),
)


def body(kind: str, data: object, timestamp: object = AT) -> bytes:
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data}, ensure_ascii=False).encode()


def translated(kind: str, data: object) -> Request:
    adapter = CrmAdapter([SECRET])
    (request,) = adapter.translate(delivered(adapter, body(kind, data)))
    return request


def refusal(raw: bytes) -> MalformedInput:
    adapter = CrmAdapter([SECRET])
    with pytest.raises(MalformedInput) as refused:
        adapter.translate(delivered(adapter, raw))
    return refused.value


class TestCrmKeepsTheContract(SourceContract):
    parts = ("type", "timestamp", "data", *CREATED)

    def adapter(self) -> Source:
        return CrmAdapter([SECRET])

    def good(self) -> tuple[Mapping[str, str], bytes]:
        raw = body("ticket.created", CREATED)
        return sign(secret(SECRET), "msg_1", NOW, raw), raw

    def mutated(self, part: str, value: object) -> bytes:
        envelope = {"type": "ticket.created", "timestamp": AT, "data": CREATED}
        if part in envelope:
            return json.dumps(envelope | {part: value}).encode()
        return json.dumps(envelope | {"data": CREATED | {part: value}}).encode()


def test_crm_translate_a_created_ticket_opens_one_and_says_only_what_the_crm_said() -> None:
    request = translated("ticket.created", CREATED)
    assert request.command == OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.SERIAL, value="SN-88-0001"),
        title="洗衣机不脱水",
        type="hardware_fault",
        region="华东",
        source_no="CRM-1001",
        customer=Customer(name="李女士", phone="13800000000"),
    )
    assert (request.source, request.actor, request.trace_id) == ("crm", "王客服", TRACE)
    assert request.at == datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "data", "command"),
    [
        ("ticket.note", {"text": "客户改约下午"}, Note(text="客户改约下午")),
        ("ticket.progress_asked", {"asked_by": "李女士"}, AskProgress(asked_by="李女士")),
        (
            "ticket.closure_confirmed",
            {"confirmed_by": "李女士", "ticks": ["fully_solved", "无衍生风险"]},
            ConfirmClosure(confirmed_by="李女士", ticks=(Tick.FULLY_SOLVED, Tick.NO_SIDE_RISK)),
        ),
        (
            "ticket.closure_rejected",
            {"rejected_by": "李女士", "reason": "仍有异响"},
            RejectClosure(rejected_by="李女士", reason="仍有异响"),
        ),
        (
            "ticket.status_changed",
            {"status": "已关闭", "confirmed_by": "李女士"},
            ConfirmClosure(confirmed_by="李女士"),
        ),
        ("ticket.status_changed", {"status": "重新打开", "reason": "复发"}, Reopen(reason="复发")),
    ],
)
def test_crm_translate_news_of_a_ticket_is_addressed_by_the_crm_s_own_number(
    kind: str, data: Any, command: Command
) -> None:
    request = translated(kind, {"source_no": "CRM-1001", **data})
    assert (request.command, request.source_no, request.ticket_id) == (command, "CRM-1001", None)
    assert request.actor == "crm"


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("跟进中", "in_progress"), ("稍后处理", "pending"), ("挂起", "in_progress"), ("已解诀", "resolved")],
)
def test_crm_translate_a_vague_or_foreign_status_is_refused_and_the_nearest_legal_one_named(
    word: str, nearest: str
) -> None:
    error = refusal(body("ticket.status_changed", {"source_no": "CRM-1001", "status": word}))
    assert (error.code, error.field, error.context["nearest"]) == ("unknown_state", "$.data.status", nearest)


@pytest.mark.parametrize(
    "word", [w for w, state in SYNONYMS.items() if state is not State.CLOSED] + ["处理中", "assigned"]
)
def test_crm_translate_a_state_that_only_our_people_set_is_refused_with_who_sets_it(word: str) -> None:
    error = refusal(body("ticket.status_changed", {"source_no": "CRM-1001", "status": word}))
    assert (error.code, error.field) == ("state_not_settable", "$.data.status")
    assert State(error.context["state"]).zh in error.zh


def test_crm_translate_every_synonym_is_spelled_as_it_is_looked_up() -> None:
    assert all(word == word.strip().lower() for word in (*SYNONYMS, *REOPEN_WORDS))


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "missing", "$.type"),
        (b'{"type":', "not_json", "$"),
        (b"\xff\xfe", "not_utf8", "$"),
        (b'{"type":true}', "wrong_value", "$.type"),
        (b'{"typ":"ticket.note"}', "missing", "$.type"),
        (json.dumps({"type": " ", "timestamp": AT, "data": CREATED}).encode(), "missing", "$.type"),
        (json.dumps({"timestamp": AT, "data": CREATED}).encode(), "missing", "$.type"),
        (b'{"type":1e300}', "unknown_type", "$.type"),
        (json.dumps({"type": None, "timestamp": AT, "data": CREATED}).encode(), "missing", "$.type"),
        (b'{"type":"\\ud800"}', "lone_surrogate", "$.type"),
        (b'{"type":"a","type":"b"}', "repeated_key", "$.type"),
        (b'{"n":NaN}', "not_json", "$"),
        (b"[" * 900 + b"]" * 900, "too_deep", "$"),
        (b"[]", "not_an_object", "$"),
        (body("ticket.create", CREATED), "misspelled_type", "$.type"),
        (body("ticket.created", CREATED, "2026-11-22T09:30:00"), "wrong_value", "$.timestamp"),
        (body("ticket.created", CREATED, 1_795_000_000), "wrong_value", "$.timestamp"),
        (body("ticket.created", CREATED, "0001-01-01T00:00:00+14:00"), "wrong_value", "$.timestamp"),
        (body("ticket.created", CREATED, "9999-12-31T23:00:00Z"), "wrong_value", "$.timestamp"),
        (body("ticket.created", CREATED | {"title": None}), "missing", "$.data.title"),
        (body("ticket.created", None), "missing", "$.data"),
        (body("ticket.created", CREATED | {"source_no": True}), "wrong_value", "$.data.source_no"),
        (body("ticket.created", CREATED | {"priority": {"id": 3}}), "wrong_value", "$.data.priority"),
        (body("ticket.created", CREATED | {"title": "  "}), "missing", "$.data.title"),
        (body("ticket.created", CREATED | {"title": "a\0b"}), "nul", "$.data.title"),
        (body("ticket.created", CREATED | {"title": "x" * 501}), "too_long", "$.data.title"),
        (body("ticket.created", CREATED | {"description": "x" * 100_001}), "too_long", "$.data.description"),
        (body("ticket.note", {"source_no": "1" * 501, "text": "x"}), "too_long", "$.data.source_no"),
        (body("ticket.note", {"source_no": "1", "text": "x", "by": "x" * 501}), "too_long", "$.data.by"),
        (body("ticket.note", {"source_no": "a\0", "text": "x"}), "nul", "$.data.source_no"),
        (body("ticket.note", {"source_no": "1", "text": "x", "by": "a\0"}), "nul", "$.data.by"),
        (body("ticket.created", CREATED | {"by": "ticketbus"}), "reserved_name", "$.data.by"),
        (body("ticket.note", {"source_no": "1", "text": "x", "by": " Bus "}), "reserved_name", "$.data.by"),
        (body("ticket.note", {"source_no": "1", "text": "x", "by": "bus\u3164"}), "reserved_name", "$.data.by"),
        (body("ticket.note", {"source_no": "1", "text": "x", "by": "a\x1bb"}), "control_character", "$.data.by"),
        (
            body("ticket.created", CREATED | {"incident_key": {"kind": "serial"}}),
            "missing",
            "$.data.incident_key.value",
        ),
        (
            body("ticket.created", CREATED | {"incident_key": {"kind": "dept", "value": "1"}}),
            "wrong_value",
            "$.data.incident_key.kind",
        ),
        (body("ticket.created", CREATED | {"skills": ["a", True]}), "wrong_value", "$.data.skills[1]"),
        (body("ticket.created", CREATED | {"title": "a\x1bb"}), "control_character", "$.data.title"),
        (
            body("ticket.created", CREATED | {"incident_key": {"kind": "serial", "value": "a\x1bb"}}),
            "control_character",
            "$.data.incident_key.value",
        ),
        (body("ticket.note", {"text": "x"}), "missing", "$.data.source_no"),
        (body("ticket.closure_confirmed", {"source_no": "1", "ticks": ["all"]}), "wrong_value", "$.data.ticks[0]"),
    ],
)
def test_crm_translate_what_cannot_be_read_is_refused_by_its_path(raw: bytes, code: str, field: str) -> None:
    error = refusal(raw)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize("at", ["1900-01-01T00:00:00Z", "1970-01-01T08:00:00+08:00", "2100-01-01T00:00:00Z"])
def test_crm_translate_a_time_of_an_unset_clock_is_refused_with_the_years_that_can_be(at: str) -> None:
    error = refusal(body("ticket.created", CREATED | {"opened_at": at}))
    assert (error.field, error.zh) == ("$.data.opened_at", "字段“$.data.opened_at”的年份须为 2000 至 2099")
    assert error.en == "$.data.opened_at must lie in the years 2000 to 2099"


@pytest.mark.parametrize("timestamp", [{}, {"timestamp": None}, {"timestamp": " "}], ids=str)
def test_crm_translate_without_a_timestamp_it_happened_when_the_delivery_was_signed(timestamp: dict[str, Any]) -> None:
    adapter = CrmAdapter([SECRET])
    received = delivered(adapter, json.dumps({"type": "ticket.created", "data": CREATED} | timestamp).encode())
    signed = NOW - timedelta(seconds=200)
    (request,) = adapter.translate(replace(received, headers={"webhook-timestamp": str(int(signed.timestamp()))}))
    assert (request.at, request.sent_at) == (signed, "webhook-timestamp")
    (request,) = adapter.translate(received)
    assert request.at == received.received_at


def test_crm_translate_a_misspelled_field_or_type_is_answered_with_the_nearest_known_one() -> None:
    assert refusal(body("ticket.create", CREATED)).context["nearest"] == "ticket.created"
    misspelled = {name: value for name, value in CREATED.items() if name != "title"} | {"titel": "x"}
    assert refusal(body("ticket.created", misspelled)).context["misspelled"] == "titel"
    key = {"kind": "serial", "vlaue": "1", "x": 1}
    error = refusal(body("ticket.created", CREATED | {"incident_key": key}))
    assert (error.field, error.context["misspelled"]) == ("$.data.incident_key.value", "vlaue")
    assert "vlaue" in error.zh


def test_crm_translate_a_refusal_never_repeats_personal_data() -> None:
    error = refusal(body("ticket.created", CREATED | {"customer": {"name": True, "phone": "13800000000"}}))
    assert "13800000000" not in f"{error} {error.zh} {error.context}"


async def test_crm_translate_a_redelivery_has_one_effect_and_another_body_under_the_same_id_is_refused() -> None:
    dispatcher = Dispatcher(store=MemoryStore(), rules=RULES, now=lambda: NOW)
    adapter = CrmAdapter([SECRET])

    async def deliver(delivery_id: str, kind: str, data: object) -> Outcome:
        requests = adapter.translate(delivered(adapter, body(kind, data), delivery_id))
        (outcome,) = await dispatcher.dispatch(requests)
        return outcome

    opened = await deliver("d-1", "ticket.created", CREATED)
    again = await deliver("d-1", "ticket.created", CREATED)
    joined = await deliver("d-2", "ticket.created", CREATED | {"source_no": "CRM-1002"})
    asked = await deliver("d-3", "ticket.progress_asked", {"source_no": "CRM-1002"})
    other = await deliver("d-1", "ticket.created", CREATED | {"title": "别的"})
    unknown = await deliver("d-4", "ticket.note", {"source_no": "CRM-9", "text": "早到"})
    assert isinstance(opened, Accepted)
    assert isinstance(again, Accepted)
    assert isinstance(joined, Accepted)
    assert isinstance(asked, Accepted)
    assert (opened.answer, again.repeated, joined.answer) == (CommandResult.OPENED, True, CommandResult.JOINED)
    assert {opened.ticket_id, again.ticket_id, joined.ticket_id, asked.ticket_id} == {opened.ticket_id}
    assert isinstance(other, Refused)
    assert isinstance(unknown, Refused)
    assert (other.error.code, unknown.error.code) == ("idempotency_key_reused", "no_such_ticket")
    assert other.error.field == "webhook-id"


def test_crm_translate_a_text_may_be_as_long_as_over_http() -> None:
    long = {"title": "x" * 500, "description": "x" * 100_000, "serial": "7" * 500, "skills": ["x"] * 60}
    command = translated("ticket.created", CREATED | long).command
    body_of = {name: value for name, value in long.items() if name != "skills"}
    assert {name: getattr(command, name) for name in body_of} == body_of
    assert translated("ticket.note", {"source_no": "1", "text": "x" * 100_000}).command == Note(text="x" * 100_000)
