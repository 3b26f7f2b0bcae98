"""Uploading, giving out and deleting files: limits, a row that nobody reads, the bytes, then the row is readable."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from bus.domain.errors import StoreUnavailable, Transient
from bus.files import metrics, rows
from bus.files.errors import FileGone, FileRefused, FilesAway, full, too_large
from bus.files.identity import check_store, note_fault
from bus.files.receiving import PREFIX, ReceivedFile, received
from bus.files.rows import StoredFile
from bus.files.store import FileStore
from bus.postgres.pool import Connection, Pool, connected

UPLOADS_PER_CLIENT: Final = 8
UPLOADS: Final = 64
PUTS_AT_ONCE: Final = 3  # each holds some MiB on the way to a bucket
PUT_S_MAX: Final = 1800.0  # well within rows.PUT_LEASE
DELETE_EVERY_S: Final = 30.0
LEFTOVER_S: Final = 3600.0  # longer than any upload that is still written to
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """In bytes: of one file, of what one client adds in a day, and of what stays free where the store is."""

    bytes_max: int
    client_day_bytes: int
    free_bytes_min: int


@dataclass(slots=True, kw_only=True)
class Files:
    """The files of a bus, on its store and its rows."""

    pool: Pool
    store: FileStore
    limits: FileLimits
    _open: Counter[str] = field(default_factory=Counter)
    _to_come: int = 0  # bytes of uploads under way that are not on the disk yet
    _putting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PUTS_AT_ONCE))

    async def take(
        self, parts: AsyncIterator[bytes], *, client: str, declared: int | None, now: datetime, image: bool = False
    ) -> StoredFile:
        """Take in a file, `declared` bytes long where its sender says so; the same file again is the same row.

        `image`: it is to be one. Nothing is left of what is refused. Raises FileRefused, FilesAway, StoreUnavailable,
        and what `parts` raises.
        """
        try:
            with self._turn(client):
                await check_store(self.pool, self.store)
                await self._check_limits(client, declared, now)
                bytes_max = self.limits.bytes_max
                with self._reserved(parts, declared or bytes_max, await self.store.free_bytes()) as counted:
                    async with received(counted, self.store.incoming, bytes_max=bytes_max, image=image) as file:
                        stored = await self._stored(file, client, now)
        except FileRefused as refused:
            metrics.FILES_REFUSED.labels(refused.code).inc()
            raise
        except FilesAway as away:
            log.error("files_away", cause=str(away))
            raise
        metrics.FILES_TAKEN.labels(stored.media_type).inc()
        metrics.FILE_BYTES_TAKEN.inc(stored.size)
        return stored

    async def find(self, sha256: str) -> StoredFile | None:
        """Find a file that may be read. Raises StoreUnavailable."""
        return await rows.find(self.pool, sha256)

    async def read(self, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
        """Give the bytes from `first` to `last`, both included. Raises FileGone, FilesAway, StoreUnavailable."""
        try:
            async for part in self.store.read(sha256, first, last):
                yield part
        except FileGone:
            await check_store(self.pool, self.store)  # of a store that is not mounted nothing is gone
            raise

    async def delete_for_ever(self) -> None:
        """Delete what has ended and what half-received files were left, now and twice a minute, until cancelled."""
        while True:
            try:
                await self.delete_ended()
                await asyncio.to_thread(delete_leftovers, self.store.incoming, time.time() - LEFTOVER_S)
            except Transient as error:
                log.warning("files_not_deleted", cause=str(error))
                await self._note_fault(error)
            await asyncio.sleep(DELETE_EVERY_S)

    async def delete_ended(self) -> None:
        """Delete every file that has ended: its bytes, then its row, while its row is locked.

        One that cannot be deleted holds up no other. Raises FilesAway, StoreUnavailable.
        """
        while True:
            await check_store(self.pool, self.store)
            async with connected(self.pool) as connection:
                sha256 = await rows.lock_ended(connection)
                if sha256 is None:
                    return
                await self._delete(connection, sha256)

    async def _delete(self, connection: Connection, sha256: str) -> None:
        try:
            await self.store.delete(sha256)
        except FilesAway as away:
            log.error("file_not_deleted", sha256=sha256, cause=str(away))
            await rows.delete_later(connection, sha256, str(away))
        else:
            await rows.delete(connection, sha256)
            metrics.FILES_DELETED.inc()

    async def _note_fault(self, error: Transient) -> None:
        if isinstance(error, FilesAway):
            with suppress(StoreUnavailable):
                await note_fault(self.pool, str(error))

    @contextmanager
    def _turn(self, client: str) -> Iterator[None]:
        if self._open[client] >= UPLOADS_PER_CLIENT or self._open.total() >= UPLOADS:
            zh, en = "同时上传的文件过多,请稍后再传", "too many uploads at once; try again later"
            raise FileRefused("too_many_uploads", "Authorization", zh, en)
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    @contextmanager
    def _reserved(self, parts: AsyncIterator[bytes], most: int, free: int) -> Iterator[AsyncIterator[bytes]]:
        """Give `parts`, at `most` so many bytes, if there is room beside what else is to come. Raises StoreFull."""
        least, left = self.limits.free_bytes_min, most
        if free - self._to_come - most < least:
            log.error("files_full", free_bytes=free, bytes_to_come=self._to_come, free_bytes_min=least)
            raise full()

        async def counted() -> AsyncIterator[bytes]:
            nonlocal left
            async for part in parts:
                came = min(len(part), left)
                left, self._to_come = left - came, self._to_come - came
                yield part

        self._to_come += most
        try:
            yield counted()
        finally:
            self._to_come -= left

    async def _check_limits(self, client: str, declared: int | None, now: datetime) -> None:
        """Refuse a file before its bytes are read, as far as its sender says how many they are."""
        limits = self.limits
        if declared is not None and declared > limits.bytes_max:
            raise too_large(limits.bytes_max)
        async with connected(self.pool) as connection:
            used, size = await rows.used_bytes(connection, client, now), declared or 0
            if not await rows.has_sent(connection, client, size, now):  # a repeat counts once: its bytes will tell
                self._check_quota(used + size)

    def _check_quota(self, used: int) -> None:
        most = self.limits.client_day_bytes
        if used > most:
            zh, en = f"此客户端一天内上传超过 {most} 字节", f"this client uploaded more than {most} bytes within a day"
            raise FileRefused("files_quota", "Authorization", zh, en, limit_bytes=most)

    async def _stored(self, file: ReceivedFile, client: str, now: datetime) -> StoredFile:
        """Put a file between two short transactions: who decides on a ticket that names it waits for no store.

        What a crash leaves is deleted, row and bytes, once the first one's lease is over.
        """
        stored = StoredFile(sha256=file.sha256, size=file.size, media_type=file.type.media_type, uploaded_at=now)
        async with self._putting:
            async with connected(self.pool) as connection:
                await rows.lock_client(connection, client)
                until = await rows.begin_put(connection, stored, client)
                self._check_quota(await rows.used_bytes(connection, client, now))
            try:
                async with asyncio.timeout(PUT_S_MAX):
                    await self.store.put(file.path, file.sha256)
            except TimeoutError as error:
                raise FilesAway(f"the store of files took no file within {PUT_S_MAX} s") from error
            async with connected(self.pool) as connection:
                if not await rows.finish_put(connection, file.sha256, until):
                    raise FilesAway("the file was deleted before its upload was done")
        return stored


def delete_leftovers(incoming: Path, before: float) -> None:
    """Delete half-received files of a program that was killed: those not written to since a time in Unix seconds."""
    for path in incoming.glob(f"{PREFIX}*"):
        try:
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
        except OSError:  # another gateway's turn, or its own to see
            continue
