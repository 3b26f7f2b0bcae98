"""`ticketbus rollout`: a new version of a target takes the tickets step by step, compared with the old one."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.delivery.rollout import EVENTS_MAX, MINUTES_MAX

if TYPE_CHECKING:
    from bus.delivery.rollout import RolloutState
    from bus.delivery.rollout_store import ListedRollout

commands = typer.Typer(name="rollout", help="New versions of targets, step by step.", no_args_is_help=True)
Target = Annotated[str, typer.Argument(help="The old version, as the targets file names it.")]
By = Annotated[str, typer.Option("--by", callback=redrive.person, help="Who decides, by name.")]
Why = Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="Why; it is kept with the rollout.")]


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List rollouts, the newest first: state, share, tickets; of those that run, the figures of both versions.

    The old one's since the rollout began, the new one's since its step did:
    received, acknowledged, failed at least once, seconds to the acknowledgement
    (95 of 100); of the last 10,000.

    Example: ticketbus rollout list --json
    """
    from bus.cli.run import echo_json, with_core
    from bus.delivery import rollout_store
    from bus.postgres.pool import in_transaction

    listed = with_core(data, lambda core: in_transaction(core.pool, rollout_store.list_with_figures))
    for one, figures in listed:
        if as_json:
            echo_json(rollout_store.rollout_json(one, figures))
            continue
        echo(_line(one))
        for name, each in zip(("旧 old", "新 new"), figures, strict=False):
            echo(
                f"  {name}: 收到 received {each.received}, 确认 acknowledged {each.done}, 失败 failed {each.failed}, "
                f"95% {each.latency_s:.2f} s"
            )
    if not listed and not as_json:
        echo("没有灰度 / no rollouts", err=True)


@commands.command()
def start(
    target: Target,
    canary: Annotated[str, typer.Argument(help="The new version: `canary_of: TARGET` in the targets file.")],
    *,
    by: By,
    why: Why,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=MINUTES_MAX, help="At least, of each step.")] = 30,
    events: Annotated[int, typer.Option("--events", min=1, max=EVENTS_MAX, help="Acknowledged, of each step.")] = 100,
    data: Data = None,
) -> None:
    """Let a new version take 5 % of the tickets, then 25, 50 and 100, each after so many minutes and events.

    A ticket moves once nothing of it waits at the old version. Where the new
    version is worse, all go back by themselves, with an alert.

    Example: ticketbus rollout start erp erp-v2 --minutes 30 --events 100 --by 张工 --why "ERP 8.2"
    """
    from bus.cli.run import with_core
    from bus.delivery import rollout_store
    from bus.postgres.pool import in_transaction

    number = with_core(
        data,
        lambda core: in_transaction(
            core.pool, rollout_store.start, target, canary, minutes=minutes, events=events, by=by, why=why
        ),
    )
    echo(f"灰度 {number}: {target} → {canary} 5% 已开始 / started")


@commands.command()
def promote(target: Target, by: By, why: Why, data: Data = None) -> None:
    """Let the new version have all tickets now; those of which something waits at the old one follow after it.

    Then take the old one out of the targets file, and `canary_of` from the new
    one. Example: ticketbus rollout promote erp --by 张工 --why "checked by hand"
    """
    from bus.delivery.rollout import RolloutState

    _end(data, target, RolloutState.PROMOTED, by, why)
    echo(f"{target} 已全量 / promoted")


@commands.command()
def abort(target: Target, by: By, why: Why, data: Data = None) -> None:
    """Let all tickets go back to the old version, with what waits at the new one, in order per ticket.

    What may have taken effect at the new one stays there: `delivery list`.

    Example: ticketbus rollout abort erp --by 张工 --why "wrong bills"
    """
    from bus.delivery.rollout import RolloutState

    _end(data, target, RolloutState.ABORTED, by, why)
    echo(f"{target} 已回退 / aborted")


def _end(data: Data, target: str, state: "RolloutState", by: str, why: str) -> None:
    from bus.cli.run import with_core
    from bus.delivery import rollout_store
    from bus.domain.text import Text
    from bus.postgres.pool import in_transaction

    with_core(data, lambda core: in_transaction(core.pool, rollout_store.end, target, state, by=by, why=Text(why, why)))


def _line(one: "ListedRollout") -> str:
    row = one.rollout
    ended = f"  {one.ended_at:%m-%d %H:%M}Z {one.ended_by}: {one.ended_zh}" if one.ended_at else ""
    return (
        f"{row.number:>4} {row.target} → {row.canary}  {row.state}  {row.percent}%  工单 tickets {one.tickets}  "
        f"开始 started {row.started_at:%m-%d %H:%M}Z {one.started_by}: {one.why}{ended}"
    )
