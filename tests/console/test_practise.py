"""The page to practise on a virtual ticket: each role's own forms, refusals at their field, a summary (R47)."""

from typing import Any

import pytest

from bus.domain.practice_steps import PHOTO, STEPS
from bus.domain.terms import State, TicketId
from console.page import ROOT
from console.pages.practise import STEP_FORMS, heading, labels
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.conftest import PERSON
from tests.gateway.test_practice_http import targets

FILLED: dict[str, dict[str, str]] = {
    "assign": {f"assignee.{name}": value for name, value in PERSON.items()},
    "accept": {},
    "start": {"substate": "on_site"},
    "reclassify": {"priority": "P1", "reason": "影响营业"},
    "resolve": {"photos": PHOTO, "summary": "更换密封圈", "root_cause": "fan"},
    "request-closure": {},
    "confirm-closure": {"confirmed_by": "陈女士"},
}
TICKS = ["fully_solved", "no_side_risk", "no_follow_up"]


async def begun(visitor: Visitor, role: str) -> str:
    """Open a virtual ticket and give the path of its page."""
    answer = await visitor.send("/practise", "/practise/begin", role=role)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix(ROOT)


def ticket_of(visitor: Visitor, page: str) -> Any:
    return visitor.gateway.store._tickets[TicketId(page.rpartition("/")[2])]


async def test_practise_r47_a_dispatcher_assigns_after_a_refusal_at_its_field_and_the_bus_plays_the_rest(
    visitor: Visitor,
) -> None:
    await visitor.sign_in("dispatcher")
    page = await begun(visitor, "dispatcher")
    assert f'href="{ROOT}{page}"' in (await visitor.get("/practise")).text, "it is found again"
    first = (await visitor.get(page)).text
    assert first.count('aria-current="step"') == 1
    assert "任何真实系统都不会收到" in first
    empty = (await visitor.send(page, f"{page}/assign")).text
    assert "缺少“角色”" in empty, "it is named as the form names it"
    for name in FILLED["assign"]:
        assert f'id="assign-{name.replace(".", "-")}-error"' in empty, "whatever is missing is shown at once"
    assert (await visitor.get(f"{page}/assign")).headers["location"] == f"{ROOT}{page}", "asked for by its address"
    refused = await visitor.send(page, f"{page}/assign", **FILLED["assign"] | {"assignee.backup_contact": ""})
    assert refused.status_code == 422
    assert 'id="assign-assignee-backup_contact-error"' in refused.text
    assert 'value="王工"' in refused.text, "what was typed stays"
    again = fields_of_form(refused.text, f"{ROOT}{page}/assign")
    assert again["key"].count("-assign") == 1, "the key does not grow with each refusal"
    assert (await visitor.send(page, f"{page}/assign", **FILLED["assign"])).status_code == 303
    assert ticket_of(visitor, page).assignee.person == "王工"
    for step in STEPS[1:]:
        shown = (await visitor.get(page)).text
        assert f"{page}/{step.name}" not in shown, "it is not the dispatcher's"
        assert f"由总线扮演{step.role.zh}办这一步" in shown
        assert (await visitor.send(page, f"{page}/play")).status_code == 303, step.name
    over = (await visitor.get(page)).text
    assert ticket_of(visitor, page).state is State.CLOSED
    for text in ("练完了", f"{ROOT}/tickets/{page[-16:]}", ticket_of(visitor, page).trace_id, "未发送"):
        assert text in over, text
    assert 'id="play"' not in over
    assert "unfinished" not in (await visitor.get("/practise")).text


