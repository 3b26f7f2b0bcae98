"""What a CRM gets holds the event and the state it left; whatever it answers is a success or a failure with a kind."""

import base64
import re
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters import webhook_signature as signature
from adapters.adapter import EnvironmentSecrets
from adapters.answers.judge import judge
from adapters.crm.callback_wire import status_body
from adapters.outbound_http import HttpResponse, retry_after_s
from adapters.registry import TARGETS
from adapters.webhook_options import WebhookOptions
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.delivery.targets_config import load_targets_config
from bus.domain.closing_events import TicketResolved
from bus.domain.events import (
    Event,
    NoteAdded,
    PartsRequested,
    Recorded,
    TicketAssigned,
    TicketOpened,
    WorkPaused,
    WorkStarted,
)
from bus.domain.evolve import evolve
from bus.domain.terms import CommandId, EventId, KeyKind, Substate, TicketId, TraceId, WaitingFor
from bus.domain.ticket import Ticket
from bus.domain.values import Assignee, Customer, IncidentKey, Part
from bus.settings import SettingsInvalid
from bus.wire.codec import plain
from schemas.catalogue import EVENT_TYPES, RecordType
from tests.schemas.codecs import full

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
OLD, NEW = ("whsec_" + base64.b64encode(byte * 32).decode() for byte in (b"o", b"n"))
PERSON, PHONE = "李女士", "13800001234"
YEAR_S = 365 * 86_400.0


def recorded(version: int, event: Event) -> Recorded:
    return Recorded(
        event_id=EventId(UUID(int=version)),
        ticket_id=TicketId("T20261122-000001"),
        version=version,
        trace_id=TraceId("a" * 32),
        occurred_at=NOW + timedelta(minutes=version),
        recorded_at=NOW + timedelta(minutes=version),
        source="crm",
        actor=PERSON,
        command_id=CommandId(UUID(int=100 + version)),
        historic=False,
        implied=False,
        waived=(),
        event=event,
    )


OPENED = TicketOpened(
    source_no="CRM-1001",
    incident_key=IncidentKey(kind=KeyKind.PHONE, value=PHONE),
    title=f"{PERSON}的洗衣机",
    description=PHONE,
    type="hardware_fault",
    region="华东",
    skills=(),
    priority="",
    serial="",
    customer=Customer(name=PERSON, phone=PHONE),
    opened_at=NOW,
    response_limit_s=900,
    resolution_limit_s=86_400,
)
HISTORY = [
    recorded(1, OPENED),
    recorded(2, WorkStarted(substate=Substate.ON_SITE, reason=PERSON)),
    recorded(3, WorkPaused(waiting_for=WaitingFor.CUSTOMER, reason=PHONE)),
]


async def ticket_at(upto: Recorded) -> Ticket:
    ticket = None
    for each in HISTORY[: upto.version]:
        ticket = evolve(ticket, each)
    assert ticket is not None
    return ticket


def judged(answer: HttpResponse) -> DeliveryFailed | None:
    try:
        judge(answer, NOW)
    except DeliveryFailed as failed:
        return failed
    return None


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.ce_type)
async def test_crm_callback_wire_each_kind_of_event_is_there_with_all_that_it_says(kind: RecordType) -> None:
    own = full(kind.cls)
    event = recorded(1, own)
    ticket = await ticket_at(HISTORY[0])
    body, again = status_body(event, ticket), status_body(event, ticket)
    assert body == again
    data = orjson.loads(body)["data"]
    assert data["event"] == plain(own)
    assert (data["state"], data["actor"]) == ("pending", PERSON)


async def test_crm_callback_wire_has_the_customers_link_where_it_is_wanted_r16() -> None:
    event, ticket = recorded(1, HISTORY[0].event), await ticket_at(HISTORY[0])
    for link in ("", "https://t.example/t/T1.0.x"):
        data = orjson.loads(status_body(event, ticket, link))["data"]
        assert data.get("customer_link", "") == link
        assert ("customer_link" in data) is bool(link)


async def test_crm_callback_wire_the_texts_of_people_go_with_the_event() -> None:
    texts: dict[str, Event] = {
        "text": NoteAdded(text="已与客户改约周三", changed=()),
        "summary": TicketResolved(photos=("s3://p/1.jpg",), summary="更换水泵", root_cause="part_worn"),
        "parts": PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=2),), reason=""),
        "assignee": TicketAssigned(assignee=Assignee(role="工程师", person="王工"), previous_person="", reason=""),
    }
    for field, own in texts.items():
        content = orjson.loads(status_body(recorded(2, own), await ticket_at(HISTORY[0])))["data"]["event"]
        assert content[field] == plain(own)[field] != ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", None),
        (b"ok", None),
        (b"[]", None),
        (b'{"code":0}', None),
        (b'{"code":200}', None),
        (b'{"code":"OK","success":true}', None),
        (b'{"errcode":0,"code":"E17"}', FailureKind.UNKNOWN),
        (b'{"success":false}', FailureKind.UNKNOWN),
        (b'{"errorCode":20016}', FailureKind.UNAUTHORIZED),
        (b'{"errorCode":"10006","errorMessage":"x"}', FailureKind.UNAUTHORIZED),
        (b'{"code":"13800001234"}', FailureKind.UNKNOWN),
        (b'{"code":', FailureKind.UNKNOWN),
    ],
)
def test_crm_callback_wire_an_http_200_is_judged_by_its_body(body: bytes, kind: FailureKind | None) -> None:
    media = "text/plain" if body == b"ok" else "application/json; charset=utf-8"
    failed = judged(HttpResponse(status=200, headers={"content-type": media}, body=body))
    assert (failed and failed.kind) is kind
    assert PHONE not in f"{failed} {failed and failed.code}"


