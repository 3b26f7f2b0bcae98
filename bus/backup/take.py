"""Makes a backup, verifies one, and receives the WAL that follows it."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg

from bus.archive.reader import archived_files
from bus.backup import contents, manifest, replication_slot
from bus.backup.base_files import base_faults
from bus.backup.failures import BackupDamaged, BackupFailed
from bus.backup.manifest import BackedUpPostgres, Manifest
from bus.backup.pg_tools import PgTools, base_backup, find_tools, last_commit, read_wal, start_receiving
from bus.backup.uploads import copy_uploads, upload_faults
from bus.backup.wal import PARTIAL, segments, wal_faults
from bus.domain.errors import KafkaUnavailable
from bus.kafka.broker_topic import TopicRefused
from bus.postgres.pool import connected, open_pool
from bus.postgres.schema_number import schema_number
from bus.schema_registry import RegistryUnavailable, registry_of
from bus.settings import Settings, archive_dir
from schemas.topics import load_contract

RECEIVER_LOG: Final = f"{manifest.WAL}/receive.log"
_LISTED: Final = 10  # faults in one message
_BEGIN_S_MAX: Final = 30.0
_STOP_S_MAX: Final = 20.0
_OWNER_ONLY: Final = 0o700
_SERVER: LiteralString = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000, system_identifier::text,
    timeline_id
FROM pg_control_system(), pg_control_checkpoint()"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The PostgreSQL that is backed up, by a role with REPLICATION."""

    url: str = field(repr=False)
    version: str
    major: int
    system_identifier: str
    timeline: int

    @property
    def tools(self) -> PgTools:
        """The tools of its version. Raises BackupFailed."""
        return find_tools(self.major)


def server_at(url: str) -> Server:
    """Ask a server what it is. Raises BackupFailed."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            (text, major, system, timeline) = connection.execute(_SERVER).fetchall()[0]
    except psycopg.Error as error:
        raise BackupFailed(f"PostgreSQL cannot be asked for its version: {type(error).__name__}") from error
    version_number = text.partition(" ")[0]
    return Server(url=url, version=version_number, major=major, system_identifier=system, timeline=timeline)


def new_folder(folder: Path) -> None:
    """Make the directory of a backup, closed to others. Raises BackupFailed where something is in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be made: {error.strerror}") from error
    if any(folder.iterdir()):
        raise BackupFailed(f"{folder} is not empty: name a new directory for each backup")
    folder.chmod(_OWNER_ONLY)


async def take(settings: Settings, server: Server | None, folder: Path, say: Say) -> Manifest:
    """Back up into an empty directory beside running programs; without a server all but PostgreSQL.

    Raises BackupFailed, StoreUnavailable; then what is in the directory has no manifest, and is no backup.
    """
    begun_at, contract = datetime.now(UTC), load_contract()
    missing = contents.copy_files(settings, folder)
    postgres = _postgres(server, folder, say) if server else None
    url = settings.database_url
    assert url is not None, "the caller requires it"
    async with open_pool(url, size=1, name="ticketbus backup") as pool:
        async with connected(pool) as connection:
            schema, log = await schema_number(connection), await contents.read_log(connection)
            archived = [one.file for one in await archived_files(connection)]
        uploads, without_files = await copy_uploads(pool, settings, folder)
    ends: dict[str, dict[str, int]] | None = None
    subjects: int | None = None
    try:
        ends = await contents.write_topics(settings, contract, folder)
    except (KafkaUnavailable, TopicRefused) as error:
        say(f"without Kafka's topics: {error}")
    registry = registry_of(settings)
    try:
        subjects = await contents.write_registry(registry, folder) if registry else None
    except RegistryUnavailable as error:
        say(f"without the registry's subjects: {error}")
    absent = contents.not_included(ends is not None, subjects is not None)
    absent += without_files
    if archived:
        absent.append(f"files of archived months: copy {archive_dir(settings)}, {', '.join(archived)}")
    absent += [f"the file of {name}: it cannot be read" for name in missing]
    if server is None:
        absent.append("PostgreSQL (--without-postgres): it has backups of its own")
    made = Manifest(
        ticketbus=version("ticketbus"),
        schema=schema,
        begun_at=begun_at,
        ended_at=datetime.now(UTC),
        postgres=postgres,
        log=log,
        kafka_end_offsets=ends,
        registry_subjects=subjects,
        left_out=contents.left_out(settings),
        not_included=absent,
        files=manifest.listed(folder),
        uploads=uploads,
    )
    manifest.write(folder, made)
    return made


