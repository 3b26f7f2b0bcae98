"""A file on its way in: written as it comes, hashed and looked at; never whole in memory, gone if it is refused."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from bus.files.directory_store import failing
from bus.files.errors import FileRefused, too_large
from bus.files.file_type import HEAD_BYTES, IMAGES, TEXT, TYPES, FileType, TextCheck, file_type

PREFIX: Final = "upload-"
BLOCK_BYTES: Final = 256 * 1024
"""So much is in memory of a file that is being received."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that came whole, under a name of its own: size in bytes, SHA-256 in hex."""

    path: Path
    size: int
    sha256: str
    type: FileType


@asynccontextmanager
async def received(
    parts: AsyncIterator[bytes], incoming: Path, *, bytes_max: int, image: bool = False
) -> AsyncIterator[ReceivedFile]:
    """Write what comes to a file in `incoming`, which is gone after the block unless it was renamed.

    `image`: it is to be one, as a photo is.
    Raises FileRefused, StoreFull, FilesAway, and what `parts` raises.
    """
    with failing():
        handle, name = await asyncio.to_thread(tempfile.mkstemp, dir=incoming, prefix=PREFIX)  # 0600
    path = Path(name)
    try:
        writer = _Writer(os.fdopen(handle, "wb"), bytes_max, image=image)
        try:
            async for block in _blocks(parts):
                await asyncio.to_thread(writer.write, block)
            await asyncio.to_thread(writer.end)
        finally:
            await asyncio.to_thread(writer.close)
        assert writer.type is not None
        yield ReceivedFile(path, writer.size, writer.digest.hexdigest(), writer.type)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _blocks(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather parts to blocks; the first tells the type and is given as soon as it can."""
    gathered, least = bytearray(), HEAD_BYTES
    async for part in parts:
        gathered += part
        if len(gathered) >= least:
            yield bytes(gathered)
            gathered.clear()
            least = BLOCK_BYTES
    if gathered:
        yield bytes(gathered)


@dataclass(slots=True)
class _Writer:
    """Works in a thread: one block at a time."""

    file: BinaryIO
    bytes_max: int
    image: bool
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0
    type: FileType | None = None
    text: TextCheck = field(default_factory=TextCheck)

    def write(self, block: bytes) -> None:
        if self.size + len(block) > self.bytes_max:
            raise too_large(self.bytes_max)
        if self.size == 0:
            self.type = file_type(block[:HEAD_BYTES])
        if self.type is None or (self.type is TEXT and not self.text.takes(block)):
            raise _no_type()
        if self.image and self.type not in IMAGES:
            raise _no_image(self.type)
        self.size += len(block)
        self.digest.update(block)
        with failing():
            self.file.write(block)

    def end(self) -> None:
        if self.size == 0:
            raise FileRefused("file_empty", "body", "文件为空", "the file is empty")
        if self.type is TEXT and not self.text.takes(b"", final=True):
            raise _no_type()
        with failing():
            self.file.flush()
            os.fsync(self.file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # what a full disk did not take: who wrote it has been answered
            self.file.close()


def _no_type() -> FileRefused:
    names = list(TYPES)
    zh = f"按内容判断不是可接收的文件类型;可以:{'、'.join(names)}"
    return FileRefused("file_type", "body", zh, f"by its bytes it is none of {', '.join(names)}", legal=names)


def _no_image(known: FileType) -> FileRefused:
    names = [one.media_type for one in IMAGES]
    zh = f"不是图片:按内容判断是 {known.media_type};照片须是 {'、'.join(names)}"
    en = f"no image: by its bytes it is {known.media_type}, and a photo is one of {', '.join(names)}"
    return FileRefused("file_type", "body", zh, en, legal=names)
