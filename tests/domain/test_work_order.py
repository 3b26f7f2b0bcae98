"""Work orders 作业单 with ordered steps: none skipped, none signed twice, safety and approvals by others (R48)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as anything_given
from hypothesis import settings
from hypothesis import strategies as st

from bus.domain.batch import Accepted
from bus.domain.closing_commands import RejectClosure, RequestClosure
from bus.domain.closing_events import TicketResolved
from bus.domain.commands import Reclassify, Start
from bus.domain.events import TicketOpened
from bus.domain.named_files import file_uri
from bus.domain.work_order import StepStatus, next_steps
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)
from bus.domain.work_template import SAFETY, MeasuredValue, WorkStep
from bus.wire.codec import ticket_from_json, ticket_json
from tests.domain.given import Story
from tests.domain.orders import (
    LEAD,
    MANAGER,
    ORDER_COMMANDS,
    PEOPLE,
    ROLES,
    STEPS,
    limits,
    rules_with,
    slow_order,
    step,
    template,
)
from tests.domain.people import REOPEN, RESOLVE, WORKING

HANDLER, BACKUP = "王师傅", "李工"
START_JOB = StartWorkOrder(template="job")


def working(*steps: WorkStep, started: bool = True, **own: Any) -> Story:
    """Begin a story with a ticket in work, and a work order with these steps."""
    story = Story(rules_with(template(*steps, **own)))
    story.loaded.roles = ROLES
    for one in WORKING:
        assert isinstance(story.when(one).outcome, Accepted)
    if started:
        story.when(START_JOB).then(WorkOrderStarted)
    return story


def sign(key: str, actor: str = HANDLER, **own: Any) -> tuple[SignStep, dict[str, str]]:
    """Sign a step as somebody."""
    return SignStep(step=key, **own), {"actor": actor}


def asks(story: Story, command: tuple[SignStep, dict[str, str]]) -> Any:
    """Want a step to be signed."""
    return story.when(command[0], **command[1])


def test_work_order_steps_are_signed_in_order_once_and_then_the_ticket_is_resolved_r48() -> None:
    story = working(step("a"), step("b", optional=True), step("c"), step("d", optional=True))
    for early in ("b", "c"):
        asks(story, sign(early)).then_refused("not_its_turn", "step")
    refusal = story.when(RESOLVE).then_refused("step_open", "work_order")
    assert (refusal.context["step"], "步骤a" in refusal.zh, "a of the work order" in refusal.en) == ("a", True, True)
    asks(story, sign("a")).then(StepSignedOff)
    asks(story, sign("a")).then_refused("already", "step")
    assert asks(story, sign("d")).then_refused("not_its_turn").context["turn"] == ["b", "c"]
    asks(story, sign("c", BACKUP)).then(StepSignedOff)
    asks(story, sign("b")).then_refused("not_its_turn", "step")  # passed over for good
    story.when(RESOLVE).then(TicketResolved)


def test_work_order_a_step_asks_what_its_template_says_r48() -> None:
    none = asks(working(step("a")), sign("a", values=(MeasuredValue(key="x", value=1.0),)))
    assert none.then_refused("unknown_word", "values.key").zh.endswith("此处没有可用的")
    story = working(step("a", photos=2, values=(limits(), limits("current", low=None, high=0.75, beyond=LEAD))))
    right, high = (MeasuredValue(key="resistance", value=2.0), MeasuredValue(key="current", value=0.9))
    photos = ("photo://1", "photo://2")
    asks(story, sign("x")).then_refused("unknown_word", "step")
    asks(story, sign("a", "钱队")).then_refused("not_the_handler", "actor")
    asks(story, sign("a", photos=("photo://1", " "))).then_refused("missing", "photos")
    asks(story, sign("a", photos=("javascript:x", "photo://1"))).then_refused("not_an_address", "photos")
    asks(story, sign("a", photos=(file_uri("0" * 64),))).then_refused("no_such_file", "photos")
    for values, code, field in (
        ((right,), "missing", "values.current"),
        ((right, right, high), "out_of_range", "values.resistance"),
        ((replace(right, value=float("nan")), high), "out_of_range", "values.resistance"),
        ((replace(right, key="resistanse"), high), "unknown_word", "values.key"),
        ((replace(right, value=1.99), high), "out_of_limits", "values.resistance"),
        ((right, high), "missing", "note"),
    ):
        asks(story, sign("a", photos=photos, values=values)).then_refused(code, field)
    just = asks(story, sign("a", photos=photos, values=(replace(right, value=1.9999999), high)))
    assert "为 1.9999999,应为 2 ≤" in just.then_refused("out_of_limits").zh, "not 2, which is within"
    complete = sign("a", photos=photos, values=(right, high), note="环境潮湿")
    signed = asks(story, complete).then(StepSignedOff).log[-1].event
    assert isinstance(signed, StepSignedOff)
    assert signed.awaits == (LEAD,)
    assert story.ticket.photos == photos  # they are evidence of the ticket, too
    assert story.when(replace(RESOLVE, photos=())).then_refused("step_open").context["status"] == "awaiting"
    story.when(ApproveStep(step="a", level=LEAD, reason="可接受"), actor="钱队").then(StepApproved)
    story.when(replace(RESOLVE, photos=())).then(TicketResolved)


def test_work_order_is_approved_by_others_in_the_order_of_levels_r48() -> None:
    story = working(step("a", safety=True, approvals=(LEAD, MANAGER)), step("b"))
    safe, lead, manager = (ApproveStep(step="a", level=level) for level in (SAFETY, LEAD, MANAGER))
    story.when(safe, actor=BACKUP).then_refused("missing", "step")
    asks(story, sign("a")).then(StepSignedOff)
    asks(story, sign("b")).then_refused("not_its_turn", "step")
    assert story.when(lead, actor="钱队").then_refused("another_level", "level").context["awaits"] == SAFETY
    story.when(safe, actor=HANDLER).then_refused("same_person", "actor")
    story.when(safe, actor="陌生人").then_refused("not_of_role", "actor")
    story.when(safe, actor="钱队").then(StepApproved)
    story.when(lead, actor="钱队").then_refused("same_person", "actor")
    story.when(RejectStep(step="a", level=LEAD, reason="换人"), actor="陌生人").then_refused("not_of_role", "actor")
    story.loaded.roles = {**ROLES, "周队": LEAD}
    story.when(RejectStep(step="a", level=LEAD, reason="换人"), actor="周队").then(StepRejected)
    asks(story, sign("a")).then(StepSignedOff)
    story.when(safe, actor=BACKUP).then(StepApproved)
    story.when(lead, actor="孙经理").then_refused("not_of_role", "actor")
    back = RejectStep(step="a", level=LEAD, reason="照片看不清")
    story.when(replace(back, reason=" "), actor="钱队").then_refused("missing", "reason")
    story.when(back, actor=HANDLER).then_refused("same_person", "actor")
    story.when(back, actor="钱队").then(StepRejected)
    asks(story, sign("a", BACKUP)).then(StepSignedOff)  # anew, and all approvals with it
    story.when(safe, actor=BACKUP).then_refused("same_person", "actor")
    for command, actor in ((safe, HANDLER), (lead, "钱队"), (manager, "孙经理")):
        story.when(command, actor=actor).then(StepApproved)
    story.when(manager, actor="孙经理").then_refused("already", "step")
    asks(story, sign("b")).then(StepSignedOff)


def test_work_order_that_runs_stays_as_it_was_when_its_template_changes_r48() -> None:
    story = working(step("a"), step("b"))
    story.rules = rules_with(template(step("new", photos=3), version="2"))
    asks(story, sign("new")).then_refused("unknown_word", "step")
    asks(story, sign("a")).then(StepSignedOff)
    story.when(START_JOB).then_refused("already", "work_order")
    story.when(CancelWorkOrder(reason="用新版")).then(WorkOrderCancelled(template="job", reason="用新版"))
    asks(story, sign("b")).then_refused("missing", "work_order")
    story.when(START_JOB).then(WorkOrderStarted)
    assert story.ticket.work_order
    assert (story.ticket.work_order.version, next_steps(story.ticket.work_order)) == ("2", ("new",))


@pytest.mark.parametrize("again", [REOPEN, RejectClosure(rejected_by="陈女士", reason="仍有异响")])
def test_work_order_of_a_ticket_that_is_taken_up_again_begins_anew_r48(again: Any) -> None:
    story = working(step("a"))
    asks(story, sign("a")).then(StepSignedOff)
    story.when(RESOLVE).then(TicketResolved)
    for one in (RequestClosure(), again, Start()):
        assert story.when(one).accepted.version
    story.when(RESOLVE).then_refused("step_open", "work_order")
    asks(story, sign("a")).then(StepSignedOff)
    story.when(RESOLVE).then(TicketResolved)


def test_work_order_that_a_type_requires_is_asked_for_beside_another_that_a_lead_cancels_first_r48() -> None:
    story = working(step("a"))
    asked = replace(template(step("b"), types=("hardware_fault",), required=True), key="repair")
    story.rules = replace(story.rules, work_orders={**story.rules.work_orders, "repair": asked})
    refusal = story.when(RESOLVE).then_refused("missing", "work_order")
    assert "先由组长取消作业单 job (cancel-work-order),再 start-work-order repair" in refusal.zh
    assert "a lead cancels the work order job (cancel-work-order), then start-work-order repair" in refusal.en
    story.when(CancelWorkOrder(reason="换作业单")).then(WorkOrderCancelled)
    refusal = story.when(RESOLVE).then_refused("missing", "work_order")
    assert "cancel-work-order" not in str(refusal)
    story.when(StartWorkOrder(template="repair")).then(WorkOrderStarted)


def test_work_order_that_a_type_requires_is_asked_for_before_the_end_r48() -> None:
    story = working(step("a"), started=False, types=("hardware_fault",), required=True)
    assert "start-work-order job" in story.when(RESOLVE).then_refused("missing", "work_order").zh
    story.when(StartWorkOrder(template="jobs")).then_refused("unknown_word", "template")
    story.when(Reclassify(type="complaint", reason="客户投诉"))
    story.when(START_JOB).then_refused("another_type", "template")
    story.when(RESOLVE).then(TicketResolved)


def likely(story: Story, steps: tuple[WorkStep, ...], choose: Callable[[Sequence[Any]], Any]) -> tuple[Any, str]:
    """Give what may well be accepted now, and by whom: most steps are signed, most approvals given."""
    order = story.ticket.work_order
    assert order
    awaiting = next((one for one in order.steps if one.awaits), None)
    if awaiting:
        level, kind = awaiting.awaits[0], choose([ApproveStep, ApproveStep, RejectStep])
        fitting = [name for name, role in ROLES.items() if level in (SAFETY, role)]
        return kind(step=awaiting.key, level=level, reason="看过"), choose([*fitting, *PEOPLE])
    turn = next_steps(order) or [steps[-1].key]
    key = choose(turn)
    asked = next(one for one in steps if one.key == key)
    values = tuple(MeasuredValue(key=one.key, value=choose([1, 5])) for one in asked.values)
    return SignStep(step=asked.key, values=values, photos=("photo://1",), note="表已校准"), choose([HANDLER, BACKUP])


@settings(max_examples=50)
@anything_given(STEPS, st.lists(st.none() | ORDER_COMMANDS, min_size=15, max_size=40), st.data())
def test_work_order_any_commands_skip_no_step_and_the_fold_is_the_slow_oracle_s_r48(
    steps: tuple[WorkStep, ...], wanted: list[Any], data: st.DataObject
) -> None:
    def choose(choices: Sequence[Any]) -> Any:
        return data.draw(st.sampled_from(choices))

    story = working(*steps)
    for one in wanted:
        command, actor = (one, choose(PEOPLE)) if one else likely(story, steps, choose)
        story.when(command, actor=actor)
        order, slow = story.ticket.work_order, slow_order(story.log)
        assert order
        assert slow
        for state in order.steps:
            status = StepStatus.DONE if slow.done(state.key) else StepStatus.AWAITING
            assert state.status is (status if slow.given.get(state.key) else StepStatus.OPEN)
    may = slow_order(story.log)
    assert may
    assert isinstance(story.when(RESOLVE).outcome, Accepted) is may.may_resolve()
    assert isinstance(story.log[0].event, TicketOpened)


def test_work_order_of_twelve_steps_is_small_in_the_state_r48() -> None:
    value = limits(beyond=LEAD)
    keys = [f"check-the-part-{number}" for number in range(12)]
    story = working(*(step(key, photos=1, safety=True, values=(value,)) for key in keys))
    without = len(ticket_json(replace(story.ticket, work_order=None)))
    for key in keys:
        measured = MeasuredValue(key="resistance", value=3)
        asks(story, sign(key, photos=(f"photo://{key}",), values=(measured,))).then(StepSignedOff)
        story.when(ApproveStep(step=key, level=SAFETY), actor=BACKUP).then(StepApproved)
    size = len(ticket_json(replace(story.ticket, photos=()))) - without
    assert size < 2_048, size
    assert ticket_from_json(ticket_json(story.ticket)) == story.ticket
