"""The store of files that the settings name."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bus.files.directory_store import DirectoryStore
from bus.files.store import FileStore
from bus.settings import Settings


def store_of(settings: Settings) -> FileStore:
    """Make the store of TICKETBUS_FILES_URL; nothing is opened or made yet."""
    if settings.files_url is None:
        return DirectoryStore(settings.data / "files")
    return DirectoryStore(Path(unquote(urlsplit(settings.files_url).path)))
