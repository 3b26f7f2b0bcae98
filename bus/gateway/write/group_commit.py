"""Group commit: requests that arrive while a transaction runs share the next one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from bus.aio import cancel_all
from bus.domain.batch import Outcome
from bus.domain.commands import Request
from bus.domain.errors import StoreUnavailable
from bus.gateway import metrics
from bus.intake.dispatch import Dispatcher

BATCH_REQUESTS_MAX = 256
WAITING_MAX = 4096
COMMITTERS = 2
ANSWER_SECONDS_MAX = 8.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    requests: Sequence[Request]
    answer: "asyncio.Future[list[Outcome]]"


class GroupCommit:
    """Gathers requests of all callers into batches; two transactions at a time. One per process."""

    def __init__(self, dispatcher: Dispatcher, *, waiting_max: int = WAITING_MAX) -> None:
        """Begin empty; nothing is dispatched until `running`."""
        self._dispatcher = dispatcher
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(waiting_max)
        # Once the store was found away, callers are answered at once for as long as a transaction still tries it.
        self._away, self._trying = False, 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Commit until the block ends; what waits by then is still answered."""
        committers = [asyncio.create_task(self._commit_for_ever(), name=f"commit-{n}") for n in range(COMMITTERS)]
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._queue.join()
            except TimeoutError:
                log.warning("commands left unanswered at stop", waiting=self._queue.qsize())
            await cancel_all(committers)

    async def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided, in one batch and in order. Raises StoreUnavailable: nothing is known to be done.

        Idempotent per command id. Blocks until the commit, never longer than ANSWER_SECONDS_MAX.
        """
        if not requests:
            return []
        if self._away and self._trying:
            raise StoreUnavailable("the store was away a moment ago and is being tried")
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(requests, answer))
        except asyncio.QueueFull:
            raise StoreUnavailable("too many commands wait already") from None
        metrics.QUEUED.set(self._queue.qsize())
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await answer
        except TimeoutError:
            self._away = True
            raise StoreUnavailable("no answer from the store in time") from None

    async def _commit_for_ever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            size = len(batch[0].requests)
            while size < BATCH_REQUESTS_MAX and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                size += len(batch[-1].requests)
            try:
                await self._commit(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        live = [one for one in batch if not one.answer.done()]  # whoever gave up waiting tries again by the same key
        requests = [request for one in live for request in one.requests]
        if not requests:
            return
        metrics.BATCH_REQUESTS.observe(len(requests))
        self._trying += 1
        try:
            outcomes = await self._dispatcher.dispatch(requests)
            self._away = False
        except asyncio.CancelledError:
            for one in live:
                one.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - each caller gets it; the committer goes on with the next batch
            self._away = isinstance(error, StoreUnavailable)
            await self._fail(live, error)
            return
        finally:
            self._trying -= 1
        taken = iter(outcomes)
        for one in live:
            mine = [next(taken) for _ in one.requests]
            if not one.answer.done():
                one.answer.set_result(mine)

    async def _fail(self, live: Sequence[_Waiting], error: Exception) -> None:
        """Fail the callers; a batch that fails because of one member is decided again one by one."""
        if isinstance(error, StoreUnavailable) or len(live) == 1:
            for one in live:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        log.error("a batch failed; its commands are tried one by one", error=type(error).__name__, size=len(live))
        for one in live:
            await self._commit([one])
