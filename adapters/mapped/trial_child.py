"""The process in which a gateway tries somebody's map: it knows no secret, and ends by itself when it takes too much.

`python -m adapters.mapped.trial_child` reads one pickled TrialAsked of its parent, and answers in JSON.
"""

import asyncio
import pickle
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.trial import tried
from adapters.mapped.way import place_of
from bus.domain.rules import Rules

CPU_S_MAX: Final = 10
MEMORY_BYTES_MAX: Final = 1024**3
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
FAULTS_MAX: Final = 100
TOO_MUCH: Final = 3  # the exit code


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAsked:
    """A map and the samples to play under it, in order; without samples it is checked alone. `headers`: of each."""

    content: str
    samples: Mapping[str, bytes]
    headers: Mapping[str, str]
    rules: Rules
    now: datetime


async def answered(asked: TrialAsked) -> Mapping[str, Any]:
    """Give the faults of the map, or what it is and what each sample would become."""
    try:
        mapped = read_map(asked.content, ticket_types=asked.rules.sla)
    except SourceMapInvalid as error:
        faults = [asdict(one) for one in error.faults[:FAULTS_MAX]]
        return {"source": "", "kind": "", "place": "", "commands": 0, "faults": faults, "samples": []}
    found = await tried(mapped, asked.samples, asked.headers, asked.rules, asked.now)
    return {
        "source": mapped.source,
        "kind": mapped.transport.kind,
        "place": place_of(mapped),
        "commands": len(mapped.commands),
        "faults": [],
        "samples": [asdict(one) for one in found],
    }


def main() -> None:
    """Answer what the parent asks; exits with TOO_MUCH where that takes too much memory."""
    _limit(resource.RLIMIT_CPU, CPU_S_MAX)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX)
    asked = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent's own
    try:
        answer = orjson.dumps(asyncio.run(answered(asked)), default=str)
    except MemoryError:
        sys.exit(TOO_MUCH)
    if len(answer) > ANSWER_BYTES_MAX:
        sys.exit(TOO_MUCH)
    sys.stdout.buffer.write(answer)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


if __name__ == "__main__":
    main()
