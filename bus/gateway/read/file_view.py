"""Files as HTTP shows them: the address for evidence, and a signed one to read."""

from datetime import datetime

from bus.domain.named_files import file_uri
from bus.files.addresses import AddressSigner
from bus.files.rows import StoredFile, files_of
from bus.gateway.http.answers import FileAnswer
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import Pool


def file_view(file: StoredFile, addresses: AddressSigner, now: datetime) -> FileAnswer:
    """Show a file with an address that is good from now on. Pure."""
    address = addresses.address(file.sha256, now)
    return {
        "uri": file_uri(file.sha256),
        "sha256": file.sha256,
        "size": file.size,
        "media_type": file.media_type,
        "uploaded_at": file.uploaded_at,
        "url": address.url,
        "expires_at": address.expires_at,
    }


async def ticket_files(pool: Pool, addresses: AddressSigner, ticket_id: str, reader: Reader) -> list[FileAnswer]:
    """Show the files that a ticket's evidence names; that they were read is recorded. Raises StoreUnavailable."""
    return [file_view(one, addresses, reader.at) for one in await files_of(pool, ticket_id, reader)]
