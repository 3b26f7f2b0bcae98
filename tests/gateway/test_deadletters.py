"""The dead-letter room over HTTP on a real database: what the commands do, under the client's name (R38)."""

from dataclasses import replace
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from bus.delivery import declarations, target_state
from bus.delivery.declarations import DeclaredTarget
from bus.domain.commands import Note
from bus.domain.terms import CommandId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.gateway.http.problems import HttpProblem
from bus.gateway.ports import IdempotentRequest
from bus.gateway.routes.deadletter_requests import FreezeRedrive, RetryLetters, RunRedrive
from bus.programs.deadletter_service import PostgresDeadLetterService
from schemas.messages import CommandSent
from tests.deadletter.test_store import deliver, rejecting
from tests.delivery.deliveries import undeclare
from tests.delivery.scripted import Scripted
from tests.gateway.real_deadletters import FREEZE, GONE, NOON, WHY, DeadLetterApi, api, put_input, refused
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool

__all__ = ["api", "database", "pool"]


async def test_deadletters_letters_are_listed_by_cause_and_shown_whole(api: DeadLetterApi) -> None:
    number = await api.letter()
    (group,) = (await api.get("/v1/deadletters?target=erp"))["groups"]
    assert (group["letters"], group["behind"], group["sample"], group["origin"]) == (1, 1, number, "delivery:erp")
    assert (await api.get("/v1/deadletters?origin=delivery:erp"))["groups"] == [group]
    assert (await api.get("/v1/deadletters?target=crm"))["groups"] == []
    letter = await api.get(f"/v1/deadletters/{number}")
    assert bytes.fromhex(letter["value"])[0] == 0
    assert (letter["decoded"]["ticket_id"], letter["behind"], letter["state"]) == ("R1", 1, "open")
    assert [one["kind"] for one in letter["failures"]] == ["rejected"]
    assert letter["decisions"] == []


async def test_deadletters_a_letter_is_sent_again_in_the_clients_name(api: DeadLetterApi) -> None:
    number = await api.letter()
    assert await api.done("/v1/deadletters/retry", {"letters": [number], **WHY}) == {"retried": 1}
    target = Scripted()
    await deliver(api.delivery_queue, target)
    assert target.order == [("R1", 1), ("R1", 2)]
    (decision,) = (await api.get(f"/v1/deadletters/{number}"))["decisions"]
    assert (decision["decision"], decision["by"], decision["why"]) == ("retried", "a-sre", "物料已建档")


async def test_deadletters_a_letter_is_let_go(api: DeadLetterApi) -> None:
    number = await api.letter()
    assert await api.done("/v1/deadletters/discard", {"letters": [number], **WHY}) == {"discarded": 1}
    target = Scripted()
    await deliver(api.delivery_queue, target)
    assert target.order == [("R1", 2)]


async def test_deadletters_an_event_is_mended_field_by_field_and_the_original_stays(api: DeadLetterApi) -> None:
    number = await api.letter()
    edited = await api.done(f"/v1/deadletters/{number}/edit", {"changes": {"text": "mended"}, **WHY})
    assert edited["edited_from"] == number
    copy = await api.get(f"/v1/deadletters/{edited['letter']}")
    assert (copy["decoded"]["text"], copy["state"], copy["edited_from"]) == ("mended", "open", number)
    assert (await api.get(f"/v1/deadletters/{number}"))["state"] == "edited"


async def test_deadletters_a_webhook_is_mended_whole(api: DeadLetterApi) -> None:
    number = await put_input(api, "webhook:fake", b"bad", headers={":path": "/v1/sources/fake/webhook"})
    for body, code in (("bad again", "unknown_type"), ("bad", "unknown_type")):
        answer = await api.post(f"/v1/deadletters/{number}/edit", {"body": body, **WHY})
        assert refused(answer) == (422, code, "type")
    edited = await api.done(f"/v1/deadletters/{number}/edit", {"body": "open", **WHY})
    assert bytes.fromhex((await api.get(f"/v1/deadletters/{edited['letter']}"))["value"]) == b"open"


