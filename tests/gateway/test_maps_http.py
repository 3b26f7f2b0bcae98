"""Maps of sources over HTTP: tried on samples, applied, rolled back, removed, by those who look after the bus."""

import json
import re
from typing import Any

import pytest

from adapters.crm.adapter import CrmAdapter
from adapters.mapped import versions
from bus.postgres.pool import Pool, connected
from bus.programs import map_trials
from bus.programs.live_sources import LiveSources
from bus.programs.map_trials import MapTrials
from bus.programs.maps import PostgresMaps
from tests.domain.people import RULES
from tests.gateway.conftest import Gateway
from tests.gateway.fake_maps import FakeMaps
from tests.mapped.list_server import ListServer
from tests.mapped.maps import CONTENT, SECRET, body_of, created
from tests.mapped.test_reach import REACHES
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
WRONG = CONTENT.replace("number: detail.id", "nummer: detail.id")
SAMPLE = body_of(created(requester={"name": "王女士", "phone": "13800000001"})).decode()
APPLY = "/v1/maps/desk/apply"


def applying(content: str, over: int = 0) -> dict[str, Any]:
    return {"content": content, "over": over, "why": "接入"}


async def test_maps_http_are_kept_in_the_table_and_served_by_this_gateway_at_once(
    pool: Pool,
) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE source_maps")
    environment = {"DESK_SECRET": SECRET, "DESK2_SECRET": SECRET}
    live = LiveSources({"crm": CrmAdapter(())}, pool, environment)
    gateway = Gateway(maps=PostgresMaps(pool, live, MapTrials(RULES), environment), sources=live)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        refused = await gateway.post(APPLY, applying(WRONG), role="sre")
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "map_invalid", "content")
        assert {(one["line"], one["path"]) for one in refused.json()["faults"]} >= {(11, "nummer")}
        applied = await gateway.post(APPLY, applying(CONTENT), role="sre")
        state = applied.json()
        assert (await gateway.post(APPLY, applying(CONTENT), role="sre")).json() == state, "as if its answer was lost"
        other = applying(CONTENT) | {"why": "别的"}
        for asked, role in ((applying(CONTENT), "admin"), (other, "sre"), (applying(CONTENT + "#\n"), "sre")):
            assert (await gateway.post(APPLY, asked, role=role)).json()["code"] == "newer_version"
        assert [state[name] for name in ("version", "made_by", "reason", "kind", "place", "secrets", "trouble")] == [
            1, "a-sre", "接入", "webhook", "POST /v1/sources/desk/webhook", [{"name": "DESK_SECRET", "set": True}], "",
        ]  # fmt: skip
        for name, code, field in (("crm", "source_taken", "source"), ("desk2", "secret_shared", "content")):
            own = CONTENT.replace("source: desk", f"source: {name}")
            named = applying(own.replace("DESK_SECRET", f"{name.upper()}_SECRET"))
            useless = await gateway.post(f"/v1/maps/{name}/apply", named)
            assert [useless.status_code, *(useless.json()[one] for one in ("code", "field"))] == [409, code, field]
            assert (await gateway.get(f"/v1/maps/{name}")).status_code == 404, "nothing was kept"
        environment.clear()
        second = (await gateway.post(APPLY, applying(CONTENT.replace("中}", "低}"), 1))).json()
        assert (second["version"], second["secrets"][0]["set"], "DESK_SECRET" in second["trouble"]) == (2, False, True)
        for decision in ("rollback", "remove"):
            late = await gateway.post(f"/v1/maps/desk/{decision}", {"over": 1, "why": "w"})
            assert (late.status_code, late.json()["code"], late.json()["field"]) == (409, "newer_version", "over")
            assert re.search(r"a-admin 已在 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+08:00 生效第 2 版", late.json()["detail"])
        back = (await gateway.post("/v1/maps/desk/rollback", {"over": 2, "why": "标题取错"}, role="admin")).json()
        assert (back["version"], back["copy_of"], back["made_by"]) == (3, 1, "a-admin")
        for to, same in ((None, True), (1, True), (2, False)):
            again = await gateway.post("/v1/maps/desk/rollback", {"over": 2, "to": to, "why": "标题取错"}, role="admin")
            assert (again.json() == back) is same
        assert (await gateway.get("/v1/maps/desk/versions/3")).json()["content"] == CONTENT
        none = await gateway.post("/v1/maps/desk/rollback", {"over": 3, "to": 9, "why": "w"})
        assert (none.status_code, none.json()["code"]) == (409, "unchanged")
        off = (await gateway.post("/v1/maps/desk/remove", {"over": 3, "why": "合同到期"})).json()
        assert (off["removed"], [one["version"] for one in off["versions"]]) == (True, [4, 3, 2, 1])
        assert "desk" not in live
        assert (await gateway.post("/v1/maps/desk/remove", {"over": 3, "why": "合同到期"})).json() == off
        again = await gateway.post("/v1/maps/desk/remove", {"over": 4, "why": "w"})
        assert (again.status_code, again.json()["code"]) == (409, "unchanged")
        answer = (await gateway.get("/v1/maps")).json()
        (listed,) = answer["maps"]
        assert answer["others"] == ["crm"]
        assert (listed["source"], listed["version"], listed["removed"]) == ("desk", 4, True)


