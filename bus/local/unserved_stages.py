"""Which stages no worker runs, as the running stack's database has it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from bus.alerts.rules.programs import unserved
from bus.domain.text import Text
from bus.local.last_beats import last_beats
from bus.local.running_database import running_database
from bus.local.state import StackState


@dataclass(frozen=True, slots=True, kw_only=True)
class UnservedStage:
    """A stage that no worker runs, or `worker` for all of them."""

    unserved: str
    why: str


def of_stack(state: StackState | None, stages: Collection[str]) -> list[UnservedStage]:
    """Read them of a running stack that has a worker of its own; of one without programs there are none.

    A worker that has just started is given time for its first heartbeat. None while the database is away or not
    prepared, which others say. Blocks for seconds at most.
    """
    url = running_database(state)
    if state is None or url is None or "worker" not in state.processes:
        return []
    process = state.processes["worker"].find()
    began = datetime.fromtimestamp(process.create_time() if process else 0, UTC)
    now, beats = last_beats(url)
    found = unserved(stages, beats, now, none_lives=began) if now else ()
    return [UnservedStage(unserved=one.about, why=str(Text(one.zh, one.en))) for one in found]
