"""Input without effect is a letter whichever door it came to; who was told and can mend it leaves none (R38)."""

from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord

from bus.alerts.rule_names import RuleName
from bus.delivery.attempt import AttemptRunner
from bus.delivery.queue import Claim
from bus.delivery.target import Call, Effect
from bus.domain.commands import Note
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.intake.commands_topic import CommandsTranslator
from bus.intake.dispatch import Dispatcher
from bus.intake.intake_topic import IntakeTranslator
from bus.kafka.range_reader import record_of
from bus.postgres.pool import connected, in_transaction
from bus.wire.event_reader import EventReader
from bus.wire.record_reader import nothing_more
from bus.wire.sealing import is_sealed
from deadletter.dead_letter import DeadLetter
from deadletter.store import discard, groups, read
from schemas.messages import CommandSent
from tests.databases import KEYS
from tests.deadletter.letters import (
    BEGAN,
    DECISION,
    DIED,
    NO_CONNECTION,
    LetterStore,
    handler,
    noted,
    opened,
    received,
    record,
)
from tests.delivery.deliveries import event
from tests.delivery.scripted import Scripted
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.fakes import CODEC, RULES, FakeSource, StoreThatMayBeAway
from tests.gateway.test_intake import deliver
from tests.history.uci import SAMPLE
from tests.history.uci import Bus as History

COMMANDS = CommandsTranslator(codec=CODEC, bytes_max=20_000)
INTAKE = IntakeTranslator(codec=CODEC, sources={"fake": FakeSource()})
TRACEPARENT = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def gist(letters: Sequence[DeadLetter]) -> list[tuple[str, str, str, str]]:
    """Say where letters are from and why."""
    return [(one.origin, one.origin_ref, one.kind, one.reason) for one in letters]


async def gateway_on(letter_store: LetterStore) -> Gateway:
    """Make a gateway that refuses into the room."""
    return Gateway(refused=letter_store)


async def test_inbound_a_webhook_that_cannot_be_translated_is_answered_and_is_one_letter_however_often(
    letter_store: LetterStore,
) -> None:
    gateway = await gateway_on(letter_store)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        answers = [await deliver(gateway, "bad words", delivery="d1") for _ in range(3)]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(400, "unknown_type")}
    (letter,) = await letter_store.letters()
    assert gist([letter]) == [("webhook:fake", "d1", "malformed", "unknown_type")]
    assert (letter.value, letter.attempts, len(letter.failures)) == (b"bad words", 3, 3)
    assert is_sealed((await in_transaction(letter_store.pool, read, letter.id)).value)
    assert letter.headers["webhook-id"] == "d1"
    assert letter.trace_id == answers[0].headers["traceparent"].split("-")[1]
    assert "webhook-signature" not in letter.headers
    assert [(one.rule, one.about) for one in letter_store.found] == [(RuleName.DEAD_LETTER, "webhook:fake")], (
        "a repeat is no news"
    )


async def test_inbound_each_refused_command_of_a_webhook_is_a_letter_and_what_was_accepted_is_none(
    letter_store: LetterStore,
) -> None:
    gateway = await gateway_on(letter_store)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        answer = await deliver(gateway, "open reopen note reopen", delivery="d1")
    assert answer.status_code == 422
    assert gist(await letter_store.letters()) == [
        ("webhook:fake", "d1#1", "refused", "not_now"),
        ("webhook:fake", "d1#3", "refused", "not_now"),
    ]
    (found,) = letter_store.found
    assert (found.facts["letters"], found.facts["code"]) == (2, "not_now")


async def test_inbound_what_a_person_was_told_at_once_is_no_letter(letter_store: LetterStore) -> None:
    gateway = await gateway_on(letter_store)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        ticket = await gateway.opened()
        for path, body, status in (
            (f"/v1/tickets/{ticket}/assign", {"assignee": {**PERSON, "backup_contact": ""}}, 422),
            (f"/v1/tickets/{ticket}/resolve", {"summary": "x"}, 409),
            ("/v1/tickets", {"titel": "?"}, 400),
        ):
            assert (await gateway.post(path, body)).status_code == status
    assert len(letter_store.kept) == 3
    assert (await letter_store.letters(), letter_store.found) == ([], [])