async def test_maps_http_a_trial_shows_what_a_sample_becomes_and_keeps_nothing(gateway: Gateway) -> None:
    body = {"content": CONTENT, "samples": [SAMPLE, "{}"], "headers": {"X-Any": "1"}}
    opened, other = (await gateway.post("/v1/maps/try", body, role="sre")).json()["samples"]
    (command,) = opened["commands"]
    assert (opened["sample"], opened["outcome"], command["command"], command["number"]) == (
        "1", "accepted", "open-ticket", "5158",
    )  # fmt: skip
    assert command["fields"]["customer"]["phone"] == "13800000001"
    assert (other["outcome"], other["commands"]) == ("passed over", [])
    learned = (await gateway.post("/v1/maps/learn", {"source": "desk", "samples": [SAMPLE]})).json()
    assert 'title: "detail.subject"' in learned["content"]
    for sample in ("not json", json.dumps([1, 2])):
        refused = await gateway.post("/v1/maps/learn", {"source": "desk", "samples": [sample]})
        assert (refused.status_code, refused.json()["field"]) == (422, "samples")
    assert (await gateway.get("/v1/maps")).json()["maps"] == []
    assert gateway.store.log == {}
    assert gateway.refused.kept == {}


async def test_maps_http_a_trial_that_takes_too_long_is_ended(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_trials, "TIME_S_MAX", 0.01)
    slow = await gateway.post("/v1/maps/try", {"content": CONTENT})
    assert (slow.status_code, slow.json()["code"], slow.json()["field"]) == (422, "too_much", "content")
    assert isinstance(gateway.maps, FakeMaps)
    assert not gateway.maps.trials.turns.locked()


async def test_maps_http_a_trial_that_ends_by_our_fault_is_not_blamed_on_the_map(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_trials, "_CHILD", "adapters.mapped.nothing")
    failed = await gateway.post("/v1/maps/try", {"content": CONTENT})
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")