def followed(server: Server, folder: Path) -> Manifest:
    """Read a backup that is to be followed on. Raises BackupDamaged, BackupFailed where the server is not the same."""
    made = manifest.read(folder)
    base = made.postgres
    if base is None or (base.system_identifier, base.timeline) != (server.system_identifier, server.timeline):
        raise BackupFailed(f"{folder} is of another PostgreSQL, or of before it was restored: take a new backup")
    return made


@contextmanager
def emptied_on_failure(folder: Path) -> Iterator[None]:
    """Make the directory of a backup; if the block fails, empty it again, so that the same may be tried once more.

    Raises BackupFailed where something is in it.
    """
    new_folder(folder)
    try:
        yield
    except BaseException:
        if not (folder / manifest.NAME).exists():
            for one in folder.iterdir():
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        raise


def verify(folder: Path) -> Manifest:
    """Hold a backup against its manifest and the base backup against its own list. Blocks. Raises BackupDamaged."""
    made = manifest.read(folder)
    found = [*manifest.faults(folder, made), *wal_faults(folder, made)]
    found += [] if found else upload_faults(folder, made)
    base = made.postgres
    if base and not found:
        found = base_faults(folder / manifest.POSTGRES)
    if found:
        raise BackupDamaged(f"{folder}: {'; '.join(found[:_LISTED])}{' …' if len(found) > _LISTED else ''}")
    if base:
        wal = folder / manifest.POSTGRES / "pg_wal"
        read_wal(find_tools(base.major), wal, timeline=base.timeline, start=base.start_lsn, end=base.end_lsn)
    return made


def restorable_until(folder: Path, base: BackedUpPostgres) -> datetime:
    """Give until when a verified backup restores: its last received transaction, else the end of its base backup.

    The WAL says so itself: the times of files are another's once they were copied. Blocks.
    """
    for one in reversed(segments(folder)):
        name = one.path.name.removesuffix(PARTIAL)
        if last := last_commit(find_tools(base.major), one.path, name):
            return max(last, base.ended_at)
    return base.ended_at


@contextmanager
def receiving(server: Server, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Receive the WAL into the backup for as long as the block lasts, from before a base backup that is taken in it.

    Raises BackupFailed when it does not begin.
    """
    wal, log = folder / manifest.WAL, folder / RECEIVER_LOG
    wal.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    slot = replication_slot.of_backup(server.url, wal)
    seen = log.stat().st_size if log.exists() else 0
    process = start_receiving(server.tools, server.url, wal, slot, log)
    try:
        _await_begin(process, log, seen)
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # it ends with what it has on disk
        try:
            process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def receiver_words(folder: Path) -> str:
    """Give the last line that pg_receivewal wrote."""
    lines = (folder / RECEIVER_LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _await_begin(process: subprocess.Popen[bytes], log: Path, seen: int) -> None:
    until = time.monotonic() + _BEGIN_S_MAX
    while b"starting log streaming" not in log.read_bytes()[seen:]:
        if process.poll() is not None or time.monotonic() > until:
            words = log.read_bytes()[seen:].decode(errors="replace").strip().replace("\n", "; ")
            raise BackupFailed(f"pg_receivewal receives nothing: {words or 'no word of it'}")
        time.sleep(0.05)


def _postgres(server: Server, folder: Path, say: Say) -> BackedUpPostgres:
    into = folder / manifest.POSTGRES
    begun = time.monotonic()
    base_backup(server.tools, server.url, into)
    listing = into / "backup_manifest"
    (needed,) = _ranges(listing)
    size = manifest.size_of(into)
    say(f"base backup of PostgreSQL {server.version}: {size / 1e6:,.0f} MB in {time.monotonic() - begun:.1f} s")
    return BackedUpPostgres(
        version=server.version,
        major=server.major,
        system_identifier=server.system_identifier,
        start_lsn=needed["Start-LSN"],
        end_lsn=needed["End-LSN"],
        timeline=needed["Timeline"],
        ended_at=datetime.now(UTC),
        bytes=size,
        backup_manifest_sha256=manifest.sha256_of(listing),
    )


def _ranges(listing: Path) -> list[dict[str, Any]]:
    ranges: list[dict[str, Any]] = json.loads(listing.read_bytes())["WAL-Ranges"]
    return ranges[-1:]