async def test_inbound_commands_on_kafka_that_are_unreadable_or_refused_are_letters_once(
    letter_store: LetterStore,
) -> None:
    refused = CODEC.encode_record(noted("k1", "等待备件", number="S-9"))
    values = [b"junk", refused, None, refused, CODEC.encode_record(opened("k2"))]
    records = [record(value, place, headers=(TRACEPARENT, ("x", b"\0\xff"))) for place, value in enumerate(values)]
    for _ in range(2):  # the stage was killed before its offset moved
        await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    letters = await letter_store.letters()
    assert [(one.origin, one.reason, one.value, one.attempts) for one in letters] == [
        ("commands", "malformed_record", b"junk", 2),
        ("commands", "empty_record", b"", 2),
        ("commands", "no_such_ticket", refused, 2),
    ]
    assert letters[0].origin_ref == "ticket.commands/0@0"
    assert {one.headers[":place"] for one in letters} >= {"ticket.commands/0@0", "ticket.commands/0@2"}
    assert letters[0].headers["x"] == "��"
    assert {one.trace_id for one in letters} == {TRACEPARENT[1].decode().split("-")[1]}
    assert {(one.began_at, one.died_at) for one in letters} == {(BEGAN, DIED)}
    assert [found.facts["letters"] for found in letter_store.found] == [3]


