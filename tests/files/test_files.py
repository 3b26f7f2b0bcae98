"""What becomes of files: limits, full disks, races, and their end with the tickets whose evidence names them."""

import asyncio
import os
import resource
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from bus.domain.batch import Refused, wanted
from bus.domain.batch_decider import settle
from bus.domain.terms import EvidenceKind
from bus.domain.values import Customer
from bus.files.directory_store import DirectoryStore
from bus.files.errors import FileGone, FileRefused, FilesAway, StoreFull
from bus.files.files import UPLOADS_PER_CLIENT, Files, delete_leftovers
from bus.files.receiving import BLOCK_BYTES
from bus.files.rows import files_of
from bus.intake.dispatch import Dispatcher, new_event_id
from bus.local.file_faults import file_faults
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import Pool, connected
from bus.postgres.retention import delete_batch
from bus.postgres.store import PostgresStore
from bus.privacy.reads import ticket_reads
from tests.domain.people import RULES, START
from tests.files.samples import JPEG, TEXT
from tests.files.uploads import (
    NOW,
    age,
    bytes_of,
    close,
    erase,
    erase_closed,
    evidence,
    named_by,
    parts_of,
    stored,
    taken,
    tickets_of,
)
from tests.store.contract_suite import fresh


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the kernel refuse to write more into a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_files_are_never_whole_in_memory(files: Files) -> None:
    part, count = os.urandom(64 * 1024), 300
    files.limits = replace(files.limits, bytes_max=50_000_000, client_day_bytes=50_000_000)
    tracemalloc.start()
    try:
        await files.take(parts_of(JPEG, *[part] * count), client="large", declared=None, now=NOW)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * BLOCK_BYTES < len(part) * count / 5


async def test_files_on_a_disk_that_fills_up_are_refused_and_leave_nothing(files: Files) -> None:
    large = JPEG + os.urandom(900_000)
    with files_of_at_most(500_000), pytest.raises(StoreFull):
        await taken(files, large)
    assert stored(files) == []
    assert await bytes_of(files, await taken(files, large)) == large


async def test_files_are_refused_before_the_disk_is_full(files: Files) -> None:
    files.limits = replace(files.limits, free_bytes_min=10**18)
    with pytest.raises(StoreFull):
        await taken(files)
    assert stored(files) == []


