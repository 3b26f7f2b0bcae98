"""Work orders that the stories and Hypothesis use: templates, and an own slow oracle of whose turn it is (R48)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from bus.domain.commands import Command
from bus.domain.events import Recorded
from bus.domain.rules import Rules
from bus.domain.work_order_commands import ApproveStep, RejectStep, SignStep
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)
from bus.domain.work_template import SAFETY, MeasuredValue, ValueLimits, WorkOrderTemplate, WorkStep
from tests.domain.people import RULES

LEAD, MANAGER = "team_lead", "manager"
ROLES = {"钱队": LEAD, "孙经理": MANAGER, "王师傅": "engineer"}
PEOPLE = ("王师傅", "李工", *ROLES, "陌生人")


def limits(key: str = "resistance", **own: Any) -> ValueLimits:
    """Give a value that is to be 2 at least."""
    within: dict[str, Any] = {"low": 2.0, "high": None, "beyond": ""}
    return ValueLimits(key=key, zh="绝缘电阻", en="resistance", unit="MΩ", **within | own)


def step(key: str, **own: Any) -> WorkStep:
    """Give a step that asks nothing but the sign-off."""
    asks: dict[str, Any] = {"optional": False, "photos": 0, "values": (), "safety": False, "approvals": ()}
    return WorkStep(key=key, zh=f"步骤{key}", en=f"step {key}", **asks | own)


def template(*steps: WorkStep, **own: Any) -> WorkOrderTemplate:
    """Give a template for every type."""
    return WorkOrderTemplate(
        key="job", zh="作业", en="a job", steps=steps, **{"version": "1", "types": (), "required": False, **own}
    )


def rules_with(*templates: WorkOrderTemplate) -> Rules:
    """Give the usual rules with these templates alone."""
    return replace(RULES, work_orders={one.key: one for one in templates})


KEYS = ("a", "b", "c", "d", "e")
LEVELS = (SAFETY, LEAD, MANAGER)
STEPS: st.SearchStrategy[tuple[WorkStep, ...]] = st.lists(
    st.fixed_dictionaries(
        {
            "optional": st.booleans(),
            "photos": st.integers(0, 1),
            "values": st.sampled_from([(), (limits(),), (limits(beyond=LEAD),)]),
            "safety": st.booleans(),
            "approvals": st.sampled_from([(), (LEAD,), (LEAD, MANAGER)]),
        }
    ),
    min_size=1,
    max_size=5,
).map(lambda asks: tuple(step(key, **one) for key, one in zip(KEYS, asks, strict=False)))
ORDER_COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        SignStep,
        step=st.sampled_from(KEYS),
        values=st.sampled_from([(), *((MeasuredValue(key="resistance", value=value),) for value in (5, 1))]),
        photos=st.sampled_from([(), ("photo://1",)]),
        note=st.sampled_from(["", "表已校准"]),
    ),
    st.builds(ApproveStep, step=st.sampled_from(KEYS), level=st.sampled_from(LEVELS)),
    st.builds(RejectStep, step=st.sampled_from(KEYS), level=st.sampled_from(LEVELS), reason=st.just("看不清")),
)


@dataclass(slots=True)
class SlowOrder:
    """Counts a work order's steps from the whole log, over and over: what each has been given since it was begun."""

    steps: Sequence[WorkStep]
    given: dict[str, list[Recorded]] = field(default_factory=dict)

    def done(self, key: str) -> bool:
        """Say whether a step has its sign-off and every approval after it."""
        course = self.given.get(key, [])
        signed = course[0].event if course else None
        return isinstance(signed, StepSignedOff) and len(course) == 1 + len(signed.awaits)

    def may_resolve(self) -> bool:
        """Say whether every mandatory step is done, and none is half done."""
        return all(self.done(one.key) or (one.optional and not self.given.get(one.key)) for one in self.steps)

    def learn(self, recorded: Recorded) -> None:
        """Take in an event, and hold it against what came before."""
        event = recorded.event
        if isinstance(event, StepSignedOff):
            number = [one.key for one in self.steps].index(event.step)
            step = self.steps[number]
            assert not self.given.get(event.step)
            assert all(self.done(one.key) or one.optional for one in self.steps[:number])
            assert not any(self.given.get(one.key) and not self.done(one.key) for one in self.steps)
            assert not any(self.given.get(one.key) for one in self.steps[number:])
            assert len(event.photos) >= step.photos
            assert [one.key for one in event.values] == [one.key for one in step.values]
            low = any(one.value < 2 for one in event.values)
            extra = [LEAD] if low and LEAD not in step.approvals else []
            assert not low or (event.note and step.values[0].beyond)
            assert [*event.awaits] == [*([SAFETY] if step.safety else []), *step.approvals, *extra]
            self.given[event.step] = [recorded]
        elif isinstance(event, StepApproved | StepRejected):
            course = self.given[event.step]
            signed = course[0].event
            assert isinstance(signed, StepSignedOff)
            assert event.level == signed.awaits[len(course) - 1]
            assert recorded.actor not in [one.actor for one in course]
            assert event.level == SAFETY or ROLES[recorded.actor] == event.level
            self.given[event.step] = [*course, recorded] if isinstance(event, StepApproved) else []


def slow_order(log: Sequence[Recorded]) -> SlowOrder | None:
    """Count the whole log of a ticket; None: it has no work order at its end."""
    order: SlowOrder | None = None
    for recorded in log:
        match recorded.event:
            case WorkOrderStarted(template=started):
                assert order is None
                order = SlowOrder(started.steps)
            case WorkOrderCancelled():
                order = None
            case _ if order:
                order.learn(recorded)
            case _:
                pass
    return order
