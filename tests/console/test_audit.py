"""The page of the audit tree: how it stands, and verified when asked; only what is proven is green."""

import pytest

from bus.audit.check import AuditReport
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from tests.console.conftest import Visitor

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


@pytest.mark.parametrize("role", ["lead", "dispatcher", "source"])
async def test_audit_over_http_is_for_who_may_reconcile(visitor: Visitor, role: str) -> None:
    for path in ("/v1/audit", "/v1/audit/check"):
        assert (await visitor.gateway.get(path, role)).status_code == 403
