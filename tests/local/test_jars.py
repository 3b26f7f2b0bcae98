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
UNPACKED = hashlib.sha256(f"{hashlib.sha256(JAR).hexdigest()} lib/registry.jar\n".encode()).hexdigest()


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
        unpacked=UNPACKED if packaging == "tar.gz" else "",
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


def same_size(path: Path) -> None:
    path.write_bytes(b"A jar")


def settings_beside(path: Path) -> None:
    (path.parent.parent / "config").mkdir()
    (path.parent.parent / "config" / "application.properties").write_text("quarkus.http.auth.basic=false")


def linked(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(path.parent.parent.parent / "elsewhere.jar")
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("change", [same_size, settings_beside, linked, lambda path: path.unlink()])
def test_jars_an_unpacked_file_that_was_changed_added_or_linked_is_found_and_unpacked_anew(
    tmp_path: Path, lock: Path, fetch: jars.Fetch, change: Callable[[Path], object]
) -> None:
    home = jars.provide(tmp_path / "cache", lock=lock, fetch=fetch).registry_home
    change(home / "lib" / "registry.jar")
    assert jars.damaged(tmp_path / "cache", lock) == [home.name]
    jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)
    assert [path.relative_to(home).as_posix() for path in home.rglob("*")] == ["lib", "lib/registry.jar"]
    assert (home / "lib" / "registry.jar").read_bytes() == JAR
    (home / "unpacked.txt").write_text("5 lib/registry.jar")  # as versions before left it
    assert jars.damaged(tmp_path / "cache", lock) == []


def test_jars_an_archive_that_unpacks_to_other_files_is_refused(tmp_path: Path, lock: Path, fetch: jars.Fetch) -> None:
    lock.write_text(lock.read_text().replace(UNPACKED, "0" * 64))
    with pytest.raises(ChecksumMismatch, match="unpacks to files"):
        jars.provide(tmp_path / "cache", lock=lock, fetch=fetch)


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
    assert {each.artifact for each in archives if each.unpacked} == {"apicurio-registry-app"}


def test_jars_a_lock_file_that_cannot_be_read_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "jars.lock"
    path.write_text("# fine\nnot a line\n")
    with pytest.raises(LocalStackError, match="line 2"):
        read_lock(path)
