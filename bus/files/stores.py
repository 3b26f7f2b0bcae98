"""The store of files that the settings name."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bus.files.directory_store import DirectoryStore
from bus.files.store import FileStore
from bus.settings import Settings, SettingsInvalid

_NEEDS_S3: Final = "TICKETBUS_FILES_URL is s3://…, which needs obstore: pip install 'ticketbus[s3]'"


def store_of(settings: Settings) -> FileStore:
    """Make the store of TICKETBUS_FILES_URL; nothing is opened or made yet. Raises SettingsInvalid."""
    own = settings.data / "files"
    if settings.files_url is None:
        return DirectoryStore(own)
    url = urlsplit(settings.files_url)
    if url.scheme == "file":
        return DirectoryStore(Path(unquote(url.path)))
    try:
        from bus.files.s3_store import S3FileStore  # noqa: PLC0415 - an extra, for those who have a bucket
    except ImportError as error:
        raise SettingsInvalid(_NEEDS_S3) from error
    return S3FileStore(
        url.netloc,
        unquote(url.path).strip("/"),
        own / "incoming",
        endpoint=settings.files_s3_endpoint,
        region=settings.files_s3_region,
        access_key=settings.files_s3_access_key,
        secret_key=_secret_key(settings),
        virtual_hosted=settings.files_s3_virtual_hosted,
    )


def _secret_key(settings: Settings) -> SecretStr | None:
    if settings.files_s3_secret_key or not settings.files_s3_secret_key_file:
        return settings.files_s3_secret_key
    try:
        return SecretStr(settings.files_s3_secret_key_file.read_text().strip())
    except OSError as error:
        raise SettingsInvalid(
            f"TICKETBUS_FILES_S3_SECRET_KEY_FILE: {settings.files_s3_secret_key_file}: {error.strerror}"
        ) from error
