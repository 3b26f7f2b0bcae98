"""Files in a directory: written under another name, synced and renamed, so that a name means all of its bytes."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bus.files.errors import FileGone, FilesAway, full
from bus.files.store import MARKER, PART_BYTES

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DirectoryStore:
    """A directory of this user alone (0700), its files in folders by the first two digits of their SHA-256."""

    def __init__(self, root: Path) -> None:
        """Use a directory, which is made when it is first written to."""
        self._root = root
        self.incoming = root / "incoming"

    async def free_bytes(self) -> int:
        return await asyncio.to_thread(free_bytes, self.incoming)

    async def put(self, received: Path, sha256: str) -> None:
        await asyncio.to_thread(self._put, received, sha256)

    async def read(self, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
        with failing(), await asyncio.to_thread(self._opened, sha256) as file:
            await asyncio.to_thread(file.seek, first)
            left = last - first + 1
            while left > 0 and (part := await asyncio.to_thread(file.read, min(left, PART_BYTES))):
                left -= len(part)
                yield part

    async def delete(self, sha256: str) -> None:
        with failing():
            await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    async def marker(self) -> str | None:
        return await asyncio.to_thread(self._marker)

    async def mark(self, text: str) -> None:
        await asyncio.to_thread(self._mark, text)

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _opened(self, sha256: str) -> BinaryIO:
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise FileGone(sha256) from None

    def _marker(self) -> str | None:
        with failing():
            try:
                return (self._root / MARKER).read_text(errors="replace").strip() or None
            except FileNotFoundError:
                return None

    def _mark(self, text: str) -> None:
        with failing():
            _make(self.incoming)
            written = self.incoming / MARKER
            with written.open("w") as file:
                file.write(f"{text}\n")
                file.flush()
                os.fsync(file.fileno())
            written.replace(self._root / MARKER)
            _sync(self._root)

    def _put(self, received: Path, sha256: str) -> None:
        with failing():
            place = self._path(sha256)
            _make(place.parent)
            received.replace(place)
            for directory in (place.parent, self._root):  # the root has the folder's name
                _sync(directory)


def free_bytes(incoming: Path) -> int:
    """Give how many bytes are free on the disk of a directory, which is made. Raises FilesAway."""
    with failing():
        _make(incoming)
        return shutil.disk_usage(incoming).free


def _make(directory: Path) -> None:
    """Make a directory and the one around it, both of this user alone; of parents `mkdir` leaves the mode to umask."""
    directory.parent.parent.mkdir(parents=True, exist_ok=True)
    for one in (directory.parent, directory):
        one.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def failing() -> Iterator[None]:
    """Turn what the system says into StoreFull or FilesAway."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise full() from error
        raise FilesAway(f"the store of files fails: {error.strerror or type(error).__name__}") from error


def _sync(directory: Path) -> None:
    """Make a rename survive a loss of power."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
