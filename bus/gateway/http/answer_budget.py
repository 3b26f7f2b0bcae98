"""What answers may hold in memory: bytes that wait for their readers, and reads under way, of a client and of all."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bus.domain.text import Text
from bus.gateway.http.problems import OURSELVES, HttpProblem

BYTES_MAX = 64 * 1024 * 1024
SHARE = 4  # a client may have this part of them: one that reads nothing leaves the rest to the others
READS_PER_CLIENT = 64
READS_AT_WORK = 8  # a read's size is known once it is made: so many may exceed the budget by what they make
TURN_S_MAX = 5.0
RETRY_AFTER_S = 1


@dataclass(slots=True, kw_only=True)
class AnswerBudget:
    """The limits of a program, and what is taken of them now."""

    bytes_max: int = BYTES_MAX
    reads_per_client: int = READS_PER_CLIENT
    waiting: Counter[str] = field(default_factory=Counter)
    """Bytes written and not yet taken by the kernel, by client; who brings no token gets a file a piece at a time."""
    reads: Counter[str] = field(default_factory=Counter)
    """Reads by client, from when they are admitted until their answer is taken."""
    at_work: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_WORK))


@dataclass(slots=True)
class Answer:
    """One request's part in the budget; `end` gives it back."""

    budget: AnswerBudget
    client: str = ""
    _reads: bool = False
    _at_work: bool = False

    async def admit(self, client: str, *, reads: bool) -> None:
        """Take part, before any work is done; a read waits for its turn. Raises HttpProblem (429, 503)."""
        self.client = client
        self._refuse_beyond_bytes()
        if not reads:
            return
        budget = self.budget
        if budget.reads[client] >= budget.reads_per_client:
            most = budget.reads_per_client
            text = Text(f"同时进行的查询超过 {most} 个", f"more than {most} reads at once")
            raise _refused(429, "too_many_reads", "Authorization", text)
        budget.reads[client] += 1
        self._reads = True
        try:
            async with asyncio.timeout(TURN_S_MAX):
                await budget.at_work.acquire()
        except TimeoutError:
            raise _busy() from None
        self._at_work = True
        self._refuse_beyond_bytes()  # others were answered meanwhile

    def made(self) -> None:
        """Let the next read begin: this one's answer is made. Idempotent."""
        if self._at_work:
            self._at_work = False
            self.budget.at_work.release()

    @contextmanager
    def sending(self, size: int) -> Iterator[None]:
        """Count bytes of a client for as long as they are being sent."""
        waiting, client = self.budget.waiting, self.client
        if not client:
            yield
            return
        waiting[client] += size
        try:
            yield
        finally:
            _less(waiting, client, size)

    def end(self) -> None:
        """Give back what is taken. Idempotent."""
        self.made()
        if self._reads:
            self._reads = False
            _less(self.budget.reads, self.client, 1)

    def _refuse_beyond_bytes(self) -> None:
        budget = self.budget
        if budget.waiting.total() >= budget.bytes_max:
            raise _busy()
        if budget.waiting[self.client] * SHARE >= budget.bytes_max:
            zh, en = "先前的响应尚未读取,请先读取", "earlier answers wait to be read; read them first"
            raise _refused(429, "unread_answers", "Authorization", Text(zh, en))


def _less(counts: Counter[str], client: str, count: int) -> None:
    counts[client] -= count
    if counts[client] <= 0:
        del counts[client]


def _busy() -> HttpProblem:
    text = Text("等待发送的响应过多,请稍后重试", "too many answers wait to be sent; try again later")
    return _refused(503, "busy", OURSELVES, text)


def _refused(status: int, code: str, where: str, text: Text) -> HttpProblem:
    return HttpProblem(status, code, where, text, {"Retry-After": str(RETRY_AFTER_S)})