async def test_files_in_a_directory_that_fails_are_refused_for_now(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    files.store = DirectoryStore(tmp_path / "file")  # no directory
    with pytest.raises(FilesAway):
        await taken(files)


async def test_files_of_one_client_are_counted_by_the_day(files: Files, pool: Pool) -> None:
    files.limits = replace(files.limits, client_day_bytes=250_000)
    content, client = JPEG + os.urandom(100_000), uuid4().hex
    first = await taken(files, content, client=client)
    await taken(files, content, client=client)  # the same again counts once
    await taken(files, JPEG + os.urandom(100_000), client=client)
    with pytest.raises(FileRefused) as refused:
        await taken(files, JPEG + os.urandom(100_000), client=client)
    assert (refused.value.code, refused.value.context) == ("files_quota", {"limit_bytes": 250_000})
    await taken(files, content, client=client)  # once more, with room for no other
    with pytest.raises(FileRefused):  # who does not say how many is refused once they came
        await files.take(parts_of(JPEG + os.urandom(100_000)), client=client, declared=None, now=NOW)
    assert len(stored(files)) == 2
    await taken(files, JPEG + os.urandom(100_000), client=uuid4().hex)
    await age(pool, first, days=2)
    await taken(files, JPEG + os.urandom(100_000), client=client)


async def test_files_of_one_client_are_received_a_few_at_once(files: Files) -> None:
    more = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield JPEG
        await more.wait()
        yield uuid4().bytes

    waiting = [
        asyncio.create_task(files.take(slow(), client="many", declared=None, now=NOW))
        for _ in range(UPLOADS_PER_CLIENT)
    ]
    async with asyncio.timeout(60):
        while len(stored(files)) < UPLOADS_PER_CLIENT:
            await asyncio.sleep(0.01)
    with pytest.raises(FileRefused) as refused:
        await taken(files, client="many")
    assert refused.value.code == "too_many_uploads"
    await taken(files, client="few")
    more.set()
    await asyncio.gather(*waiting)
    await taken(files, client="many")


async def test_files_half_received_by_a_killed_program_are_deleted_and_those_under_way_are_not(files: Files) -> None:
    await taken(files)
    left, under_way, others = (files.store.incoming / name for name in ("upload-1", "upload-2", "somebody's"))
    for path in (left, under_way, others):
        path.write_bytes(JPEG)
    for path in (left, others):
        os.utime(path, (1, 1))
    delete_leftovers(files.store.incoming, NOW.timestamp() - 3600)
    assert [path.exists() for path in (left, under_way, others)] == [False, True, True]


async def test_files_that_no_evidence_names_end_in_time(files: Files, pool: Pool, dispatcher: Dispatcher) -> None:
    named, unnamed, young = [await taken(files) for _ in range(3)]
    ticket = await named_by(dispatcher, named)
    for file in (named, unnamed):
        await age(pool, file, days=8)
    await delete_batch(pool, "files", days=7)
    assert await files.find(unnamed.sha256) is None
    await files.delete_ended()
    assert [await tickets_of(pool, one) for one in (named, unnamed, young)] == [[ticket], None, []]
    assert {path.name for path in stored(files)} == {named.sha256, young.sha256}
    with pytest.raises(FileGone):
        await bytes_of(files, unnamed)
    text = await taken(files, TEXT + uuid4().hex.encode())
    for file, why in ((unnamed, "no_such_file"), (text, "no_image")):
        photo = replace(evidence(file), kind=EvidenceKind.PHOTO)
        [refused] = await dispatcher.dispatch([fresh(photo, ticket_id=ticket)])
        assert isinstance(refused, Refused)
        assert refused.error.code == why


async def test_files_that_ended_come_back_when_they_are_uploaded_again(files: Files, pool: Pool) -> None:
    content = JPEG + uuid4().bytes
    file = await taken(files, content)
    await age(pool, file, days=8)
    await delete_batch(pool, "files", days=7)
    await taken(files, content)
    await files.delete_ended()
    assert await files.find(file.sha256) is not None
    assert await bytes_of(files, file) == content


async def test_files_being_named_are_not_ended_meanwhile(
    files: Files, pool: Pool, postgres_store: PostgresStore, dispatcher: Dispatcher
) -> None:
    file, ticket = await taken(files), await named_by(dispatcher)
    await age(pool, file, days=8)
    async with postgres_store.transaction() as transaction:
        asked = [fresh(evidence(file), ticket_id=ticket)]
        loaded = await transaction.load(wanted(asked, RULES))
        await delete_batch(pool, "files", days=7)
        settled = settle(asked, loaded, rules=RULES, recorded_at=START, new_event_id=new_event_id)
        await transaction.append(settled)
    await delete_batch(pool, "files", days=7)
    await files.delete_ended()
    assert await tickets_of(pool, file) == [ticket]
    assert stored(files) != []


async def test_files_end_with_the_erasure_of_all_tickets_that_name_them(
    files: Files, pool: Pool, dispatcher: Dispatcher
) -> None:
    own, shared = await taken(files), await taken(files)
    one, other = await named_by(dispatcher, own, shared), await named_by(dispatcher, shared)
    await erase(dispatcher, one)
    await files.delete_ended()
    assert [await tickets_of(pool, file) for file in (own, shared)] == [None, [other]]
    assert [path.name for path in stored(files)] == [shared.sha256]
    assert await files_of(files.pool, one, Reader(client="c", person="", at=NOW)) == []
    await erase(dispatcher, other)
    await files.delete_ended()
    assert stored(files) == []


async def test_files_of_a_ticket_without_personal_data_end_with_it(
    files: Files, pool: Pool, dispatcher: Dispatcher
) -> None:
    erased, old, young, still_open = [await taken(files) for _ in range(4)]
    tickets = [await named_by(dispatcher, one, customer=Customer()) for one in (erased, old, young, still_open)]
    for ticket in tickets[:3]:
        await close(dispatcher, ticket)
    async with connected(pool) as connection:  # the confirmer's name: an imported ticket has none
        await connection.execute("DELETE FROM personal_keys WHERE about = ANY(%s)", (tickets,))
    await erase_closed(dispatcher, tickets[0])
    for file in (old, still_open):
        await age(pool, file, days=365 * 20)
    await delete_batch(pool, "personal_keys", days=1)
    await files.delete_ended()
    kept = [await tickets_of(pool, file) for file in (erased, old, young, still_open)]
    assert kept == [None, None, [tickets[2]], [tickets[3]]]


async def test_files_given_out_with_a_ticket_are_recorded_as_read(
    files: Files, pool: Pool, dispatcher: Dispatcher
) -> None:
    file = await taken(files)
    ticket, without = await named_by(dispatcher, file), await named_by(dispatcher)
    reader = Reader(client="app", person="王工", at=NOW)
    for _ in range(2):
        assert [one.sha256 for one in await files_of(files.pool, ticket, reader)] == [file.sha256]
    await files_of(files.pool, without, reader)
    [read] = await ticket_reads(pool, ticket)
    assert (read.client, read.person, read.what, read.times) == ("app", "王工", f"{ticket}/files", 2)
    assert await ticket_reads(pool, without) == []


async def test_files_of_which_one_cannot_be_deleted_are_deleted_all_the_same(
    files: Files, pool: Pool, database: str
) -> None:
    stuck, *others = [await taken(files) for _ in range(3)]
    [path] = [path for path in stored(files) if path.name == stuck.sha256]
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    for file in (stuck, *others):
        await age(pool, file, days=8)
    await delete_batch(pool, "files", days=7)
    await files.delete_ended()
    assert [await tickets_of(pool, file) for file in (stuck, *others)] == [[], None, None]
    [fault] = file_faults(database)
    assert fault.files.startswith("1 \u4e2a\u6587\u4ef6\u65e0\u6cd5\u5220\u9664")
    (path / "in the way").rmdir()
    path.rmdir()
    async with connected(pool) as connection:
        await connection.execute("UPDATE files SET delete_at = now() WHERE sha256 = %s", (stuck.sha256,))
    await files.delete_ended()
    assert await tickets_of(pool, stuck) is None
    assert file_faults(database) == []
