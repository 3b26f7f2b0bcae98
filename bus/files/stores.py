"""The store of files that the settings name."""

from typing import Final
from urllib.parse import unquote, urlsplit

from bus.files.directory_store import DirectoryStore
from bus.files.store import FileStore
from bus.settings import Settings, SettingsInvalid, files_dir, secret_of

_NEEDS_S3: Final = "TICKETBUS_FILES_URL is s3://…, which needs obstore: pip install 'ticketbus[s3]'"


def store_of(settings: Settings) -> FileStore:
    """Make the store of TICKETBUS_FILES_URL; nothing is opened or made yet. Raises SettingsInvalid."""
    if directory := files_dir(settings):
        return DirectoryStore(directory)
    url = urlsplit(settings.files_url or "")
    try:
        from bus.files.s3_store import S3FileStore  # noqa: PLC0415 - an extra, for those who have a bucket
    except ImportError as error:
        raise SettingsInvalid(_NEEDS_S3) from error
    return S3FileStore(
        url.netloc,
        unquote(url.path).strip("/"),
        settings.data / "files" / "incoming",
        endpoint=settings.files_s3_endpoint,
        region=settings.files_s3_region,
        access_key=secret_of(settings, "files_s3_access_key"),
        secret_key=secret_of(settings, "files_s3_secret_key"),
        virtual_hosted=settings.files_s3_virtual_hosted,
    )
