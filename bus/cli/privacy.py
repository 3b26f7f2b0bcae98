"""`ticketbus privacy`: what the bus holds of a person, and who read it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.errors import BusError
from bus.domain.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.app import Core
    from bus.privacy.reads import PrivacyRead, TicketRead
    from bus.privacy.search import PersonRecords

commands = typer.Typer(
    name="privacy", help="Personal data: give out or erase what is held, list who read it.", no_args_is_help=True
)


class FileNotWritten(BusError):
    """The file cannot be written; there is none, or the one that was there before."""


def number_of(text: str) -> str:
    """Read a phone in any spelling; gives its one spelling. Raises typer.BadParameter."""
    from bus.privacy.phones import DIGITS_MAX, DIGITS_MIN, phone_number

    if (number := phone_number(text)) is None:
        zh = f"不是电话号码:须有 {DIGITS_MIN} 到 {DIGITS_MAX} 位数字,不含字母"
        raise typer.BadParameter(str(Text(zh, f"no phone: it has {DIGITS_MIN} to {DIGITS_MAX} digits and no letters")))
    return number


@commands.command()
def export(
    phone: Annotated[str, typer.Argument(metavar="PHONE", callback=number_of, help="However it is spelled.")],
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who asks for it; it is recorded.")],
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="A file for it, of its owner alone (0600).")
    ] = None,
    data: Data = None,
) -> None:
    """Give out, as JSON, all that is held of the person with a phone; that it was read is recorded.

    Tickets that this customer reported or that are about this phone, each with its events in clear, its state, dead
    letters, refused inputs, deliveries, pushes and files; and letters and refused inputs of no ticket that hold the
    phone.

    Exits 1 when nothing is held.

    Example: ticketbus privacy export 13800000001 --by 张工 --out export.json
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from bus.privacy.export import document
    from bus.privacy.reads import record
    from bus.privacy.search import find

    async def work(core: "Core") -> "PersonRecords":
        held = await find(core.pool, core.clear, phone)
        if held:
            with written(out) as write:
                await in_transaction(core.pool, record, held, by=by, at=utc_now(), what="export")
                async for line in document(core.pool, core.clear, held, utc_now()):
                    write(line)
        return held

    held = with_core(data, work)
    if not held:
        _nothing_held()
    echo(_counts(*held.counts), err=True)


@commands.command()
def erase(
    phone: Annotated[str, typer.Argument(metavar="PHONE", callback=number_of, help="However it is spelled.")],
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who has it erased; it is recorded.")],
    why: Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="Why; it is recorded.")],
    data: Data = None,
) -> None:
    """Erase for good all that is held of the person with a phone: their tickets' personal texts, and refused input.

    Tickets must be closed; they stay, with order and counts, and their personal texts read （已删除）. What took
    effect is deleted from ticket.commands and ticket.intake too. Run it again after a crash.

    Exits 1 when nothing is held, or a ticket is open.

    Example: ticketbus privacy erase 13800000001 --by 张工 --why "客户要求"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.privacy.erase import Erasure
    from bus.privacy.erase import erase as erase_now
    from bus.privacy.kafka_copies import delete_handled

    erasure = Erasure(by=by, why=why, at=utc_now())

    async def work(core: "Core") -> "PersonRecords":
        await delete_handled(core.pool, core.settings)  # first: what is left undone is found again by the tickets
        return await erase_now(core.pool, core.clear, core.dispatcher.dispatch, phone, erasure)

    held = with_core(data, work)
    if not held:
        _nothing_held()
    echo(f"已删除 erased: {_counts(*held.counts)}")


@commands.command()
def migrate(
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who has it done; it is recorded.")],
    data: Data = None,
) -> None:
    """Seal what an earlier version stored in clear: in PostgreSQL in place, on Kafka by topics made anew.

    Stop gateways, workers and who writes to ticket.commands first: it refuses while one is connected, or something
    has not taken effect. Subscribers begin anew and see every event again. Run it again after a crash, it goes on.

    Example: ticketbus privacy migrate --by 张工
    """
    from bus.cli.run import with_core
    from bus.privacy.new_log import NAME
    from bus.programs.privacy_migration import migrate as migrate_now

    if with_core(data, lambda core: migrate_now(core, by, echo), name=NAME):
        echo(str(Text("完成;现在可以启动程序", "done; programs may be started")))
    else:
        echo(str(Text("没有未封存的数据", "nothing is left in clear")))


@commands.command("log")
def log_of_reads(
    ticket: Annotated[str, typer.Option("--ticket", help="Who read this ticket in clear instead.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List who had what exported or erased and when, the phone masked; or who read a ticket. The oldest first.

    Example: ticketbus privacy log --ticket T20261122-000001 --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.privacy.reads import PrivacyRead, reads, ticket_reads

    async def work(core: "Core") -> "Sequence[PrivacyRead | TicketRead]":
        return await ticket_reads(core.pool, ticket.upper()) if ticket else await reads(core.pool)

    for one in with_core(data, work):
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_line(one) if isinstance(one, PrivacyRead) else _ticket_line(one))


def _nothing_held() -> NoReturn:
    echo(str(Text("总线没有这个电话的数据", "nothing is held of this phone")), err=True)
    raise typer.Exit(1)


@contextmanager
def written(path: Path | None) -> "Iterator[Callable[[str], object]]":
    """Write lines to standard output, or a file of its owner alone, there whole after the block or not at all.

    Raises FileNotWritten.
    """
    if path is None:
        yield echo
        return
    if path.exists() and not path.is_file():
        raise FileNotWritten(str(Text(f"{path} 不是普通文件", f"{path} is no regular file")))
    try:
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                yield lambda line: file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(half).replace(path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileNotWritten(str(Text(f"{path} 无法写入", f"{path} cannot be written: {error.strerror}"))) from error


def _line(one: "PrivacyRead") -> str:
    counts = _counts(one.tickets, one.letters, one.refused_inputs)
    return (
        f"{one.read_at:%Y-%m-%d %H:%M:%S}  {one.what}  {one.read_by}  {one.phone_masked}  {counts}  {one.why}".rstrip()
    )


def _ticket_line(one: "TicketRead") -> str:
    who = f"{one.client} ({one.person})" if one.person else one.client
    files = "  文件 files" if one.what.endswith("/files") else ""
    return f"{one.first_at:%Y-%m-%d %H:%M:%S} – {one.last_at:%H:%M:%S}  {who}  {one.times} 次 times{files}"


def _counts(tickets: int, letters: int, refused: int) -> str:
    return f"{tickets} 张工单 tickets, {letters} 封死信 letters, {refused} 份被拒输入 refused inputs"
