"""Files as HTTP shows them: the address for evidence, and a signed one to read. Pure."""

from collections.abc import Iterable
from datetime import datetime

from bus.domain.named_files import file_uri
from bus.files.addresses import AddressSigner
from bus.files.rows import StoredFile
from bus.gateway.http.answers import FileAnswer


def file_view(file: StoredFile, addresses: AddressSigner, now: datetime) -> FileAnswer:
    """Show a file with an address that is good from now on."""
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


def files_view(files: Iterable[StoredFile], addresses: AddressSigner, now: datetime) -> list[FileAnswer]:
    """Show files, each with an address of its own."""
    return [file_view(one, addresses, now) for one in files]
