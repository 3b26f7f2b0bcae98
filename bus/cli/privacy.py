"""`ticketbus privacy`: what the bus holds of a person, and who read it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.errors import BusError
from bus.domain.text import Text

if TYPE_CHECKING:
    from bus.app import Core
    from bus.privacy.reads import PrivacyRead
    from bus.privacy.search import PersonRecords

commands = typer.Typer(
    name="privacy", help="Personal data: give out what is held, list who read it.", no_args_is_help=True
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
    letters, refused inputs, deliveries and pushes; and letters and refused inputs of no ticket that hold the phone.

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
        held = await find(core.pool, core.schemas, phone)
        if held:
            with written(out) as write:
                await in_transaction(core.pool, record, held, by, utc_now())
                async for line in document(core.pool, core.schemas, held, utc_now()):
                    write(line)
        return held

    held = with_core(data, work)
    if not held:
        echo(str(Text("总线没有这个电话的数据", "nothing is held of this phone")), err=True)
        raise typer.Exit(1)
    echo(_counts(len(held.tickets), len(held.letters), len(held.refused)), err=True)


@commands.command("log")
def log_of_reads(data: Data = None, as_json: Json = False) -> None:
    """List who exported what and when, the phone masked; the oldest first.

    Example: ticketbus privacy log --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.privacy.reads import reads

    for one in with_core(data, lambda core: reads(core.pool)):
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_line(one))


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
    return f"{one.read_at:%Y-%m-%d %H:%M:%S}  {one.read_by}  {one.phone_masked}  {counts}"


def _counts(tickets: int, letters: int, refused: int) -> str:
    return f"{tickets} 张工单 tickets, {letters} 封死信 letters, {refused} 份被拒输入 refused inputs"
