"""The directory of files keeps the contract, and the settings say where files lie."""

import asyncio
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bus.files import directory_store
from bus.files.directory_store import DirectoryStore
from bus.files.errors import FilesAway
from bus.files.s3_store import S3FileStore
from bus.files.store import FileStore
from bus.files.stores import store_of
from bus.settings import Settings, SettingsInvalid
from tests.files.store_contract import FileStoreContract, put


class TestDirectoryStore(FileStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FileStore:
        return DirectoryStore(tmp_path / "not" / "there" / "yet")


async def test_store_of_the_settings_is_a_directory_in_the_data_or_where_they_say(tmp_path: Path) -> None:
    for settings, root in (
        (Settings(data=tmp_path), tmp_path / "files"),
        (Settings(data=tmp_path, files_url=f"file://{tmp_path}/%E5%9B%BE"), tmp_path / "\u56fe"),
    ):
        sha256 = await put(store_of(settings), b"x")
        assert (root / sha256[:2] / sha256).read_bytes() == b"x"


def test_store_of_a_bucket_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = SecretStr("k"), SecretStr("s")
    settings = Settings(
        data=tmp_path, files_url="s3://evidence/photos", files_s3_access_key=key, files_s3_secret_key=secret
    )
    assert isinstance(store_of(settings), S3FileStore)
    monkeypatch.delitem(sys.modules, "bus.files.s3_store")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(SettingsInvalid, match="ticketbus\\[s3\\]"):
        store_of(settings)


@pytest.mark.parametrize("url", ["/srv/files", "file://srv/files", "https://evidence", "s3://", "file:///"])
def test_store_of_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(files_url=url)


async def test_store_of_a_bucket_that_is_not_there_is_away(tmp_path: Path) -> None:
    async def no_such_bucket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        content = b"<Error><Code>NoSuchBucket</Code></Error>"
        writer.write(
            b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(no_such_bucket, "127.0.0.1", 0) as server:
        settings = {
            "data": tmp_path,
            "files_url": "s3://evidence",
            "files_s3_endpoint": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "files_s3_access_key": "k",
            "files_s3_secret_key": "s",
        }
        store = store_of(Settings.model_validate(settings))
        assert await store.marker() is None
        with pytest.raises(FilesAway):
            await put(store, b"x")
        with pytest.raises(FilesAway):
            await store.mark("x")


async def test_store_in_a_directory_syncs_the_folder_of_a_file_and_the_one_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = list[Path]()
    monkeypatch.setattr(directory_store, "_sync", synced.append)
    root = tmp_path / "new"
    sha256 = await put(DirectoryStore(root), b"x")
    assert synced == [root / sha256[:2], root]
