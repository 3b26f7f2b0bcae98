"""Commands that systems put on Kafka: decided like any other, refused ones kept, a broken one in nobody's way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from bus.domain.commands import Note, OpenTicket
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from bus.intake.command_ids import command_id
from bus.intake.commands_topic import COMMANDS_HANDLER, CommandsTranslator
from bus.intake.dispatch import Dispatcher
from bus.intake.dispatch_handler import DispatchHandler
from bus.postgres.pool import Connection
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from deadletter.rejected_inputs import MemoryRejectedInputs
from schemas.messages import CommandSent
from tests.gateway.fakes import CODEC, RULES, StoreThatMayBeAway

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_MS, BYTES_MAX = int(NOON.timestamp() * 1000), 20_000
NO_CONNECTION = cast("Connection", object())  # the handler commits on its own
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def opening(number: str = "S-1") -> OpenTicket:
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN{number}")
    return OpenTicket(incident_key=key, title="冰箱不制冷", type="hardware_fault", source_no=number)


def sent(**own: Any) -> CommandSent:
    plain = {"idempotency_key": "k1", "source": "mes", "actor": "李工", "command": opening()}
    return CommandSent(**{**plain, **own})


NOTE = sent(idempotency_key="k2", ticket_source_no="S-1", command=Note(text="等待备件"))


def record(value: bytes | None, offset: int = 0, **own: Any) -> Record:
    plain = Record(
        topic="ticket.commands", partition=0, offset=offset, key=b"S-1", value=value, headers=(), timestamp_ms=NOON_MS
    )
    return replace(plain, **own)


def handler_on(store: StoreThatMayBeAway, refused: MemoryRejectedInputs) -> DispatchHandler:
    """Make the handler on parts in memory."""
    translator = CommandsTranslator(codec=CODEC, bytes_max=BYTES_MAX)
    dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: NOON)
    return DispatchHandler(
        name=COMMANDS_HANDLER, translator=translator, dispatcher=dispatcher, refused=refused, know=nothing_more
    )


async def test_commands_a_batch_is_one_transaction_and_a_ticket_is_known_by_its_source_s_number() -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    values = [sent(), NOTE, sent(), replace(NOTE, command=Note(text="别的"))]
    headers = (("traceparent", TRACE.encode()),)
    records = [record(CODEC.encode_record(one), n, headers=headers) for n, one in enumerate(values)]
    await handler_on(store, refused).handle(NO_CONNECTION, records)
    assert store.transactions == 1
    [events] = store.log.values()
    assert [type(one.event).__name__ for one in events] == ["TicketOpened", "NoteAdded"]
    assert {one.trace_id for one in events} == {TRACE.split("-")[1]}
    assert {(one.source, one.actor) for one in events} == {("mes", "李工")}
    [letter] = refused.kept.values()
    assert (letter.origin, letter.origin_ref) == (COMMANDS_HANDLER, str(command_id("mes", "k2")))
    assert (letter.code, letter.body) == ("idempotency_key_reused", records[3].value)


@pytest.mark.parametrize(("wrong", "code", "field"), [
    ({"idempotency_key": ""}, "idempotency_key_missing", "idempotency_key"),
    ({"idempotency_key": "中"}, "idempotency_key_malformed", "idempotency_key"),
    ({"source": " "}, "missing", "source"),
    ({"source": "bus"}, "reserved_name", "source"),
    ({"actor": "ticketbus"}, "reserved_name", "actor"),
    ({"ticket_id": "T20261122-000001"}, "ambiguous", "ticket_id"),
    ({"command": Note(text="x")}, "missing", "ticket_id"),
    ({"command": Note(text="x"), "ticket_id": "T1", "ticket_source_no": "S-1"}, "ambiguous", "ticket_id"),
    ({"command": Note(text="a\0b"), "ticket_source_no": "S-1"}, "nul", "command.text"),
    ({"command": Note(text="x"), "ticket_source_no": "S-9"}, "no_such_ticket", "source_no"),
    ({"source": "x" * 501}, "too_long", "source"),
    ({"at": NOON - timedelta(days=365 * 40)}, "out_of_range", "at"),
])  # fmt: skip
async def test_commands_what_is_wrong_is_named_and_the_bytes_are_kept(
    wrong: dict[str, Any], code: str, field: str
) -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    value = CODEC.encode_record(sent(**wrong))
    await handler_on(store, refused).handle(NO_CONNECTION, [record(value)])
    [letter] = refused.kept.values()
    assert (letter.code, letter.field, letter.body) == (code, field, value)
    assert letter.detail_zh
    assert letter.detail_en
    assert not store.log


async def test_commands_what_happened_without_a_time_happened_when_the_broker_got_it() -> None:
    store = StoreThatMayBeAway()
    await handler_on(store, MemoryRejectedInputs()).handle(NO_CONNECTION, [record(CODEC.encode_record(sent()))])
    [[event]] = store.log.values()
    assert event.occurred_at == NOON


async def test_command_that_is_too_large_is_kept_and_stops_nobody() -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    large = CODEC.encode_record(replace(NOTE, command=Note(text="长" * BYTES_MAX)))
    records = [record(large), record(CODEC.encode_record(sent()), 1)]
    await handler_on(store, refused).handle(NO_CONNECTION, records)
    assert [one.code for one in refused.kept.values()] == ["too_large"]
    assert len(store.log) == 1


async def test_commands_a_record_that_breaks_the_translator_is_a_letter_and_stops_nothing() -> None:
    class Broken(CommandsTranslator):
        def _request(self, record: Record, sent: CommandSent) -> Any:
            if sent.idempotency_key == "k1":
                raise AttributeError("13800001111")
            return super()._request(record, sent)

    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    translator = Broken(codec=CODEC, bytes_max=BYTES_MAX)
    handler = replace(handler_on(store, refused), translator=translator)
    good = sent(idempotency_key="k9")
    await handler.handle(NO_CONNECTION, [record(CODEC.encode_record(one), n) for n, one in enumerate((sent(), good))])
    assert len(store.log) == 1
    [letter] = refused.kept.values()
    assert (letter.code, letter.origin_ref, letter.body) == (
        "translator_failed", "ticket.commands/0@0", CODEC.encode_record(sent()),
    )  # fmt: skip
    assert "13800001111" not in str(letter)


async def test_commands_a_header_name_that_is_not_utf_8_is_a_letter_that_keeps_its_bytes() -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    values = [CODEC.encode_record(sent(idempotency_key=key)) for key in ("k1", "k9")]
    name = b"\xff\xfename\xe4\xbb\xb7".decode(errors="surrogateescape")
    odd = record(values[0], headers=(("traceparent", TRACE.encode()), (name, b"v")))
    await handler_on(store, refused).handle(NO_CONNECTION, [odd, record(values[1], 1)])
    assert len(store.log) == 1
    [letter] = refused.kept.values()
    assert (letter.code, letter.body, letter.headers["\\xff\\xfename价"]) == ("malformed_header", values[0], "v")


@pytest.mark.parametrize("source", ["CRM 上海", "a b", "crm%zz", "Mes", "mes|a", "", "-x"])
async def test_commands_a_source_has_a_name_that_ids_and_addresses_are_made_of(source: str) -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    await handler_on(store, refused).handle(NO_CONNECTION, [record(CODEC.encode_record(sent(source=source)))])
    [letter] = refused.kept.values()
    assert (letter.field, letter.code) == ("source", "malformed_name" if source else "missing")