async def test_deadletters_a_set_is_frozen_run_and_stopped(api: DeadLetterApi) -> None:
    await rejecting(api.delivery_queue, ("R1", 1), ("R2", 1), parked=2)
    answer = await api.post("/v1/deadletters/redrives", FREEZE)
    assert answer.status_code == 201
    frozen = answer.json()
    assert (frozen["letters"], frozen["events"]) == (2, {"NoteAdded": 2})
    (listed,) = (await api.get("/v1/deadletters/redrives"))["redrives"]
    assert (listed["state"], listed["approved_by"], listed["approved_why"]) == ("frozen", "a-sre", "物料已建档")
    assert (await api.done(f"/v1/deadletters/redrives/{frozen['id']}/run"))["state"] == "running"
    assert (await api.done(f"/v1/deadletters/redrives/{frozen['id']}/run", {}))["state"] == "running"
    stopped = await api.done(f"/v1/deadletters/redrives/{frozen['id']}/stop", {"why": "物料又停用"})
    assert (stopped["state"], stopped["ended_why"]) == ("stopped", "a-sre: 物料又停用")


async def test_deadletters_a_target_is_paused_and_resumed(api: DeadLetterApi) -> None:
    await target_state.begin(api.delivery_queue.pool, "erp")
    paused = await api.done("/v1/deliveries/erp/pause", {"why": "盘点"})
    assert paused == {"target": "erp", "paused": "a-sre: 盘点"}
    (one,) = (await api.get("/v1/deliveries"))["deliveries"]
    assert (one["target"], one["paused"]) == ("erp", "a-sre: 盘点")
    assert await api.done("/v1/deliveries/erp/resume") == {"target": "erp", "paused": None}
    assert refused(await api.post("/v1/deliveries/erp/resume")) == (409, "not_paused", "target")


async def test_deadletters_what_is_gone_or_kept_changes_nothing(api: DeadLetterApi) -> None:
    number = await api.letter()
    foreign = await put_input(api, "log", b"\xff")
    before = await api.everything()
    for path, body, told in (
        ("retry", {"letters": [number, GONE]}, (409, "letter_gone", "letter")),
        ("discard", {"letters": [GONE]}, (409, "letter_gone", "letter")),
        (f"{GONE}/edit", {"changes": {"text": "x"}}, (409, "letter_gone", "letter")),
        ("retry", {"letters": [number, foreign]}, (409, "letter_kept", "letter")),
        (f"{foreign}/edit", {"body": "x"}, (409, "letter_kept", "letter")),
        (f"{number}/edit", {"changes": {"text": "1"}}, (409, "letter_kept", "letter")),  # as it is
        (f"{number}/edit", {"body": "x"}, (422, "missing", "changes")),
        (f"{number}/edit", {"changes": {"text": 7}}, (422, "wrong_type", "text")),
        (f"{number}/edit", {"changes": {"txt": "x"}}, (422, "unknown_field", "txt")),
        ("redrives", {"target": "erq"}, (409, "nothing_matches", "target")),
        ("redrives", {"target": "erp", "kind": "unknown"}, (409, "nothing_matches", "target")),
    ):
        assert refused(await api.post(f"/v1/deadletters/{path}", {**body, **WHY})) == told
    assert await api.everything() == before


async def test_deadletters_two_people_cannot_redrive_one_set_and_one_that_is_over_stays_so(api: DeadLetterApi) -> None:
    await api.letter()
    number = (await api.done("/v1/deadletters/redrives", FREEZE))["id"]
    assert refused(await api.post("/v1/deadletters/redrives", FREEZE)) == (409, "nothing_matches", "target")
    await api.done(f"/v1/deadletters/redrives/{number}/stop", WHY)
    for path, body in ((f"{number}/run", {}), (f"{number}/stop", WHY), (f"{GONE}/run", {}), (f"{GONE}/stop", WHY)):
        answer = await api.post(f"/v1/deadletters/redrives/{path}", body)
        assert refused(answer) == (409, "redrive_gone", "redrive")


