"""Escalations of the alerts file, typed: who hears of a promise to a customer, level by level, until somebody acts."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bus.alerts.alert import Alert
from bus.alerts.engine.ladder import REPEATS_MAX, LadderLevel
from bus.config_file import FileModel, SystemName
from bus.domain.text import Text
from bus.duration import Duration
from bus.observability.masking import mask_text


def _role(whom: str) -> str:
    if mask_text(whom) != whom:
        raise ValueError(str(Text("应写角色,不写电话或密钥", "names a role, never a phone or a secret")))
    return whom


class EscalationLevel(FileModel):
    """One level: after how long which channels hear of it, for whom, and how often again."""

    whom: Annotated[str, AfterValidator(_role), Field(min_length=1, max_length=32)]
    channels: Annotated[tuple[SystemName, ...], Field(min_length=1)]
    after: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))] = timedelta(0)
    repeat: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] = timedelta(minutes=30)
    times: Annotated[int, Field(ge=0, le=20)] = REPEATS_MAX

    @property
    def level(self) -> LadderLevel:
        """Give it as the engine goes by it."""
        return LadderLevel(after=self.after, repeat=self.repeat, times=self.times, whom=self.whom)


class Escalation(FileModel):
    """Levels for tickets of some types and regions, empty: all; of promises nearly spent, and of broken ones."""

    types: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    warned: tuple[EscalationLevel, ...] = ()
    broken: Annotated[tuple[EscalationLevel, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, levels in (("warned", self.warned), ("broken", self.broken)):
            if levels and levels[0].after:
                zh, en = "第一级立即通知,不写 after", "the first level hears at once, without `after`"
                raise ValueError(f"{name}.0.after: {Text(zh, en)}")
            for number, (lower, upper) in enumerate(pairwise(levels), 1):
                if upper.after <= lower.after:
                    zh, en = "应晚于上一级", "must be later than the level before"
                    raise ValueError(f"{name}.{number}.after: {Text(zh, en)}")
        return self

    def takes(self, alert: Alert) -> bool:
        """Say whether a ticket's promise goes this way. Pure."""
        type_, region = alert.facts.get("type", ""), alert.facts.get("region", "")
        return (not self.types or type_ in self.types) and (not self.regions or region in self.regions)

    def levels(self, alert: Alert) -> Sequence[EscalationLevel]:
        """Give the levels of a promise as it is now. Pure."""
        return self.warned if alert.facts.get("stage") == "warned" else self.broken


def called(levels: Sequence[EscalationLevel], number: int, *, over: bool) -> Sequence[str]:
    """Name the channels that a level calls; that it is `over` all hear that were called before. Pure."""
    reached = levels[: number + 1]
    return [*dict.fromkeys(name for one in (reached if over else reached[-1:]) for name in one.channels)]
