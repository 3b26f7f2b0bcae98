"""`ticketbus backup`: a bus put aside, and whether what was put aside is whole."""

from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from socket import gethostname
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from subprocess import Popen

    from bus.backup.manifest import Manifest
    from bus.backup.take import Server
    from bus.postgres.pool import Connection
    from bus.settings import Settings

commands = typer.Typer()
UPLOADS_EVERY_S = 60.0

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of one backup.")]


@commands.command()
def backup(
    folder: Folder,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Check the backup in DIR instead of making one.")] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Then receive every change into DIR until Ctrl-C: any time can be restored to."),
    ] = False,
    without_postgres: Annotated[
        bool, typer.Option("--without-postgres", help="All but PostgreSQL, where that has backups of its own.")
    ] = False,
    postgres_file: Annotated[
        Path | None,
        typer.Option(
            "--postgres-file",
            metavar="FILE",
            help="Holds the URL of a role with REPLICATION. Default: the local stack's superuser, else DATABASE_URL.",
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Back up PostgreSQL by its own tools beside the running bus, with contract, config files, topics and registry.

    Secrets stay out, each by name: keep them apart, the master key first. With --follow on a backup that is there,
    receiving goes on where it ended; it exits 1 when the server does not give what comes next. --verify exits 1 when
    anything is not as it was written, and notes in PostgreSQL what it found, for the alert `backup_not_verified`.

    Example: ticketbus backup /backups/2026-11-30 --follow
    """
    from bus.backup import manifest, take
    from bus.cli.own_stack import end_as_by_ctrl_c

    if verify and (follow or without_postgres):
        raise typer.BadParameter("--verify 单独使用 / --verify stands alone")
    if follow and without_postgres:
        raise typer.BadParameter("--follow 需要 PostgreSQL / --follow is of PostgreSQL")
    folder = folder.expanduser().resolve()
    if verify:
        _verify(folder, data, as_json)
        return
    settings = _settings(data)
    server = None if without_postgres else take.server_at(_server_url(settings, data, postgres_file))
    end_as_by_ctrl_c()
    again = server is not None and follow and (folder / manifest.NAME).exists()
    if server and again:
        take.followed(server, folder)
    fresh = nullcontext() if again else take.emptied_on_failure(folder)
    with fresh, take.receiving(server, folder) if server and follow else nullcontext() as receiver:
        if not again:
            _show(folder, _taken(settings, server, folder), as_json)
        if receiver is not None:
            say(f"正在接收变更,Ctrl-C 结束 / receiving changes into {folder / manifest.WAL}, until Ctrl-C")
            _wait(receiver, settings, folder)


def _verify(folder: Path, data: Path | None, as_json: bool) -> None:
    """Verify a backup, and let the bus know what came of it, where it is to be had."""
    from bus.backup import take
    from bus.backup.failures import BackupDamaged
    from bus.backup.verified import note_damage, note_verified

    place = f"{gethostname()}:{folder}"
    try:
        made = take.verify(folder)
    except BackupDamaged as damaged:
        damage = str(damaged)
        _note(data, lambda connection: note_damage(connection, place, damage))
        raise
    _show(folder, made, as_json)
    until = take.restorable_until(folder, made.postgres) if made.postgres else made.ended_at
    _note(data, lambda connection: note_verified(connection, made, place, until))


def _note(data: Path | None, note: "Callable[[Connection], Awaitable[None]]") -> None:
    import psycopg

    from bus.app import require
    from bus.cli.run import resolved, run
    from bus.domain.errors import BusError
    from bus.postgres.pool import in_transaction, open_pool

    async def noted(url: str) -> None:
        async with open_pool(url, size=1, name="ticketbus backup") as pool:
            await in_transaction(pool, note)

    try:
        run(noted(require(resolved(data), "database_url")))
    except (BusError, psycopg.Error) as error:
        say(f"总线未登记此次核验 the bus does not know of it, and `backup_not_verified` may open: {error}")


def _taken(settings: "Settings", server: "Server | None", folder: Path) -> "Manifest":
    from bus.backup import take
    from bus.cli.run import run

    return run(take.take(settings, server, folder, say))


def _wait(receiver: "Popen[bytes]", settings: "Settings", folder: Path) -> None:
    """Copy new uploaded files once a minute until Ctrl-C. Raises BackupFailed when receiving ended by itself."""
    from bus.backup import take
    from bus.backup.failures import BackupFailed
    from bus.backup.uploads import copy_new_uploads

    try:
        while receiver.poll() is None:
            copy_new_uploads(settings, folder, say)
            with suppress(TimeoutExpired):
                receiver.wait(UPLOADS_EVERY_S)
    except KeyboardInterrupt:
        return
    words = take.receiver_words(folder)
    raise BackupFailed(
        f"receiving ended: {words}. Run it again: it goes on where it was; if the server has removed what comes next, "
        "take a new backup"
    )


def _show(folder: Path, made: "Manifest", as_json: bool) -> None:
    from bus.backup import wal
    from bus.cli.run import echo_json

    received = wal.segments(folder)
    until = wal.received_until(received)
    if as_json:
        echo_json({**asdict(made), "wal_segments": len(received), "wal_until": until})
        return
    base = made.postgres
    what = f"PostgreSQL {base.version}, {base.bytes / 1e6:,.0f} MB, {base.end_lsn}" if base else "without PostgreSQL"
    echo(f"{folder}: {what}, schema {made.schema}, {made.log.events:,} events, {made.ended_at.isoformat()}")
    if until:
        echo(f"  WAL: {len(received)} segments, until {until.isoformat()}")
    for name in made.left_out:
        echo(f"  未备份(机密) left out, a secret: {name}")
    for absent in made.not_included:
        echo(f"  未备份 not included: {absent}")


def _settings(data: Path | None) -> "Settings":
    from bus.app import require
    from bus.cli.run import resolved

    settings = resolved(data)
    require(settings, "database_url")
    return settings


def _server_url(settings: "Settings", data: Path | None, given: Path | None) -> str:
    """Give the role that backs up: as given, else the running local stack's superuser, else the programs' own."""
    from bus.app import require
    from bus.lent_settings import lent_by
    from bus.settings import load

    if given:
        try:
            return given.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise typer.BadParameter(f"{given}: {error.strerror}", param_hint="--postgres-file") from None
    directory = (data or load().data).expanduser().resolve()
    if lent_by(directory).get("database_url") == settings.database_url:
        from bus.local import postgres
        from bus.local.state import load as load_state

        state = load_state(directory)
        if state and postgres.NAME not in state.outside:
            return postgres.admin_url(port=state.ports["postgres"], password=state.secrets.database_password)
    return require(settings, "database_url")


def say(line: str) -> None:
    """Print what goes on, beside the result."""
    echo(line, err=True)
