"""Letters mended by hand: what goes out is held against the schema first, and the original stays (R38)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.commands import Note
from bus.domain.errors import MalformedInput
from bus.domain.events import NoteAdded, Recorded
from bus.intake.source_adapter import Source
from bus.postgres.pool import in_transaction
from bus.wire.codec import plain
from bus.wire.sealing import with_texts
from deadletter import store as letters
from deadletter.dead_letter import LetterGone, LetterKept
from deadletter.edit import edit, edited_event, edited_input
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import DeadLetterQuery, freeze
from schemas.messages import CommandSent
from tests.bus_under_test import eventually
from tests.databases import KEYS, clear_on
from tests.deadletter.letters import DECISION, LetterStore, dead, letter, noted, received
from tests.deadletter.test_redrive_store import whole
from tests.deadletter.test_store import deliver, letter_of
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Script, Scripted, delivery_workers
from tests.gateway.fakes import FakeSource
from tests.schemas.codecs import CODEC, ONE_OF_EACH

SOURCES: Mapping[str, Source] = {"fake": FakeSource()}
OPENING = {"incident_key": {"kind": "serial", "value": "SN-1"}, "title": "漏水", "type": "hardware_fault"}
HTTP = {"origin": "http", "headers": {"idempotency-key": "k-1", ":path": "/v1/tickets", ":client": "a-lead"}}
TERMS = RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=100)
Edit = Callable[[int, bytes], Awaitable[int]]


@pytest.fixture
def mend(letter_store: LetterStore) -> Edit:
    """Edit a letter by its number."""

    async def edit_it(number: int, text: bytes) -> int:
        return await in_transaction(
            letter_store.pool, edit, number, text, DECISION, clear=clear_on(letter_store.pool), sources=SOURCES
        )

    return edit_it


def taking(calls: list[Call]) -> Scripted:
    """Give a target that notes what it is called with, and rejects a note that was not mended."""

    async def before(call: Call) -> None:
        calls.append(call)
        if isinstance(call.event.event, NoteAdded) and call.event.event.text == "1":
            raise DeliveryFailed(FailureKind.REJECTED, "no such material")

    return Scripted(before=before)


def noted_in(calls: list[Call]) -> list[tuple[int, str]]:
    """Say which version of the ticket was sent with which words."""
    return [(one.event.version, plain(one.event.event)["text"]) for one in calls]


async def test_edit_a_field_is_changed_for_one_target_alone_under_the_same_key(
    delivery_queue: DeliveryQueue, mend: Edit
) -> None:
    calls, others = list[Call](), list[Call]()
    await deliver(delivery_queue, taking(calls), ("R1", 1), ("R1", 2), parked=1)
    log = await delivery_queue.rows("SELECT value FROM events ORDER BY version")
    original = await letter_of(delivery_queue, "R1")
    copy = await mend(original, b'{"text": "mended"}')
    assert (await in_transaction(delivery_queue.pool, letters.read, copy)).edited_from == original
    assert (await in_transaction(delivery_queue.pool, letters.read, original)).state == "edited"
    await in_transaction(delivery_queue.pool, letters.retry, [copy], DECISION, CODEC.encode_record, KEYS)
    await deliver(delivery_queue, taking(calls))
    await delivery_queue.add(("R1", 1), ("R1", 2), target="crm")
    async with delivery_workers(delivery_queue.pool, taking(others), name="crm"):
        await eventually(lambda: delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE parked"))
    assert noted_in(calls) == [(1, "1"), (1, "mended"), (2, "2")]
    assert calls[1].key == calls[0].key
    assert replace(calls[1].event, event=calls[0].event.event) == calls[0].event, "only the field is another"
    assert noted_in(others) == [(1, "1")], "the other target got the event as it happened"
    assert await delivery_queue.rows("SELECT value FROM events ORDER BY version") == log
    assert [
        (one["decision"], one["by"])
        for one in (await in_transaction(delivery_queue.pool, letters.read, original)).decisions
    ] == [("edited", "张工")]


async def test_edit_of_a_chain_of_copies_the_newest_is_sent_and_the_others_stay(
    delivery_queue: DeliveryQueue, mend: Edit
) -> None:
    calls = list[Call]()
    await deliver(delivery_queue, taking(calls), ("R1", 1), parked=1)
    first = await letter_of(delivery_queue, "R1")
    second = await mend(first, b'{"text": "better"}')
    third = await mend(second, b'{"text": "best"}')
    for gone in (first, second):
        with pytest.raises(LetterGone, match=str(gone)):
            await mend(gone, b'{"text": "late"}')
        with pytest.raises(LetterGone, match=str(gone)):
            await in_transaction(delivery_queue.pool, letters.retry, [gone], DECISION, CODEC.encode_record, KEYS)
    await in_transaction(delivery_queue.pool, letters.retry, [third], DECISION, CODEC.encode_record, KEYS)
    await deliver(delivery_queue, taking(calls))
    assert noted_in(calls) == [(1, "1"), (1, "best")]
    rows = "SELECT state, edited_from FROM letters ORDER BY id"
    assert await delivery_queue.rows(rows) == [("edited", None), ("edited", first), ("retried", second)]


def sees(text: str) -> Script:
    """Reject, having seen that text alone."""

    async def script(call: Call) -> None:
        assert call.event.event == NoteAdded(text=text, changed=())
        raise DeliveryFailed(FailureKind.REJECTED, "still not")

    return script


async def test_edit_a_copy_that_fails_again_is_a_letter_that_holds_the_copy_and_the_next_event_is_itself(
    delivery_queue: DeliveryQueue, mend: Edit
) -> None:
    calls = list[Call]()
    await deliver(delivery_queue, taking(calls), ("R1", 1), ("R1", 2), parked=1)
    copy = await mend(await letter_of(delivery_queue, "R1"), b'{"text": "worse"}')

    async def reject(_call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "still not")

    await in_transaction(delivery_queue.pool, letters.retry, [copy], DECISION, CODEC.encode_record, KEYS)
    await deliver(delivery_queue, Scripted(before=reject), parked=1)
    again = await in_transaction(delivery_queue.pool, letters.read, await letter_of(delivery_queue, "R1"))
    [copied] = await clear_on(delivery_queue.pool).events([again.value])
    assert copied.event == NoteAdded(text="worse", changed=())
    await in_transaction(delivery_queue.pool, letters.retry, [again.id], DECISION, CODEC.encode_record, KEYS)
    await deliver(delivery_queue, Scripted(before=sees("worse")), parked=1)
    again = await in_transaction(delivery_queue.pool, letters.read, await letter_of(delivery_queue, "R1"))
    last = await mend(again.id, b'{"text": "good"}')
    await in_transaction(delivery_queue.pool, letters.retry, [last], DECISION, CODEC.encode_record, KEYS)
    await deliver(delivery_queue, taking(calls))
    assert noted_in(calls)[1:] == [(1, "good"), (2, "2")]


async def test_edit_a_redrive_sends_the_copy(delivery_queue: DeliveryQueue, mend: Edit) -> None:
    calls = list[Call]()
    await deliver(delivery_queue, taking(calls), ("R1", 1), ("R2", 1), parked=2)
    await mend(await letter_of(delivery_queue, "R1"), b'{"text": "mended"}')
    await mend(await letter_of(delivery_queue, "R2"), b'{"text": "mended"}')
    frozen = await in_transaction(
        delivery_queue.pool,
        freeze,
        DeadLetterQuery(target="erp"),
        RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=100),
        DECISION,
        CODEC.encode_record,
    )
    del calls[:]
    async with delivery_workers(delivery_queue.pool, taking(calls)):
        ended = await whole(delivery_queue, frozen.id)
    assert (ended.state, ended.delivered) == ("done", 2)
    assert noted_in(calls) == [(1, "mended")] * 2


async def test_edit_a_copy_made_after_the_freeze_is_no_part_of_the_set(
    delivery_queue: DeliveryQueue, mend: Edit
) -> None:
    calls = list[Call]()
    await deliver(delivery_queue, taking(calls), ("R1", 1), parked=1)
    frozen = await in_transaction(
        delivery_queue.pool,
        freeze,
        DeadLetterQuery(target="erp"),
        RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=100),
        DECISION,
        CODEC.encode_record,
    )
    copy = await mend(await letter_of(delivery_queue, "R1"), b'{"text": "mended"}')
    async with delivery_workers(delivery_queue.pool, taking(calls)):
        assert (await whole(delivery_queue, frozen.id)).released == 0
    assert noted_in(calls) == [(1, "1")]
    assert (await in_transaction(delivery_queue.pool, letters.read, copy)).state == "open"


@pytest.mark.parametrize(("text", "said"), [
    (b'{"texd": "x"}', ("unknown_field", "texd", "text")),
    (b'{"version": 9}', ("unknown_field", "version", "")),
    (b'{"text": 5}', ("wrong_type", "text", "")),
    (b'{"text": null}', ("wrong_type", "text", "")),
    (b'{"text": "a\\u0000b"}', ("nul", "text", "")),
    (b'{"text": "' + b"x" * 100_001 + b'"}', ("too_long", "text", "")),
    (b"{}", ("missing", "body", "")),
    (b"", ("missing", "body", "")),
    (b"[]", ("not_an_object", "body", "")),
    (b"{'text': 1}", ("not_json", "body", "")),
    (b'{"a":' * 60, ("too_deep", "body", "")),
])  # fmt: skip
async def test_edit_that_breaks_the_schema_names_the_field_and_changes_nothing(
    letter_store: LetterStore, mend: Edit, text: bytes, said: tuple[str, str, str]
) -> None:
    event = replace(ONE_OF_EACH[0], event=NoteAdded(text="1", changed=()))
    numbers = await letter_store.put(
        dead(origin="delivery:erp", origin_ref="T1/1", target="erp", version=1, value=CODEC.encode(event)), dead()
    )
    for number in numbers:
        with pytest.raises(MalformedInput) as refused:
            await mend(number, text)
        assert (refused.value.code, refused.value.field, refused.value.context.get("nearest", "")) == said
    assert [(one.state, list(one.decisions)) for one in await letter_store.letters()] == [("open", [])] * 2


# Names of persons are read as people read them: without what cannot be seen.
SEEN = [with_texts(one, lambda text: text.replace("\N{VARIATION SELECTOR-16}", "")) for one in ONE_OF_EACH]


@pytest.mark.parametrize("one", SEEN, ids=lambda one: type(one.event).__name__)
def test_edit_every_event_can_be_edited_and_what_is_not_named_stays(one: Recorded) -> None:
    of_erp = letter(origin="delivery:erp", target="erp", value=CODEC.encode(one))
    if not (own := plain(one.event)):
        return  # it says no more than that it happened
    with pytest.raises(LetterKept, match="nothing in it is changed"):
        edited_event(of_erp, one.event, orjson.dumps(own))
    for name, value in own.items():
        if isinstance(value, str) and value == "冰箱❄ fridge":
            mended = edited_event(of_erp, one.event, orjson.dumps({name: "mended"}))
            assert plain(mended) == {**own, name: "mended"}


def test_edit_of_a_command_the_words_change_and_neither_its_key_nor_its_ticket() -> None:
    was = noted("k1", "x")
    mended = edited_input(letter(value=CODEC.encode_record(was)), b'{"text": "y"}', codec=CODEC, sources={})
    sent = CODEC.decode_record(mended)
    assert isinstance(sent, CommandSent)
    assert sent == replace(was, command=Note(text="y"))


def test_edit_a_request_is_written_anew_and_read_as_its_door_would_read_it() -> None:
    kept = {**received(b"").headers, ":path": "/v1/sources/fake/webhook", ":client": "fake"}
    webhook = letter(origin="webhook:fake", origin_ref="d1", value=b"bad", headers=kept)
    assert edited_input(webhook, b"open note", codec=CODEC, sources=SOURCES) == b"open note"
    for wrong, code in ((b"worse bad", "unknown_type"), (b"nul", "nul")):
        with pytest.raises(MalformedInput, match=code):
            edited_input(webhook, wrong, codec=CODEC, sources=SOURCES)
    with pytest.raises(LetterKept, match="nothing in it is changed"):
        edited_input(replace(webhook, value=b"open"), b"open", codec=CODEC, sources=SOURCES)
    with pytest.raises(MalformedInput, match="no_such_source"):
        edited_input(webhook, b"open", codec=CODEC, sources={})
    http = letter(**HTTP, value=b"{}")
    body = orjson.dumps(OPENING)
    assert edited_input(http, body, codec=CODEC, sources={}) == body
    with pytest.raises(MalformedInput, match="titel"):
        edited_input(http, orjson.dumps({**OPENING, "titel": "?"}), codec=CODEC, sources={})


@pytest.mark.parametrize("own", [
    {"origin": "log"}, {"origin": "import:uci"}, {"origin": "intake"},
], ids=lambda own: str(own["origin"]))  # fmt: skip
def test_edit_what_nobody_can_read_or_send_cannot_be_edited_and_is_told_why(own: dict[str, Any]) -> None:
    with pytest.raises(LetterKept, match="cannot be edited: "):
        edited_input(letter(**own), b'{"text": "y"}', codec=CODEC, sources=SOURCES)


@pytest.mark.parametrize("value", [b"junk", b"", b"\0\0\0\xff\xff", CODEC.encode(ONE_OF_EACH[0])])
async def test_edit_bytes_that_are_no_command_cannot_be_edited(
    letter_store: LetterStore, mend: Edit, value: bytes
) -> None:
    (number,) = await letter_store.put(dead(value=value))
    with pytest.raises((LetterKept, MalformedInput)):
        await mend(number, b'{"text": "y"}')
    assert [one.state for one in await letter_store.letters()] == ["open"]


async def test_edit_two_who_edit_one_letter_at_once_make_one_copy(letter_store: LetterStore, mend: Edit) -> None:
    (number,) = await letter_store.put(dead())
    told = await asyncio.gather(*(mend(number, b'{"text": "%d"}' % n) for n in range(4)), return_exceptions=True)
    assert sum(isinstance(one, LetterGone) for one in told) == 3
    assert sorted(one.state for one in await letter_store.letters()) == ["edited", "open"]


async def test_edit_a_letter_that_is_gone_cannot_be_edited(letter_store: LetterStore, mend: Edit) -> None:
    (number,) = await letter_store.put(dead())
    await in_transaction(letter_store.pool, letters.discard, [number], DECISION, CODEC.encode_record)
    for gone in (number, 10**9):
        with pytest.raises(LetterGone, match=str(gone)):
            await mend(gone, b'{"text": "y"}')
    assert [one.state for one in await letter_store.letters()] == ["discarded"]
