"""What follows once a metric is over: whose task it is, and what is asked of them (R22, R27 to R32)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bus.domain.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """A kind of task: who is to do it, and what."""

    to: Text
    task: Text


_QUALITY: Final = Text("质量部门", "quality")
_LEAD: Final = Text("服务负责人", "head of service")
CONSEQUENCES: Final[Mapping[str, Consequence]] = {
    "review": Consequence(to=_LEAD, task=Text("请复盘未一次修复的工单", "review what was no first-time fix")),
    "process_audit": Consequence(to=_LEAD, task=Text("请审计派单与跟进流程", "audit how tickets are followed up")),
    "p1": Consequence(
        to=Text("集成与运维", "integration and operations"),
        task=Text("请立即查明失败的环节", "find the hop that fails, now"),
    ),
    "management": Consequence(
        to=Text("管理层", "management"), task=Text("请决定如何减少前三根因", "decide what reduces the top three causes")
    ),
    "first_cause": Consequence(
        to=_QUALITY, task=Text("已持续四周:请专项治理第一根因", "for four weeks: work on the first cause")
    ),
    "recurrence_analysis": Consequence(
        to=_QUALITY, task=Text("请分析复发原因", "analyse why the same cause comes again")
    ),
    "product_batch_held": Consequence(
        to=_QUALITY,
        task=Text("该批次已标记冻结:请分析并决定放行", "the batch is held: analyse it, and decide on its release"),
    ),
    "improvement": Consequence(to=_QUALITY, task=Text("同一根因重复出现:请立改进项", "the cause repeats: improve it")),
    "unsolved_review": Consequence(
        to=_LEAD, task=Text("请复核:总结写明未解决", "check what was resolved while its summary says otherwise")
    ),
    "work_review": Consequence(
        to=_LEAD, task=Text("请复核:没有应有的工作记录", "check what was resolved without the work that it needs")
    ),
    "deadline_review": Consequence(
        to=_LEAD, task=Text("请复核:赶时限关闭后又重开", "check what was closed for its deadline and came back")
    ),
    "integration_layer": Consequence(
        to=Text("集成与运维", "integration and operations"),
        task=Text("问题在集成层:请先查这些环节", "the integration layer is at fault: look at these hops first"),
    ),
    "easy_tickets": Consequence(
        to=Text("班组长", "team lead"), task=Text("请看派单:是否挑选易单", "look at who takes which tickets")
    ),
    "knowledge_stale": Consequence(
        to=Text("知识库编辑", "editors of knowledge"),
        task=Text("已持续四周:知识陈旧,请更新", "for four weeks: the knowledge is stale, renew it"),
    ),
}
"""By kind, as `Metric.consequence`, `Lasting.consequence` and `bus/insight/groups.py` name it."""
