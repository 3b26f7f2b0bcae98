"""Files that are on their way into the store: who waits for them, who reads them, and what a crash leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from bus.domain.batch import Accepted, Refused
from bus.files.directory_store import DirectoryStore
from bus.files.errors import FilesAway, StoreFull
from bus.files.files import Files
from bus.files.rows import StoredFile
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from tests.files.samples import JPEG
from tests.files.uploads import NOW, bytes_of, erase, evidence, named_by, stored, taken, tickets_of
from tests.store.contract_suite import fresh


class SlowStore(DirectoryStore):
    """A directory that takes no file before it is let."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def put(self, received: Path, sha256: str) -> None:
        self.asked.set()
        await self.let.wait()
        await super().put(received, sha256)


@pytest.fixture
async def slow(files: Files) -> SlowStore:
    """Give the same directory, slow."""
    return SlowStore(files.store.incoming.parent)


@asynccontextmanager
async def uploading(files: Files, store: SlowStore, content: bytes) -> AsyncIterator[None]:
    """Upload a file during the block; its bytes are put after it."""
    other = replace(files, store=store)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(taken(other, content))
        await store.asked.wait()
        yield
        store.let.set()


async def test_files_on_their_way_into_a_slow_store_hold_up_no_ticket(
    files: Files, dispatcher: Dispatcher, slow: SlowStore
) -> None:
    content = JPEG + uuid4().bytes
    file, ticket = await taken(files, content), await named_by(dispatcher)
    async with uploading(files, slow, content):
        async with asyncio.timeout(10):
            [added] = await dispatcher.dispatch([fresh(evidence(file), ticket_id=ticket)])
        assert isinstance(added, Accepted), added
    assert await files.find(file.sha256) is not None


async def test_files_are_there_when_their_bytes_are_and_not_deleted_before(
    files: Files, pool: Pool, dispatcher: Dispatcher, slow: SlowStore
) -> None:
    content = JPEG + uuid4().bytes
    file = StoredFile(sha256=sha256(content).hexdigest(), size=len(content), media_type="image/jpeg", uploaded_at=NOW)
    ticket = await named_by(dispatcher)
    async with uploading(files, slow, content):
        assert await files.find(file.sha256) is None
        [refused] = await dispatcher.dispatch([fresh(evidence(file), ticket_id=ticket)])
        assert isinstance(refused, Refused)
        await files.delete_ended()
        assert await tickets_of(pool, file) == []
    assert await files.find(file.sha256) is not None
    assert await bytes_of(files, file) == content


async def test_files_erased_while_they_are_uploaded_again_are_there_afterwards(
    files: Files, pool: Pool, dispatcher: Dispatcher, slow: SlowStore
) -> None:
    content = JPEG + uuid4().bytes
    file = await taken(files, content)
    ticket = await named_by(dispatcher, file)
    async with uploading(files, slow, content):
        await erase(dispatcher, ticket)
        await files.delete_ended()
    assert await tickets_of(pool, file) == []
    assert await bytes_of(files, file) == content


async def test_files_whose_upload_was_killed_are_deleted_row_and_bytes_once_it_is_over(
    files: Files, pool: Pool
) -> None:
    class Killed(DirectoryStore):
        async def put(self, received: Path, sha256: str) -> None:
            await super().put(received, sha256)
            raise FilesAway("killed")

    store, content = files.store, JPEG + uuid4().bytes
    files.store = Killed(store.incoming.parent)
    with pytest.raises(FilesAway):
        await taken(files, content)
    [path] = stored(files)
    await files.delete_ended()
    assert await files.find(path.name) is None
    assert stored(files) == [path]
    async with connected(pool) as connection:
        await connection.execute("UPDATE files SET puts = ARRAY[now()] WHERE sha256 = %s", (path.name,))
    await files.delete_ended()
    assert stored(files) == []
    async with connected(pool) as connection:
        rows = await connection.execute("SELECT FROM files WHERE sha256 = %s", (path.name,))
        assert await rows.fetchall() == []


class SmallDisk(DirectoryStore):
    """A directory on a disk with room for 1.5 of the largest files."""

    async def free_bytes(self) -> int:
        await super().free_bytes()
        return 1_500_000 - sum(path.stat().st_size for path in self.incoming.iterdir())


async def test_files_under_way_have_their_room_on_the_disk(files: Files) -> None:
    files.store, more = SmallDisk(files.store.incoming.parent), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield JPEG + bytes(600_000)
        await more.wait()
        yield uuid4().bytes

    large = JPEG + bytes(800_000)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(files.take(slow(), client="slow", declared=None, now=NOW))
        while sum(path.stat().st_size for path in stored(files)) < 500_000:
            await asyncio.sleep(0.01)
        with pytest.raises(StoreFull):
            await taken(files, large)
        await taken(files, JPEG + bytes(400_000))  # what came already counts once
        more.set()
    await taken(files, large)
