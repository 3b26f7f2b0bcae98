"""The directory of files keeps the contract, and the settings say where files lie."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from bus.files.directory_store import DirectoryStore
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


def test_store_of_a_bucket_has_its_secret_in_a_file_and_needs_an_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    settings = Settings(
        data=tmp_path, files_url="s3://evidence/photos", files_s3_access_key="k", files_s3_secret_key_file=secret
    )
    with pytest.raises(SettingsInvalid, match="TICKETBUS_FILES_S3_SECRET_KEY_FILE"):
        store_of(settings)
    secret.write_text("s\n")
    assert isinstance(store_of(settings), S3FileStore)
    monkeypatch.delitem(sys.modules, "bus.files.s3_store")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(SettingsInvalid, match="ticketbus\\[s3\\]"):
        store_of(settings)


@pytest.mark.parametrize("url", ["/srv/files", "file://srv/files", "https://evidence", "s3://", "file:///"])
def test_store_of_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(files_url=url)
