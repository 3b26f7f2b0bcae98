"""Uploading files and naming them, as the tests of files do."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from bus.domain.batch import Accepted
from bus.domain.commands import AddEvidence
from bus.domain.inside_commands import ErasePersonalData
from bus.domain.named_files import file_uri
from bus.domain.terms import EvidenceKind, TicketId
from bus.files.files import Files
from bus.files.rows import StoredFile
from bus.files.store import MARKER
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from tests.domain.people import CLOSED, WORKING
from tests.files.samples import JPEG
from tests.store.contract_suite import fresh, opening

NOW = datetime.now(UTC)


async def parts_of(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def taken(files: Files, content: bytes = b"", *, client: str = "") -> StoredFile:
    """Upload a file, one that no other test has unless it is given."""
    content = content or JPEG + uuid4().bytes
    return await files.take(parts_of(content), client=client or uuid4().hex, declared=len(content), now=NOW)


def stored(files: Files) -> list[Path]:
    """List what is in a directory of files beside its marker."""
    return [path for path in files.store.incoming.parent.rglob("*") if path.is_file() and path.name != MARKER]


async def bytes_of(files: Files, file: StoredFile) -> bytes:
    return b"".join([part async for part in files.read(file.sha256, 0, file.size - 1)])


async def named_by(dispatcher: Dispatcher, *files: StoredFile, **own: Any) -> TicketId:
    """Open a ticket whose evidence names files; gives its number."""
    [opened] = await dispatcher.dispatch([fresh(opening(**own))])
    assert isinstance(opened, Accepted)
    for command in WORKING[1:]:
        await dispatcher.dispatch([fresh(command, ticket_id=opened.ticket_id)])
    for file in files:
        [added] = await dispatcher.dispatch([fresh(evidence(file), ticket_id=opened.ticket_id)])
        assert isinstance(added, Accepted), added
    return opened.ticket_id


def evidence(file: StoredFile) -> AddEvidence:
    kind = EvidenceKind.PHOTO if file.media_type.startswith("image/") else EvidenceKind.DOCUMENT
    return AddEvidence(kind=kind, uri=file_uri(file.sha256))


async def tickets_of(pool: Pool, file: StoredFile) -> list[str] | None:
    """Give which tickets name a file; None when its row is gone."""
    async with connected(pool) as connection:
        rows = await connection.execute("SELECT tickets FROM files WHERE sha256 = %s", (file.sha256,))
        row = await rows.fetchone()
    return row[0] if row else None


async def age(pool: Pool, file: StoredFile, days: int) -> None:
    async with connected(pool) as connection:
        at = datetime.now(UTC) - timedelta(days=days)
        await connection.execute("UPDATE files SET uploaded_at = %s WHERE sha256 = %s", (at, file.sha256))


async def erase(dispatcher: Dispatcher, ticket: TicketId) -> None:
    await close(dispatcher, ticket)
    await erase_closed(dispatcher, ticket)


async def erase_closed(dispatcher: Dispatcher, ticket: TicketId) -> None:
    [erased] = await dispatcher.dispatch([fresh(ErasePersonalData(reason="r"), ticket_id=ticket)])
    assert isinstance(erased, Accepted), erased


async def close(dispatcher: Dispatcher, ticket: TicketId) -> None:
    for command in CLOSED[len(WORKING) :]:
        [done] = await dispatcher.dispatch([fresh(command, ticket_id=ticket)])
        assert isinstance(done, Accepted), done
