"""`manifest.json` of a backup: what it holds, of when, what it leaves out; written last: without it there is none."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bus.backup.failures import BackupDamaged

NAME: Final = "manifest.json"
FORMAT: Final = 1
POSTGRES: Final = "postgres"
"""The base backup, as pg_basebackup wrote it; its files are listed in its own backup_manifest."""
WAL: Final = "wal"
"""Write-ahead log received since, for as long as `--follow` ran; it grows, so no hash covers it."""
FILES: Final = "files"
"""Uploaded files, each under its SHA-256; more come for as long as `--follow` runs."""
PERSONAL_KEYS: Final = (
    "in PostgreSQL's table personal_keys, each wrapped by the master key (AES-256-GCM): without TICKETBUS_MASTER_KEY, "
    "which is in no backup, no personal text can be read"
)
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpFile:
    """A file beside the base backup: its path in the backup, bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpPostgres:
    """The base backup: recovery begins at `start_lsn`, and is consistent from `end_lsn` on, written by `ended_at`."""

    version: str
    major: int
    system_identifier: str
    start_lsn: str
    end_lsn: str
    timeline: int
    ended_at: datetime
    bytes: int
    backup_manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpFiles:
    """Uploaded files of a directory, as many as there were when the base backup had ended."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpLog:
    """The log when the base backup had ended: how many events, the last of them, the last ticket number given."""

    events: int
    last_ticket_id: str | None
    last_version: int | None
    last_recorded_at: datetime | None
    last_ticket_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that a backup says of itself; times in UTC."""

    ticketbus: str
    schema: str
    begun_at: datetime
    ended_at: datetime
    postgres: BackedUpPostgres | None
    log: BackedUpLog
    kafka_end_offsets: dict[str, dict[str, int]] | None
    registry_subjects: int | None
    left_out: list[str]
    not_included: list[str]
    files: list[BackedUpFile]
    uploads: BackedUpFiles | None = None
    personal_keys: str = PERSONAL_KEYS
    format: int = field(default=FORMAT)


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest whole or not at all."""
    half = folder / f"{NAME}.half"
    with half.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1, ensure_ascii=False, default=datetime.isoformat)
        file.flush()
        os.fsync(file.fileno())
    half.replace(folder / NAME)


def read(folder: Path) -> Manifest:
    """Read the manifest. Raises BackupDamaged."""
    path = folder / NAME
    try:
        raw: dict[str, Any] = json.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise BackupDamaged(f"{path}: format {raw['format']}, this version reads {FORMAT}")
        postgres, log = raw.pop("postgres"), raw.pop("log")
        last_at = log.pop("last_recorded_at")
        return Manifest(
            **{
                **raw,
                "begun_at": datetime.fromisoformat(raw["begun_at"]),
                "ended_at": datetime.fromisoformat(raw["ended_at"]),
                "postgres": _postgres(postgres) if postgres else None,
                "log": BackedUpLog(**log, last_recorded_at=datetime.fromisoformat(last_at) if last_at else None),
                "files": [BackedUpFile(**one) for one in raw["files"]],
                "uploads": BackedUpFiles(**raw["uploads"]) if raw.get("uploads") else None,
            }
        )
    except FileNotFoundError as error:
        raise BackupDamaged(f"{path} is not there: {folder} is no backup, or one that was broken off") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _postgres(raw: dict[str, Any]) -> BackedUpPostgres:
    return BackedUpPostgres(**{**raw, "ended_at": datetime.fromisoformat(raw["ended_at"])})


def listed(folder: Path) -> list[BackedUpFile]:
    """List what lies beside the base backup, the WAL and the uploaded files, with sizes and hashes."""
    apart = {folder / POSTGRES, folder / WAL, folder / FILES}
    files = (one for top in folder.iterdir() if top not in apart for one in (top, *top.rglob("*")) if one.is_file())
    return [
        BackedUpFile(path=one.relative_to(folder).as_posix(), bytes=one.stat().st_size, sha256=sha256_of(one))
        for one in sorted(files)
    ]


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """Name what differs from the manifest beside the base backup, and its own list of files. Empty: nothing."""
    found = []
    wanted = [(one.path, one.bytes, one.sha256) for one in manifest.files]
    if manifest.postgres:
        wanted.append((f"{POSTGRES}/backup_manifest", -1, manifest.postgres.backup_manifest_sha256))
    for path, size, digest in wanted:
        file = folder / path
        if not file.is_file():
            found.append(f"{path} is missing")
        elif size >= 0 and file.stat().st_size != size:
            found.append(f"{path} has {file.stat().st_size:,} bytes, not {size:,}")
        elif sha256_of(file) != digest:
            found.append(f"{path} is not what was backed up (SHA-256)")
    return found


def sha256_of(path: Path) -> str:
    """Hash a file in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def size_of(folder: Path) -> int:
    """Add up the bytes of a folder's files."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