@pytest.mark.parametrize("role", ["engineer", "lead", "customer"])
async def test_practise_r47_each_role_fills_in_its_own_steps(visitor: Visitor, role: str) -> None:
    await visitor.sign_in("lead")
    page = await begun(visitor, role)
    for step in STEPS:
        own = step.role.value == role
        assert (f"{page}/{step.name}" in (await visitor.get(page)).text) is own, step.name
        if own and step.name == "resolve":
            lacks: Any = {**FILLED["resolve"], "photos": ""}
            assert 'id="resolve-photos-error"' in (await visitor.send(page, f"{page}/resolve", **lacks)).text
        typed: Any = {**FILLED[step.name], **({"ticks": TICKS} if step.name == "confirm-closure" else {})}
        sent = await visitor.send(page, f"{page}/{step.name if own else 'play'}", **(typed if own else {}))
        assert sent.status_code == 303, (step.name, sent.text)
    assert ticket_of(visitor, page).state is State.CLOSED


async def test_practise_r20_a_tick_that_is_missing_is_shown_at_the_ticks(visitor: Visitor) -> None:
    await visitor.sign_in("admin")
    page = await begun(visitor, "customer")
    for _ in STEPS[:-1]:
        await visitor.send(page, f"{page}/play")
    typed: Any = {"confirmed_by": "陈女士", "ticks": TICKS[:1]}
    refused = await visitor.send(page, f"{page}/confirm-closure", **typed)
    assert (refused.status_code, 'id="confirm-closure-ticks-error"' in refused.text) == (422, True)
    assert 'value="fully_solved" checked' in refused.text
    ended = await visitor.send(page, f"{page}/end")
    assert (ended.status_code, ticket_of(visitor, page).state) == (303, State.CLOSED)
    left = (await visitor.get(ended.headers["location"].removeprefix(ROOT))).text
    assert ("未练完,已关闭" in left, "五个状态走完" in left) == (True, False)


async def test_practise_is_of_who_opened_it_and_for_no_real_ticket(visitor: Visitor) -> None:
    real = await visitor.gateway.opened()
    await visitor.sign_in("lead")
    page = await begun(visitor, "lead")
    assert (await visitor.get(f"/practise/lead/{real}")).status_code == 404
    assert (await visitor.get(f"/practise/boss/{page[-16:]}")).status_code == 404
    assert (await visitor.send("/practise", "/practise/begin", role="boss")).status_code == 404
    await visitor.sign_in("admin")
    assert (await visitor.get(page)).status_code == 404
    elsewhere = (await visitor.get(f"/board/{page[-16:]}")).text
    for words, there in (("虚拟工单</span>", True), ("a-lead 的练习", True), ("首次响应", False), ("/assign", False)):
        assert (words in elsewhere) is there, words
    await visitor.sign_in("sre")
    assert f'href="{ROOT}/practise"' in (await visitor.get("/practise")).text


async def test_practise_r47_says_what_is_delivered_and_what_is_not_and_refuses_the_step_of_an_old_page(
    visitor: Visitor,
) -> None:
    visitor.gateway.targets = targets()
    await visitor.sign_in("lead")
    page = await begun(visitor, "customer")
    before = fields_of_form((await visitor.get(page)).text, f"{ROOT}{page}/play")
    await visitor.send(page, f"{page}/play")
    shown = (await visitor.get(page)).text
    assert "会投递到 test-erp" in " ".join(shown.split())
    assert "未发送 crm" in shown
    assert "已送到" not in shown, "the target may be away"
    assert "真实工单的期限:15 分钟。" in shown
    old = await visitor.http.post(f"{ROOT}{page}/play", data={**before, "key": "other"}, headers={"Origin": HERE})
    assert (old.status_code, "这一步已办过" in old.text) == (409, True)
    assert ticket_of(visitor, page).accepted_at is None


def test_practise_names_what_a_form_must_have_and_what_happened() -> None:
    assert [one.name for one in STEPS] == [*STEP_FORMS]
    assert [one.zh for one in labels("resolve", ["photos", "x"])] == ["照片", "x"]
    assert (heading("ticket.assigned.v1").zh, heading("unknown.v1").zh) == ("指派", "unknown.v1")
