"""The monthly closure report, by the command that people type (R23, R24)."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bus.domain.closing_commands import RejectClosure, RequestClosure, Tag
from bus.domain.inside_commands import FollowUpClosure
from bus.domain.time_text import CHINA
from bus.insight.closure_report import ClosureReport, CountedCode, month_of, read_counted_tickets
from bus.insight.closure_report_text import ReportWords, csv_text, html_text, plain_lines
from bus.insight.figures import figure_of
from bus.insight.metric import Judgement
from bus.insight.metrics.closure_confirmed import CLOSURE_CONFIRMED
from bus.local.stack import Urls
from bus.postgres.pool import connected
from tests.bus_under_test import Bus, bus_on
from tests.domain.given import request
from tests.domain.people import CLOSED, CONFIRM, RESOLVE, RULES
from tests.insight.test_figures import DAY, HOUR, Lives, opening

FIRST = datetime(2026, 10, 1, tzinfo=CHINA)
IN = FIRST + 5 * DAY
ASKED = (*CLOSED[1:-1],)


def rejection(code: str) -> RejectClosure:
    """Say no, with a reason of the list or none."""
    return RejectClosure(rejected_by="陈女士", reason="不行", reason_code=code)


@pytest.fixture
def bus(parts: Urls, tmp_path: Any) -> Iterator[Bus]:
    with bus_on(parts, tmp_path) as made:
        yield made


async def _month(bus: Bus) -> None:
    """Let tickets live whose answers lie in a month, and some beside it."""
    async with bus.core() as core:
        lives = Lives(core)
        for number in (1, 2):
            await lives.lived(opening(number), *CLOSED[1:], Tag(tags=("after_move",)), at=IN)
        await lives.lived(opening(3), *ASKED, rejection("came_back"), RESOLVE, RequestClosure(), CONFIRM, at=IN)
        await lives.lived(opening(4), *ASKED, rejection("came_back"), at=IN)
        await lives.lived(opening(5), *ASKED, rejection(""), at=FIRST + 31 * DAY - HOUR)
        late = await lives.lived(opening(6), *ASKED, at=IN)
        wanted = request(FollowUpClosure(), 9_000, at=IN + 8 * DAY, ticket_id=late)
        await core.dispatcher.dispatch([wanted])
        for number, at in ((7, FIRST - HOUR), (8, FIRST + 31 * DAY)):  # the months beside it
            tags = Tag(tags=("peak_season",))
            await lives.lived(opening(number), *ASKED, rejection("service"), RESOLVE, RequestClosure(), at=at)
            await lives.lived(opening(number + 10), *CLOSED[1:], tags, at=at)
        await lives.lived(opening(9), *CLOSED[1:], at=IN, historic=True)
        await lives.keep()


async def test_closure_report_tells_what_a_month_taught_and_never_how_many_were_closed_r24(
    bus: Bus, tmp_path: Path
) -> None:
    await _month(bus)
    html, rows = tmp_path / "r.html", tmp_path / "r.csv"
    done = bus.run("report", "closure", "--month", "2026-10", "--html", str(html), "--csv", str(rows), "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    shares = {
        one["code"]: (one["value"], one["numerator"], one["denominator"]) for one in lines if one["section"] == "shares"
    }
    assert shares["closure-confirmed"] == ("42.9%", "3", "7")
    assert [*shares] == ["first-time-fix", "closure-confirmed", "knowledge-reuse"]

    def counted(section: str) -> dict[str, str]:
        return {one["code"]: one["value"] for one in lines if one["section"] == section}

    assert counted("rejections") == {"came_back": "2", "": "1"}
    assert counted("tags") == {"after_move": "2"}
    assert counted("causes") == {"control_board": "4"}
    async with bus.core() as core, connected(core.pool) as connection:
        month = month_of(FIRST, core.dispatcher.rules.dedupe_window)
        for section in ("rejections", "tags", "causes"):
            for code, count in counted(section).items():
                tickets = await read_counted_tickets(connection, section, code, month, most=9)
                assert len(tickets) == int(count), (section, code)
        assert len(await read_counted_tickets(connection, "causes", "control_board", month, most=3)) == 3
    page = html.read_text(encoding="utf-8")
    words = ("月度闭环报告", "2026-10", "确认通过率", "问题又出现了", "搬家移机后", "主控板故障", "未说明", "42.9%")
    assert [one for one in words if one not in page] == []
    assert "旺季高峰" not in page
    assert len(list(csv.reader(io.StringIO(rows.read_text(encoding="utf-8-sig"))))) == 1 + len(lines)
    shown = bus.run("report", "closure", "--month", "2026-10").stdout.splitlines()
    assert (shown[0], len(shown)) == ("月度闭环报告 / Monthly closure report 2026-10", 1 + 4 + len(lines))
    wrong = bus.run("report", "closure", "--html", str(tmp_path / "no" / "such" / "r.html"))
    assert (wrong.returncode, "cannot be written" in wrong.stderr) == (2, True)


def test_closure_report_is_written_chinese_first_and_escaped_r24() -> None:
    window = month_of(IN, RULES.dedupe_window)
    figure = figure_of(CLOSURE_CONFIRMED, window, [], was=Judgement.OK)
    report = ClosureReport(
        since=window.since,
        until=window.until,
        shares=[(CLOSURE_CONFIRMED, figure)],
        rejections=[CountedCode(code="came_back", tickets=2), CountedCode(code="<gone>", tickets=1)],
        tags=[],
        root_causes=[],
    )
    words = ReportWords(RULES.closure.rejection_reasons, RULES.closure.scene_tags, {})
    assert plain_lines(report, words) == [
        "月度闭环报告 / Monthly closure report 2026-10",
        "比率 / Shares:",
        "         -  确认通过率 / Confirmation pass rate  (0/0)",
        "客户驳回原因 / Why customers rejected:",
        "         2  问题又出现了 / the problem came back",
        "         1  <gone> / <gone>",
        "场景标签前十 / Top ten scene tags: 无 / none",
        "根因前十 / Top ten root causes: 无 / none",
    ]
    page = html_text(report, words)
    assert ("<gone>" in page, page.count("&lt;gone&gt;"), page.count("<p>无 / none</p>")) == (False, 3, 2)
    assert "客户驳回原因 / Why customers rejected,came_back,问题又出现了,the problem came back,2" in csv_text(
        report, words
    )


def test_closure_report_a_month_is_chinas_r24() -> None:
    window = month_of(datetime(2026, 2, 1), RULES.dedupe_window)  # noqa: DTZ001 - as typer reads it
    assert (window.since.isoformat(), window.until.isoformat()) == (
        "2026-02-01T00:00:00+08:00",
        "2026-03-01T00:00:00+08:00",
    )
