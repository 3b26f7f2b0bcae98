"""Trials of maps that people write: each in a process of its own, with a limit of time and memory."""

import asyncio
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import orjson

from adapters.mapped.trial_child import CPU_S_MAX, TOO_MUCH, TrialAsked
from bus.domain.errors import InvariantBroken
from bus.domain.rules import Rules
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem

AT_ONCE: Final = 2
TIME_S_MAX: Final = 15.0  # on a host that is busy; the console waits for 20
_CHILD: Final = "adapters.mapped.trial_child"
_BUSY: Final = Text("正在试译别的对照表,请几秒后再试", "other maps are being tried; try again in some seconds")
_TOO_MUCH: Final = Text(
    f"试译用时超过 {CPU_S_MAX} 秒或占用过多:请减少样例或简化表达式;主机繁忙时请稍后再试",
    f"the trial took more than {CPU_S_MAX} s, or too much memory: give fewer samples, or simpler expressions; or try "
    "again later, where the host is busy",
)


@dataclass(frozen=True, slots=True)
class MapTrials:
    """Checks maps and tries samples under them; samples are neither logged nor stored."""

    rules: Rules
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def tried(
        self, content: str, samples: Sequence[bytes], headers: Mapping[str, str], now: datetime
    ) -> Mapping[str, Any]:
        """Give what a trial answers; samples are named by their number. Raises HttpProblem (422, 429)."""
        if self.turns.locked():
            raise HttpProblem(429, "trials_running", "content", _BUSY, {"Retry-After": "3"})
        asked = TrialAsked(
            content=content,
            samples={str(number): one for number, one in enumerate(samples, 1)},
            headers=headers,
            rules=_without_keys(self.rules),
            now=now,
        )
        async with self.turns:
            answer: Mapping[str, Any] = orjson.loads(await _answer_of(pickle.dumps(asked)))
        return answer


async def _answer_of(asked: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _CHILD,
        env={name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        answer, _ = await asyncio.wait_for(process.communicate(asked), TIME_S_MAX)
    except TimeoutError:
        raise HttpProblem(422, "too_much", "content", _TOO_MUCH) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    ended = process.returncode or 0
    if ended == TOO_MUCH or ended < 0:  # its own limit of memory, or one that kills it
        raise HttpProblem(422, "too_much", "content", _TOO_MUCH)
    if ended:
        raise InvariantBroken(f"the process of a map's trial ended with {ended}")
    return answer


def _without_keys(rules: Rules) -> Rules:
    return replace(rules, closure=replace(rules.closure, key=b""), customer_link=replace(rules.customer_link, key=b""))
