"""Input that goes back to its door: over the topic that the door's stage reads, as it came, once in effect (R38)."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from bus.domain.events import NoteAdded, TicketOpened
from bus.intake.commands_topic import CommandsTranslator
from bus.intake.dispatch_handler import RecordTranslator
from bus.intake.intake_topic import IntakeTranslator
from bus.kafka.range_reader import record_of
from bus.postgres.pool import in_transaction
from bus.settings import Settings
from bus.wire.headers import RETURNED
from bus.wire.record import Record
from bus.wire.undecodable import place_of
from deadletter.dead_letter import LetterKept
from deadletter.replay import NO_WAY_BACK, RETURN_BYTES_MAX, way_back
from deadletter.store import retry
from schemas.topics import COMMANDS, INTAKE
from tests.databases import KEYS
from tests.deadletter.letters import (
    BEGAN,
    DECISION,
    NO_CONNECTION,
    TRACE,
    LetterStore,
    dead,
    handler,
    letter,
    noted,
    opened,
    received,
    record,
    told,
)
from tests.gateway.fakes import CODEC, FakeSource, StoreThatMayBeAway
from tests.store.kafka_log import records

DOORS: dict[str, RecordTranslator] = {
    COMMANDS: CommandsTranslator(codec=CODEC, bytes_max=20_000),
    INTAKE: IntakeTranslator(codec=CODEC, sources={"fake": FakeSource()}),
}
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def take_in(topic: str, store: StoreThatMayBeAway, letter_store: LetterStore, *values: Record) -> None:
    """Run a door's stage over records."""
    await handler(DOORS[topic], store, letter_store).handle(NO_CONNECTION, values)


async def came_back(settings: Settings, topic: str, seen: Collection[str] = ()) -> list[Record]:
    """Read what came back to a door's topic, but what was seen there before."""
    found = [record_of(one) for one in await records(settings, topic)]
    return [one for one in found if place_of(one) not in seen]


async def places(settings: Settings, topic: str) -> set[str]:
    """Name where something stands already."""
    return set(map(place_of, await came_back(settings, topic)))


def test_replay_a_webhook_goes_back_as_the_request_that_it_was() -> None:
    was = received(b"open", "d1", headers={"webhook-id": "d1", "traceparent": TRACEPARENT})
    kept = {**was.headers, ":path": was.path, ":client": was.client}
    for place in ("d1", "d1#2"):
        one = letter(origin="webhook:fake", origin_ref=place, headers=kept, value=was.body)
        back = way_back(one, CODEC.encode_record)
        assert (back.topic, back.key, back.headers) == (INTAKE, "fake", {RETURNED: "7"})
        assert CODEC.decode_record(back.value) == was


def test_replay_a_request_over_http_goes_back_under_the_key_of_its_client() -> None:
    kept = {"idempotency-key": " k-1 ", ":path": "/v1/tickets", ":client": "a-lead"}
    back = way_back(letter(origin="http", origin_ref="uuid", headers=kept, value=b"{}"), CODEC.encode_record)
    was = CODEC.decode_record(back.value)
    assert (was.delivery_id, was.client, was.source, was.path) == ("k-1", "a-lead", "a-lead", "/v1/tickets")
    assert was.received_at == BEGAN


@pytest.mark.parametrize(("origin", "topic", "key"), [
    ("commands", COMMANDS, "commands"), ("answer:erp", COMMANDS, "answer:erp"), ("intake", INTAKE, "intake"),
])  # fmt: skip
def test_replay_records_go_back_as_they_were_but_for_the_place_where_they_stood(
    origin: str, topic: str, key: str
) -> None:
    one = letter(origin=origin, value=b"\0\xff", headers={"traceparent": TRACEPARENT, ":place": "t/0@1"})
    back = way_back(one, CODEC.encode_record)
    headers = {"traceparent": TRACEPARENT, RETURNED: "7"}
    assert (back.topic, back.key, back.value, back.headers) == (topic, key, b"\0\xff", headers)
    if topic == COMMANDS:
        assert way_back(replace(one, ticket_id="T1"), CODEC.encode_record).key == "T1"


async def test_replay_a_webhook_that_the_rules_allow_by_now_takes_effect_once(
    letter_store: LetterStore, settings: Settings
) -> None:
    store = StoreThatMayBeAway()
    await take_in(INTAKE, store, letter_store, record(CODEC.encode_record(received(b"note", "d2")), topic=INTAKE))
    (letter,) = await letter_store.letters()
    assert letter.reason == "no_such_ticket"
    await take_in(INTAKE, store, letter_store, record(CODEC.encode_record(received(b"open", "d1")), 1, topic=INTAKE))
    await in_transaction(letter_store.pool, retry, [letter.id], DECISION, CODEC.encode_record, KEYS)
    await told(letter_store, settings)
    (back,) = await came_back(settings, INTAKE)
    for _ in range(2):  # the stage, or the publisher, was killed in between
        await take_in(INTAKE, store, letter_store, back)
    [events] = store.log.values()
    assert [type(one.event).__name__ for one in events] == ["TicketOpened", "NoteAdded"]
    assert events[1].occurred_at == BEGAN
    assert [one.state for one in await letter_store.letters()] == ["retried"]


