"""`ticketbus ticket`: tickets and their events, read from PostgreSQL whether the gateway runs or not."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.domain.events import Recorded
    from bus.domain.values import Assignee
    from bus.gateway.http.answers import FileAnswer
    from bus.settings import Settings

commands = typer.Typer(name="ticket", help="Tickets, their state and their events.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="ID", help="The ticket number, as in T20261122-000123.")]
PAGE = 500


@commands.command("list")
def list_all(
    state: Annotated[str | None, typer.Option("--state", help="A state, Chinese or English.")] = None,
    assignee: Annotated[str | None, typer.Option("--assignee", help="A person's name.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many at most; 0 for all.")] = 0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List tickets of the read model, newest number first.

    Example: ticketbus ticket list --state 处理中 --json
    """
    from bus.app import require
    from bus.cli.run import echo_json, resolved, run
    from bus.domain.naming import state_named
    from bus.domain.terms import State, TicketId
    from bus.gateway.ports import TicketQuery
    from bus.gateway.read.ticket_rows import PostgresTicketReader
    from bus.intake.reserved_names import plain_name
    from bus.postgres.pool import open_pool

    wanted, assignee = state_named(state) if state else None, plain_name(assignee) if assignee else None
    url = require(resolved(data), "database_url")

    def show(row: Any) -> None:
        if as_json:
            echo_json(row)
            return
        paused = f"({row['waiting_for']})" if row["paused"] else ""
        state = f"{State(row['state']).zh}{paused}"
        echo(
            f"{row['ticket_id']}  {state:<8} {row['assignee'] or '-':<12} {row['opened_at']:%m-%d %H:%M}  "
            f"{row['title']}"
        )

    async def work() -> None:
        left, before = limit or None, None
        async with open_pool(url, size=1) as pool:
            while left is None or left > 0:
                size = min(PAGE, left or PAGE)
                query = TicketQuery(state=wanted, assignee=assignee, before=before, limit=size)
                page = await PostgresTicketReader(pool).page(query)
                for row in page:
                    show(row)
                if len(page) < size:
                    return
                before, left = TicketId(page[-1]["ticket_id"]), None if left is None else left - size

    run(work())


@commands.command()
def show(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show a ticket as committed, with its responsibility snapshot and addresses of its files, good for a while.

    Exits 1 when there is none.

    Example: ticketbus ticket show T20261122-000123
    """
    import orjson

    from bus.cli.run import resolved
    from bus.domain.evolve import evolve
    from bus.gateway.read.ticket_view import ticket_view

    settings, ticket = resolved(data), None
    found, files = _read(settings, number, with_files=True)
    for one in found:
        ticket = evolve(ticket, one)
    assert ticket is not None
    view = orjson.loads(orjson.dumps({**ticket_view(ticket), "files": files}))
    if as_json:
        echo(orjson.dumps(view).decode())
        return
    for name, value in _lines(view, ticket.assignee).items():
        echo(f"  {name}: {value}")
    for file in view["files"]:
        echo(f"  文件 file: {file['media_type']}, {file['size']:,} bytes, {settings.url or ''}{file['url']}")


@commands.command()
def who(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Say who answers for a ticket now, and who else has which part. Exits 1 when there is no such ticket.

    Example: ticketbus ticket who T20261122-000123
    """
    from bus.cli.run import echo_json, with_core
    from bus.domain.terms import TicketId
    from bus.gateway.read.responsibility_view import responsibility_view

    ticket = with_core(data, lambda core: core.store.ticket(TicketId(number)))
    if ticket is None:
        echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
        raise typer.Exit(1)
    view = responsibility_view(ticket)
    if as_json:
        echo_json(view)
        return
    echo(f"{number} {view['state'].zh} {view['state'].value}: {view['zh']} / {view['en']}")
    echo(f"  负责 lead {view['lead'] or '-'}  备份 backup {view['backup'] or '-'}")
    for one in view["collaborators"]:
        echo(f"  协作 collaborator {one.person}: {one.part}")


@commands.command()
def events(number: Number, data: Data = None, as_json: Json = False) -> None:
    """List a ticket's events in order of version. Exits 1 when there is no such ticket.

    Example: ticketbus ticket events T20261122-000123 --json
    """
    import orjson

    from bus.cli.run import resolved
    from bus.gateway.read.ticket_view import events_view

    found, _ = _read(resolved(data), number)
    for one in events_view(found):
        if as_json:
            echo(orjson.dumps(one).decode())
        else:
            marks = " ".join(name for name in ("historic", "implied") if one[name])
            at = f"{one['occurred_at']:%Y-%m-%d %H:%M:%S}"
            echo(
                f"{one['version']:>4}  {at}  {one['event_type']:<28} {one['actor']} ({one['source']})  {marks}".rstrip()
            )


@commands.command("work-order")
def work_order(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show how far a ticket's work order has come, step by step, with who signed. Exits 1 when it has none.

    Example: ticketbus ticket work-order T20261122-000123
    """
    from bus.cli.run import echo_json, resolved
    from bus.gateway.read.work_order_view import work_order_lines, work_order_view

    found, _ = _read(resolved(data), number)
    order = work_order_view(found)
    if order is None:
        echo(f"工单 {number} 没有作业单 / {number} has no work order", err=True)
        raise typer.Exit(1)
    if as_json:
        echo_json(order)
        return
    for line in work_order_lines(order):
        echo(line)


def _lines(view: dict[str, Any], assignee: "Assignee") -> dict[str, str]:
    step = view["next_step"]
    due = step and (f", due {step['due_at']}{', 超时 overdue' if step['overdue'] else ''}" if step["due_at"] else "")
    chain, waiting = view["responsibility"], f", waiting for {view['waiting_for']}" if view["paused"] else ""
    return {
        "工单 ticket": f"{view['ticket_id']} {view['title']}",
        "状态 state": f"{view['state_zh']} ({view['state']}{waiting}), version {view['version']}",
        "下一步 next step": f"{step['step_zh']} {step['step']}{due}" if step else "-",
        "来源 source": f"{view['source']} {view['source_no']}",
        "建单 creator": chain["creator"],
        "指派 assigner": chain["assigner"] or "-",
        "处理 handler": f"{assignee.person or '-'} {assignee.contact}".rstrip(),
        "备份 backup": f"{assignee.backup_person or '-'} {assignee.backup_contact}".rstrip(),
        "最近动作 last action": f"{chain['last_action']}, {chain['last_at']}",
        "建单时间 opened": view["opened_at"],
        "解决时间 resolved": view["resolved_at"] or "-",
        "关闭时间 closed": view["closed_at"] or "-",
        "链路 trace": view["trace_id"],
    }


def _read(
    settings: "Settings", number: str, *, with_files: bool = False
) -> "tuple[Sequence[Recorded], Sequence[FileAnswer]]":
    """Read a ticket's events in clear, and the files that its evidence names; that they are read is recorded."""
    from bus.app import open_core
    from bus.cli.run import run, shell_reader
    from bus.domain.terms import TicketId
    from bus.gateway.read.file_view import ticket_files

    async def work() -> "tuple[Sequence[Recorded], Sequence[FileAnswer]]":
        async with open_core(settings, connections=2) as core:
            reader = shell_reader()
            events = await core.store.events(TicketId(number))
            shown = await core.keys.shown(core.pool, [(number, one) for one in events], reader)
            files = await ticket_files(core.pool, core.addresses, number, reader) if shown and with_files else []
            return shown, files

    found, files = run(work())
    if not found:
        echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
        raise typer.Exit(1)
    return found, files
