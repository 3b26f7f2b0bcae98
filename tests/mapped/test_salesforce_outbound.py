"""Outbound messages of Salesforce, taken apart: every notification a delivery, nothing of a half, nothing of a bomb."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract_suites.source import SourceContract, delivered
from adapters.mapped.map_file import SourceMap
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.salesforce_outbound import notifications
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from bus.domain.errors import MalformedInput
from bus.intake.source_adapter import Source
from tests.mapped.maps import CONTENT, NOW, SECRET, body_of, signed
from tests.mapped.vendors import sample, source

CREATED = sample("salesforce", "created")
SESSION = b"a-session-that-nobody-may-keep"


PROOF = CONTENT[CONTENT.index("proof:") : CONTENT.index("delivery_id:")]


class TestNotificationKeepsTheContract(SourceContract):
    """Every duty of `adapters/source_contract.py`, by a notification as it is kept; a proxy in front signs it."""

    parts = ("Id", "CaseNumber", "Subject", "Priority", "CreatedDate", "LastModifiedDate", "SuppliedPhone", "_message")

    def adapter(self) -> Source:
        content = shipped("salesforce")
        own = content[content.index("proof:") : content.index("# Another organization")]
        return MappedSource(read_map(content.replace(own, PROOF)), 1, {"DESK_SECRET": SECRET})

    def good(self) -> tuple[Mapping[str, str], bytes]:
        body = body_of(notifications(CREATED)[0])
        return signed(body), body

    def mutated(self, part: str, value: object) -> bytes:
        return body_of({**notifications(CREATED)[0], part: value}).decode().encode("utf-8", "replace")


@given(at=st.integers(0, len(CREATED)), cut=st.integers(0, 40), put=st.binary(max_size=20))
def test_salesforce_outbound_whatever_the_bytes_nothing_but_malformed_input_leaves_it(
    at: int, cut: int, put: bytes
) -> None:
    try:
        found = notifications(CREATED[:at] + put + CREATED[at + cut :])
    except MalformedInput:
        return
    assert SESSION.decode() not in json.dumps(found, ensure_ascii=False)


def refusal(body: bytes) -> str:
    with pytest.raises(MalformedInput) as refused:
        notifications(body)
    return refused.value.code


def test_salesforce_outbound_a_notification_is_its_record_and_what_is_around_it_without_the_session() -> None:
    assert SESSION in CREATED
    [document] = notifications(CREATED)
    assert document["Description"] == "第一行\r\n有焦味 & 漏水"
    assert document["_type"] == "Case"
    assert document["_message"] == {
        "notification_id": "04l000000000001AAA",
        "organization_id": "00D000000000001EAA",
        "action_id": "04k000000000001AAA",
        "enterprise_url": "https://quan.my.salesforce.com/services/Soap/c/62.0/00D000000000001",
        "partner_url": "https://quan.my.salesforce.com/services/Soap/u/62.0/00D000000000001",
    }
    assert SESSION.decode() not in json.dumps(document)


def test_salesforce_outbound_nil_is_null_several_of_a_name_are_a_list_and_parts_have_parts() -> None:
    body = CREATED.replace(
        b"<sf:Status>New</sf:Status>",
        b'<sf:Status xsi:nil="true"/><sf:Tag>a</sf:Tag><sf:Tag>b</sf:Tag><sf:Site><sf:City>x</sf:City></sf:Site>',
    )
    [document] = notifications(body)
    assert (document["Status"], document["Tag"], document["Site"]) == (None, ["a", "b"], {"City": "x"})


def test_salesforce_outbound_every_notification_of_a_hundred_is_a_delivery_of_its_own() -> None:
    start, end = CREATED.index(b"   <Notification>"), CREATED.index(b"  </notifications>")
    many = [CREATED[start:end].replace(b"04l000000000001", b"04l%012d" % number) for number in range(101)]
    one = source("salesforce")
    for count in (1, 100):
        whole = CREATED[:start] + b"".join(many[:count]) + CREATED[end:]
        batch = one.batch(delivered(one, whole))
        assert batch is not None
        assert len({each.delivery_id for each in batch.deliveries}) == count
        assert all(one.delivery_id(each.body) == each.delivery_id for each in batch.deliveries)
        assert b"<Ack>true</Ack>" in batch.answer
    assert refusal(CREATED[:start] + b"".join(many) + CREATED[end:]) == "bad_count"
    assert refusal(CREATED[:start] + CREATED[end:]) == "bad_count"


def test_salesforce_outbound_sent_again_with_the_record_as_it_is_by_then_it_is_the_same_delivery() -> None:
    one = source("salesforce")
    later = CREATED.replace(b">New<", b">Closed<")
    first, again = (one.batch(delivered(one, body)) for body in (CREATED, later))
    assert first is not None
    assert again is not None
    made = [one.translate(replace(batch.deliveries[0], received_at=NOW)) for batch in (first, again)]
    assert [[(each.command_id, each.fingerprint) for each in requests] for requests in made[:1]] == [
        [(each.command_id, each.fingerprint) for each in requests] for requests in made[1:]
    ]


def test_salesforce_outbound_half_of_one_is_none_wherever_it_ends() -> None:
    assert {refusal(CREATED[:end]) for end in range(0, len(CREATED.rstrip()), 7)} == {"not_an_outbound_message"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<notifications/>",
        CREATED.replace(b"2005/09/outbound", b"2005/09/other"),
        CREATED.replace(b'encoding="UTF-8"', b'encoding="x-nobodys"'),
        CREATED.decode().encode("gbk"),
        CREATED.replace(b'encoding="UTF-8"', b'encoding="GBK"').decode().encode("gbk"),
        b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;">]><a>&d;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        CREATED.replace(b"New", b"&nobodys;"),
        b"<a>" * 100_000 + b"</a>" * 100_000,
    ],
)
def test_salesforce_outbound_what_is_none_is_refused(body: bytes) -> None:
    assert refusal(body) == "not_an_outbound_message"


def test_salesforce_outbound_utf_16_is_read_and_ten_megabytes_take_no_long_time() -> None:
    [document] = notifications(CREATED.decode().replace("UTF-8", "UTF-16").encode("utf-16"))
    assert document["Subject"] == "水泵不转"
    began = time.monotonic()
    [document] = notifications(CREATED.replace(b">New<", b">" + b"x" * 10_000_000 + b"<"))
    assert len(document["Status"]) == 10_000_000
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (CREATED.replace(b"<Id>04l000000000001AAA</Id>", b""), "missing"),
        (CREATED.replace(b">New<", b">" + b"<a>" * 9 + b"x" + b"</a>" * 9 + b"<"), "too_deep"),
    ],
)
def test_salesforce_outbound_without_an_id_or_without_end_is_refused(body: bytes, code: str) -> None:
    assert refusal(body) == code


@pytest.mark.parametrize("body", [b"{}", b'{"_message": {}}', b'{"_message": {"notification_id": 7}}', b"[1]", CREATED])
def test_salesforce_outbound_what_is_replayed_and_is_no_notification_is_refused(body: bytes) -> None:
    one = source("salesforce")
    with pytest.raises(MalformedInput):
        one.translate(delivered(one, body))


def changed(old: str, new: str) -> SourceMap:
    content = shipped("salesforce")
    assert old in content
    return read_map(content.replace(old, new))


def test_salesforce_outbound_the_map_says_nothing_of_what_a_notification_has_by_itself() -> None:
    with pytest.raises(SourceMapInvalid, match="delivery_id"):
        changed("number: Id", "number: Id\ndelivery_id: {field: Id}")
    with pytest.raises(SourceMapInvalid, match="documents"):
        changed("number: Id", "number: Id\ndocuments: Notification")
