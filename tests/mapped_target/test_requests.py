"""What a target by a map sends and to which event, and which commands its answers become."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from pydantic import TypeAdapter

from adapters import webhook_signature
from adapters.mapped.proof import Proof, verifier
from adapters.mapped_target.target import MappedTarget
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.domain.commands import IssueParts, Note
from bus.domain.events import PartsRequested, WorkStarted
from bus.domain.terms import Substate
from bus.domain.values import Part
from tests.adapters.http_receiver import OK, Receiver
from tests.adapters.test_crm_callback_wire import PERSON, PHONE
from tests.adapters.test_public_addresses import NAME, Names
from tests.mapped_target.calls import NOTE, call, outcome, target_of

SECRET = "a-secret-of-the-receiver"
PARTS = PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=2),), reason="水泵坏了")
STARTED = WorkStarted(substate=Substate.ON_SITE, reason="")


def answering(body: object) -> bytes:
    content = orjson.dumps(body)
    return OK % (len(content), content)


@asynccontextmanager
async def receiving(
    *requests: Mapping[str, Any], secret: str = SECRET, **more: Any
) -> AsyncIterator[tuple[Receiver, MappedTarget]]:
    """Run a receiver, and a target whose map has these requests."""
    async with Receiver() as receiver:
        given = {
            "url": f"http://127.0.0.1:{receiver.port}/v2",
            "private_addresses": True,
            "proof": {"kind": "none"},
            "requests": [{"path": "/notes", "repeats": "harmless", **one} for one in requests],
            **more,
        }
        async with target_of(given, {"RECEIVER_SECRET": secret}) as target:
            yield receiver, target


async def sent(event: Any = NOTE, *, copy_key: str = "", **request: Any) -> tuple[str, dict[str, str], bytes]:
    """Send an event by a map of one request, and give what came: the target of the request, headers and body."""
    async with receiving(request) as (receiver, target):
        assert isinstance(await outcome(target, call(event, copy_key=copy_key)), Effect)
    [(headers, body)], [path] = receiver.requests, receiver.targets
    return path, headers, body


async def test_mapped_target_requests_a_body_is_a_tree_of_expressions_and_constants() -> None:
    tree = {
        "ref": "key",
        "text": "event.text",
        "at": {"from": "occurred_at", "time": {"format": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"}},
        "at_ms": {"from": "occurred_at", "time": {"format": "epoch_ms"}},
        "level": {"from": "ticket.state", "words": {"in_progress": 2, "closed": 9}},
        "serial": "ticket.serial",
        "serial_or": {"from": "ticket.serial", "default": "无"},
        "empty": {"value": ""},
        "nothing": {"value": None},
        "deep": [{"who": "actor"}, {"value": 7}, "ticket.serial"],
        "object": "{name: ticket.customer.name}",
    }
    path, headers, body = await sent(json=tree, path="/cases/{ticket.source_no}?by={actor}")
    asked = call()
    at = asked.event.occurred_at
    assert orjson.loads(body) == {
        "ref": asked.key,
        "text": NOTE.text,
        "at": at.astimezone().strftime("%Y-%m-%d 17:34:00"),
        "at_ms": int(at.timestamp() * 1000),
        "level": "2",
        "serial_or": "无",
        "empty": "",
        "nothing": None,
        "deep": [{"who": PERSON}, 7],
        "object": {"name": PERSON},
    }
    assert path == "/v2/cases/CRM-1001?by=%E6%9D%8E%E5%A5%B3%E5%A3%AB"
    assert headers["content-type"] == "application/json"
    assert headers["traceparent"] == asked.traceparent


async def test_mapped_target_requests_a_form_headers_and_the_key() -> None:
    _, headers, body = await sent(
        form={"text": "event.text", "visible": {"value": False}, "serial": "ticket.serial"},
        headers={"X-Tenant": {"value": "7"}, "x-version": "version"},
        idempotency_header="Idempotency-Key",
    )
    assert parse_qs(body.decode()) == {"text": [NOTE.text], "visible": ["false"]}
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert (headers["x-tenant"], headers["x-version"], headers["idempotency-key"]) == ("7", "4", call().key)


async def test_mapped_target_requests_a_mended_copy_has_a_key_of_its_own() -> None:
    _, headers, body = await sent(json="key", idempotency_header="Idempotency-Key", copy_key="of-the-copy")
    assert (headers["idempotency-key"], orjson.loads(body)) == ("of-the-copy", "of-the-copy")


async def test_mapped_target_requests_the_first_that_fits_an_event_is_sent_and_others_are_done_without_a_call() -> None:
    requests = (
        {"events": ["NoteAdded"], "when": "contains(event.text, '加急')", "path": "/urgent"},
        {"events": ["NoteAdded"], "path": "/notes"},
        {"events": "PartsRequested", "when": "event.request_no == 'PR-9'", "path": "/parts"},
    )
    async with receiving(*requests) as (receiver, target):
        for event in (NOTE, STARTED, PARTS):
            assert await target.send(call(event)) == Effect()
            assert await target.confirm(call(event)) is None
        assert target.idempotent
    assert receiver.targets == ["/v2/notes"]


@pytest.mark.parametrize(
    ("request_map", "place"),
    [
        ({"path": "/cases/{ticket.serial}"}, "requests.0.path"),
        ({"path": "/cases/{event.changed}"}, "requests.0.path"),
        ({"json": {"a": {"from": "actor", "words": {"x": "y"}}}}, "requests.0.json"),
        ({"json": {"a": {"from": "actor", "time": {"format": "epoch_s"}}}}, "requests.0.json"),
        ({"json": "to_number('99999999999999999999')"}, "requests.0.json"),
        ({"json": "length(version)"}, "requests.0.json"),
        ({"when": "length(version)"}, "requests.0.when"),
        ({"headers": {"x-who": "actor"}}, "requests.0.headers.x-who"),
        ({"form": {"a": "ticket"}}, "requests.0.form"),
    ],
)
async def test_mapped_target_requests_an_event_that_does_not_fit_is_untranslatable_by_its_place(
    request_map: dict[str, Any], place: str
) -> None:
    async with receiving(request_map) as (receiver, target):
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert (failed.kind, receiver.requests) == (FailureKind.UNTRANSLATABLE, [])
    assert place in failed.detail
    assert [own for own in (PERSON, PHONE) if own in f"{failed} {failed.detail}"] == []


async def test_mapped_target_requests_a_mended_copy_is_signed_under_its_own_key() -> None:
    proof = {"kind": "standard-webhooks", "secrets": ["RECEIVER_SECRET"]}
    async with receiving({}, proof=proof, secret=f"whsec_{base64.b64encode(b'k' * 32).decode()}") as (receiver, target):
        assert await target.send(call(copy_key="of-the-copy")) == Effect()
    assert receiver.requests[0][0][webhook_signature.ID] == "of-the-copy"


async def test_mapped_target_requests_a_name_that_leads_inside_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    for allowed, kind in ((False, FailureKind.UNREACHABLE), (True, None)):
        Names(monkeypatch, "127.0.0.1")
        async with Receiver() as receiver:
            url = f"http://{NAME}:{receiver.port}"
            request = {"path": "/notes", "repeats": "harmless"}
            given = {"url": url, "private_addresses": allowed, "proof": {"kind": "none"}, "requests": [request]}
            async with target_of(given) as target:
                came = await outcome(target, call())
            assert (came.kind if isinstance(came, DeliveryFailed) else None) is kind
            assert len(receiver.requests) == allowed


@pytest.mark.parametrize("dots", ["..", "."])
async def test_mapped_target_requests_a_placeholder_never_leaves_its_part_of_the_path(dots: str) -> None:
    request = {"path": f"/cases/{{not_null(ticket.serials, '{dots}')}}/notes"}
    async with receiving(request) as (receiver, target):
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert (failed.kind, receiver.requests) == (FailureKind.UNTRANSLATABLE, [])
    path, _, _ = await sent(path="/cases/{not_null(ticket.serials, '../a?b#c d')}")
    assert path == "/v2/cases/..%2Fa%3Fb%23c%20d"


PROOFS: list[dict[str, Any]] = [
    {"kind": "bearer", "secrets": ["RECEIVER_SECRET"], "header": "x-api-key", "prefix": ""},
    {"kind": "bearer", "secrets": ["RECEIVER_SECRET"]},
    {"kind": "basic", "secrets": ["RECEIVER_SECRET"]},
    {"kind": "hmac", "secrets": ["RECEIVER_SECRET"], "header": "x-signature", "prefix": "sha256="},
    {
        "kind": "hmac",
        "secrets": ["RECEIVER_SECRET"],
        "header": "x-signature",
        "encoding": "base64",
        "algorithm": "sha512",
        "signed": "{id}.{timestamp}.{body}",
        "timestamp": {"header": "x-time", "format": "rfc3339"},
        "id_header": "x-id",
    },
    {"kind": "standard-webhooks", "secrets": ["RECEIVER_SECRET"]},
]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof["kind"])
async def test_mapped_target_requests_are_proven_as_a_map_of_a_source_would_check_them(proof: dict[str, Any]) -> None:
    secret = {
        "basic": "bus:a-password-of-sixteen",
        "standard-webhooks": f"whsec_{base64.b64encode(b'k' * 32).decode()}",
    }.get(proof["kind"], SECRET)
    check = verifier(TypeAdapter(Proof).validate_python(proof), [secret], where="test")
    async with receiving({"json": "event"}, secret=secret, proof=proof) as (receiver, target):
        assert await target.send(call()) == Effect()
    [(headers, body)] = receiver.requests
    check(headers, body, datetime.now(UTC))
    if proof["kind"] == "standard-webhooks":
        assert headers[webhook_signature.ID] == call().key


ISSUED = {
    "command": "issue-parts",
    "when": "answer.state == 'issued'",
    "fields": {
        "request_no": "event.request_no",
        "document_no": "answer.doc.no",
        "parts": {"each": "event.parts", "part_no": "part_no", "quantity": "quantity"},
    },
}
NOTED = {"command": "note", "when": "answer.note", "fields": {"text": "answer.note"}}


async def test_mapped_target_requests_commands_come_of_the_answer_and_the_event() -> None:
    async with receiving({"reference": "answer.doc.no", "commands": [ISSUED, NOTED]}) as (receiver, target):
        receiver.answer = answering({"state": "issued", "doc": {"no": 4711}, "note": "已出库"})
        effect = await target.send(call(PARTS))
        receiver.answer = answering({"state": "waiting"})
        waiting = await target.send(call(PARTS))
    issued = IssueParts(request_no="PR-1", document_no="4711", parts=PARTS.parts)
    assert effect == Effect(reference="4711", commands=(issued, Note(text="已出库")))
    assert waiting == Effect()


async def test_mapped_target_requests_an_answer_without_what_a_command_needs_is_unknown_and_names_it() -> None:
    async with receiving({"commands": [ISSUED]}) as (receiver, target):
        receiver.answer = answering({"state": "issued"})
        failed = await outcome(target, call(PARTS))
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.UNKNOWN
    assert "requests.0.commands.0" in failed.detail
    assert "answer.doc.no" in failed.message


async def test_mapped_target_requests_what_the_other_side_repeats_of_a_secret_is_masked() -> None:
    proof = {"kind": "bearer", "secrets": ["RECEIVER_SECRET"]}
    async with receiving({}, proof=proof) as (receiver, target):
        receiver.answer = answering({"code": 9, "message": f"bad token {SECRET}"})
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert SECRET not in failed.message
    assert "bad token" in failed.message
