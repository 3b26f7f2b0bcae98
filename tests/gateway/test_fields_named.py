"""Every problem names a field: what is to be changed, or that nothing of the caller's is to be."""

import ast
import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import bus
from bus.domain.commands import OpenTicket, Return
from bus.domain.errors import BusError, KafkaUnavailable, MalformedInput, StoreUnavailable
from bus.gateway.http import middleware
from bus.gateway.http.problems import body_of
from bus.gateway.http.responses import NotKept
from bus.intake.command_bodies import build
from bus.wire.json_body import read_object
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway

ROOT = Path(bus.__file__).parent.parent
FIELD_AT = {
    "HttpProblem": 2, "MalformedInput": 1, "CommandRefused": 1, "_bad": 0, "_malformed": 0, "_unknown": 1,
    "missing": 0, "already": 0, "out_of_range": 0, "in_future": 0, "too_late": 0, "no_person": 0, "not_historic": 0,
    "unknown_word": 0, "own_backup": 0, "no_contact": 0,
}  # fmt: skip
"""Which argument is the field, wherever a refusal is made."""
DEEP = b'{"a":' * 40


def refusals() -> Iterator[tuple[str, ast.expr]]:
    """Find where the bus and its adapters make a refusal; gives the place and the field."""
    for path in (one for package in ("bus", "adapters") for one in sorted((ROOT / package).rglob("*.py"))):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call):
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                if name in FIELD_AT and len(call.args) > FIELD_AT[name]:
                    yield f"{path.relative_to(ROOT)}:{call.lineno}", call.args[FIELD_AT[name]]


def test_fields_named_no_refusal_is_made_without_a_field() -> None:
    found = list(refusals())
    assert len(found) > 80
    assert [place for place, field in found if isinstance(field, ast.Constant) and not field.value] == []


@pytest.mark.parametrize("error", [StoreUnavailable("x"), KafkaUnavailable("x"), NotKept("x"), BusError("x")])
def test_fields_named_what_is_no_fault_of_the_callers_is_named_as_ours(error: BusError) -> None:
    assert body_of(error, "ab" * 16)["field"] == "service"


@pytest.mark.parametrize(
    ("content", "headers", "code", "field"),
    [
        (b"{", {}, "not_json", "body"),
        (DEEP, {}, "too_deep", "body"),
        (b"[]", {}, "not_an_object", "body"),
        (b"1", {}, "not_an_object", "body"),
        (b" " * 300_000, {}, "body_too_large", "body"),
        (b"{}", {"Content-Encoding": "gzip"}, "content_encoding", "Content-Encoding"),
        (b"{}", {"Authorization": "x"}, "not_authenticated", "Authorization"),
        (b"{}", {"Idempotency-Key": ""}, "idempotency_key_missing", "Idempotency-Key"),
        (b"{}", {"Idempotency-Key": "a b"}, "idempotency_key_malformed", "Idempotency-Key"),
        (b"{}", {}, "missing", "incident_key"),
    ],
)
async def test_fields_named_a_wrong_body_is_called_body_and_a_wrong_header_by_its_name(
    gateway: Gateway, content: bytes, headers: dict[str, str], code: str, field: str
) -> None:
    answer = await gateway.post("/v1/tickets", content=content, headers=headers)
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)


@pytest.mark.parametrize("body", [b"{", DEEP, b"[]"])
def test_fields_named_where_paths_begin_with_a_word_the_body_is_called_by_it(body: bytes) -> None:
    with pytest.raises(MalformedInput) as refused:
        read_object(body, "$")
    assert refused.value.field == "$"


@pytest.mark.parametrize("path", ["/", "/v1/tickets/x", "/v1/journeys/x", "/v1/tickets?limit=x", "/v1/tickets?x=1"])
async def test_fields_named_a_wrong_address_is_named(gateway: Gateway, path: str) -> None:
    assert (await gateway.get(path)).json()["field"] in {"path", "ticket_id", "any", "limit", "x"}


async def test_fields_named_failures_at_the_door_are_named(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(middleware, "BODY_SECONDS_MAX", 0.01)
    answer = await gateway.post("/v1/tickets", content=never())
    assert (answer.json()["code"], answer.json()["field"]) == ("slow_body", "body")
    gateway.store.away = gateway.spool.away = True
    with capture_logs():
        answer = await gateway.post("/v1/tickets", OPENING)
    assert (answer.json()["code"], answer.json()["field"]) == ("unavailable", "service")


@pytest.mark.parametrize("bad", ["\n", "\t", "\x1b[31m", "\x9b", "\u202e", "\u2066"])
def test_fields_named_a_line_takes_no_control_character_and_a_text_its_lines(bad: str) -> None:
    opening = build(OpenTicket, {**OPENING, "description": "一\n二\t三"})
    assert opening.description == "一\n二\t三"
    for field in ("title", "source_no", "region"):
        with pytest.raises(MalformedInput, match="control character") as refused:
            build(OpenTicket, {**OPENING, field: f"a{bad}b"})
        assert (refused.value.code, refused.value.field) == ("control_character", field)
    assert build(Return, {"reason": "a\nb"}).reason == "a\nb"


@pytest.mark.parametrize("around", ["\t", "\n", "\r\n", "\u2028"])
def test_fields_named_what_is_copied_along_with_a_line_is_left_out(around: str) -> None:
    key = {"kind": "serial", "value": f"{around}SN-1{around}"}
    opening = build(OpenTicket, {**OPENING, "incident_key": key, "title": f"漏水{around}"})
    assert (opening.incident_key.value, opening.title) == ("SN-1", "漏水")
    with pytest.raises(MalformedInput, match="control character"):
        build(OpenTicket, {**OPENING, "title": f"漏{around}水"})