async def test_maps_http_what_is_wrong_is_named_by_field(gateway: Gateway) -> None:
    for field, value in {"content": "", "over": -1, "why": " "}.items():
        answer = await gateway.post(APPLY, {**applying(CONTENT), field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    other = await gateway.post("/v1/maps/other/apply", applying(CONTENT))
    assert (other.json()["code"], other.json()["faults"][0]["path"]) == ("map_invalid", "source")
    assert (await gateway.post("/v1/maps/Desk/apply", applying(CONTENT))).json()["field"] == "source"
    for path, field in {"desk": "source", "desk/versions/1": "version", "shipped/zendes": "name"}.items():
        absent = await gateway.get(f"/v1/maps/{path}")
        assert (absent.status_code, absent.json()["field"]) == (404, field)
    assert (await gateway.get("/v1/maps/shipped/zendesk")).json()["content"].startswith("# Zendesk")


async def test_maps_http_are_read_tried_and_decided_by_those_who_look_after_the_bus(gateway: Gateway) -> None:
    for role in ("lead", "dispatcher", "engineer", "source", "subscriber", "host"):
        for path in ("/v1/maps", "/v1/maps/desk", "/v1/maps/desk/versions/1", "/v1/maps/shipped/zendesk"):
            assert (await gateway.get(path, role)).status_code == 403, (role, path)
        for path in ("try", "learn", "desk/apply", "desk/rollback", "desk/remove"):
            assert (await gateway.post(f"/v1/maps/{path}", {}, role=role)).status_code == 403, (role, path)


@pytest.mark.parametrize(
    "place",
    [
        "transport.login",
        "transport.private_addresses",
        "transport.directory",
        "transport.topic",
        "transport.broker",
        "proof.secrets",
    ],
)
async def test_maps_http_what_reaches_inside_is_decided_on_the_server(gateway: Gateway, place: str) -> None:
    content = REACHES[place]
    refused = await gateway.post(APPLY, applying(content), role="admin")
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["field"]) == (422, "server_only", "content")
    assert place in [one["path"] for one in problem["faults"]]
    assert place.rsplit(".", maxsplit=1)[-1] in content.splitlines()[problem["faults"][0]["line"] - 1]
    assert "by `ticketbus map apply` on the server" in problem["detail_en"]
    assert (await gateway.get("/v1/maps")).json()["maps"] == []


async def test_maps_http_what_is_in_force_may_stay_and_comes_back_by_the_server_alone(
    pool: Pool,
) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE source_maps")
        await versions.apply(connection, "desk", REACHES["transport.login"], by="张工", why="接入")
    live = LiveSources({}, pool, {})
    gateway = Gateway(maps=PostgresMaps(pool, live, MapTrials(RULES), {}), sources=live)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        again = REACHES["transport.login"].replace("title: detail.subject", "title: detail.name")
        state = (await gateway.post(APPLY, applying(again, 1), role="sre")).json()
        assert (state["version"], state["secrets"], state["worker_secrets"]) == (2, [], ["DESK_KEY"])
        assert (await gateway.post(APPLY, applying(CONTENT, 2), role="sre")).json()["version"] == 3
        for to in (1, None):
            back = await gateway.post("/v1/maps/desk/rollback", {"over": 3, "to": to, "why": "w"})
            assert (back.status_code, back.json()["code"], back.json()["field"]) == (422, "server_only", "to")
        late = await gateway.post("/v1/maps/desk/rollback", {"over": 2, "to": 1, "why": "w"})
        assert (late.status_code, late.json()["code"]) == (409, "newer_version")
        async with connected(pool) as connection:  # of a time when this was allowed
            bad = CONTENT.replace("DESK_SECRET", "DATABASE_URL")
            await connection.execute("UPDATE source_maps SET content = %s WHERE version = 1", (bad,))
        back = await gateway.post("/v1/maps/desk/rollback", {"over": 3, "to": 1, "why": "w"})
        assert (back.json()["code"], back.json()["faults"][0]["path"]) == ("map_invalid", "proof.secrets.0")
        assert (await gateway.get("/v1/maps/desk")).json()["version"] == 3


async def test_maps_http_a_trial_knows_no_secret_and_asks_nobody(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_KEY", "right-secret-of-the-desk")
    async with ListServer() as server:
        asked = REACHES["transport.login"].replace("https://desk.example/cases", server.url)
        body = {"content": asked.replace("login:", "private_addresses: true, login:"), "samples": [SAMPLE]}
        listed = await gateway.post("/v1/maps/try", body)
        assert (listed.status_code, listed.json()["kind"]) == (200, "list")
        assert server.headers == []
    signed = {"content": CONTENT.replace("DESK_SECRET", "DESK_KEY"), "samples": [SAMPLE]}
    shown = await gateway.post("/v1/maps/try", signed | {"headers": {"X-Desk-Signature": "wrong"}})
    monkeypatch.delenv("DESK_KEY")
    assert (await gateway.post("/v1/maps/try", signed)).json() == shown.json()
    assert "right-secret" not in listed.text + shown.text
