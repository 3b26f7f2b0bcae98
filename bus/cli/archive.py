"""`ticketbus archive`: closed months of the log in Parquet files, what they hold, and whether they are whole."""

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.text import Text

if TYPE_CHECKING:
    from bus.app import Core
    from bus.archive.reader import ArchivedFile
    from bus.archive.writing import ArchivedMonth

Month = Annotated[str, typer.Option("--month", help='YYYY-MM, or as `archive list` has it ("before 2026-12").')]

HELP = ("-h", "--help")


class _MonthOrCommand(TyperGroup):
    """Takes what is no command as options of `run`: `archive --month` and `archive verify`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before arguments that name no command, and where there are none."""
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = ["run", *args]
        return super().parse_args(ctx, args)


commands = typer.Typer(
    name="archive",
    cls=_MonthOrCommand,
    help="Archive closed months of the log in Parquet files; list, read, verify them, bring them back.",
)


@commands.command()
def run(
    month: Month = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Archive each month that is past, or one: tickets closed and without an event for TICKETBUS_ARCHIVE_AFTER_DAYS.

    Their events go to a file in TICKETBUS_ARCHIVE_DIR and out of PostgreSQL; other tickets of the month stay. The file
    is compared and on the disk before anything goes. Killed at any moment, run it again.

    Exits 1 when a month cannot be archived now; the text says why.

    Example: ticketbus archive --month 2026-10 --dry-run
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.programs.archiving import archive

    def tell(one: "ArchivedMonth") -> None:
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_line(one, dry_run))

    if not with_core(data, lambda core: archive(core, month, dry_run=dry_run, tell=tell)):
        echo(str(Text("没有可归档的月份", "there is no month to archive")), err=True)


@commands.command("list")
def list_(data: Data = None, as_json: Json = False) -> None:
    """List the files of the archive: month, tickets, events, bytes, the tickets and times between which they lie.

    Example: ticketbus archive list --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core

    for one in with_core(data, _files):
        if as_json:
            echo_json({**asdict(one), "sha256": one.sha256.hex()})
        else:
            echo(
                f"{one.file}  {one.tickets:,} tickets  {one.events:,} events  {one.bytes / 1024**2:,.1f} MiB  "
                f"{one.first_ticket} … {one.last_ticket}"
            )


@commands.command()
def verify(data: Data = None, as_json: Json = False) -> None:
    """Read each file of the archive and compare its SHA-256. Exits 1 for one that is missing, unreadable or changed.

    Example: ticketbus archive verify
    """
    from bus.cli.run import echo_json, with_core
    from bus.programs.archiving import verified

    faults = 0
    for file, fault in with_core(data, verified):
        faults += bool(fault)
        if as_json:
            echo_json({"file": file, "fault": str(fault) if fault else None})
        else:
            echo(f"{file}: {fault or Text('完好', 'whole')}")
    if faults:
        raise typer.Exit(1)


@commands.command()
def read(
    ticket: Annotated[str, typer.Option("--ticket", help="The events of this ticket.")] = "",
    month: Month = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show archived events, of a ticket or of a month, personal texts sealed as they are stored.

    Exits 1 when nothing of it is archived.

    Example: ticketbus archive read --ticket T20261122-000123 --json
    """
    from bus.cli.run import echo_json, with_core
    from bus.programs.archiving import archived_events

    if bool(ticket) == bool(month):
        raise typer.BadParameter("name either --ticket or --month")

    async def show(core: "Core") -> int:
        count = 0
        async with aclosing(archived_events(core, ticket.upper(), month)) as events:
            async for one in events:
                count += 1
                if as_json:
                    echo_json(one)
                    continue
                echo(
                    f"{one['ticket_id']}/{one['version']}  {one['recorded_at']:%Y-%m-%d %H:%M:%S}  {one['event_type']}"
                )
        return count

    if not with_core(data, show):
        echo(str(Text("归档中没有", "nothing of it is archived")), err=True)
        raise typer.Exit(1)


@commands.command()
def recall(month: Month, data: Data = None) -> None:
    """Bring a month's files back into PostgreSQL, as before `ticketbus privacy migrate` or `log republish`.

    The files stay where they are, and are no more of the archive.

    Example: ticketbus archive recall --month 2026-10
    """
    from bus.cli.run import with_core
    from bus.programs.archiving import recalled

    echo(str(Text("取回事件", "events are back")) + f": {with_core(data, lambda core: recalled(core, month)):,}")


async def _files(core: "Core") -> "list[ArchivedFile]":
    from bus.archive.reader import archived_files
    from bus.postgres.pool import in_transaction

    return await in_transaction(core.pool, archived_files)


def _line(one: "ArchivedMonth", dry_run: bool) -> str:
    left = f"{one.tickets_left:,} tickets stay ({one.events_left:,} events)"
    what = f"{one.tickets:,} tickets, {one.events:,} events, {left}, {one.bytes_before / 1024**2:,.1f} MiB here"
    if dry_run:
        return f"{one.month}: would archive {what}"
    if not one.file:
        return f"{one.month}: nothing to archive; {left}"
    return f"{one.month}: {what} → {one.file}, {one.bytes_file / 1024**2:,.1f} MiB; log locked {one.locked_ms:,.0f} ms"
