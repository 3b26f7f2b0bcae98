"""`ticketbus sandbox`: virtual tickets 虚拟工单 to practise on, of which no real system hears."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.redrive import person
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.domain.batch import Accepted
    from bus.domain.commands import Request
    from bus.intake.dispatch import Dispatcher

commands = typer.Typer(
    name="sandbox", help="Virtual tickets to practise on; no real system hears of them.", no_args_is_help=True
)
Person = Annotated[str, typer.Option("--person", callback=person, help="Who practises.")]
_LISTED_MAX = 500


@commands.command()
def new(
    who: Person = "演练",
    region: Annotated[str, typer.Option("--region", help="Its region, for who sees one region alone.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Open a virtual ticket, and say its number and how to work it.

    Example: ticketbus sandbox new --person 张工
    """
    from uuid import uuid4

    from bus.cli.run import echo_json, resolved, with_core
    from bus.domain.terms import SANDBOX
    from bus.intake.dispatch import utc_now
    from bus.intake.sandbox import EXERCISE_PREFIX, Practice, practice_opening

    practice = Practice(person=who, region=region, number=f"{EXERCISE_PREFIX}{uuid4().hex[:12]}")

    def work_of(dispatcher: "Dispatcher") -> "Sequence[Request]":
        return [practice_opening(practice, dispatcher.rules, utc_now())]

    (opened,) = with_core(data, lambda core: _dispatched(core.dispatcher, work_of(core.dispatcher)))
    if as_json:
        echo_json({"ticket_id": opened.ticket_id, "source": SANDBOX, "source_no": practice.number})
        return
    url = resolved(data).url or "http://127.0.0.1:8080"
    for line in how_to_work(opened.ticket_id, url):
        echo(line)


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the virtual tickets that are not closed, but those of the probe.

    Example: ticketbus sandbox list
    """
    from bus.cli.run import echo_json, with_core
    from bus.domain.terms import State
    from bus.gateway.ports import TicketQuery
    from bus.gateway.read.ticket_rows import PostgresTicketReader
    from bus.intake.sandbox import PROBE_PREFIX

    query = TicketQuery(limit=_LISTED_MAX, synthetic=True)
    for row in with_core(data, lambda core: PostgresTicketReader(core.pool).page(query)):
        if row["state"] == State.CLOSED or str(row["source_no"]).startswith(PROBE_PREFIX):
            continue
        if as_json:
            echo_json(row)
        else:
            who, creator = row["assignee"] or "-", row["responsibility"]["creator"]
            echo(f"{row['ticket_id']}  {row['state_zh']:<8} {who:<12} {creator}  {row['title']}")


@commands.command()
def probes(data: Data = None, as_json: Json = False) -> None:
    """List how the last probe of the bus, and of each target that is probed, went. Exits 1 when one is not home.

    Example: ticketbus sandbox probes
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.journey.probes import read_probes
    from bus.postgres.pool import in_transaction

    missing = False
    for one in with_core(data, lambda core: in_transaction(core.pool, read_probes)):
        missing = missing or one.missing_since is not None
        if as_json:
            echo_json({**asdict(one), "every": one.every.total_seconds(), "within": one.within.total_seconds()})
        else:
            home = f"{one.home_at:%m-%d %H:%M:%S}" if one.home_at else "-"
            waits = f"  自 since {one.missing_since:%m-%d %H:%M:%S} 停在 at {one.waits_at}" if one.missing_since else ""
            echo(f"{one.route or '总线 bus':<16} 返回 home {home}  {one.ticket_id}{waits}")
    if missing:
        raise typer.Exit(1)


@commands.command()
def end(
    number: Annotated[str, typer.Argument(metavar="ID", help="A virtual ticket's number, V20261122-000123.")],
    who: Person = "演练",
    data: Data = None,
) -> None:
    """Close a virtual ticket by the steps that are left. Exits 1 when there is none of that number, 2 for a real one.

    Example: ticketbus sandbox end V20261122-000123
    """
    from bus.cli.run import with_core
    from bus.domain.terms import TicketId, is_synthetic
    from bus.intake.dispatch import utc_now
    from bus.intake.sandbox import ending

    if not is_synthetic(number):
        echo(f"{number} 不是虚拟工单 / is no virtual ticket: their numbers begin with V", err=True)
        raise typer.Exit(2)
    ticket = with_core(data, lambda core: core.store.ticket(TicketId(number)))
    if ticket is None:
        echo(f"没有虚拟工单 {number} / there is no virtual ticket {number}", err=True)
        raise typer.Exit(1)
    with_core(data, lambda core: _dispatched(core.dispatcher, ending(ticket, who, core.dispatcher.rules, utc_now())))
    echo(f"{number} 已关闭 / closed")


def how_to_work(ticket_id: str, url: str) -> "Sequence[str]":
    """Say what a virtual ticket is, and which requests work it. Pure."""
    at = f"{url}/v1/tickets/{ticket_id}"
    curl = 'curl -H "Authorization: Bearer $TICKETBUS_TOKEN" -H "Idempotency-Key: practice-$RANDOM$RANDOM"'
    both = '"person": "张工", "contact": "1001", "backup_person": "王工", "backup_contact": "1002"'
    assignee = f'{{"assignee": {{"role": "工程师", {both}}}}}'
    resolve = '{"photos": ["oss://sandbox/1.jpg"], "summary": "更换密封圈", "root_cause": "leakage"}'
    closure = '{"confirmed_by": "客户", "ticks": ["fully_solved", "no_side_risk", "no_follow_up"]}'
    return [
        f"{ticket_id} 虚拟工单 / a virtual ticket: 任何真实系统都不会收到 no real system hears of it",
        f"查看 look: ticketbus ticket show {ticket_id}; ticketbus trace {ticket_id}",
        "调度 dispatcher:",
        f"  {curl} {at}/assign -d '{assignee}'",
        "工程师 engineer(按钮 buttons: 接单 开始处理 解决 申请关闭):",
        f"  {curl} {at}/accept -d '{{}}'",
        f"  {curl} {at}/start -d '{{}}'",
        f"  {curl} {at}/resolve -d '{resolve}'",
        f"  {curl} {at}/request-closure -d '{{}}'",
        "客户确认 the customer confirms:",
        f"  {curl} {at}/confirm-closure -d '{closure}'",
        f"不再需要 when you are done: ticketbus sandbox end {ticket_id}",
    ]


async def _dispatched(dispatcher: "Dispatcher", requests: "Sequence[Request]") -> "list[Accepted]":
    """Dispatch requests in order; the first that is refused is raised."""
    from bus.domain.batch import Accepted, Refused

    accepted = list[Accepted]()
    for outcome in await dispatcher.dispatch(requests):
        if isinstance(outcome, Refused):
            raise outcome.error
        accepted.append(outcome)
    return accepted
