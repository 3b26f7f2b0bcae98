"""Rejected input listed from its table, and one read: masked, on record, and gone once its key is destroyed."""

from datetime import timedelta
from typing import Any

from bus.alerts.alert import Alert
from bus.intake.dispatch import utc_now
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import Pool, connected
from bus.wire.rejected_input import RejectedInput
from deadletter.rejected_inputs import PostgresRejectedInputs
from deadletter.rejected_listing import PostgresRejectedListing, shown_bytes
from tests.databases import KEYS
from tests.gateway.fakes import CODEC
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
BODY = b'{"phone": "13800001111"}'


def given(ref: str, **fields: Any) -> RejectedInput:
    """Make input that its sender heard of."""
    made: dict[str, Any] = {"origin": "http", "origin_ref": ref, "source": "crm", "code": "missing", "field": "title"}
    words = {"detail_zh": "缺少 title", "detail_en": "title is missing", "trace_id": "t", "kind": "refused"}
    return RejectedInput(**{**made, **words, "body": BODY, "heard": True, **fields})


async def test_rejected_listing_gives_what_came_last_first_and_bytes_to_whom_is_recorded(pool: Pool) -> None:
    store = PostgresRejectedInputs(pool, CODEC.encode_record, KEYS, report=list[Alert]().append)
    for kept in (given("1"), given("2", source="mes"), given("3", code="wrong_type"), given("1")):
        await store.keep([kept])
    listing = PostgresRejectedListing(pool=pool, keys=KEYS)
    found = await listing.listed(source="crm", code=None, since=None, most=10)
    assert [(one.code, one.times) for one in found] == [("missing", 2), ("wrong_type", 1)]
    assert len(await listing.listed(source=None, code="missing", since=None, most=1)) == 1
    assert await listing.listed(source=None, code=None, since=utc_now() + timedelta(minutes=1), most=10) == []
    reader = Reader(client="sre", person="张工", at=utc_now())
    one = await listing.one(found[0].number, reader)
    assert one
    assert (one.text, one.bytes, one.cut) == ('{"phone": "138****1111"}', len(BODY), False)
    async with connected(pool) as connection:
        reads = await (await connection.execute("SELECT client, person FROM personal_reads")).fetchall()
        bodies = await (await connection.execute("SELECT body FROM refused_inputs")).fetchall()
        await KEYS.destroy_inputs(connection, [body for (body,) in bodies])
    assert reads == [("sre", "张工")]
    gone = await listing.one(found[0].number, reader)
    assert gone
    assert gone.text is None
    assert await listing.one(10**9, reader) is None


def test_rejected_listing_shows_bytes_that_are_no_text_escaped_and_cuts_what_is_long() -> None:
    assert shown_bytes(b"a\x00\xff\xe4\xb8\xad\n")["text"] == "a\\x00\\xff中\n"
    long = shown_bytes(b"x" * 10_001)
    assert (long["text"], long["bytes"], long["cut"]) == ("x" * 10_000, 10_001, True)
