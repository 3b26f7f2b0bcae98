"""Whether the store of files is the one that the database goes with: its marker has the id that PostgreSQL has.

A disk that is not mounted and a bucket that was made anew are empty stores: what is deleted from them stays elsewhere.
"""

from typing import Final, LiteralString
from uuid import uuid4

from bus.domain.text import Text
from bus.files.errors import FileGone, FilesAway
from bus.files.store import MARKER, FileStore
from bus.postgres.pool import Connection, Pool, connected

LOOKED_FOR: Final = 10  # files of before the marker, of which one is to be in its store
_ID: LiteralString = "SELECT id FROM file_store"
_NEWEST = "SELECT sha256 FROM files WHERE ended_at IS NULL ORDER BY uploaded_at DESC LIMIT %s"
_JOIN = "UPDATE file_store SET id = %s"
_FAULT = "UPDATE file_store SET fault = %s, fault_at = now()"


async def check_store(pool: Pool, store: FileStore) -> None:
    """See that the store is this database's; at first use it becomes it. Raises FilesAway, StoreUnavailable."""
    async with connected(pool) as connection:
        expected = await _id(connection)
    if expected is None:
        expected = await _join(pool, store)
    found = await store.marker()
    if found != expected:
        seen = Text(f"{MARKER} 是 {found}", f"its {MARKER} is {found}")
        if found is None:
            seen = Text(f"没有 {MARKER}", f"it has no {MARKER}")
        zh = f"文件存储未挂载,或不是原来的那个: {seen.zh},应为 {expected}"
        en = f"the store of files is not mounted, or is another one: {seen.en}, it should be {expected}"
        raise FilesAway(str(Text(zh, en)))


async def note_fault(pool: Pool, fault: str) -> None:
    """Write down why the store cannot be used now, for `status` and `doctor`. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_FAULT, (fault,))


async def _join(pool: Pool, store: FileStore) -> str:
    """Take the store's marker, or make one, in the turn of one gateway; gives the id.

    A store without a marker that holds none of the newest files that PostgreSQL lists is not taken.
    """
    async with connected(pool) as connection:
        if expected := await _id(connection, " FOR UPDATE"):
            return expected
        found = await store.marker()
        if found is None:
            await _check_holds_some(connection, store)
            found = uuid4().hex
            await store.mark(found)
        await connection.execute(_JOIN, (found,))
    return found


async def _id(connection: Connection, lock: LiteralString = "") -> str | None:
    ((expected,),) = await (await connection.execute(_ID + lock)).fetchall()
    assert expected is None or isinstance(expected, str)
    return expected


async def _check_holds_some(connection: Connection, store: FileStore) -> None:
    newest = [sha256 for (sha256,) in await (await connection.execute(_NEWEST, (LOOKED_FOR,))).fetchall()]
    for sha256 in newest:
        try:
            async for _ in store.read(sha256, 0, 0):
                return
        except FileGone:
            continue
    if newest:
        zh = f"文件存储中没有 PostgreSQL 记录的文件: 未挂载?确为此存储时,请放入 {MARKER}"
        en = f"the store of files has none of those that PostgreSQL lists: not mounted? If it is the one, put {MARKER}"
        raise FilesAway(str(Text(zh, en)))
