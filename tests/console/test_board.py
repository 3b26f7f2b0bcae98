"""The dispatcher's board on the console: columns, what is pinned, engineers, filters, and who sees it (R11, R15)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.domain.calendars import Calendar, Calendars
from bus.domain.terms import Substate, TicketId, WaitingFor
from bus.domain.working_time import OFF, WorkingTime
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.postgres.people_rows import PersonRow
from console.page import ROOT
from console.pages.board import dwell_colour, known, minutes
from tests.console.conftest import Visitor
from tests.gateway.conftest import PERSON
from tests.people.staff import LI, ZHAO

MARKUP = "<script>alert(1)</script>"


@pytest.fixture
async def numbers(visitor: Visitor) -> list[str]:
    """Fill the board: nobody suits the first, the second waits for the customer, the third is red."""
    gateway = visitor.gateway
    numbers = [await gateway.opened(f"SN-{n}") for n in range(3)]
    for number in numbers[1:]:
        body = {"assignee": PERSON, "reason": "就近"}
        assert (await gateway.post(f"/v1/tickets/{number}/assign", body)).status_code == 200
    lost, waits, red = (gateway.store._tickets[TicketId(one)] for one in numbers)
    assert red.state_since
    tickets = [
        replace(lost, title=MARKUP, region="西南", routing=replace(lost.routing, unroutable="region")),
        replace(
            waits, paused_for=WaitingFor.CUSTOMER, substate=Substate.PARTS, reports=3, asked=2, escalated_to="team_lead"
        ),
        replace(red, state_since=red.state_since - timedelta(hours=3)),
    ]
    gateway.store._tickets |= {one.ticket_id: one for one in tickets}
    for one in (LI, replace(ZHAO, person=f"赵{MARKUP}")):
        row = PersonRow(profile=one, changed_at=datetime(2026, 11, 30, tzinfo=UTC), open_tickets=one.capacity)
        gateway.people.rows[one.person] = row
    return numbers


async def test_board_page_shows_columns_what_is_pinned_and_engineers(visitor: Visitor, numbers: list[str]) -> None:
    await visitor.sign_in("dispatcher")
    begins = await visitor.http.get(ROOT)
    assert begins.headers["location"] == f"{ROOT}/board", "where a dispatcher begins"
    page = (await visitor.get("/board")).text
    assert [page.index(f'id="column-{one}"') for one in ("pending", "assigned", "in_progress", "resolved", "closed")]
    pinned, columns = page.split('<div class="board">')
    for shown in (f'id="lost-{numbers[0]}"', "未指派 1", "无人可派 1", "无人接收 0"):
        assert shown in pinned, shown
    for shown in (
        "等待客户",
        "备件调拨",
        "合并 3 次报修",
        "客户催 2 次",
        "已升级给 班组长",
        "王工",
        "(备份 李工)",
        "未接单",
        "首次响应 剩",
        "工时停留 3 小时",
        "在班",
        '<span class="small">硬件故障',
    ):
        assert shown in columns, shown
    assert columns.count('class="ticket bad"') == 1
    assert f'href="{ROOT}/board/{numbers[1]}"' in columns
    assert '<span class="full">3 / 3</span>' in columns
    assert MARKUP not in page
    assert "13800000001" not in page, "no contact is on the board"


async def test_board_page_says_that_no_time_counts_outside_working_hours() -> None:
    closed = Calendar(name="closed", title="不上班", working=WorkingTime(zone="Asia/Shanghai", week=(OFF,) * 7))
    visitor = Visitor(parts={"calendars": Calendars(by_name={"closed": closed}, default="closed", lists={})})
    async with visitor.gateway.group.running(), visitor.http:
        number = await visitor.gateway.opened("SN-night")
        await visitor.sign_in("dispatcher")
        page = (await visitor.get("/board")).text
        assert f"{number}</a> 不到 1 分钟 · 非工作时间" in page.split('<div class="board">')[0]
        assert "工时停留 不到 1 分钟 · 非工作时间" in page.split(f'id="ticket-{number}"')[1]
        back = (await visitor.get(f"/board/{number}")).text
    assert f'href="{ROOT}/board#ticket-{number}"' in back


async def test_board_page_is_filtered_and_goes_on_in_one_column(visitor: Visitor, numbers: list[str]) -> None:
    for n in range(30):
        await visitor.gateway.opened(f"SN-more-{n}")
    await visitor.sign_in("lead")
    page = (await visitor.get("/board?region=%E8%A5%BF%E5%8D%97")).text
    assert all((one in page) is (one == numbers[0]) for one in numbers)
    assert 'value="西南"' in page
    assert numbers[0] not in (await visitor.get("/board?person=%E7%8E%8B%E5%B7%A5")).text
    assert "没有工单符合筛选" not in page
    nothing = (await visitor.get("/board?region=east&type=hardware")).text
    assert "没有工单符合筛选,请核对写法: east · hardware" in nothing
    assert '<option value="hardware" selected>hardware</option>' in nothing, "a type that nobody declared"
    named = await visitor.get("/board?type=complaint")
    assert ('<option value="complaint" selected>投诉</option>' in named.text, numbers[0] in named.text) == (True, False)
    await visitor.send("/board", "/language/en")
    assert '<option value="hardware_fault">hardware fault</option>' in (await visitor.get("/board")).text
    await visitor.send("/board", "/language/zh")
    first = (await visitor.get("/board?region=east")).text
    assert "还有 5 张" in first
    address = first.split("还有 5 张")[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    rest = (await visitor.http.get(address)).text
    assert (rest.count("data-card"), "回到整个派单台" in rest, "column-assigned" in rest) == (5, True, False)
    assert (await visitor.get("/board?after=x")).status_code == 400


async def test_board_page_is_of_the_regions_of_who_looks_and_of_their_role(
    visitor: Visitor, numbers: list[str]
) -> None:
    own = Binding(bound=True, regions=("西南",), person="李组长")
    visitor.gateway.clients.known["west"] = Client(name="west", role=Role.LEAD, binding=own)
    await visitor.sign_in("west")
    page = (await visitor.get("/board")).text
    assert all((one in page) is (one == numbers[0]) for one in numbers)
    await visitor.sign_in("engineer")
    assert (await visitor.get("/board")).status_code == 403


@pytest.mark.parametrize(
    ("card", "colour"),
    [
        ({"red": True, "working_s": 9, "red_after_s": 7}, "bad"),
        ({"red": False, "working_s": 4, "red_after_s": 8}, "warn"),
        ({"red": False, "working_s": 3, "red_after_s": 8}, "none"),
    ],
)
def test_board_page_dwell_has_its_colour(card: dict[str, Any], colour: str) -> None:
    assert dwell_colour(card) == colour


def test_board_page_counts_whole_minutes_and_knows_the_words_to_filter_by() -> None:
    assert [minutes(one) for one in (59.9, 60, -61)] == [0, 60, 60]
    lanes = [{"person": "李工", "regions": ["华东"], "types": []}]
    cards = [{"region": "", "type": "complaint"}, {"region": "华南", "type": "complaint"}]
    assert known({"columns": [{"cards": cards}], "lanes": lanes}, {"type": "own"}) == {
        "region": ["华东", "华南"], "type": ["complaint", "own"], "person": ["李工"],
    }  # fmt: skip
