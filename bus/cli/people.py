"""`ticketbus people`: who takes tickets, with what skills, where, when and how many at once."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.domain.decided import Decided
    from bus.postgres.people_rows import PersonRow

commands = typer.Typer(name="people", help="Who takes tickets, and how they are reached.", no_args_is_help=True)
PersonName = Annotated[str, typer.Argument(metavar="PERSON", callback=redrive.person, help="The person's name.")]
By = Annotated[str, typer.Option("--by", callback=redrive.person, help="Who decides, by name.")]
Why = Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="The reason, for those who read it later.")]


@commands.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="People by name, in YAML: docs/routing.md.")],
    by: Annotated[
        str | None, typer.Option("--by", callback=redrive.person, help="Who decides; you, unless named.")
    ] = None,
    data: Data = None,
) -> None:
    """Add or change the people of a file; whoever is not in it stays as they are. Says what has changed.

    The very same again changes nothing. A fault anywhere in the file, and nothing changes.

    Example: ticketbus people apply people.yaml
    """
    from bus.cli.run import with_core
    from bus.people.person_fields import load_people
    from bus.programs.people import directory_of

    people = load_people(file)
    decided = _decided(by or getpass.getuser())
    changes = with_core(data, lambda core: directory_of(core).apply(people, decided))
    for person, change in changes.items():
        echo(f"{person} {change.zh} / {change.value}")
    if not changes:
        echo("没有变化 / nothing has changed")


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the people: open tickets of how many at most, shift, types, regions, skills; without contacts.

    Example: ticketbus people list --json
    """
    from bus.cli.run import echo_json, with_core
    from bus.postgres.people_rows import SEALED, row_json
    from bus.programs.people import directory_of

    rows = with_core(data, lambda core: directory_of(core).listed())
    present = {one.profile.person for one in rows if one.left_at is None}
    for one in rows:
        if as_json:
            echo_json({name: value for name, value in row_json(one).items() if name not in SEALED})
        else:
            echo(_line(one, backup_there=one.profile.backup in present))
    if not rows and not as_json:
        echo("还没有人员:ticketbus people apply FILE / nobody yet: `ticketbus people apply FILE`", err=True)


@commands.command()
def show(person: PersonName, data: Data = None, as_json: Json = False) -> None:
    """Show a person with contact and photo in clear; that you read it is recorded.

    Exits 1 when there is nobody of that name.

    Example: ticketbus people show 王师傅
    """
    from bus.cli.run import echo_json, shell_reader, with_core
    from bus.postgres.people_rows import row_json
    from bus.programs.people import directory_of

    async def work(core: "Core") -> "PersonRow | None":
        directory = directory_of(core)
        rows = await directory.in_clear(await directory.listed(person), shell_reader())
        return rows[0] if rows else None

    row = with_core(data, work)
    if row is None:
        _nobody(person)
    if as_json:
        echo_json(row_json(row))
        return
    echo(_line(row, backup_there=True))
    profile = row.profile
    echo(f"  联系 contact: {profile.contact}  备份 backup: {profile.backup}  渠道 channel: {profile.channel or '-'}")
    echo(f"  照片 photo: {profile.photo or '-'}")
    echo(f"  客户可拨打 phone for customers: {profile.customer_phone or '-'}")
    echo(f"  修改 changed: {row.changed_at:%Y-%m-%d %H:%M}Z {row.changed_by}")


@commands.command()
def leave(person: PersonName, by: By, why: Why, data: Data = None) -> None:
    """Take a person out of the directory; their open tickets go to the backup, or else back to the queue.

    Run again after a crash, it goes on. Applying the person again brings them back.
    Exits 1 when there is nobody of that name.

    Example: ticketbus people leave 王师傅 --by 张工 --why 调岗
    """
    from bus.cli.run import with_core
    from bus.programs.people import let_go

    left = with_core(data, lambda core: let_go(core, person, _decided(by, why)))
    if left is None:
        _nobody(person)
    _, handed = left
    where = f"转给 {handed.to} / handed to {handed.to}" if handed.to else "退回待分派 / back in the queue"
    echo(f"{person} 已离岗 / has left;工单 tickets: {handed.tickets} {where if handed.tickets else ''}".rstrip())


@commands.command()
def erase(person: PersonName, by: By, why: Why, data: Data = None) -> None:
    """Erase contact and photo of a person who has left, in the directory and on Kafka: their key is destroyed.

    Exits 1 when there is nobody of that name who has left.

    Example: ticketbus people erase 王师傅 --by 张工 --why 本人要求
    """
    from bus.cli.run import with_core
    from bus.programs.people import directory_of

    if with_core(data, lambda core: directory_of(core).erase(person, _decided(by, why))) is None:
        echo(f"没有已离岗的“{person}”,先运行 people leave / nobody called {person!r} has left: leave first", err=True)
        raise typer.Exit(1)
    echo(f"{person} 的联系方式与照片已删除 / contact and photo erased")


def _decided(by: str, why: str = "") -> "Decided":
    from bus.domain.decided import Decided
    from bus.intake.dispatch import utc_now
    from bus.observability.masking import mask_text

    return Decided(by=by, why=mask_text(why), at=utc_now())


def _nobody(person: str) -> NoReturn:
    echo(f"没有“{person}” / there is nobody called {person!r}", err=True)
    raise typer.Exit(1)


def _line(row: "PersonRow", *, backup_there: bool) -> str:
    profile = row.profile
    skills = ", ".join(f"{one.name} {one.level}" for one in profile.skills)
    words = "  ".join(", ".join(one) for one in (profile.types, profile.regions) if one)
    marks = f"  离岗 left {row.left_at:%Y-%m-%d}" if row.left_at else ""
    marks += "" if backup_there or row.left_at else f"  备份 {profile.backup} 不在 / the backup is not there"
    return (
        f"{profile.person:<12} {profile.role:<10} {row.open_tickets}/{profile.capacity}  {profile.shift}  "
        f"{words}  {skills}{marks}"
    )
