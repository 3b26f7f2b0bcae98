"""The refusals of work orders: the Chinese and English sentence of each, with what to do."""

from bus.domain.errors import CommandRefused
from bus.domain.text import Text
from bus.domain.work_order import StepStatus
from bus.domain.work_template import SAFETY, ValueLimits, WorkOrderTemplate, WorkStep


def another_type(template: WorkOrderTemplate, given: str) -> CommandRefused:
    """Refuse a template that does not fit the ticket's type."""
    types = ", ".join(template.types)
    return CommandRefused(
        "another_type",
        "template",
        f"作业单 {template.key} 只用于工单类型 {types},本单为 {given}:请换模板或先改类 (reclassify)",
        f"the work order {template.key} is for tickets of type {types}, and this one is {given}: take another "
        "template, or reclassify first",
    )


def order_required(template: WorkOrderTemplate, running: str) -> CommandRefused:
    """Refuse to resolve without the work order that the ticket's type requires; another may be `running`."""
    other = Text("", "")
    if running:
        other = Text(
            f"先由组长取消作业单 {running} (cancel-work-order),再 ",
            f"a lead cancels the work order {running} (cancel-work-order), then ",
        )
    return CommandRefused(
        "missing",
        "work_order",
        f"该类型工单须完成作业单“{template.zh}”后才能解决:{other.zh}start-work-order {template.key}",
        f"a ticket of this type is resolved with the work order {template.key} alone: "
        f"{other.en}start-work-order {template.key}",
        missing="work_order",
    )


def template_unreadable(name: str) -> CommandRefused:
    """Refuse what needs the steps of an order whose event lies in a file of the archive that is not here."""
    return CommandRefused(
        "template_unreadable",
        "work_order",
        f"作业单 {name} 的步骤在归档文件中,此处读不到:请运维取回该月 (ticketbus archive recall)",
        f"the steps of the work order {name} are in a file of the archive that cannot be read here: ask the operators "
        "to recall its month (ticketbus archive recall)",
    )


def step_open(step: WorkStep, status: StepStatus) -> CommandRefused:
    """Refuse to resolve while a step is not done, naming it."""
    return CommandRefused(
        "step_open",
        "work_order",
        f"作业单步骤“{step.zh}”({step.key}){status.zh},完成后才能解决",
        f"the step {step.key} of the work order ({step.en}) is {status.value}: it has to be done first",
        step=step.key,
        status=status.value,
    )


def not_the_handler(actor: str, handler: str) -> CommandRefused:
    """Refuse a sign-off by somebody who does not have the ticket."""
    who = handler or "-"
    return CommandRefused(
        "not_the_handler",
        "actor",
        f"步骤由处理人“{who}”或其备份签核,“{actor}”不能代签",
        f"a step is signed off by the handler {who!r} or who stands in, not by {actor!r}",
    )


def not_its_turn(step: WorkStep, turn: tuple[str, ...], waiting: WorkStep | None) -> CommandRefused:
    """Refuse a step that would skip another one, naming those whose turn it is."""
    if turn:
        zh, en = f"现在轮到:{'、'.join(turn)}", f"now it is the turn of {', '.join(turn)}"
    elif waiting:
        zh, en = f"步骤“{waiting.zh}”({waiting.key})待批准", f"{waiting.key} waits for its approval"
    else:
        zh, en = "之后的步骤已完成", "what follows it is done"
    return CommandRefused(
        "not_its_turn",
        "step",
        f"步骤“{step.zh}”({step.key})不能跳过顺序:{zh}",
        f"the step {step.key} would be out of order: {en}",
        turn=list(turn),
    )


def out_of_limits(limits: ValueLimits, value: float) -> CommandRefused:
    """Refuse a measured value out of its limits."""
    least = "" if limits.low is None else f"{_plain(limits.low)} ≤ "
    most = "" if limits.high is None else f" ≤ {_plain(limits.high)}"
    zh, en = (f"{least}{one}{most} {limits.unit}".rstrip() for one in (limits.zh, limits.en))
    return CommandRefused(
        "out_of_limits",
        f"values.{limits.key}",
        f"{limits.zh}为 {_plain(value)},应为 {zh}:处理后重新测量",
        f"{limits.en} is {_plain(value)}, and has to be {en}: mend it and measure again",
    )


def another_level(step: WorkStep, awaited: str, level: str) -> CommandRefused:
    """Refuse an approval at a level that is not the next one."""
    return CommandRefused(
        "another_level",
        "level",
        f"步骤“{step.zh}”({step.key})现在等待 {awaited} 批准,不是 {level}",
        f"the step {step.key} waits for {awaited} now, not for {level}",
        awaits=awaited,
    )


def same_person(step: WorkStep, actor: str) -> CommandRefused:
    """Refuse that one person signs and approves, or approves at two levels."""
    return CommandRefused(
        "same_person",
        "actor",
        f"“{actor}”已签过步骤“{step.zh}”({step.key}),须由另一人批准",
        f"{actor!r} signed the step {step.key} already: somebody else has to approve it",
    )


def not_of_role(level: str, actor: str) -> CommandRefused:
    """Refuse an approver whom the directory of people does not have in that role."""
    if level == SAFETY:
        zh, en = (
            "安全签核须由人员名录中的人或备份人",
            "who signs for safety is in the directory, or the backup",
        )
    else:
        zh, en = (
            f"人员名录中“{actor}”的角色不是 {level}",
            f"the directory has no {actor!r} in the role {level}",
        )
    return CommandRefused("not_of_role", "actor", f"{zh} (ticketbus people list)", f"{en} (ticketbus people list)")


def _plain(value: float) -> str:
    """Spell a value with the digits that it was measured with: one just beyond its limit is not the limit."""
    return f"{value:.15g}"
