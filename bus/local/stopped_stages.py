"""Which stages stand still, as the running stack's database has it."""

from dataclasses import dataclass

from bus.local.running_database import read_rows, running_database
from bus.local.state import StackState

_STOPPED = """
SELECT handler, array_agg(partition ORDER BY partition), min(failure) FROM stage_offsets
WHERE failure IS NOT NULL GROUP BY handler ORDER BY handler"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedStage:
    """A handler that stands still, on which partitions, and why (of the first of them)."""

    stage: str
    partitions: tuple[int, ...]
    why: str


def of_stack(state: StackState | None) -> list[StoppedStage]:
    """Read them of a running stack; of one that does not run there are none."""
    url = running_database(state)
    return stopped_stages(url) if url else []


def stopped_stages(url: str) -> list[StoppedStage]:
    """Read them; none while the database is away or not prepared, which others say. Blocks for seconds at most."""
    (rows,) = read_rows(url, _STOPPED)
    return [StoppedStage(stage=name, partitions=tuple(partitions), why=why) for name, partitions, why in rows]
