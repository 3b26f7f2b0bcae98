"""Which parts of programs do not work, as the running stack's database has it."""

from dataclasses import dataclass, replace

from bus.alerts.rules.program_parts import task_failures
from bus.domain.text import Text
from bus.local.last_beats import last_beats
from bus.local.running_database import running_database
from bus.local.state import StackState
from bus.postgres.heartbeats import STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingPart:
    """A part of a program that lives and says why this part does not work, such as `worker: source maps`."""

    failing: str
    why: str


def of_stack(state: StackState | None) -> list[FailingPart]:
    """Read them of a running stack; none while its database is away, which others say. Blocks for seconds at most."""
    url = running_database(state)
    now, beats = last_beats(url) if url else (None, ())
    if now is None:
        return []
    begun = [replace(one, parts={part: why for part, why in one.parts.items() if why != STARTING}) for one in beats]
    return [FailingPart(failing=one.about, why=str(Text(one.zh, one.en))) for one in task_failures(begun, now)]
