"""The Java archives of the local stack: fetched once, each proven by the lock file's SHA-256, kept in the cache."""

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from filelock import FileLock

from bus.local.failures import ChecksumMismatch, LocalStackError
from bus.local.hashes import folder_sha256, sha256_of
from bus.local.jar_lock import LOCK_FILE, Archive, read_lock, unpack

_PARALLEL: Final = 6
_TRIES_MAX: Final = 3
_SIZES: Final = "unpacked.txt"  # versions before wrote it there


@dataclass(frozen=True, slots=True, kw_only=True)
class Jars:
    """What the parts are started from."""

    kafka: Sequence[Path]
    registry_home: Path
    key: str  # changes with the lock file; names what is derived from these very jars


Progress = Callable[[int], None]
# Fetches an archive into a directory, telling the bytes as they come; answers the file.
Fetch = Callable[[Archive, Path, Progress], Path]


class DownloadProgress(Protocol):
    """Shows a download: told the total once, then every piece."""

    def begin(self, total_bytes: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def end(self) -> None: ...


def provide(
    cache: Path, *, watch: DownloadProgress | None = None, lock: Path = LOCK_FILE, fetch: Fetch | None = None
) -> Jars:
    """Answer the archives, after fetching what is missing or damaged. Idempotent; safe beside another.

    Raises ChecksumMismatch when a download is not what the lock file names, LocalStackError when it cannot be had.
    """
    archives = read_lock(lock)
    jars = [each for each in archives if each.packaging == "jar"]
    (registry,) = (each for each in archives if each.packaging == "tar.gz")
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "jars.busy"):
        home = cache / f"registry-{registry.version}-{registry.sha256[:12]}"
        missing = _damaged(cache, jars)
        if not _unpacked_whole(home, registry):
            missing.append(registry)
        if missing:
            _fetch_all(missing, cache, watch=watch, fetch=fetch or from_maven)
        if registry in missing:
            _unpack(cache / "jars" / registry.filename, home, registry)
    return Jars(
        kafka=tuple(cache / "jars" / each.filename for each in jars),
        registry_home=home,
        key=hashlib.sha256("".join(each.sha256 for each in archives).encode()).hexdigest()[:12],
    )


def damaged(cache: Path, lock: Path = LOCK_FILE) -> list[str]:
    """Name what `provide` would fetch; empty when all is there and sound."""
    archives = read_lock(lock)
    names = [each.filename for each in _damaged(cache, [a for a in archives if a.packaging == "jar"])]
    homes = {cache / f"registry-{a.version}-{a.sha256[:12]}": a for a in archives if a.packaging == "tar.gz"}
    return names + [home.name for home, archive in homes.items() if not _unpacked_whole(home, archive)]


def from_maven(archive: Archive, directory: Path, progress: Progress) -> Path:
    """Fetch one archive from Maven Central into `directory`."""
    from bus.local.maven import resolve  # noqa: PLC0415 - heavy, and needed once per machine

    return resolve(archive, directory, progress)


def _fetch_all(missing: Sequence[Archive], cache: Path, *, watch: DownloadProgress | None, fetch: Fetch) -> None:
    (cache / "jars").mkdir(exist_ok=True)
    if watch:
        watch.begin(sum(each.size for each in missing))
    given_up = threading.Event()

    def progress(count: int) -> None:
        if given_up.is_set():
            raise LocalStackError("the download was interrupted")
        if watch:
            watch.advance(count)

    try:
        with (
            tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as directory,
            ThreadPoolExecutor(_PARALLEL) as pool,
        ):
            tasks = [
                pool.submit(_fetch_one, each, cache / "jars", Path(directory), progress, fetch) for each in missing
            ]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                given_up.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    finally:
        if watch:
            watch.end()


def _fetch_one(archive: Archive, target: Path, directory: Path, progress: Progress, fetch: Fetch) -> None:
    for attempt in range(1, _TRIES_MAX + 1):
        try:
            got = fetch(archive, directory / f"{archive.sha256}-{attempt}", progress)
        except Exception as error:  # whatever the resolver or the network raised: tried again, then told
            if attempt == _TRIES_MAX:
                raise LocalStackError(
                    f"{archive.filename} cannot be fetched ({error}); check the network or the proxy and try again"
                ) from error
            continue
        (found,) = sha256_of([got])
        if found != archive.sha256:
            got.unlink()
            raise ChecksumMismatch(
                f"{archive.filename} was refused: its SHA-256 is {found}, the lock file names {archive.sha256}. "
                "A proxy or mirror may have changed it; nothing of it is kept"
            )
        got.replace(target / archive.filename)
        return


def _damaged(cache: Path, jars: Sequence[Archive]) -> list[Archive]:
    found = sha256_of(cache / "jars" / each.filename for each in jars)
    return [each for each, sha256 in zip(jars, found, strict=True) if sha256 != each.sha256]


def _unpack(packed: Path, home: Path, archive: Archive) -> None:
    shutil.rmtree(home, ignore_errors=True)
    half = home.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    unpack(packed, half)
    if (found := folder_sha256(half)) != archive.unpacked:
        raise ChecksumMismatch(
            f"{archive.filename} unpacks to files with the SHA-256 {found}, the lock file names {archive.unpacked}"
        )
    half.rename(home)
    packed.unlink()


def _unpacked_whole(home: Path, archive: Archive) -> bool:
    """Say whether the files are those that the lock file names, and no others: Java would read settings out of them."""
    return home.is_dir() and folder_sha256(home, but=_SIZES) == archive.unpacked
