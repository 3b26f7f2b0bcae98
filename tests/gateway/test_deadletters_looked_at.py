"""What a person looks at before deciding, on a real database: a cause's letters, what an edit changes, a redrive."""

import pytest

from bus.postgres.pool import connected
from bus.programs.deadletter_service import PostgresDeadLetterService
from deadletter import listing
from deadletter.edit import changed_lines
from tests.databases import KEYS, clear_on
from tests.deadletter.test_store import rejecting
from tests.gateway.real_deadletters import FREEZE, GONE, WHY, DeadLetterApi, api, put_input, refused
from tests.store.conftest import database, pool

__all__ = ["api", "database", "pool"]


async def test_deadletters_looked_at_the_letters_of_a_cause_are_listed_page_by_page(
    api: DeadLetterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rejecting(api.delivery_queue, ("R1", 1), ("R1", 2), ("R2", 1), ("R3", 1), parked=3)
    other = await put_input(api, "log", b"\xff")
    groups = (await api.get("/v1/deadletters?target=erp"))["groups"]
    cause = groups[0]["cause"]
    monkeypatch.setattr(listing, "PAGE_MAX", 2)
    first = await api.get(f"/v1/deadletters/letters?cause={cause}")
    rest = await api.get(f"/v1/deadletters/letters?cause={cause}&after={first['next']}")
    assert len(await listing.all_of_cause(api.delivery_queue.pool, cause)) == groups[0]["letters"]
    shown = [*first["letters"], *rest["letters"]]
    assert [one["id"] for one in shown] == sorted(one["id"] for one in shown)
    assert (len(first["letters"]), rest["next"], groups[0]["letters"]) == (2, None, 3)
    assert {one["ticket_id"]: one["behind"] for one in shown} == {"R1": 1, "R2": 0, "R3": 0}
    assert other not in [one["id"] for one in shown]
    frozen = await api.done("/v1/deadletters/redrives", {**FREEZE, "cause": cause})
    again = (await api.get(f"/v1/deadletters/letters?cause={cause}"))["letters"]
    assert {one["redrive"] for one in again} == {frozen["id"]}


async def test_deadletters_looked_at_an_edit_is_checked_and_nothing_is_changed(api: DeadLetterApi) -> None:
    number = await api.letter()
    editable = (await api.get(f"/v1/deadletters/{number}"))["editable"]
    assert editable["text"] == "1"
    assert "ticket_id" not in editable
    before = await api.everything()
    where = f"/v1/deadletters/{number}/check"
    checked = await api.done(where, {"changes": {"text": "mended"}})
    assert checked == {"letter": number, "before": editable, "after": {**editable, "text": "mended"}}
    for body, problem in (
        ({"changes": {"text": 7}}, (422, "wrong_type", "text")),
        ({"changes": {"txt": "x"}}, (422, "unknown_field", "txt")),
        ({"changes": {"text": "1"}}, (409, "letter_kept", "letter")),
        ({"body": "x"}, (422, "missing", "changes")),
        ({}, (422, "missing", "changes")),
        ({"changes": {"text": "x"}, **WHY}, (422, "unknown_field", "why")),
    ):
        assert refused(await api.post(where, body)) == problem
    assert refused(await api.post(f"/v1/deadletters/{GONE}/check", {"body": "x"})) == (409, "letter_gone", "letter")
    assert await api.everything() == before
    assert (await api.gateway.post(where, {"changes": {"text": "x"}}, role="dispatcher")).status_code == 403
    await api.done(f"/v1/deadletters/{number}/edit", {"changes": {"text": "mended"}, **WHY})
    assert (await api.get(f"/v1/deadletters/{number}"))["editable"] is None
    assert refused(await api.post(where, {"changes": {"text": "x"}})) == (409, "letter_gone", "letter")


async def test_deadletters_looked_at_a_request_is_checked_whole(api: DeadLetterApi) -> None:
    number = await put_input(api, "webhook:fake", b"bad\nlines", headers={":path": "/v1/sources/fake/webhook"})
    assert (await api.get(f"/v1/deadletters/{number}"))["editable"] == "bad\nlines"
    where = f"/v1/deadletters/{number}/check"
    assert await api.done(where, {"body": "open"}) == {"letter": number, "before": "bad\nlines", "after": "open"}
    assert refused(await api.post(where, {"body": "bad again"})) == (422, "unknown_type", "type")
    foreign = await put_input(api, "log", b"\xff")
    assert (await api.get(f"/v1/deadletters/{foreign}"))["editable"] is None


async def test_deadletters_looked_at_sealed_input_is_checked_in_clear_and_who_read_it_is_recorded(
    api: DeadLetterApi,
) -> None:
    async with connected(api.delivery_queue.pool) as connection:
        await connection.execute("TRUNCATE personal_reads")
        (sealed,) = await KEYS.sealed_inputs(connection, [b"bad"])
    number = await put_input(api, "webhook:fake", sealed, headers={":path": "/v1/sources/fake/webhook"})
    checked = await api.done(f"/v1/deadletters/{number}/check", {"body": "open"})
    assert (checked["before"], checked["after"]) == ("bad", "open")
    reads = await api.delivery_queue.rows("SELECT client, what, times FROM personal_reads")
    assert reads == [("a-sre", "input", 1)]


async def test_deadletters_looked_at_a_redrive_says_what_it_would_send_and_who_may_run_it(api: DeadLetterApi) -> None:
    await rejecting(api.delivery_queue, ("R1", 1), ("R2", 1), ("R3", 1), parked=3)
    (group,) = (await api.get("/v1/deadletters?target=erp"))["groups"]
    await api.done("/v1/deadletters/discard", {"letters": [group["sample"]], **WHY})
    frozen = await api.done("/v1/deadletters/redrives", {**FREEZE, "cause": group["cause"]})
    await rejecting(api.delivery_queue, ("R4", 1), parked=3)
    shown = await api.get(f"/v1/deadletters/redrives/{frozen['id']}")
    (part,) = shown["parts"]
    assert (part["target"], part["cause"], part["letters"]) == ("erp", group["cause"], 2)
    assert (shown["state"], shown["outside"], shown["two_persons"]) == ("frozen", 1, False)
    api.gateway.dead_letters = PostgresDeadLetterService(
        pool=api.delivery_queue.pool, clear=clear_on(api.delivery_queue.pool), sources={}, two_persons=True
    )
    assert (await api.gateway.dead_letters.redrive(frozen["id"]) or {})["two_persons"] is True
    await api.done(f"/v1/deadletters/redrives/{frozen['id']}/stop", WHY)
    assert (await api.get(f"/v1/deadletters/redrives/{frozen['id']}"))["parts"] == []
    gone = await api.gateway.get(f"/v1/deadletters/redrives/{GONE}", "sre")
    assert (gone.status_code, gone.json()["code"]) == (404, "redrive_gone")


def test_deadletters_looked_at_changed_lines_are_those_that_differ() -> None:
    assert changed_lines({"a": 1, "b": "泵"}, {"a": 2, "b": "泵"}) == ['-  "a": 1,', '+  "a": 2,']
    assert changed_lines("one\n-- two", "one\n++ two") == ["--- two", "+++ two"]
