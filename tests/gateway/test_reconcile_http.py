"""POST /v1/reconcile: the counts and the tickets by number, for those who look after the bus."""

import asyncio

import pytest

from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.gateway.routes import reconciliations
from bus.reconcile.asked import ReconcileAsked, Reconciled
from bus.reconcile.source_list import ListUnavailable
from tests.gateway.conftest import Gateway

ASKED = {"source": "crm", "since": "2026-11-28T08:00:00+08:00"}


async def test_reconcile_http_names_what_is_found_and_opens_it_if_asked(gateway: Gateway) -> None:
    answer = await gateway.post("/v1/reconcile", ASKED, role="sre")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["listed"], found["known"], found["missing_here"], found["opened"]) == (3, 2, 2, 0)
    assert [(one["listed"], one["known"]) for one in found["unequal"]] == [(3, 2)]
    kinds = [(one["kind"], one["source_no"]) for one in found["tickets"]]
    assert kinds == [("missing_here", "C-0"), ("missing_here", "C-1"), ("different", "C-3"), ("missing_there", "C-4")]
    until = "2026-11-28T01:00:00Z"
    opened = (await gateway.post("/v1/reconcile", {**ASKED, "until": until, "ingest": True})).json()
    assert (opened["opened"], opened["tickets"][0]["ticket_id"], opened["tickets"][1]["refused"]) == (
        1,
        "T9",
        "清单中没有报修内容",
    )
    first, second = gateway.reconciling.asked
    assert (first.since.isoformat(), first.until, first.ingest) == ("2026-11-28T00:00:00+00:00", None, False)
    assert (second.until is not None, second.ingest) == (True, True)


async def test_reconcile_http_names_a_thousand_and_counts_all(gateway: Gateway) -> None:
    gateway.reconciling.missing = 1_200
    found = (await gateway.post("/v1/reconcile", ASKED)).json()
    assert (found["missing_here"], len(found["tickets"])) == (1_200, 1_000)


async def test_reconcile_http_is_for_sre_and_admin_alone(gateway: Gateway) -> None:
    for role in ("source", "engineer", "dispatcher", "lead", "subscriber", "host"):
        assert (await gateway.post("/v1/reconcile", ASKED, role=role)).status_code == 403
    assert gateway.reconciling.asked == []


@pytest.mark.parametrize(
    ("change", "field"),
    [({"since": "yesterday"}, "since"), ({"until": 5}, "until"), ({"source": ""}, "source"), ({"ingest": 1}, "ingest")],
)
async def test_reconcile_http_names_the_field_that_is_wrong(
    gateway: Gateway, change: dict[str, object], field: str
) -> None:
    answer = await gateway.post("/v1/reconcile", {**ASKED, **change})
    assert (answer.status_code in {400, 422}, answer.json()["field"]) == (True, field)
    assert gateway.reconciling.asked == []


async def test_reconcile_http_says_what_failed_and_is_bounded_in_time(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.reconciling.failure = MalformedInput("no_list", "source", "没有清单接口", "it has no list")
    refused = await gateway.post("/v1/reconcile", ASKED)
    assert (refused.status_code, refused.json()["code"]) == (400, "no_list")
    gateway.reconciling.failure = ListUnavailable(Text("第 2 页没有取到", "page 2 did not come"))
    away = await gateway.post("/v1/reconcile", ASKED)
    assert (away.status_code, away.json()["code"]) == (503, "list_unavailable")
    assert "page 2 did not come" in away.json()["detail_en"]

    async def hangs(_asked: ReconcileAsked) -> Reconciled:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(type(gateway.reconciling), "__call__", lambda _self, asked: hangs(asked))
    monkeypatch.setattr(reconciliations, "WITHIN_S", 0.05)
    assert (await gateway.post("/v1/reconcile", ASKED)).json()["code"] == "list_unavailable"
