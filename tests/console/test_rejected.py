"""The pages of rejected input: found by source, code and time; why, and the bytes masked, escaped and as text."""

from dataclasses import replace
from datetime import timedelta

from bus.intake.dispatch import utc_now
from tests.console.conftest import Visitor
from tests.gateway.fake_rejected import REJECTED

BODY = b'{"phone": "13800001111", "title": "<script>alert(1)</script>\x00\xff"}'


async def test_rejected_page_is_searched_by_source_code_and_time(visitor: Visitor) -> None:
    now = utc_now()
    visitor.gateway.rejected.rows = [
        replace(REJECTED, number=1, last_at=now),
        replace(REJECTED, number=2, last_at=now, source="mes"),
        replace(REJECTED, number=3, last_at=now, code="wrong_type"),
        replace(REJECTED, number=4, last_at=now - timedelta(days=2)),
    ]
    await visitor.sign_in("sre")

    async def listed(query: str) -> list[int]:
        shown = (await visitor.get(f"/rejected{query}")).text
        return [number for number in range(1, 5) if f">#{number}</a>" in shown]

    assert await listed("") == [1, 2, 3], "of the last day"
    assert await listed("?source=crm&hours=") == [1, 3, 4]
    assert await listed("?source=crm&code=missing&hours=24") == [1]
    assert await listed("?source=nobody") == []


async def test_rejected_page_shows_why_and_its_bytes_masked_and_as_text(visitor: Visitor) -> None:
    visitor.gateway.rejected.rows = [REJECTED]
    visitor.gateway.rejected.bodies = {7: BODY}
    await visitor.sign_in("sre")
    shown = (await visitor.get("/rejected/7")).text
    assert "缺少 title" in shown
    assert "13800001111" not in shown
    assert "138****1111" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert "\\x00\\xff" in shown
    assert visitor.gateway.rejected.read_by == [(7, "a-sre")], "that it was read is recorded"
    assert (await visitor.get("/rejected/8")).status_code == 404


async def test_rejected_page_is_for_who_may_see_letters(visitor: Visitor) -> None:
    for role in ("lead", "dispatcher"):
        visitor.http = visitor.browser()
        await visitor.sign_in(role)
        assert (await visitor.get("/rejected")).status_code == 403
        assert (await visitor.get("/rejected/7")).status_code == 403


async def test_rejected_over_http_names_the_field_of_a_time_that_is_none(visitor: Visitor) -> None:
    answer = await visitor.gateway.get("/v1/rejected?since=yesterday", "sre")
    assert (answer.status_code, answer.json()["field"]) == (400, "since")
