"""The pages beside the board: the morning's list, dwell, metrics with their tickets, the ten questions, calendars."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.domain.terms import TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.insight.figures import MetricCase
from bus.insight.selfcheck import QuestionAnswer
from bus.insight.task_store import InsightTask
from console.page import ROOT
from console.pages.dwell import heat, step
from console.pages.insight import by_cause, percent
from tests.console.conftest import Visitor
from tests.domain.test_drift_list import listed
from tests.gateway.conftest import PERSON
from tests.gateway.test_dwell_http import LATE

MARKUP = "<script>alert(1)</script>"
AT = datetime(2026, 11, 30, tzinfo=UTC)


async def test_drift_page_r9_lists_who_drifts_and_what_changed_since_the_list_before(visitor: Visitor) -> None:
    gateway = visitor.gateway
    await visitor.sign_in("dispatcher")
    assert "还没有早会清单" in (await visitor.get("/drift")).text
    number = await gateway.opened()
    for person in ("王工", "赵工"):
        body = {"assignee": {**PERSON, "person": person}, "reason": "就近"}
        await gateway.post(f"/v1/tickets/{number}/assign", body)
    ticket = gateway.store._tickets[TicketId(number)]
    assert ticket.handed_over_at
    drifts = replace(ticket, handed_over_at=ticket.handed_over_at - LATE, title=MARKUP)
    gateway.store._tickets[ticket.ticket_id] = drifts
    gateway.drift_lists += [listed(1, 2), listed(2, 3, days=-3)]
    page = (await visitor.get("/drift")).text
    assert (MARKUP in page, "连续两次未接单" in page, "指派 ·" in page) == (False, True, True)
    assert f'href="{ROOT}/board/{number}"' in page
    assert [page.index(word) for word in ("新增", "仍在", "已消除")] == sorted(
        page.index(word) for word in ("新增", "仍在", "已消除")
    )
    of_day = (await visitor.get("/drift?date=2026-11-30")).text
    assert ("责任漂移预警清单" in of_day, number in of_day) == (True, False)
    assert (await visitor.get("/drift?date=yesterday")).status_code == 400


async def test_dwell_page_r15_is_a_table_whose_fields_grow_hotter(visitor: Visitor) -> None:
    numbers = [await visitor.gateway.opened(f"SN-{n}") for n in range(2)]
    ticket = visitor.gateway.store._tickets[TicketId(numbers[0])]
    assert ticket.state_since
    late = replace(ticket, state_since=ticket.state_since - LATE, region="华东")
    visitor.gateway.store._tickets[ticket.ticket_id] = late
    await visitor.sign_in("lead")
    page = (await visitor.get("/dwell")).text
    assert page.index('class="heat-4"') < page.index('class="heat-0"'), "the hottest region first"
    assert ("红 1" in page, f'href="{ROOT}/board/{numbers[0]}"' in page) == (True, True)
    assert f'href="{ROOT}/board/{numbers[1]}"' not in page


async def test_insight_page_each_metric_has_its_tickets_one_click_away(visitor: Visitor) -> None:
    insight = visitor.gateway.insight
    insight.known = [MetricCase(subject="T20261101-000001", cause="leakage"), MetricCase(subject="letter:7", cause="")]
    task = InsightTask(
        task=1, kind="review", about="", metric="first-time-fix", units=40, hits=30, since=AT, until=AT,
        tickets=["T20261101-000009"], product="", batch="", causes=[], opened_at=AT, back_at=None, done_at=None,
        done_by="", done_why="",
    )  # fmt: skip
    insight.open_tasks = [task, replace(task, task=2, done_at=AT, tickets=["T20261101-000010"])]
    await visitor.sign_in("lead")
    page = (await visitor.get("/insight")).text
    assert ("75.0 %" in page, "30 / 40" in page, "越限" in page) == (True, True, True)
    assert ("T20261101-000009" in page, "T20261101-000010" in page) == (True, False)
    assert f'href="{ROOT}/insight/first-time-fix"' in page
    one = (await visitor.get("/insight/first-time-fix")).text
    assert f'href="{ROOT}/board/T20261101-000001"' in one
    assert f'href="{ROOT}/letters/7"' in one
    assert "T20261101" not in (await visitor.get("/insight/first-time-fix?others=true")).text
    assert (await visitor.get("/insight/nothing")).status_code == 404
    own = Binding(bound=True, regions=("西南",))
    visitor.gateway.clients.known["west"] = Client(name="west", role=Role.LEAD, binding=own)
    await visitor.sign_in("west")
    for path in ("/insight", "/selfcheck"):
        refused = await visitor.get(path)
        assert (refused.status_code, "不能订阅或统计全部" in refused.text) == (403, True)
        assert f'href="{ROOT}{path}"' not in (await visitor.get("/board")).text, "what is refused is not in the menu"


async def test_selfcheck_page_answers_ten_questions(visitor: Visitor) -> None:
    insight = visitor.gateway.insight
    insight.answers = {
        "identified": QuestionAnswer(question="identified", cases=9, kept=8, against=["T20261101-000001"]),
        "one-master": QuestionAnswer(question="one-master", cases=9, kept=9, against=[]),
    }
    await visitor.sign_in("dispatcher")
    page = (await visitor.get("/selfcheck?days=7")).text
    assert [page.count(f">{word}</span>") for word in ("否", "是", "无从判断")] == [1, 1, 8]
    assert ("ticketbus trace T20261101-000001" in page, "docs/incident-keys.md" in page) == (True, True)
    await visitor.get("/selfcheck?days=-1")
    assert insight.days == [7, 30]
    for query, status in (("days=366", 200), ("days=0", 400), ("days=367", 400), ("days=x", 400)):
        assert (await visitor.gateway.get(f"/v1/selfcheck?{query}")).status_code == status
    assert (await visitor.gateway.get("/v1/selfcheck", "engineer")).status_code == 403


async def test_calendars_page_says_who_works_now(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    page = (await visitor.get("/calendars")).text
    for text in ("全天候", "非工作时间", "默认", '2027 <span class="mark warn">暂定</span>', "2027 年的节假日"):
        assert text in page, text
    calendars = (await visitor.gateway.get("/v1/calendars", "lead")).json()["calendars"]
    assert {"year": 2026, "announced": True} in [year for one in calendars for year in one["years"]]
    assert (await visitor.gateway.get("/v1/calendars", "engineer")).status_code == 403


def test_dwell_page_fields_have_a_step_by_their_share_of_red() -> None:
    places = [{"region": region, "state": "pending", "tickets": 10, "red": red} for region, red in (("b", 0), ("a", 5))]
    assert [*heat(places)] == ["a", "b"]
    assert [step({"tickets": 10, "red": red}) for red in (0, 1, 2, 5, 9)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("share", "shown"), [(None, "–"), (0.5, "50.0 %"), (1 / 3, "33.3 %")])
def test_insight_page_shows_shares(share: float | None, shown: str) -> None:
    assert percent(share) == shown
    cases = [{"subject": "a", "cause": "x"}, {"subject": "b", "cause": "y"}, {"subject": "c", "cause": "y"}]
    assert by_cause(cases) == {"y": ["b", "c"], "x": ["a"]}
