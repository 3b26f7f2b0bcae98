"""`ticketbus files`: whether the photos and files that tickets name are there, byte by byte."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from bus.cli.backup import Folder
from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.files.verify import FilesReport
    from bus.programs.restored_files import RestoredFiles

commands = typer.Typer(name="files", help="Uploaded photos and files.", no_args_is_help=True)


@commands.command()
def verify(data: Data = None, as_json: Json = False) -> None:
    """Read every uploaded file, and name those that are missing or damaged, with the tickets whose evidence they are.

    Run it where the gateways' settings are: a directory must be there, a bucket is read whole. Exits 1 on any.

    Example: ticketbus files verify
    """
    from bus.cli.run import echo_json, with_core

    report = with_core(data, _checked)
    if as_json:
        echo_json(asdict(report))
    else:
        _show(report)
    if report.wrong:
        raise typer.Exit(1)


@commands.command()
def restore(folder: Folder, data: Data = None, as_json: Json = False) -> None:
    """Put back, from a backup, the files that tickets name and their directory lacks; then read all as `verify` does.

    `ticketbus restore` does it by itself; this is for a PostgreSQL of your own, after `ticketbus log mend`. Exits 1
    when a file is missing or damaged all the same.

    Example: ticketbus files restore /backups/2026-11-30
    """
    from bus.backup import manifest
    from bus.cli.run import echo_json, with_core
    from bus.programs.restored_files import restore_files

    folder = folder.expanduser().resolve()
    made = manifest.read(folder)
    restored = with_core(data, lambda core: restore_files(core, folder, made))
    if as_json:
        echo_json(asdict(restored))
    else:
        show_restored_files(restored)
    if not restored.whole:
        raise typer.Exit(1)


def show_restored_files(restored: "RestoredFiles") -> None:
    """Print what was put back, and what was read."""
    if restored.put_back:
        echo(f"{restored.put_back:,} uploaded files put back")
    if restored.report:
        _show(restored.report)
    else:
        echo(f"照片与文件未核对 uploaded files are not checked, `ticketbus files verify` will: {restored.why}")


def _show(report: "FilesReport") -> None:
    again = f", {report.noted_again:,} noted again" if report.noted_again else ""
    echo(f"{report.checked:,} uploaded files read{again}, {len(report.wrong):,} missing or damaged")
    for one in report.wrong:
        why = {"missing": "缺失 missing", "damaged": "损坏 damaged"}[one.why]
        echo(f"  {why}: {one.sha256}, 工单 tickets: {', '.join(one.tickets) or '–'}")


async def _checked(core: "Core") -> "FilesReport":
    from bus.files.stores import store_of
    from bus.files.verify import check_files

    return await check_files(core.pool, store_of(core.settings))