@pytest.mark.parametrize("path", ["0", "-1", "x", "9223372036854775808", "1" * 3000, str(GONE), "retry"])
async def test_deadletters_a_number_that_names_no_letter_is_not_found(api: DeadLetterApi, path: str) -> None:
    assert refused(await api.gateway.get(f"/v1/deadletters/{path}", "sre")) == (404, "letter_gone", "letter")


async def test_deadletters_a_target_that_is_none_is_named_with_the_nearest(api: DeadLetterApi) -> None:
    await target_state.begin(api.delivery_queue.pool, "erp")
    for path, body in (("epr/pause", WHY), ("epr/resume", {})):
        answer = await api.post(f"/v1/deliveries/{path}", body)
        assert (*refused(answer), answer.json()["nearest"]) == (404, "no_such_target", "target", "erp")
    assert [one["target"] for one in (await api.get("/v1/deliveries"))["deliveries"]] == ["erp"]


async def test_deadletters_what_waits_for_a_target_that_is_no_longer_declared_is_moved_and_let_go(
    api: DeadLetterApi,
) -> None:
    number, pool = await api.letter(), api.delivery_queue.pool
    await declarations.declare(pool, dict.fromkeys(("erp", "crm"), DeclaredTarget()))
    for path, body in (("erp/discard", WHY), ("erp/move", {"to": "crm", **WHY})):
        assert refused(await api.post(f"/v1/deliveries/{path}", body)) == (409, "still_declared", "target")
    await undeclare(pool, "erp", "crm", since=NOON)
    listed = {one["target"]: one["undeclared_at"] for one in (await api.get("/v1/deliveries"))["deliveries"]}
    assert listed == {"crm": None, "erp": NOON.isoformat()}
    for answer in (
        await api.post("/v1/deadletters/retry", {"letters": [number], **WHY}),
        await api.post("/v1/deliveries/erp/resume", {}),
        await api.post("/v1/deadletters/redrives", FREEZE),
        await api.post("/v1/deliveries/erp/move", {"to": "erp", **WHY}),
    ):
        assert refused(answer) == (409, "not_declared", "target")
    for body in (WHY, {"to": " ", **WHY}, {"to": "crm"}):
        assert (await api.post("/v1/deliveries/erp/move", body)).status_code == 422
    done = await api.done("/v1/deliveries/erp/move", {"to": "crm", **WHY})
    assert done == {
        "target": "erp",
        "to": "crm",
        "moved": 2,
        "known": 0,
        "letters": 1,
        "left": 0,
        "not_taken": {},
        "next": None,
    }
    assert (await api.get(f"/v1/deadletters/{number}"))["state"] == "discarded"
    assert [one["target"] for one in (await api.get("/v1/deliveries"))["deliveries"]] == ["crm"]
    await api.delivery_queue.add(("T9", 1))
    assert await api.done("/v1/deliveries/erp/discard", WHY) == {
        "target": "erp",
        "discarded": 1,
        "letters": 0,
        "left": 0,
        "next": None,
    }


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SRE, Role.ADMIN}))
async def test_deadletters_no_other_role_sees_or_does_anything(api: DeadLetterApi, role: Role) -> None:
    number = await api.letter()
    before = await api.everything()
    for path in ("deadletters", f"deadletters/{number}", "deadletters/redrives", "deliveries"):
        assert refused(await api.gateway.get(f"/v1/{path}", role)) == (403, "not_allowed", "role")
    for path, body in (
        ("deadletters/retry", {"letters": [number], **WHY}),
        ("deadletters/discard", {"letters": [number], **WHY}),
        (f"deadletters/{number}/edit", {"changes": {"text": "x"}, **WHY}),
        ("deadletters/redrives", FREEZE),
        ("deadletters/redrives/1/run", {}),
        ("deadletters/redrives/1/stop", WHY),
        ("deliveries/erp/pause", WHY),
        ("deliveries/erp/resume", {}),
        ("deliveries/erp/discard", WHY),
        ("deliveries/erp/move", {"to": "crm", **WHY}),
    ):
        assert refused(await api.gateway.post(f"/v1/{path}", body, role=role)) == (403, "not_allowed", "role")
    assert await api.everything() == before


