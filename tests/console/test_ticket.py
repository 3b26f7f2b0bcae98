"""A ticket's page: who answers, why this engineer, and each thing that can be done to its effect (R6, R8, R26)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bus.domain.routed import RankedPerson, TicketRouted, Unfit
from bus.domain.routing_rules import RoutingMode
from bus.domain.terms import State, TicketId
from bus.domain.text import Text
from bus.domain.values import Collaborator
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.postgres.people_rows import PersonRow
from console.gateway_api import GatewayApi, in_process
from console.page import ROOT, Asked
from console.pages.ticket import PAGE, load_text, said, talk, waits_for
from console.render import Templates
from console.security import COOKIE
from console.ticket_forms import FORMS, body_of, offered
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.conftest import PERSON
from tests.gateway.fake_alerts import OPEN
from tests.gateway.test_devices_http import repair
from tests.people.staff import LI, WANG

MARKUP = "<script>alert(1)</script>"
TYPED = {f"assignee.{name}": value for name, value in PERSON.items()}
AT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
async def number(visitor: Visitor) -> str:
    """Open a ticket."""
    return await visitor.gateway.opened("SN-1")


def state_of(visitor: Visitor, number: str) -> Any:
    return visitor.gateway.store._tickets[TicketId(number)]


async def test_ticket_page_r6_assigns_with_backup_and_shows_a_refusal_at_its_field(
    visitor: Visitor, number: str
) -> None:
    await visitor.sign_in("dispatcher")
    page = f"/board/{number}"
    refused = await visitor.send(page, f"{page}/assign", **{**TYPED, "assignee.backup_contact": "", "reason": MARKUP})
    assert refused.status_code == 422
    assert 'id="assign-assignee-backup_contact-error"' in refused.text
    assert refused.text.count('aria-invalid="true"') == 1
    assert 'value="王工"' in refused.text, "what was typed stays"
    assert MARKUP not in refused.text
    assert state_of(visitor, number).state is State.PENDING
    for typed, field, words, count in (
        ({}, "assignee-role", "缺少“角色”", 5),
        ({**TYPED, "assignee.backup_person": "王工"}, "assignee-backup_person", "“王工”不能给自己备份", 1),
    ):
        shown = (await visitor.send(page, f"{page}/assign", **typed)).text
        assert f'id="assign-{field}-error">{words}' in shown, field
        assert shown.count('aria-invalid="true"') == count, "whatever is missing is marked"
    done = await visitor.send(page, f"{page}/assign", **TYPED, reason="就近")
    assert done.headers["location"] == ROOT + page
    shown = (await visitor.get(page)).text
    ticket = state_of(visitor, number)
    assert (ticket.assignee.person, ticket.assignee.backup_person, ticket.assigner) == ("王工", "李工", "a-dispatcher")
    for text in ("已指派", "由 王工 负责,尚未接单", "(备份 李工)", "就近", "a-dispatcher"):
        assert text in shown, text
    again = (await visitor.send(page, f"{page}/assign", **{**TYPED, "assignee.person": "赵工"})).text
    assert 'id="assign-reason-error">缺少“原因”:改派须写明原因' in again

    stale = {**TYPED, "assignee.person": "赵工", "reason": "换人", "handler": ""}  # as the page was before
    late = await visitor.send(page, f"{page}/assign", **stale)
    assert (late.status_code, "处理人已变为“王工”" in late.text) == (409, True)
    assert state_of(visitor, number).assignee.person == "王工"
    fields = fields_of_form(late.text, f"{ROOT}{page}/assign")
    assert (fields["handler"], fields["key"].count("-assign")) == ("王工", 1)
    assert (await visitor.send(page, f"{page}/assign", **{**stale, "handler": "王工"})).status_code == 303


async def test_ticket_page_r8_r26_tells_who_answers_why_them_and_the_device_s_past(
    visitor: Visitor, number: str
) -> None:
    gateway = visitor.gateway
    gateway.repairs["SN-1"] = [repair(1), replace(repair(2), title=MARKUP)]
    store = gateway.store
    ranking = (RankedPerson(person="王师傅", score=7100, load=90), RankedPerson(person="李工", unfit=Unfit.FULL))
    routed = TicketRouted(mode=RoutingMode.SUGGEST, person="王师傅", unroutable="", ranking=ranking, more=2)
    log = store.log[TicketId(number)]
    log.append(replace(log[0], version=2, event=routed))
    for one in (LI, WANG):
        gateway.people.rows[one.person] = PersonRow(profile=one, changed_at=AT)
    store._tickets[TicketId(number)] = replace(state_of(visitor, number), serial="SN-1")
    await visitor.sign_in("dispatcher")
    page = (await visitor.get(f"/board/{number}")).text
    for text in (
        "首次响应",
        "7100",
        "已满",
        "另有 2 人不合适",
        "更换主控板",
        "PCB-02 × 1",
        "T20261101-000001",
        "无人负责",
    ):
        assert text in page, text
    assert MARKUP not in page
    assert "13800000001" not in page, "contacts are read once somebody is chosen"
    assert '<select name="to" required><option value="">' in page, "nobody is chosen beforehand"
    assert '<option value="王师傅">王师傅 · ' in page, "how much they have stands beside their names"
    assert f'<option value="{WANG.role}">' in page.split('<select id="assign-assignee-role"')[1].split("</select>")[0]
    chosen = (await visitor.get(f"/board/{number}?to=王师傅")).text
    form = fields_of_form(chosen, f"{ROOT}/board/{number}/assign")
    assert [form[f"assignee.{name}"] for name in ("person", "contact", "backup_person", "backup_contact")] == [
        "王师傅", "13800000001", "李工", "13800000002",
    ]  # fmt: skip
    assert [one.client for one in gateway.people.readers] == ["a-dispatcher"] * 2, "that they were read is recorded"
    assert 'value="没有"' in (await visitor.get(f"/board/{number}?to=没有")).text


async def test_ticket_page_each_command_that_is_legal_is_offered_and_takes_effect(
    visitor: Visitor, number: str
) -> None:
    await visitor.sign_in("admin")
    page = f"/board/{number}"

    async def do(command: str, **typed: str) -> None:
        answer = await visitor.send(page, f"{page}/{command}", **typed)
        assert answer.status_code == 303, (command, answer.text)

    await do("assign", **TYPED)
    await do("accept")
    await visitor.gateway.post(f"/v1/tickets/{number}/start", {"substate": "on_site"})
    await do("pause", waiting_for="parts", reason="等主板")
    paused = (await visitor.get(page)).text
    assert ("等待备件</span> 等主板" in paused, f"{page}/pause" in paused) == (True, False)
    assert 'role="status">已挂起</p>' in paused, "and not what pausing a target says"
    await do("resume", reason="主板已到")
    await do("note", text="客户下午在家\n请先电话")
    await do("ask-progress", asked_by="陈女士", text="几点来")
    assert f"{page}/remove-collaborator" not in (await visitor.get(page)).text, "nobody is there to remove"
    helped = replace(state_of(visitor, number), collaborators=(Collaborator(person="李工", part="电路"),))
    visitor.gateway.store._tickets[TicketId(number)] = helped
    await do("remove-collaborator", person="李工", reason="已完成")
    await do("escalate", to="team_lead", reason="客户着急")
    shown = (await visitor.get(page)).text
    assert ("已升级给 班组长</span>" in shown, ";已升级给 班组长" in shown) == (True, True)
    assert f"{page}/ask-closure-code" not in shown, "nobody is asked yet"
    assert "升级</strong>" in shown
    assert "班组长" in shown.split("客户着急")[0][-120:], "no code among the words"
    await do("reclassify", priority="P1", reason="影响营业")
    await do("return", reason="不会修")
    ticket = state_of(visitor, number)
    assert (ticket.state, ticket.pauses, ticket.asked) == (State.PENDING, 1, 1)
    shown = (await visitor.get(page)).text
    assert shown.index("不会修") < shown.index("影响营业") < shown.index("几点来") < shown.index("客户下午在家")


async def test_ticket_page_a_role_sees_what_it_may_and_no_more(visitor: Visitor, number: str) -> None:
    dispatchers = {"assign", "note", "reclassify", "escalate", "ask-progress", "start-work-order"}
    offers = {
        "dispatcher": dispatchers | {"add-collaborator"},
        "sre": set[str](),
        "engineer": {"note", "start-work-order"},
        "subscriber": set[str](),
    }
    for role, wanted in offers.items():
        await visitor.sign_in(role)
        answer = await visitor.get(f"/board/{number}")
        assert answer.status_code == (403 if role == "subscriber" else 200), role
        assert {one.name for one in PAGE.actions if f'/board/{number}/{one.name}"' in answer.text} == wanted, role
    assert (await visitor.get("/board/T20260101-000009")).status_code == 403
    await visitor.sign_in("sre")
    assert (await visitor.get("/board/T20260101-000009")).status_code == 404
    csrf = fields_of_form((await visitor.get(f"/board/{number}")).text, f"{ROOT}/sign-out")["csrf"]
    sent = {"csrf": csrf, "key": "k", "command": "note", "text": "x"}
    refused = await visitor.http.post(f"{ROOT}/board/{number}/note", data=sent, headers={"Origin": HERE})
    assert (refused.status_code, state_of(visitor, number).version) == (403, 1)


async def test_ticket_page_leads_to_the_board_where_the_ticket_is_no_longer_of_the_client_s_regions(
    visitor: Visitor, number: str
) -> None:
    store = visitor.gateway.store
    store._tickets[TicketId(number)] = replace(state_of(visitor, number), region="华东")
    east = Client(name="east", role=Role.DISPATCHER, binding=Binding(bound=True, regions=("华东",)))
    visitor.gateway.clients.known["east"] = east
    await visitor.sign_in("east")
    page = f"/board/{number}"
    form = (await visitor.get(page)).text.split(f'{page}/reclassify"')[1].split("</form>")[0]
    assert '<option value="hardware_fault">硬件故障</option>' in form, "by its name"
    stays = await visitor.send(page, f"{page}/reclassify", priority="P1", reason="影响营业")
    assert stays.headers["location"] == ROOT + page
    gone = await visitor.send(page, f"{page}/reclassify", region="华南", reason="填错")
    assert gone.headers["location"] == f"{ROOT}/board"
    assert 'role="status">已更改</p>' in (await visitor.get("/board")).text
    assert state_of(visitor, number).region == "华南"


async def test_ticket_page_r23_scene_tags_are_ticked_and_replaced(visitor: Visitor, number: str) -> None:
    store = visitor.gateway.store
    store._tickets[TicketId(number)] = replace(state_of(visitor, number), state=State.CLOSED)
    await visitor.sign_in("dispatcher")
    page = f"/board/{number}"
    both: Any = {"tags": ["after_move", "power_cut"]}
    assert (await visitor.send(page, f"{page}/tag", **both)).status_code == 303
    shown = (await visitor.get(page)).text
    assert ('none">搬家移机后</span>' in shown, shown.count('name="tags"'), shown.count(" checked>")) == (True, 2, 2)
    wrong = await visitor.send(page, f"{page}/note")
    assert (wrong.status_code, wrong.text.count(" checked>")) == (422, 2), "another form leaves them"
    assert (await visitor.send(page, f"{page}/tag", **{**both, "tags": ["power_cut"]})).status_code == 303
    assert state_of(visitor, number).tags == ("power_cut",)
    listed = (await visitor.gateway.get("/v1/scene-tags", "engineer")).json()["tags"]
    assert {"tag": "power_cut", "zh": "停电之后", "en": "after a power cut"} in listed
    assert (await visitor.gateway.get("/v1/scene-tags", "host")).status_code == 403


async def test_ticket_page_says_that_the_ticket_has_changed_and_reads_no_customer_for_it(
    visitor: Visitor, number: str
) -> None:
    await visitor.sign_in("dispatcher")
    shown = (await visitor.get(f"/board/{number}")).text
    assert f"/console/live?page=%2Fconsole%2Fboard%2F{number}%3Fseen%3D1" in shown
    assert "重新载入" not in shown
    session = visitor.sessions.open(visitor.http.cookies[COOKIE], visitor.now())
    assert session
    asked = Asked(
        api=GatewayApi(in_process(visitor.gateway.app)), session=session, now=visitor.now(), path={"ticket": number},
        query={"seen": "1"},
    )  # fmt: skip

    async def news() -> str:
        assert PAGE.watch
        found = await PAGE.watch(asked)
        assert "customer" not in found["ticket"]
        return Templates().block("ticket.html", "live", {"now": asked.now, **found}, "zh")

    assert "重新载入" not in await news()
    await visitor.gateway.post(f"/v1/tickets/{number}/note", {"text": "x"})
    assert f'<a href="{ROOT}/board/{number}">重新载入</a>' in await news()


async def test_ticket_page_a_lead_acknowledges_its_escalation(visitor: Visitor, number: str) -> None:
    late = replace(OPEN, rule="sla_escalation", about=f"{number} resolution", ticket_id=number, zh="工单已超时")
    visitor.alerts.alerts[1] = late
    await visitor.sign_in("lead")
    page = f"/board/{number}"
    assert "工单已超时" in (await visitor.get(page)).text
    await visitor.send(page, f"{page}/acknowledge", why="已电话联系")
    assert (visitor.alerts.alerts[1].acked_by, visitor.alerts.alerts[1].acked_why) == ("a-lead", "已电话联系")
    shown = (await visitor.get(page)).text
    assert ("已电话联系" in shown, f"{page}/acknowledge" in shown) == (True, False)


def test_ticket_page_says_beside_a_name_how_much_they_have_and_whether_they_work_now() -> None:
    li = {"person": "李工", "open_tickets": 2, "capacity": 3, "on_shift": True}
    assert load_text(li) == Text("李工 · 2/3", "李工 · 2/3")
    assert load_text({**li, "open_tickets": 7, "on_shift": False}) == Text(
        "李工 · 7/3 已满 不在班", "李工 · 7/3, full, off shift"
    )


def test_ticket_forms_leave_empty_fields_out_and_nest_dotted_ones() -> None:
    forms = {one.name: one for one in FORMS}
    typed = [("assignee.person", " 王工 "), ("assignee.contact", " "), ("reason", "x"), ("csrf", "s")]
    assert body_of(forms["assign"], typed) == {"assignee": {"person": "王工"}, "reason": "x"}
    assert body_of(forms["assign"], []) == {"assignee": {}}, "so that its fields are named as missing"
    ticks = [("ticks", "fully_solved"), ("ticks", "no_side_risk"), ("confirmed_by", "陈女士")]
    assert body_of(forms["confirm-closure"], ticks) == {
        "confirmed_by": "陈女士", "ticks": ["fully_solved", "no_side_risk"],
    }  # fmt: skip
    names = [*forms]
    assert [one.name for one in offered("closed", names, paused=False)] == [
        "note", "ask-progress", "tag", "reopen",
    ]  # fmt: skip
    assert "resume" not in {one.name for one in offered("in_progress", names, paused=False)}


def test_ticket_page_says_what_an_event_has_in_words_and_why_it_waits() -> None:
    paused = {"event_type": "work.paused.v1", "actor": "王工", "occurred_at": "x", "waiting_for": "customer",
              "reason": "不在家"}  # fmt: skip
    told = said(paused)
    assert told is not None
    assert [getattr(one, "zh", one) for one in told["texts"]] == ["等待客户", "不在家"]
    assert said({**paused, "event_type": "sla.warned.v1"}) is None
    assert (waits_for([paused, {**paused, "event_type": "note.added.v1"}]), waits_for([])) == ("不在家", "")


def test_ticket_page_says_of_what_was_reported_after_something_later_when_that_was() -> None:
    times = [("2026-11-30T01:00:00+00:00", 1), ("2026-11-30T02:00:00Z", 2), ("2026-11-30T09:30:00+08:00", 3)]
    events = [
        {"event_type": "note.added.v1", "actor": "王工", "text": "x", "occurred_at": at, "recorded_at": f"at {n}"}
        for at, n in times
    ]
    assert [one["reported_at"] for one in talk(events)] == [None, None, "at 3"]
