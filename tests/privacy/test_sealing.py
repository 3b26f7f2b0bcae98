"""Texts are sealed under a key of their ticket, open there alone, and say when they were erased (R50)."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain.errors import InvariantBroken
from bus.wire.sealing import (
    ERASED,
    MasterKey,
    is_clear,
    key_ids,
    new_key,
    opened_bytes,
    opener,
    plain_size,
    sealed_bytes,
    sealed_texts,
    sealer,
    with_texts,
)
from tests.domain.people import CUSTOMER

KEY = new_key()
KEYS = {KEY.key_id: KEY}
TICKET = "T20261122-000001"


@given(st.text())
def test_sealing_a_text_opens_as_it_was_and_its_sealed_form_names_its_key_alone(text: str) -> None:
    sealed = sealer(KEY, TICKET)(text)
    assert sealed.startswith(f"enc:v1:{KEY.key_id}:")
    assert len(text) < 3 or text not in sealed
    assert opener(KEYS, TICKET)(sealed) == text
    assert key_ids([sealed.encode(), b"\0" + sealed.encode()]) == [KEY.key_id]


@given(st.binary(max_size=300))
def test_sealing_bytes_open_as_they_were(body: bytes) -> None:
    assert opened_bytes(KEYS, "input", sealed_bytes(KEY, "input", body)) == body


@given(st.binary(max_size=3000))
def test_sealing_says_how_large_bytes_are_in_clear(body: bytes) -> None:
    sealed = sealed_bytes(KEY, "input", body)
    assert abs(plain_size(sealed) - len(body)) <= 2
    assert plain_size(sealed[:32], len(sealed)) == plain_size(sealed)
    assert len(sealed) <= len(body) * 4 / 3 + 70
    assert plain_size(b"clear") == 5


def test_sealing_twice_gives_two_texts_and_a_changed_one_stays_closed() -> None:
    one, two = (sealer(KEY, TICKET)("13900000000") for _ in range(2))
    assert one != two
    for wrong in (one[:-6] + "AAAAA=", one[:40], f"enc:v1:{KEY.key_id}:", "enc:v1:", "enc:v1:unknownkeyid:AAAA", "x"):
        assert opener(KEYS, TICKET)(wrong) == wrong
        assert opened_bytes(KEYS, TICKET, wrong.encode()) == wrong.encode()


def test_sealing_what_was_copied_from_another_ticket_stays_closed() -> None:
    sealed = sealer(KEY, TICKET)("13900000000")
    assert opener(KEYS, "T20261122-000002")(sealed) == sealed


def test_sealing_of_a_destroyed_key_says_so() -> None:
    gone = {KEY.key_id: None}
    assert opener(gone, TICKET)(sealer(KEY, TICKET)("13900000000")) == ERASED == "\uff08\u5df2\u5220\u9664\uff09"
    assert opened_bytes(gone, TICKET, sealed_bytes(KEY, TICKET, b"\xff")) == ERASED.encode()
    assert [is_clear(text) for text in ("13900000000", ERASED, sealer(KEY, TICKET)("x"))] == [True, False, False]


def test_sealing_texts_are_found_and_opened_wherever_they_stand() -> None:
    seal = sealer(KEY, TICKET)
    value = {"a": [seal("x"), 7], "b": {"c": (seal("y"), None)}, "d": replace(CUSTOMER, phone=seal("z"))}
    assert len(sealed_texts(value)) == 3
    assert key_ids([orjson.dumps(value)]) == [KEY.key_id]
    assert with_texts(value, opener(KEYS, TICKET)) == {
        "a": ["x", 7],
        "b": {"c": ("y", None)},
        "d": replace(CUSTOMER, phone="z"),
    }


def test_sealing_a_master_key_wraps_and_another_cannot_unwrap_and_look_ups_are_its_own() -> None:
    master, other = (MasterKey(one.encode() * 8) for one in ("secret", "another"))
    wrapped = master.wrap(KEY)
    assert KEY.key not in wrapped
    assert master.unwrap(KEY.key_id, wrapped) == KEY
    with pytest.raises(InvariantBroken, match="TICKETBUS_MASTER_KEY"):
        other.unwrap(KEY.key_id, wrapped)
    with pytest.raises(InvariantBroken):
        master.unwrap(new_key().key_id, wrapped)
    assert master.lookup("13900000000") == MasterKey(b"secret" * 8).lookup("13900000000") != other.lookup("13900000000")
