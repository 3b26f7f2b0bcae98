"""The page of the monthly closure report: two months side by side, and the tickets of a line (R24)."""

import pytest

from bus.insight.closure_report import ClosureReport, CountedCode, month_of
from bus.insight.figures import figure_of
from bus.insight.metric import Judgement
from bus.insight.metrics.closure_confirmed import CLOSURE_CONFIRMED
from console.page import ROOT
from console.pages.closure_report import beside
from tests.console.conftest import Visitor
from tests.domain.people import RULES
from tests.gateway.fake_insight import AT


def report_of(month: int, *rejections: tuple[str, int]) -> ClosureReport:
    """Make the report of a month of 2026."""
    window = month_of(AT.replace(day=1, month=month), RULES.dedupe_window)
    return ClosureReport(
        since=window.since,
        until=window.until,
        shares=[(CLOSURE_CONFIRMED, figure_of(CLOSURE_CONFIRMED, window, [], was=Judgement.OK))],
        rejections=[CountedCode(code=code, tickets=count) for code, count in rejections],
        tags=[],
        root_causes=[],
    )


async def test_closure_report_page_has_the_month_before_beside_it_and_tickets_one_click_away(visitor: Visitor) -> None:
    insight = visitor.gateway.insight
    insight.reports = {
        "2026-10": report_of(10, ("came_back", 7), ("", 2)),
        "2026-09": report_of(9, ("came_back", 5), ("service", 3)),
    }
    insight.counts["2026-10", "rejections", "came_back"] = ["T20261005-000001"]
    insight.counts["2026-10", "rejections", ""] = ["T20261006-000002"]
    await visitor.sign_in("lead")
    page = (await visitor.get("/report?month=2026-10")).text
    row = page.split("问题又出现了")[1].split("</tr>")[0]
    assert ('<td class="number">7</td>' in row, '<td class="number">5</td>' in row) == (True, True)
    assert '<td class="number">–</td>' in page.split("未说明")[1].split("</tr>")[0], "nobody left it out in September"
    assert "没有关闭的工单" not in page
    insight.reports["2026-01"] = report_of(1)
    assert "没有关闭的工单" in (await visitor.get("/report?month=2026-01")).text
    for month in ("2026-13", "abc", "2027-05"):
        wrong = await visitor.get(f"/report?month={month}")
        assert (wrong.status_code, f'value="{month}"' in wrong.text) == (400, True), "the form is there to mend it"
    share = f'href="{ROOT}/insight/closure-confirmed?since=2026-10-01T00%3A00%3A00%2B08%3A00&amp;until=2026-11-01T'
    assert share in page
    for code, ticket in (("&code=came_back", "T20261005-000001"), ("", "T20261006-000002")):
        address = f"/report/rejections?month=2026-10{code}"
        assert f'href="{ROOT}{address}"'.replace("&", "&amp;") in page
        assert f'href="{ROOT}/board/{ticket}"' in (await visitor.get(address)).text
    within = "since=2026-10-01T00%3A00%3A00%2B08%3A00&until=2026-11-01T00%3A00%3A00%2B08%3A00"
    metric = (await visitor.get(f"/insight/closure-confirmed?{within}")).text
    assert f"others=true&amp;{within}".replace("&until", "&amp;until") in metric, "the others are of the same time"
    latest = await visitor.gateway.get("/v1/report/closure", "lead")
    assert latest.json()["month"] == "2026-10", "without a month the last one, which is over"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?month=2026-13", "month"),
        ("?month=2027-01", "month"),
        ("?month=x", "month"),
        ("/shares?month=2026-10", "section"),
    ],
)
async def test_closure_report_refuses_what_it_cannot_read_by_its_field(visitor: Visitor, path: str, field: str) -> None:
    refused = await visitor.gateway.get(f"/v1/report/closure{path}", "lead")
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    for role, status in (("dispatcher", 200), ("sre", 200), ("engineer", 403), ("subscriber", 403)):
        assert (await visitor.gateway.get("/v1/report/closure", role)).status_code == status


def test_closure_report_lines_stand_beside_those_of_the_same_section() -> None:
    line = {"section": "tags", "code": "a"}
    sections = beside([line], [{"section": "causes", "code": "a"}, {"section": "tags", "code": "a", "value": "3"}])
    assert sections["tags"] == [(line, {"section": "tags", "code": "a", "value": "3"})]
    assert sections["causes"] == []
