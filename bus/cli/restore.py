"""`ticketbus restore`: a bus that lost PostgreSQL made whole again, from a backup and from Kafka."""

import time
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.backup import Folder, say
from bus.cli.echo import echo
from bus.cli.files import show_restored_files
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.programs.mending import MendedStores
    from bus.settings import Settings

commands = typer.Typer()


@commands.command()
def restore(
    folder: Folder,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Point in time, such as 2026-11-30T10:02:00+08:00; unset: the end."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a local stack's PostgreSQL again from a backup, and bring both stores to agree. The stack must be down.

    Refuses a data directory that has a PostgreSQL, another major version, a damaged backup, a newer release's schema,
    and a wrong master key. What Kafka has beyond the backup is added, what Kafka lacks is published. Uploaded files
    that their directory lacks are put back, and all are read. Exits 1 when the stores still differ, or a file is wrong.
    A PostgreSQL of your own: docs/backup.md.

    Example: ticketbus restore /backups/2026-11-30 --to 2026-11-30T10:02:00+08:00
    """
    from bus.backup import manifest
    from bus.backup.failures import RestoreRefused
    from bus.cli.time_option import read_time_option

    folder = folder.expanduser().resolve()
    settings, begun = _unstarted(data), time.monotonic()
    made, until = manifest.read(folder), read_time_option(to, "--to").astimezone(UTC) if to else None
    if made.postgres is None:
        raise RestoreRefused(f"{folder} is without PostgreSQL: restore that by its means, then `ticketbus log mend`")
    if until and until < made.postgres.ended_at:
        raise RestoreRefused(
            f"--to {until.isoformat()} lies before the end of the base backup, {made.postgres.ended_at.isoformat()}: "
            "take an earlier backup"
        )
    from bus.programs.restoring import restore_local

    restored = restore_local(settings, folder, made, until, say)
    show_mended(restored.mended, as_json, files=asdict(restored.files))
    if not as_json:
        show_restored_files(restored.files)
    where = "" if data is None else f" --data {data}"
    say(f"恢复用时 restored in {(time.monotonic() - begun) / 60:.1f} min; 启动 start: ticketbus up{where}")
    if not restored.whole:
        raise typer.Exit(1)


def show_mended(mended: "MendedStores", as_json: bool, **more: Any) -> None:
    """Print what was filled in where, and how both stores compare now; as JSON `more`, too."""
    from bus.cli.run import echo_json

    report = mended.report
    if as_json:
        listed = [one._asdict() for one in report.listed]
        echo_json({**asdict(mended), "report": {**asdict(report), "listed": listed}, **more})
        return
    echo(f"{mended.restored:,} events added to PostgreSQL, which Kafka had")
    for topic, count in mended.queued.items():
        echo(f"{count:,} events queued for {topic}, which lacked them")
    echo(f"{mended.published:,} records published, handlers reset: {', '.join(mended.handlers_reset) or 'none'}")
    for handler in mended.undecided:
        echo(
            f"{handler} 停住,请决定 stands still until you decide: "
            f"ticketbus stage reset {handler} --to end, or --to start"
        )
    echo(
        f"log verify: {report.stored:,} events, {report.records:,} records, {report.repeats:,} harmless repeats, "
        f"{report.waiting:,} still to publish, {report.differences:,} differences"
    )
    for one in report.listed:
        echo(f"  {one.kind}: {one.ticket_id} version {one.version} ({one.where})")


def _unstarted(data: Path | None) -> "Settings":
    from bus.backup.failures import RestoreRefused
    from bus.settings import load

    settings = load()
    settings = settings.model_copy(update={"data": (data or settings.data).expanduser().resolve()})
    if settings.database_url:
        raise RestoreRefused(
            "DATABASE_URL names a PostgreSQL of your own: restore DIR/postgres, or its provider's backup, there by its "
            "own means (docs/backup.md), then run `ticketbus prepare` and `ticketbus log mend`"
        )
    return settings
