"""Rollouts as the gateway asks for them: each question a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.delivery import rollout_store
from bus.delivery.rollout import Figures, RolloutState
from bus.delivery.rollout_store import ListedRollout
from bus.domain.text import Text
from bus.postgres.pool import Pool, in_transaction


@dataclass(frozen=True, slots=True)
class PostgresRolloutService:
    """Rollouts and what people decide about them. All of it raises StoreUnavailable."""

    pool: Pool

    async def listed(self) -> Sequence[tuple[ListedRollout, Sequence[Figures]]]:
        """List them, the newest first; of those that run with the figures of both versions."""
        return await in_transaction(self.pool, rollout_store.list_with_figures)

    async def start(self, target: str, canary: str, *, minutes: int, events: int, by: str, why: str) -> None:
        """Begin one at the first step. Raises NoSuchTarget, NotDeclared, NotInRollout."""
        await in_transaction(
            self.pool, rollout_store.start, target, canary, minutes=minutes, events=events, by=by, why=why
        )

    async def end(self, target: str, state: RolloutState, *, by: str, why: str) -> None:
        """End the running one of a target. Raises NotInRollout."""
        await in_transaction(self.pool, rollout_store.end, target, state, by=by, why=Text(why, why))