@given(
    st.integers(-1, 1200),
    st.dictionaries(st.sampled_from(["retry-after", "content-type", "content-encoding"]), st.text()),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda each: st.dictionaries(st.sampled_from(["code", "errcode", "success", "x"]), each),
    ).map(lambda value: orjson.dumps(value, default=str))
    | st.builds(
        bytes.__add__, st.sampled_from([b"<a b='1'><c>", b'{"code":', b'[{"ok":', b'"{']), st.binary(max_size=9)
    ),
    st.sampled_from(["", "no answer within 1 s"]),
    st.booleans(),
)
def test_crm_callback_wire_every_answer_is_a_success_or_a_failure_with_a_kind(
    status: int, headers: dict[str, str], body: bytes, cut: str, longer: bool
) -> None:
    failed = judged(HttpResponse(status=status, headers=headers, body=body, cut=cut, longer=longer))
    if failed is None:
        assert 200 <= status < 300
    else:
        assert failed.status == status
        assert len(failed.code) <= 40
        assert failed.retry_after_s is None or failed.retry_after_s >= 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 22 Nov 2026 09:31:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 09:31:00 -0000", 60.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", 1.5),
        ("9999999999", YEAR_S),
        ("9" * 400, YEAR_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR_S),
        ("Fri, 31 Dec 99999 23:59:59 GMT", YEAR_S),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Sun, 99 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_crm_callback_wire_retry_after_is_read_in_both_forms(text: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, FailureKind.UNAVAILABLE),
        (409, FailureKind.UNAVAILABLE),
        (423, FailureKind.UNAVAILABLE),
        (425, FailureKind.UNAVAILABLE),
        (410, FailureKind.GONE),
        (400, FailureKind.REJECTED),
        (422, FailureKind.REJECTED),
        (500, FailureKind.UNKNOWN),
    ],
)
def test_crm_callback_wire_a_status_that_passes_by_itself_costs_no_event_its_delivery(
    status: int, kind: FailureKind
) -> None:
    failed = judged(HttpResponse(status=status, headers={"retry-after": "7"}))
    assert failed is not None
    assert (failed.kind, failed.retry_after_s) == (kind, 7.0)


@pytest.mark.parametrize("url", ["crm", "ftp://crm/x", "http://", "https://user:pass@crm/x", "http://[::1"])
def test_crm_callback_wire_an_address_that_is_none_or_holds_a_password_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        WebhookOptions(url=url, secrets=("CRM_SECRET",))
    assert "pass@" not in str(wrong.value)


def test_crm_callback_wire_the_keys_stand_in_the_environment() -> None:
    options = WebhookOptions(url="https://crm.example/x", secrets=("CRM_OLD", "CRM_NEW"))
    environment = {"CRM_OLD": OLD, "CRM_NEW": NEW}
    assert options.keys(EnvironmentSecrets(environment=environment, where="targets.crm")) == tuple(
        map(signature.secret, (OLD, NEW))
    )
    with pytest.raises(ConfigFileInvalid, match=r"targets\.crm: .*the environment variable CRM_NEW is not set"):
        options.keys(EnvironmentSecrets(environment={"CRM_OLD": OLD}, where="targets.crm"))
    with pytest.raises(SettingsInvalid, match=r"targets\.crm: CRM_OLD: ") as wrong:
        options.keys(EnvironmentSecrets(environment={"CRM_OLD": "whsec_YWJj", "CRM_NEW": NEW}, where="targets.crm"))
    assert "YWJj" not in str(wrong.value)


def test_crm_callback_wire_the_example_of_a_targets_file_is_one_and_its_comments_tell_the_defaults(
    tmp_path: Path,
) -> None:
    shipped = resources.files("adapters").joinpath("targets.example.yaml").read_text(encoding="utf-8")
    said = re.sub(r"^    (  )?# ", r"    \1", shipped, flags=re.MULTILINE).replace("    #   ", "      ")
    plans = []
    for text in (shipped, said):
        path = tmp_path / "targets.yaml"
        path.write_text(text, encoding="utf-8")
        plans.append(load_targets_config(path, TARGETS))
    assert said.count("# ") < shipped.count("# ")
    assert plans[0] == plans[1]