async def test_replay_a_command_goes_back_with_its_trace_and_what_is_refused_again_is_a_new_letter(
    letter_store: LetterStore, settings: Settings
) -> None:
    seen, store = await places(settings, COMMANDS), StoreThatMayBeAway()
    headers = (("traceparent", TRACEPARENT.encode()),)
    await take_in(COMMANDS, store, letter_store, record(CODEC.encode_record(noted("k2", "x")), headers=headers))
    (first,) = await letter_store.letters()
    await in_transaction(letter_store.pool, retry, [first.id], DECISION, CODEC.encode_record, KEYS)
    await told(letter_store, settings)
    (back,) = await came_back(settings, COMMANDS, seen)
    assert (back.value, back.headers[:-1], back.key) == (first.value, headers, b"commands")
    await take_in(COMMANDS, store, letter_store, back)
    second = (await letter_store.letters())[1]
    assert (second.state, second.origin_ref, second.attempts) == ("open", first.origin_ref, 1)
    await take_in(COMMANDS, store, letter_store, record(CODEC.encode_record(opened("k1")), 9, headers=headers))
    await in_transaction(letter_store.pool, retry, [second.id], DECISION, CODEC.encode_record, KEYS)
    await told(letter_store, settings)
    for one in await came_back(settings, COMMANDS, seen | {place_of(back)}):
        await take_in(COMMANDS, store, letter_store, one)
    [events] = store.log.values()
    told_of = [one for one in events if isinstance(one.event, TicketOpened | NoteAdded)]  # its clocks run meanwhile
    assert [(type(one.event), one.trace_id) for one in told_of] == [(TicketOpened, TRACE), (NoteAdded, TRACE)]
    assert [one.state for one in await letter_store.letters()] == ["retried", "retried"]


async def test_replay_what_a_target_answered_goes_back_and_takes_effect_once(
    letter_store: LetterStore, settings: Settings
) -> None:
    seen, store = await places(settings, COMMANDS), StoreThatMayBeAway()
    await take_in(COMMANDS, store, letter_store, record(CODEC.encode_record(opened("k1"))))
    (ticket_id,) = store.log
    answer = replace(noted("key-0", "已出库"), source="erp", ticket_id=ticket_id, ticket_source_no="")
    value = CODEC.encode_record(answer)
    (number,) = await letter_store.put(dead(origin="answer:erp", origin_ref="key-0", ticket_id=ticket_id, value=value))
    await in_transaction(letter_store.pool, retry, [number], DECISION, CODEC.encode_record, KEYS)
    await told(letter_store, settings)
    (back,) = await came_back(settings, COMMANDS, seen)
    assert back.key == ticket_id.encode()
    for _ in range(2):
        await take_in(COMMANDS, store, letter_store, back)
    assert [one.source for one in store.log[ticket_id] if isinstance(one.event, NoteAdded)] == ["erp"]


@pytest.mark.parametrize("kind", sorted(NO_WAY_BACK))
async def test_replay_what_has_no_way_back_is_refused_with_what_to_do_and_nothing_is_sent(
    letter_store: LetterStore, settings: Settings, kind: str
) -> None:
    origin = f"{kind}:uci" if kind == "import" else kind
    numbers = await letter_store.put(dead(origin=origin), dead(origin_ref="another, that could go"))
    with pytest.raises(LetterKept, match=NO_WAY_BACK[kind].en):
        await in_transaction(letter_store.pool, retry, numbers, DECISION, CODEC.encode_record, KEYS)
    assert [(one.state, list(one.decisions)) for one in await letter_store.letters()] == [("open", [])] * 2
    before = [await places(settings, topic) for topic in DOORS]
    assert await told(letter_store, settings) == 2, "the letters themselves"
    assert [await places(settings, topic) for topic in DOORS] == before


async def test_replay_what_kafka_would_not_take_back_is_not_sent_again_and_stops_nothing(
    letter_store: LetterStore,
) -> None:
    packed, small = await letter_store.put(
        dead(origin_ref="came packed", value=b"x" * (RETURN_BYTES_MAX + 1)), dead(origin_ref="small")
    )
    with pytest.raises(LetterKept, match=f"letter {packed} cannot be sent again"):
        await in_transaction(letter_store.pool, retry, [packed, small], DECISION, CODEC.encode_record, KEYS)
    assert {one.state for one in await letter_store.letters()} == {"open"}
    assert await in_transaction(letter_store.pool, retry, [small], DECISION, CODEC.encode_record, KEYS) == 1
