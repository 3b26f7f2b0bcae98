"""A store that is not mounted, or is another one: nothing is taken, nothing counts as deleted, and `status` says so."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bus.files.directory_store import DirectoryStore
from bus.files.errors import FileGone, FilesAway
from bus.files.files import Files
from bus.files.store import MARKER
from bus.local.file_faults import file_faults
from bus.postgres.pool import Pool, connected
from bus.postgres.retention import delete_batch
from tests.files.uploads import age, bytes_of, stored, taken, tickets_of


async def unjoined(pool: Pool) -> None:
    """Let the database be as before the first use of a store, without files of other tests."""
    async with connected(pool) as connection:
        await connection.execute("UPDATE file_store SET id = NULL, fault_at = NULL")
        await connection.execute("DELETE FROM files")


async def test_store_that_is_not_mounted_takes_nothing_and_no_file_counts_as_deleted(
    files: Files, pool: Pool, tmp_path: Path
) -> None:
    ended, live = await taken(files), await taken(files)
    await age(pool, ended, days=8)
    await delete_batch(pool, "files", days=7)
    root, mounted = tmp_path / "files", tmp_path / "mounted"
    root.rename(mounted)
    root.mkdir()
    with pytest.raises(FilesAway):
        await files.delete_ended()
    with pytest.raises(FilesAway, match="store of files is not mounted"):
        await taken(files)
    with pytest.raises(FilesAway):
        await bytes_of(files, live)
    assert list(root.iterdir()) == []
    assert await tickets_of(pool, ended) == []
    root.rmdir()
    mounted.rename(root)
    await files.delete_ended()
    assert await tickets_of(pool, ended) is None
    assert [path.name for path in stored(files)] == [live.sha256]


async def test_store_of_another_database_is_not_used(files: Files, tmp_path: Path) -> None:
    await taken(files)
    other = DirectoryStore(tmp_path / "other")
    await other.mark("another")
    with pytest.raises(FilesAway):
        await taken(replace(files, store=other))


async def test_store_without_its_marker_says_so_and_still_gives_the_files_that_are_there(
    files: Files, tmp_path: Path
) -> None:
    file = await taken(files)
    (tmp_path / "files" / MARKER).unlink()
    with pytest.raises(FilesAway) as away:
        await taken(files)
    assert f"没有 {MARKER},应为 " in str(away.value)
    assert f"it has no {MARKER}, it should be " in str(away.value)
    assert await bytes_of(files, file)


async def test_store_is_joined_at_first_use_by_many_at_once(pool: Pool, files: Files, tmp_path: Path) -> None:
    await unjoined(pool)
    many = [replace(files, store=DirectoryStore(tmp_path / "new")) for _ in range(4)]
    for file in await asyncio.gather(*map(taken, many)):
        await bytes_of(many[0], file)
    assert (tmp_path / "new" / MARKER).read_text().strip() == await store_id(pool)


async def store_id(pool: Pool) -> str:
    async with connected(pool) as connection:
        ((found,),) = await (await connection.execute("SELECT id FROM file_store")).fetchall()
    return str(found)


async def test_store_of_before_the_marker_is_joined_when_it_has_a_file_or_a_marker_by_hand(
    pool: Pool, files: Files, tmp_path: Path
) -> None:
    await unjoined(pool)
    await taken(files)
    (tmp_path / "files" / MARKER).unlink()
    async with connected(pool) as connection:
        await connection.execute("UPDATE file_store SET id = NULL")
    empty = replace(files, store=DirectoryStore(tmp_path / "empty"))
    with pytest.raises(FilesAway, match="none of those"):
        await taken(empty)
    await taken(files)
    assert (tmp_path / "files" / MARKER).read_text().strip() == await store_id(pool)
    (tmp_path / "empty" / MARKER).parent.mkdir(exist_ok=True)
    (tmp_path / "empty" / MARKER).write_text(f"{await store_id(pool)}\n")
    await taken(empty)


async def test_store_with_its_marker_says_of_a_file_that_is_gone_that_it_is(files: Files, tmp_path: Path) -> None:
    file = await taken(files)
    (tmp_path / "files" / file.sha256[:2] / file.sha256).unlink()
    with pytest.raises(FileGone):
        await bytes_of(files, file)


async def test_status_says_that_the_store_of_files_is_away(
    files: Files, pool: Pool, database: str, tmp_path: Path
) -> None:
    await unjoined(pool)
    await taken(files)
    assert file_faults(database) == []
    files.store = DirectoryStore(tmp_path / "elsewhere")
    deleting = asyncio.create_task(files.delete_for_ever())
    try:
        async with asyncio.timeout(30):
            while not file_faults(database):
                await asyncio.sleep(0.05)
    finally:
        deleting.cancel()
    [fault] = file_faults(database)
    assert fault.files.startswith("\u6587\u4ef6\u5b58\u50a8\u672a\u6302\u8f7d")