async def test_deadletters_who_decides_is_the_person_of_the_token_and_a_token_of_nobody_reads_alone(
    api: DeadLetterApi,
) -> None:
    number = await api.letter()
    clients = api.gateway.clients.known
    clients["ops-token"] = Client(name="ops", role=Role.SRE, binding=Binding(bound=True))
    clients["li-token"] = Client(name="li", role=Role.SRE, binding=Binding(bound=True, person="李工"))
    ops, li = ({"Authorization": f"Bearer {one}-token"} for one in ("ops", "li"))
    assert (await api.gateway.http.get(f"/v1/deadletters/{number}", headers=ops)).status_code == 200
    wanted = {"letters": [number], **WHY}
    answer = await api.gateway.http.post("/v1/deadletters/retry", json=wanted, headers={**ops, "Idempotency-Key": "k"})
    assert refused(answer) == (403, "not_allowed", "role")
    assert "client bind ops --person" in answer.json()["detail"]
    answer = await api.gateway.http.post("/v1/deadletters/retry", json=wanted, headers={**li, "Idempotency-Key": "k"})
    assert answer.json() == {"retried": 1}
    assert [one["by"] for one in (await api.get(f"/v1/deadletters/{number}"))["decisions"]] == ["李工"]


async def test_deadletters_where_two_persons_are_asked_for_a_token_of_nobody_freezes_and_runs_nothing(
    api: DeadLetterApi,
) -> None:
    await api.letter()
    assert isinstance(api.gateway.dead_letters, PostgresDeadLetterService)
    service = replace(api.gateway.dead_letters, two_persons=True)

    def by(client: str, person: str = "") -> IdempotentRequest:
        return IdempotentRequest(by=client, person=person, at=NOON, command_id=CommandId(uuid4()), fingerprint="f")

    freezing = FreezeRedrive(target="erp", why="x")
    with pytest.raises(HttpProblem) as refused:
        await service.act(freezing, by("shared"))
    assert (refused.value.status, refused.value.code) == (409, "second_person")
    frozen = (await service.act(freezing, by("张工", "张工"))).content["id"]
    for request in (by("shared"), by("张工", "张工")):
        with pytest.raises(HttpProblem, match="second_person"):
            await service.act(RunRedrive(redrive=frozen), request)
    assert (await service.act(RunRedrive(redrive=frozen), by("李工", "李工"))).content["run_by"] == "李工"


async def test_deadletters_where_two_persons_are_asked_for_one_retries_one_letter_and_a_redrive_sends_many(
    api: DeadLetterApi,
) -> None:
    one, other = await api.letter(), await put_input(api, "commands", b"junk")
    assert isinstance(api.gateway.dead_letters, PostgresDeadLetterService)
    service = replace(api.gateway.dead_letters, two_persons=True)

    def request() -> IdempotentRequest:
        return IdempotentRequest(by="张工", person="张工", at=NOON, command_id=CommandId(uuid4()), fingerprint="f")

    before = await api.everything()
    with pytest.raises(HttpProblem) as error:
        await service.act(RetryLetters(letters=[one, other], why="x"), request())
    assert (error.value.status, error.value.code, error.value.field) == (409, "second_person", "letters")
    assert "redrive" in str(error.value.text)
    assert await api.everything() == before
    assert (await service.act(RetryLetters(letters=[one], why="x"), request())).content == {"retried": 1}


async def test_deadletters_nothing_of_a_letter_is_logged(api: DeadLetterApi) -> None:
    note = Note(text="李雷 13812345678")
    sent = CommandSent(idempotency_key="k", source="erp", actor="李雷", ticket_id="T20261122-000001", command=note)
    number = await put_input(api, "commands", CODEC.encode_record(sent))
    with capture_logs() as logs:
        assert "13812345678" in str(await api.get(f"/v1/deadletters/{number}"))
        await api.post(f"/v1/deadletters/{number}/edit", {"changes": {"13812345678": "李雷"}, **WHY})
        await api.post(f"/v1/deadletters/{number}/edit", {"changes": {"text": "李雷"}, **WHY})
        await api.post("/v1/deadletters/discard", {"letters": [number], "why": "李雷 13812345678"})
    assert not any(word in str(logs) for word in ("李雷", "13812345678"))
