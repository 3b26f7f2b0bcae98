"""A work order on a ticket's page: begun, signed with values and photos, approved and cancelled by who may (R48)."""

from dataclasses import replace

import pytest

from bus.domain.terms import TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from console.gateway_api import ApiProblem
from console.page import ROOT
from console.work_order_forms import signing_body, work_order_forms
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.conftest import PERSON

PHOTO = "oss://p/1.jpg"
X = {"key": "x", "zh": "电阻", "en": "resistance", "unit": "", "low": None, "high": None}


@pytest.fixture
async def page(visitor: Visitor) -> str:
    """Give the page of a ticket that 王工 works on, with 李工 standing in; their tokens have their names."""
    gateway = visitor.gateway
    number = await gateway.opened("SN-1")
    for name, body in (("assign", {"assignee": PERSON}), ("start", {"substate": "on_site"})):
        assert (await gateway.post(f"/v1/tickets/{number}/{name}", body)).status_code == 200
    for token, role, person in (("wang", Role.ENGINEER, "王工"), ("li", Role.LEAD, "李工")):
        binding = Binding(bound=True, person=person)
        gateway.clients.known[token] = Client(name=token, role=role, binding=binding)
    return f"/board/{number}"


async def test_work_order_page_r48_is_signed_and_approved_step_by_step(visitor: Visitor, page: str) -> None:
    await visitor.sign_in("wang")

    async def do(name: str, **typed: str) -> str:
        answer = await visitor.send(page, f"{page}/{name}", **typed)
        return answer.text if answer.status_code != 303 else (await visitor.get(page)).text

    assert '<option value="electrical-repair">' in (await visitor.get(page)).text
    begun = await do("start-work-order", template="electrical-repair")
    assert ('role="status">作业单已启动' in begun, "start-work-order" in begun) == (True, False)
    assert 'id="sign-step-photos-error">缺少“照片(' in await do("sign-step", step="cut-power")
    signed = await do("sign-step", step="cut-power", photos=PHOTO)
    offered = [f"{page}/{one}" in signed for one in ("sign-step", "approve-step", "reject-step", "cancel-work-order")]
    assert ("待批准" in signed, offered) == (True, [False] * 4), "nobody approves what they signed"

    await visitor.sign_in("lead")
    stranger = await do("approve-step", step="cut-power", level="safety")
    assert 'class="field-error">安全签核须由人员名录中的人' in stranger, "at the form that was sent"
    await visitor.sign_in("li")
    approved = await do("approve-step", step="cut-power", level="safety")
    assert ("安全签核 李工" in approved, f"{page}/sign-step" in approved) == (True, False)

    await visitor.sign_in("wang")
    assert f'name="photos" value="{PHOTO}"' in (await visitor.get(page)).text, "a proof of the ticket is chosen"
    assert 'role="status">已签核' in await do("sign-step", step="repair", photos=PHOTO)
    measured = {"step": "insulation", "values.resistance": "x", "values.leakage": "0.5"}
    assert 'id="sign-step-values-resistance-error">请填一个数' in await do("sign-step", **measured)
    low = await do("sign-step", **{**measured, "values.resistance": "1"})
    assert ('id="sign-step-values-resistance-error"' in low, "绝缘电阻(MΩ ≥ 2)" in low) == (True, True)
    assert "应为 2 ≤ 绝缘电阻 MΩ:处理后重新测量" in low
    shown = await do("sign-step", **{**measured, "values.resistance": "5.2"})
    assert ("绝缘电阻 5.2 MΩ" in shown, "签核步骤</strong>" in shown) == (True, True)
    assert ('words">cut-power<' in shown, 'words">safety<' in shown, 'words">安全签核<' in shown) == (
        False,
        False,
        True,
    )

    await visitor.sign_in("li")
    assert 'role="status">已撤销作业单' in await do("cancel-work-order", reason="换模板")
    assert visitor.gateway.store._tickets[TicketId(page.rpartition("/")[2])].work_order is None


async def test_work_order_page_r48_says_that_the_order_has_moved_on(visitor: Visitor, page: str) -> None:
    await visitor.sign_in("wang")
    await visitor.send(page, f"{page}/start-work-order", template="electrical-repair")
    form = fields_of_form((await visitor.get(page)).text, f"{ROOT}{page}/sign-step")
    store = visitor.gateway.store
    ticket = store._tickets[TicketId(page.rpartition("/")[2])]
    store._tickets[ticket.ticket_id] = replace(ticket, work_order=None)
    sent = {**form, "step": "cut-power"}
    late = await visitor.http.post(f"{ROOT}{page}/sign-step", data=sent, headers={"Origin": HERE})
    assert (late.status_code, "作业单已有变化" in late.text) == (409, True)


def test_work_order_forms_make_a_sign_off_of_numbers_and_lists() -> None:
    order = {"steps": [{"key": "a", "values": [X]}, {"key": "b", "zh": "清洁现场", "en": "clean up", "values": []}]}
    assert signing_body(order, {"step": "a", "values": {"x": "1.5"}, "photos": PHOTO}) == {
        "step": "a", "values": [{"key": "x", "value": 1.5}], "photos": [PHOTO],
    }  # fmt: skip
    assert signing_body(order, {"photos": [PHOTO]}) == {"values": [], "photos": [PHOTO]}


def test_work_order_forms_ask_which_of_several_steps_is_signed_and_take_no_value_of_another() -> None:
    first = {"key": "a", "zh": "测量", "en": "measure", "turn": True, "awaits": [], "signatures": [], "values": [X]}
    other = {**first, "key": "b", "zh": "清洁现场", "en": "clean up", "values": []}
    for steps, choices in (([first], ["a"]), ([other, first], ["", "b", "a"])):
        answer = {"work_order": {"steps": steps}, "templates": []}
        (form,) = work_order_forms(answer, (), ("sign-step",), "in_progress", "")
        assert [*form.fields[0].choices] == choices
    both = {"steps": [{**first, "turn": False}, {**first, "key": "c", "zh": "复测", "en": "measure again"}]}
    assert signing_body(both, {"step": "c", "values": {"x": "1.5"}})["values"] == [{"key": "x", "value": 1.5}]
    with pytest.raises(ApiProblem) as refused:
        signing_body({"steps": [other, first]}, {"step": "b", "values": {"x": "1.5"}})
    assert refused.value.problem["field"] == "step"
    assert refused.value.problem["detail"] == "“电阻”属于步骤“测量”:请选它,或清空该值"
