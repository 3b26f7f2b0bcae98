"""What every store of files owes, as tests: subclass `FileStoreContract` as `Test…` and give a `store` fixture."""

import asyncio
import hashlib
import os
from uuid import uuid4

import pytest

from bus.files.errors import FileGone
from bus.files.store import PART_BYTES, WHOLE, FileStore


async def put(store: FileStore, content: bytes) -> str:
    """Put a file that was received; gives its SHA-256."""
    await store.free_bytes()  # makes the directory for what is received
    path, sha256 = store.incoming / uuid4().hex, hashlib.sha256(content).hexdigest()
    await asyncio.to_thread(path.write_bytes, content)
    await store.put(path, sha256)
    return sha256


async def bytes_of(store: FileStore, sha256: str, first: int, last: int) -> bytes:
    """Read a range, in parts that are small."""
    parts = [part async for part in store.read(sha256, first, last)]
    assert all(0 < len(part) <= PART_BYTES for part in parts)
    return b"".join(parts)


class FileStoreContract:
    """The duties of `bus.files.store.FileStore`."""

    @pytest.mark.parametrize("size", [1, PART_BYTES, 12_000_000])
    async def test_store_gives_the_bytes_that_were_put_and_any_range_of_them(self, store: FileStore, size: int) -> None:
        content = os.urandom(size)
        sha256 = await put(store, content)
        assert await bytes_of(store, sha256, 0, size - 1) == content
        first, last = size // 3, size // 2
        assert await bytes_of(store, sha256, first, last) == content[first : last + 1]
        assert await bytes_of(store, sha256, 0, WHOLE - 1) == content, "as far as the file goes"

    async def test_store_takes_the_same_file_again(self, store: FileStore) -> None:
        content = os.urandom(1000)
        assert await put(store, content) == (sha256 := await put(store, content))
        assert await bytes_of(store, sha256, 0, 999) == content

    async def test_store_forgets_what_is_deleted_however_often(self, store: FileStore) -> None:
        sha256, other = await put(store, os.urandom(1000)), await put(store, os.urandom(1000))
        for _ in range(2):
            await store.delete(sha256)
        with pytest.raises(FileGone):
            await bytes_of(store, sha256, 0, 999)
        assert len(await bytes_of(store, other, 0, 999)) == 1000

    async def test_store_has_one_marker_the_last_that_was_written(self, store: FileStore) -> None:
        for text in ("one", "two"):
            await store.mark(text)
            assert await store.marker() == text
