"""A base backup made the local stack's PostgreSQL again: recovered apart, checked, and only then put in its place."""

import os
import pwd
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bus.backup import manifest
from bus.backup.failures import RestoreRefused
from bus.backup.manifest import BackedUpPostgres
from bus.backup.pg_tools import major_of
from bus.backup.wal import PARTIAL, segments
from bus.local import postgres
from bus.local.failures import LocalStackError
from bus.local.process import Child, spawn, stop_all

RECOVER_S_MAX: Final = 6 * 3600.0
_POLL_S: Final = 0.1
_STOP_S_MAX: Final = 60.0
_PORT: Final = 5432  # names the socket alone
_LAST: Final = re.compile(r"last completed transaction was at log time (.+)")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What is recovered from where: a verified backup, into the data directory of a stack that does not run."""

    backup: Path
    base: BackedUpPostgres
    data: Path
    to: datetime | None
    password: str = field(repr=False)  # the superuser's from now on


def check_target(data: Path) -> None:
    """Refuse a data directory that has a PostgreSQL. Raises RestoreRefused."""
    directory = data / postgres.NAME
    if directory.exists() and any(directory.iterdir()):
        raise RestoreRefused(
            f"{directory} is not empty: move it away first (`mv {directory} {directory}.before`), "
            "and keep it until all is well"
        )


def recover(recovery: Recovery, check: Callable[[str], None], say: Say) -> str | None:
    """Recover to the time asked for, else to the end of the WAL; `check` is given a URL of the bus's database.

    Gives the time of the last transaction, as PostgreSQL logs it. Blocks. Raises RestoreRefused, LocalStackError and
    what `check` raises; then the data directory is as before.
    """
    data = recovery.data
    half, received = data / "postgres.restoring", data / "postgres.wal"
    check_target(data)
    with _nothing_left(data, half, received):
        binaries, user = postgres.wheel(data)
        if (major := major_of(binaries)) != recovery.base.major:
            raise RestoreRefused(
                f"the backup is of PostgreSQL {recovery.base.major}, the local stack runs {major}: another major "
                "version does not read it; run the release of the backup, then pg_dump and pg_restore"
            )
        try:
            _place(recovery.backup, half, received, user)
        except OSError as error:  # shutil.Error is one, of a line for each file
            free = shutil.disk_usage(data).free >> 20
            why = f"the backup cannot be copied to {data} ({free} MiB free): {_reason(error)}"
            raise RestoreRefused(f"{why}; make room, or restore to another disk") from error
        begun = time.monotonic()
        with _recovering(recovery, binaries, half, received, user) as (url, child):
            last = _await_end(child, url, recovery)
            with psycopg.connect(_of(url, postgres.ADMIN_DATABASE), autocommit=True) as connection:
                names = sql.Identifier(postgres.USER), sql.Literal(recovery.password)
                connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(*names))
            check(_of(url, postgres.DATABASE))
        took_s = time.monotonic() - begun
        say(f"PostgreSQL recovered in {took_s:.1f} s; its last transaction is of {last or 'the base backup'}")
        directory = data / postgres.NAME
        if directory.exists():
            directory.rmdir()
        half.rename(directory)
    return last


@contextmanager
def _nothing_left(data: Path, half: Path, received: Path) -> Iterator[None]:
    """Make the data directory unless it is there; what failed leaves none of what was made for it."""

    def remove(*folders: Path) -> None:
        for one in folders:
            shutil.rmtree(one, ignore_errors=True)

    remove(half, received)  # of a run that was killed
    new = not data.exists()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if new:
            remove(data)
        raise
    finally:
        remove(half, received)


def _reason(error: OSError) -> str:
    """Say why in one line; a copy of a tree names each file that failed."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][-1])
    return error.strerror or type(error).__name__


def _place(backup: Path, half: Path, received: Path, user: str | None) -> None:
    """Copy base backup and WAL to where the server's user reaches them; a segment's part counts as the segment."""
    shutil.copytree(backup / manifest.POSTGRES, half, symlinks=True, ignore=shutil.ignore_patterns("backup_manifest"))
    (half / "recovery.signal").touch()
    half.chmod(0o700)
    received.mkdir(mode=0o700)
    for one in segments(backup):
        shutil.copyfile(one.path, received / one.path.name.removesuffix(PARTIAL))
    for history in (backup / manifest.WAL).glob("*.history"):
        shutil.copyfile(history, received / history.name)
    if user is not None:
        owner = pwd.getpwnam(user)
        for top in (half, received):
            for path in (top, *top.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


@contextmanager
def _recovering(
    recovery: Recovery, binaries: Path, half: Path, received: Path, user: str | None
) -> Iterator[tuple[str, Child]]:
    """Run the server on a socket of its own, that nobody else reaches, until the block ends."""
    if user is not None:
        postgres.let_traverse(recovery.data)
        postgres.let_traverse(binaries)
    with tempfile.TemporaryDirectory(prefix="ticketbus-restore-") as socket:
        hba = Path(socket) / "hba.conf"
        hba.write_text("local all all trust\n")
        if user is not None:
            owner = pwd.getpwnam(user)
            for path in (Path(socket), hba):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": socket,
            "port": _PORT,
            "hba_file": hba,
            "max_connections": postgres.CONNECTIONS_MAX,  # not less than that of the server it was taken of
            "restore_command": f'cp {shlex.quote(str(received)).replace("%", "%%")}/%f "%p"',
            "recovery_target_action": "promote",
            **({"recovery_target_time": recovery.to.isoformat()} if recovery.to else {}),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        child = spawn(
            postgres.NAME,
            [str(binaries / "postgres"), "-D", str(half), *options],
            log=Path(socket) / "postgres.log",
            env=postgres.environment(),
            cwd=half,
            user=user,
            polite=postgres.POLITE,
        )
        try:
            yield make_conninfo(host=socket, port=_PORT, user=postgres.USER), child
        finally:
            if stop_all([child], grace_s=_STOP_S_MAX):
                raise LocalStackError("the recovered PostgreSQL did not stop; nothing was put in place")


def _await_end(child: Child, url: str, recovery: Recovery) -> str | None:
    until = time.monotonic() + RECOVER_S_MAX
    while True:
        if child.ended() is not None:
            raise RestoreRefused(_why(child, recovery))
        if time.monotonic() > until:
            raise LocalStackError(
                f"PostgreSQL did not recover within {RECOVER_S_MAX / 3600:.0f} h; the end of its log:\n"
                f"{child.last_words(8)}"
            )
        try:
            with psycopg.connect(_of(url, postgres.ADMIN_DATABASE), connect_timeout=2) as connection:
                ((busy,),) = connection.execute("SELECT pg_is_in_recovery()").fetchall()
            if not busy:
                return _last_transaction(child)
        except psycopg.OperationalError:
            pass  # it does not answer yet
        time.sleep(_POLL_S)


def _why(child: Child, recovery: Recovery) -> str:
    words, last = child.last_words(40), _last_transaction(child)
    if "before configured recovery target was reached" in words:
        return (
            f"the WAL of this backup ends before {recovery.to}: its last transaction is of {last or 'the base backup'}"
            "; restore to an earlier time, or without --to, which takes all there is"
        )
    return f"PostgreSQL did not recover; the end of its log:\n{child.last_words(8)}"


def _last_transaction(child: Child) -> str | None:
    found = _LAST.findall(child.last_words(60))
    return found[-1] if found else None


def _of(url: str, database: str) -> str:
    return make_conninfo(url, dbname=database)
