"""A subscriber whose filter leaves events out is told its place all the same, and picks one version of its filter."""

import pytest

from bus.gateway.stream import progress
from bus.gateway.stream.progress import Progress
from tests.gateway.conftest import Gateway
from tests.gateway.subscriber import frames, subscribed
from tests.gateway.test_server_sent import bodies, following, refusal, taken
from tests.gateway.test_stream_filter import EVENTS, declare, named, opened_in


async def place(gateway: Gateway) -> str:
    """Tell the cursor of whoever begins now."""
    await gateway.caught_up()
    async with subscribed(gateway, EVENTS, role="sre") as ws:
        return str((await frames(ws, 1))[0]["cursor"])


async def test_stream_progress_what_the_filter_leaves_out_moves_the_cursor_on(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    await declare(served, regions=["上海"])
    async with subscribed(served, EVENTS) as ws, following(served, EVENTS) as events:
        [ready] = await frames(ws, 1)
        await taken(events, 1)
        await opened_in(served, "北京", "SN-1")
        [live], [sent] = await frames(ws, 1), await taken(events, 1)
    assert live == {"kind": "cursor", "cursor": await place(served)}
    assert (sent.event, sent.id, bodies([sent])) == ("cursor", live["cursor"], [live])
    async with subscribed(served, f"{EVENTS}&cursor={ready['cursor']}") as late:
        assert await frames(late, 2) == [{**ready, "cursor": ready["cursor"]}, live]
    async with following(served, EVENTS, last_id=sent.id) as again:
        east = await opened_in(served, "上海", "SN-2")
        assert named(bodies(await taken(again, 2))[1:]) == [(east, 1, "TicketOpened")]


async def test_stream_progress_is_not_told_at_each_event(served: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 3600.0)
    monkeypatch.setattr(progress, "EVERY_EVENTS", 3)
    await declare(served, regions=["上海"])
    async with subscribed(served, EVENTS) as ws:
        await frames(ws, 1)
        for serial in ("SN-1", "SN-2"):
            await opened_in(served, "北京", serial)
        east = await opened_in(served, "上海", "SN-3")
        for serial in ("SN-4", "SN-5", "SN-6"):
            await opened_in(served, "北京", serial)
        first, second = await frames(ws, 2)
    assert named([first]) == [(east, 1, "TicketOpened")]
    assert second == {"kind": "cursor", "cursor": await place(served)}


def test_stream_progress_is_due_by_time_or_number_and_never_where_nothing_was_left_out() -> None:
    one = Progress(sent_at=100.0)
    assert not one.is_due(0, 1000.0)
    assert not one.is_due(1, 109.0)
    assert one.is_due(0, 110.0)
    one.sent(110.0)
    assert not one.is_due(0, 1000.0)
    assert not one.is_due(progress.EVERY_EVENTS - 1, 111.0)
    assert one.is_due(1, 111.0)


async def test_stream_version_of_an_address_picks_one_of_the_subscription(served: Gateway) -> None:
    await declare(served, regions=["上海"])
    await declare(served, version="2", types=["TicketOpened"])
    async with subscribed(served, f"{EVENTS}&version=2") as second, following(served, f"{EVENTS}&version=1") as first:
        [ready] = await frames(second, 1)
        assert [one["version"] for one in ready["filters"]] == ["2"]
        await taken(first, 1)
        north, east = await opened_in(served, "北京", "SN-2"), await opened_in(served, "上海", "SN-1")
        for ticket in (north, east):
            await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
        assert named(await frames(second, 2)) == [(north, 1, "TicketOpened"), (east, 1, "TicketOpened")]
        assert named(bodies(await taken(first, 2))) == [(east, 1, "TicketOpened"), (east, 2, "NoteAdded")]
    for query, code, field, named_there in (
        (f"{EVENTS}&version=3", "unknown_version", "version", "1, 2"),
        ("topics=ticket.status&version=2", "beyond_subscription", "topics", "ticket.events"),
        (f"{EVENTS}&version=2&types=NoteAdded", "beyond_subscription", "types", "TicketOpened"),
    ):
        problem = await refusal(served, query)
        assert (problem["status"], problem["code"], problem["field"]) == (400, code, field)
        assert named_there in problem["detail_en"]
