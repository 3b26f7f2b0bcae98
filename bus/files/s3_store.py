"""Files in a bucket of S3, or of a store that speaks it: what is larger than 5 MiB is put in parts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from bus.files.directory_store import free_bytes
from bus.files.errors import FileGone, FilesAway
from bus.files.store import MARKER, PART_BYTES

TIMEOUT: Final = timedelta(seconds=60)  # of one request; files above 5 MiB are put in parts
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
RETRIES_MAX: Final = 2
PARTS_AT_ONCE: Final = 2  # of 5 MiB each, in memory
_MISSING: Final = (NotFoundError, FileNotFoundError)


class S3FileStore:
    """A prefix of a bucket. An object is there when it is whole: S3 shows none before."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        incoming: Path,
        *,
        endpoint: str | None,
        region: str,
        access_key: str,
        secret_key: str,
        virtual_hosted: bool,
    ) -> None:
        """Use a bucket; files are received in the directory `incoming`. Without keys those of the machine's role."""
        self.incoming = incoming
        self._bucket = S3Store(
            bucket,
            prefix=prefix or None,
            config={
                "region": region,
                "virtual_hosted_style_request": virtual_hosted,
                "checksum_algorithm": "sha256",
                **({"endpoint": endpoint} if endpoint else {}),
                **({"access_key_id": access_key} if access_key else {}),
                **({"secret_access_key": secret_key} if secret_key else {}),
            },
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "timeout": TIMEOUT,
                "connect_timeout": CONNECT_TIMEOUT,
            },
            retry_config={"max_retries": RETRIES_MAX, "retry_timeout": TIMEOUT},
        )

    async def free_bytes(self) -> int:
        return await asyncio.to_thread(free_bytes, self.incoming)

    async def put(self, received: Path, sha256: str) -> None:
        with _failing():
            await obstore.put_async(self._bucket, _key(sha256), received, max_concurrency=PARTS_AT_ONCE)

    async def read(self, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
        with _failing():
            try:
                found = await obstore.get_async(self._bucket, _key(sha256), options={"range": (first, last + 1)})
            except _MISSING:
                raise FileGone(sha256) from None
            async for chunk in found.stream(min_chunk_size=PART_BYTES):
                whole = bytes(chunk)
                for at in range(0, len(whole), PART_BYTES):
                    yield whole[at : at + PART_BYTES]

    async def delete(self, sha256: str) -> None:
        with _failing(), suppress(*_MISSING):
            await obstore.delete_async(self._bucket, _key(sha256))

    async def marker(self) -> str | None:
        with _failing():
            try:
                found = await obstore.get_async(self._bucket, MARKER)
            except _MISSING:
                return None
            return bytes(await found.bytes_async()).decode(errors="replace").strip() or None

    async def mark(self, text: str) -> None:
        with _failing():
            await obstore.put_async(self._bucket, MARKER, f"{text}\n".encode())


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what obstore raises into FilesAway; that there is no such object or bucket, too."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise FilesAway(f"the store of files fails: {type(error).__name__}") from error