async def test_inbound_requests_that_waited_on_kafka_and_are_refused_are_letters_of_the_door_they_came_to(
    letter_store: LetterStore,
) -> None:
    http = received(
        b'{"titel": "?"}', "key-1", source="a-lead", client="a-lead", path="/v1/tickets",
        headers={"idempotency-key": "key-1"},
    )  # fmt: skip
    values = [b"junk", CODEC.encode_record(received(b"bad", "d2")), CODEC.encode_record(http)]
    records = [record(value, place, topic="ticket.intake") for place, value in enumerate(values)]
    await handler(INTAKE, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    letters = await letter_store.letters()
    assert [(one.origin, one.reason) for one in letters] == [
        ("intake", "malformed_record"),
        ("webhook:fake", "unknown_type"),
        ("http", "unknown_field"),
    ]
    assert (letters[2].value, letters[2].headers[":path"], letters[2].headers[":client"]) == (
        http.body,
        "/v1/tickets",
        "a-lead",
    )
    assert letters[1].began_at == BEGAN
    assert [found.about for found in letter_store.found] == ["http, intake, webhook:fake"]


async def test_inbound_bytes_on_the_log_that_are_no_event_are_letters_once_for_all_who_read(
    letter_store: LetterStore,
) -> None:
    readers = [EventReader(decode=CODEC.decode, keep=letter_store.keep) for _ in range(3)]
    records = [record(value, place, topic="ticket.events") for place, value in enumerate([b"\0junk", None, b"x" * 9])]
    for reader in readers:
        assert await reader.read(records) == []
    letters = await letter_store.letters()
    assert [(one.origin, one.origin_ref, one.attempts) for one in letters] == [
        ("log", f"ticket.events/0@{place}", 3) for place in range(3)
    ]
    assert len(letter_store.found) == 1


async def no_events(_ticket_id: TicketId) -> list[Recorded]:
    """Give none: nothing fails with words of its own."""
    return []


class Answering(Scripted):
    """A target that tells something that the bus must refuse."""

    async def send(self, call: Call) -> Effect:
        del call
        return Effect(commands=[Note(text="此单不存在"), Note(text="a\0b")])


async def test_inbound_what_a_target_answers_and_the_core_refuses_is_a_letter(letter_store: LetterStore) -> None:
    caller = AttemptRunner(
        name="erp",
        target=Answering(),
        within_s=1,
        know=nothing_more,
        decode=CODEC.decode,
        events_of=no_events,
        encode=CODEC.encode_record,
        dispatch=Dispatcher(store=StoreThatMayBeAway(), rules=RULES).dispatch,
        refused=letter_store,
        now=lambda: DIED,
    )
    asked = event("T20261122-000009", 1)
    claim = Claim(
        ticket_id=TicketId(asked.ticket_id), version=1, attempt=1, unsure=False, failures=(), value=CODEC.encode(asked)
    )
    for _ in range(2):  # the worker was killed before it settled
        finished = await caller.attempt(claim)
        assert finished
        assert finished.effect
    letters = await letter_store.letters()
    assert [(one.origin, one.kind, one.reason, one.attempts) for one in letters] == [
        ("answer:erp", "malformed", "nul", 2),
        ("answer:erp", "refused", "no_such_ticket", 2),
    ]
    assert {(one.ticket_id, one.trace_id) for one in letters} == {(asked.ticket_id, asked.trace_id)}
    sent = CODEC.decode_record(letters[1].value)
    assert isinstance(sent, CommandSent)
    assert (sent.source, sent.ticket_id, sent.command) == ("erp", asked.ticket_id, Note(text="此单不存在"))


async def test_inbound_rows_of_a_history_that_cannot_be_read_are_kept_and_no_letters(letter_store: LetterStore) -> None:
    history = History()
    history.refused = letter_store
    letter_store._room._cap.per_day = 1  # of what is refused over HTTP; every row of an import is kept
    for _ in range(2):
        await history.take(SAMPLE)
    query = "SELECT times, (headers->>'line')::int, body FROM refused_inputs WHERE code = 'unknown_state_word'"
    async with connected(letter_store.pool) as connection:
        kept = await (await connection.execute(query)).fetchall()
        bodies = await KEYS.opened_inputs(connection, [body for *_, body in kept])
    assert [times for times, *_ in kept] == [2, 2, 2]
    assert bodies == [SAMPLE[line - 1] for _, line, _ in kept]
    assert (await letter_store.letters(), letter_store.found) == ([], [])


async def test_inbound_letters_that_one_repair_would_mend_are_one_group(letter_store: LetterStore) -> None:
    values = [CODEC.encode_record(noted(f"k{n}", "x", number=f"S-{n}")) for n in range(3)]
    records = [record(value, place) for place, value in enumerate([b"junk", *values, b"junk too"])]
    await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    assert [(one.letters, one.reason) for one in await groups(letter_store.pool)] == [
        (3, "no_such_ticket"),
        (2, "malformed_record"),
    ]


@pytest.mark.parametrize("dealt_with", [False, True])
async def test_inbound_the_same_input_again_is_a_new_letter_only_when_the_old_one_was_dealt_with(
    letter_store: LetterStore, dealt_with: bool
) -> None:
    records = [record(CODEC.encode_record(noted("k1", "x")))]
    await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    (first,) = await letter_store.letters()
    if dealt_with:
        await in_transaction(letter_store.pool, discard, [first.id], DECISION, CODEC.encode_record)
    await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    assert [(one.state, one.attempts) for one in await letter_store.letters()] == (
        [("discarded", 1), ("open", 1)] if dealt_with else [("open", 2)]
    )


async def test_inbound_a_letter_keeps_its_first_and_its_last_attempts_and_no_more(letter_store: LetterStore) -> None:
    records = [record(b"junk")]
    for _ in range(30):
        await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, records)
    (letter,) = await letter_store.letters()
    assert (letter.attempts, len(letter.failures)) == (30, 20)


async def test_inbound_a_header_without_a_value_is_absent(letter_store: LetterStore) -> None:
    told = {"topic": "ticket.commands", "partition": 0, "offset": 0, "timestamp": 0, "timestamp_type": 0, "key": b""}
    headers = (("empty", None), ("traceparent", None))
    as_consumed = ConsumerRecord(
        **told, value=b"junk", headers=headers, checksum=None, serialized_key_size=0, serialized_value_size=4
    )
    await handler(COMMANDS, StoreThatMayBeAway(), letter_store).handle(NO_CONNECTION, [record_of(as_consumed)])
    (letter,) = await letter_store.letters()
    assert not {"empty", "traceparent"} & letter.headers.keys()
