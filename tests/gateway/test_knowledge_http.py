"""The knowledge pool over HTTP: engineers find what is filed, leads and operators keep it (R21, R30)."""

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.fake_knowledge import article

WHY = {"why": "已核对 13900001234"}


@pytest.fixture(autouse=True)
def _articles(gateway: Gateway) -> None:
    for number, title in ((1, "洗衣机漏水"), (2, "空调漏水"), (3, "冰箱不制冷")):
        gateway.knowledge.add(article(number, title))


async def test_knowledge_http_a_draft_is_edited_filed_found_suggested_and_withdrawn(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    edited = await gateway.post("/v1/knowledge/kb-1", {"title": "洗衣机门封漏水", **WHY}, role="lead")
    assert (edited.status_code, edited.json()["title"], edited.json()["version"]) == (200, "洗衣机门封漏水", 2)
    assert edited.json()["root_cause_text"] == "漏水、漏气或漏氟 / leak of water, gas or refrigerant"
    filed = await gateway.post("/v1/knowledge/KB-1/file", WHY, role="lead")
    assert (filed.json()["state"], filed.json()["changed_by"]) == ("filed", "a-lead")
    found = await gateway.get("/v1/knowledge?q=漏水", "engineer")
    assert [one["number"] for one in found.json()["articles"]] == ["KB-1"]
    suggested = (await gateway.get(f"/v1/tickets/{ticket}/knowledge", "engineer")).json()
    assert (suggested["ticket_id"], [one["number"] for one in suggested["articles"]]) == (ticket, ["KB-1"])
    assert [one["number"] for one in (await gateway.get("/v1/knowledge", "engineer")).json()["articles"]] == ["KB-1"]
    shown = (await gateway.get("/v1/knowledge/KB-1", "engineer")).json()
    assert [(one["change"], one["why"]) for one in shown["versions"]] == [
        ("edited", "已核对 139****1234"), ("filed", "已核对 139****1234"),
    ]  # fmt: skip
    assert (await gateway.post("/v1/knowledge/KB-1/withdraw", WHY, role="sre")).json()["state"] == "withdrawn"
    late = await gateway.post("/v1/knowledge/KB-1", {"title": "x", **WHY}, role="lead")
    assert (late.status_code, late.json()["code"]) == (409, "article_withdrawn")
    assert (await gateway.get("/v1/knowledge?q=漏水", "engineer")).json() == {"articles": [], "next": None}


async def test_knowledge_http_drafts_are_for_editors_and_lists_have_pages(gateway: Gateway) -> None:
    first = (await gateway.get("/v1/knowledge?limit=2", "lead")).json()
    assert ([one["number"] for one in first["articles"]], first["next"]) == (["KB-3", "KB-2"], "KB-2")
    rest = (await gateway.get(f"/v1/knowledge?limit=2&before={first['next']}", "lead")).json()
    assert ([one["number"] for one in rest["articles"]], rest["next"]) == (["KB-1"], None)
    for path in ("/v1/knowledge", "/v1/knowledge?state=draft"):
        assert (await gateway.get(path, "engineer")).json()["articles"] == []
    assert (await gateway.get("/v1/knowledge/KB-1", "lead")).status_code == 200
    for path in ("KB-1", "KB-99", "nothing"):
        answer = await gateway.get(f"/v1/knowledge/{path}", "engineer")
        assert (answer.status_code, answer.json()["field"]) == (404, "number")


async def test_knowledge_http_is_kept_by_leads_and_operators_and_read_by_who_works(gateway: Gateway) -> None:
    for role, reads, edits in (
        ("engineer", 200, 403), ("dispatcher", 200, 403), ("lead", 200, 200), ("sre", 200, 200), ("admin", 200, 200),
        ("source", 403, 403), ("subscriber", 403, 403),
    ):  # fmt: skip
        assert (await gateway.get("/v1/knowledge", role)).status_code == reads, role
        assert (await gateway.post("/v1/knowledge/KB-2/file", WHY, role=role)).status_code == edits, role


@pytest.mark.parametrize(
    ("path", "field"),
    [("?state=filled", "state"), ("?limit=0", "limit"), ("?before=x", "before"), ("?query=x", "query")],
)
async def test_knowledge_http_what_is_wrong_in_a_query_is_named(gateway: Gateway, path: str, field: str) -> None:
    answer = await gateway.get(f"/v1/knowledge{path}", "lead")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"why": " "}, "why"), ({"why": "x", "title": " "}, "title"), ({"why": "x", "state": "filed"}, "state"),
     ({"why": "x", "words": "a"}, "words"), ({"why": "x", "solution": "长" * 10_001}, "solution")],
)  # fmt: skip
async def test_knowledge_http_what_is_wrong_in_an_edit_is_named(
    gateway: Gateway, body: dict[str, object], field: str
) -> None:
    answer = await gateway.post("/v1/knowledge/KB-1", body, role="lead")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
