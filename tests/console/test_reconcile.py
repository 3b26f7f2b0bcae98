"""The page of reconciliation: compared first, opened only by the second step, refusals with what was typed."""

from datetime import UTC, datetime

from bus.domain.text import Text
from bus.reconcile.source_list import ListUnavailable
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form as form_of

TYPED = {"source": "crm", "since": "2026-11-28T08:00"}


async def test_reconcile_page_compares_and_opens_only_once_confirmed(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    compared = await visitor.send("/reconcile", "/reconcile/compare", **TYPED)
    assert compared.status_code == 200
    (asked,) = visitor.gateway.reconciling.asked
    assert (asked.source, asked.ingest, asked.until) == ("crm", False, None)
    assert asked.since == datetime(2026, 11, 28, tzinfo=UTC), "as China's clocks say"
    assert "4 单不符" in compared.text
    for number in ("C-0", "C-1", "C-3", "C-4"):
        assert f'<th scope="row">{number}</th>' in compared.text
    assert 'href="/console/tickets/T3"' in compared.text
    confirm = form_of(compared.text, "/console/reconcile/ingest")
    opened = await visitor.http.post("/console/reconcile/ingest", data=confirm, headers={"Origin": HERE})
    assert [one.ingest for one in visitor.gateway.reconciling.asked] == [False, True]
    assert visitor.gateway.reconciling.asked[1].since == asked.since
    assert "补开 1" in opened.text
    assert "不能补开: 清单中没有报修内容" in opened.text
    assert 'action="/console/reconcile/ingest"' not in opened.text


async def test_reconcile_page_a_refusal_keeps_what_was_typed(visitor: Visitor) -> None:
    visitor.gateway.reconciling.failure = ListUnavailable(Text("清单取不到", "no list"))
    await visitor.sign_in("sre")
    refused = await visitor.send("/reconcile", "/reconcile/compare", **TYPED)
    assert (refused.status_code, "清单取不到" in refused.text) == (503, True)
    assert 'value="crm"' in refused.text
    assert "<h2>" not in refused.text, "no result is shown"


async def test_reconcile_page_is_for_who_may_reconcile(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    page = await visitor.get("/now")
    assert "/console/reconcile" not in page.text
