"""Rollouts of one gateway in memory: of the targets erp and its new version erp-v2."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bus.delivery.rollout import Figures, Rollout, RolloutState
from bus.delivery.rollout_store import ListedRollout, NotInRollout
from bus.delivery.target_state import NoSuchTarget
from bus.domain.text import Text

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
TARGETS = ("erp", "erp-v2")


@dataclass
class FakeRolloutService:
    """Keeps what it is given, as the table does."""

    rows: list[ListedRollout] = field(default_factory=list)

    async def listed(self) -> Sequence[tuple[ListedRollout, Sequence[Figures]]]:
        both = [Figures(received=3, done=2, received_of={"ticket.opened.v1": 3}), Figures(received=1)]
        return [(one, both if one.rollout.state is RolloutState.RUNNING else []) for one in reversed(self.rows)]

    async def start(self, target: str, canary: str, *, minutes: int, events: int, by: str, why: str) -> None:
        for one in (target, canary):
            if one not in TARGETS:
                raise NoSuchTarget(one, TARGETS)
        if any(one.rollout.state is RolloutState.RUNNING for one in self.rows):
            raise NotInRollout(Text("已有进行中的灰度", "one is running"))
        number = len(self.rows) + 1
        rollout = Rollout(
            number=number, target=target, canary=canary, state=RolloutState.RUNNING, percent=5, step_minutes=minutes,
            step_events=events, started_at=AT, step_at=AT,
        )  # fmt: skip
        self.rows.append(
            ListedRollout(
                rollout=rollout, started_by=by, why=why, ended_at=None, ended_by=None, ended_zh=None, ended_en=None,
                tickets=0,
            )
        )  # fmt: skip

    async def end(self, target: str, state: RolloutState, *, by: str, why: str) -> None:
        for n, one in enumerate(self.rows):
            if (one.rollout.target, one.rollout.state) == (target, RolloutState.RUNNING):
                ended = replace(one.rollout, state=state)
                self.rows[n] = replace(one, rollout=ended, ended_at=AT, ended_by=by, ended_zh=why, ended_en=why)
                return
        raise NotInRollout(Text("没有进行中的灰度", "none is running"))
