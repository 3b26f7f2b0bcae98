"""The archives: proven by the lock file, fetched when missing or damaged, refused when not the ones named."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.local import jars
from bus.local.failures import ChecksumMismatch, LocalStackError
from bus.local.jar_lock import Archive, read_lock
from bus.local.jars import Progress

JAR = b"a jar"


def packed() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("lib/registry.jar")
        info.size = len(JAR)
        tar.addfile(info, io.BytesIO(JAR))
    return buffer.getvalue()


def archive(part: str, packaging: str, content: bytes) -> Archive:
    return Archive(
        part=part, group="org.example", artifact=part, version="1", classifier="", packaging=packaging,
        size=len(content), sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


@pytest.fixture
def contents() -> dict[str, bytes]:
    return {"kafka-1.jar": JAR, "registry-1.tar.gz": packed()}


@pytest.fixture
def lock(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    path = tmp_path / "jars.lock"
    lines = [
        archive("kafka", "jar", contents["kafka-1.jar"]).line(),
        archive("registry", "tar.gz", contents["registry-1.tar.gz"]).line(),
    ]
    path.write_text("# a comment\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def fetched() -> list[str]:
    return []


@pytest.fixture
def fetch(contents: dict[str, bytes], fetched: list[str]) -> jars.Fetch:
    def fake(wanted: Archive, directory: Path, progress: Progress) -> Path:
        fetched.append(wanted.filename)
        directory.mkdir(parents=True)
        (directory / "file").write_bytes(contents[wanted.filename])
        progress(wanted.size)
        return directory / "file"

    return fake


def test_jars_what_is_there_and_sound_is_not_fetched_again(
    tmp_path: Path, lock: Path, fetch: jars.Fetch, fetched: list[str]
) -> None:
    first = jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)
    assert jars.provide(tmp_path / "cache", lock=lock, fetch=fetch) == first
    assert sorted(fetched) == ["kafka-1.jar", "registry-1.tar.gz"]
    assert (first.registry_home / "lib" / "registry.jar").read_bytes() == JAR
    assert jars.damaged(tmp_path / "cache", lock) == []


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"half"), lambda path: path.unlink()])
def test_jars_a_damaged_or_missing_file_is_fetched_again(
    tmp_path: Path, lock: Path, fetch: jars.Fetch, fetched: list[str], damage: Callable[[Path], object]
) -> None:
    there = jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)
    damage(there.kafka[0])
    damage(there.registry_home / "lib" / "registry.jar")
    assert len(jars.damaged(tmp_path / "cache", lock)) == 2
    jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)
    assert there.kafka[0].read_bytes() == JAR
    assert (there.registry_home / "lib" / "registry.jar").read_bytes() == JAR
    assert len(fetched) == 4


def test_jars_a_file_that_is_not_the_locked_one_is_refused_and_not_kept(
    tmp_path: Path, lock: Path, fetch: jars.Fetch, contents: dict[str, bytes]
) -> None:
    contents["kafka-1.jar"] = b"not the jar"
    with pytest.raises(ChecksumMismatch, match=r"kafka-1\.jar was refused"):
        jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)
    assert not (tmp_path / "cache" / "jars" / "kafka-1.jar").exists()
    assert list((tmp_path / "cache").glob("fetch-*")) == []


def test_jars_a_network_that_fails_is_tried_again_and_then_told(
    tmp_path: Path, lock: Path, fetch: jars.Fetch, fetched: list[str]
) -> None:
    def flaky(wanted: Archive, directory: Path, progress: Progress) -> Path:
        if fetched.count(wanted.filename) < 1:
            fetched.append(wanted.filename)
            raise ConnectionError("reset")
        return fetch(wanted, directory, progress)

    jars.provide(tmp_path / "cache", lock=lock, fetch=flaky)

    def dead(*_: object) -> Path:
        raise ConnectionError("reset")

    with pytest.raises(LocalStackError, match="check the network"):
        jars.provide(tmp_path / "other", lock=lock, fetch=dead)


def test_jars_the_lock_file_names_the_parts_once_each() -> None:
    archives = read_lock()
    versions = {each.artifact: each.version for each in archives}
    assert len(versions) == len(archives)
    assert versions["kafka-clients"] == versions["kafka_2.13"] == "4.4.0"
    assert versions["apicurio-registry-app"] == "3.3.3"
    assert all(len(each.sha256) == 64 and each.size > 0 for each in archives)


def test_jars_a_lock_file_that_cannot_be_read_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "jars.lock"
    path.write_text("# fine\nnot a line\n")
    with pytest.raises(LocalStackError, match="line 2"):
        read_lock(path)
