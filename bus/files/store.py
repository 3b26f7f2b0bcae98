"""The store of files, as a Protocol: bytes by their SHA-256, whole or not there at all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

PART_BYTES = 64 * 1024
"""At most so many bytes of a file are given at once."""
WHOLE = 2**40
"""More bytes than any file has."""
MARKER = "store-id"
"""The object beside the files by which a store is known (bus/files/identity.py)."""


class FileStore(Protocol):
    """Where the bytes of files lie. Every method may raise FilesAway."""

    @property
    def incoming(self) -> Path:
        """The directory for files that are being received, of this process's user alone."""
        ...

    async def free_bytes(self) -> int:
        """Give how many bytes are free on the disk of `incoming`, which is made when it is not there."""
        ...

    async def put(self, received: Path, sha256: str) -> None:
        """Put a received file, complete and synced, in its place; it replaces an equal one. Raises StoreFull."""
        ...

    def read(self, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
        """Give the bytes from `first` to `last`, both included, as far as the file goes; in parts of PART_BYTES.

        Raises FileGone.
        """
        ...

    async def delete(self, sha256: str) -> None:
        """Delete a file; one that is not there is no error."""
        ...

    async def marker(self) -> str | None:
        """Give the text of the object MARKER, without blanks around it; None when there is none."""
        ...

    async def mark(self, text: str) -> None:
        """Write the object MARKER, which is durable afterwards. Raises StoreFull."""
        ...
