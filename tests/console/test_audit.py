"""The page of the audit tree: how it stands, and verified when asked; only what is proven is green."""

from datetime import UTC, datetime

import httpx2
import pytest

from bus.audit.check import AuditReport
from bus.audit.subject import Subject
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from console.page import ROOT
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form as form_of

GREEN = "一切与封存时相同"


def _changed() -> AuditReport:
    report = AuditReport(leaves=9, checkpoints=2, witnessed=2)
    report.add("changed", "T1/<b>3</b>")
    return report


@pytest.mark.parametrize(
    ("report", "green", "words"),
    [
        (AuditReport(leaves=9, checkpoints=2, witnessed=2), True, "比对了 9 个事件"),
        (AuditReport(leaves=9, checkpoints=2), False, "什么都没有证明"),
        (_changed(), False, "T1/&lt;b&gt;3&lt;/b&gt;"),
    ],
)
async def test_audit_page_verifies_once_asked_and_only_what_is_proven_is_green(
    visitor: Visitor, report: AuditReport, *, green: bool, words: str
) -> None:
    visitor.gateway.audit.report = report
    await visitor.sign_in("sre")
    before = (await visitor.get("/audit")).text
    assert (GREEN in before, visitor.gateway.audit.checks) == (False, 0)
    shown = (await visitor.send("/audit", "/audit/verify")).text
    assert visitor.gateway.audit.checks == 1
    assert (GREEN in shown, words in shown) == (green, True)


async def test_audit_page_says_that_nothing_is_sealed_and_why_a_check_was_not_made(visitor: Visitor) -> None:
    visitor.gateway.audit.refused_zh = "树与检查点不符"
    visitor.gateway.audit.failure = HttpProblem(503, "too_large", "", Text("树太大", "too large"))
    await visitor.sign_in("sre")
    shown = (await visitor.get("/audit")).text
    assert "11-29 11:00:00 +08:00</time>: 树与检查点不符" in shown.split('<p class="problem">不再封存')[1]
    refused = await visitor.send("/audit", "/audit/verify")
    assert (refused.status_code, "树太大" in refused.text, GREEN in refused.text) == (503, True, False)


async def test_audit_page_gives_the_bundle_of_a_ticket_or_a_period_as_a_file(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    form = {"csrf": form_of((await visitor.get("/audit")).text, f"{ROOT}/audit/bundle")["csrf"]}

    async def asked(**typed: str) -> httpx2.Response:
        return await visitor.http.post(f"{ROOT}/audit/bundle", data={**form, **typed}, headers={"Origin": HERE})

    given = await asked(ticket=" t20261129-000001 ")
    assert given.headers["content-disposition"] == 'attachment; filename="audit-T20261129-000001.json"'
    over_http = await visitor.gateway.get("/v1/audit/bundle?ticket=T20261129-000001", "sre")
    assert given.content == over_http.content, "byte for byte what HTTP gives"
    await asked(since="2026-11-28T08:00", until="2026-11-29T08:00")
    since, until = datetime(2026, 11, 28, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)
    assert visitor.gateway.audit.bundles[2] == Subject(since=since, until=until), "as China's clocks say"
    for typed in ({"since": "2026-11-28T08:00"}, {"ticket": "T1", "since": "2026-11-28T08:00"}):
        refused = await asked(**typed)
        assert (refused.status_code, "content-disposition" in refused.headers) == (400, False)
        assert 'value="2026-11-28T08:00"' in refused.text
    visitor.gateway.audit.failure = HttpProblem(409, "not_sealed", "ticket", Text("还没有检查点", "no checkpoint"))
    unsealed = await asked(ticket="T20261129-000001")
    assert (unsealed.status_code, "还没有检查点" in unsealed.text) == (409, True)


@pytest.mark.parametrize("role", ["lead", "dispatcher", "source"])
async def test_audit_over_http_is_for_who_may_reconcile(visitor: Visitor, role: str) -> None:
    for path in ("/v1/audit", "/v1/audit/check", "/v1/audit/bundle?ticket=T1"):
        assert (await visitor.gateway.get(path, role)).status_code == 403
