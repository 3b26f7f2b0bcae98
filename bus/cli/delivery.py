"""`ticketbus delivery`: the queues towards other systems."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.redrive import not_blank
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.delivery.status import TargetStatus

commands = typer.Typer(name="delivery", help="Queues towards other systems.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(help="As it is called in the targets file.")]


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the targets: what waits and since when, dead letters, breaker, and until when and why none is called.

    Exits 1 when a target has dead letters, is paused, its breaker counts failures, or engineers fetch too late.

    Example: ticketbus delivery list --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.delivery.status import target_statuses
    from bus.intake.dispatch import utc_now

    bad, now = False, utc_now()
    for one in with_core(data, lambda core: target_statuses(core.pool)):
        bad = bad or bool(one.parked or one.paused or one.failures or one.overdue)
        if as_json:
            echo_json(asdict(one))
        else:
            echo(status_line(one, now))
    if bad:
        raise typer.Exit(1)


@commands.command()
def pause(
    target: Target,
    why: Annotated[str, typer.Option("--why", callback=not_blank, help="Who paused it and why; others see it.")],
    data: Data = None,
) -> None:
    """Call a target no more until it is resumed; what is under way ends, everything else waits.

    Example: ticketbus delivery pause erp --why "张工: 盘点到 18 点"
    """
    from bus.cli.run import with_core
    from bus.delivery import target_state
    from bus.postgres.pool import in_transaction

    with_core(data, lambda core: in_transaction(core.pool, target_state.pause, target, why))
    echo(f"{target} 已暂停 / paused: {why}")


@commands.command()
def resume(target: Target, data: Data = None) -> None:
    """Let a target be called again at once: its pause, its breaker's and its own wait (Retry-After) end.

    Exits 1 when nothing held it.

    Example: ticketbus delivery resume erp
    """
    from bus.cli.run import with_core
    from bus.delivery import target_state
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    if not with_core(data, lambda core: in_transaction(core.pool, target_state.resume, target, utc_now())):
        echo(f"“{target}”没有暂停或等待 / {target} is not paused, nor held", err=True)
        raise typer.Exit(1)
    echo(f"{target} 已恢复 / resumed")


def status_line(one: "TargetStatus", now: datetime) -> str:
    """Write a target's figures as the list shows them at `now`: until when and why it is not called. Pure."""
    since = f" 最早 since {one.oldest_at:%m-%d %H:%M:%S}" if one.oldest_at else ""
    parts = [
        f"{one.target:<16} 等待 waiting {one.waiting:>6}  死信 letters {one.parked:>5}  失败 failing {one.failing:>5}"
    ]
    if one.failures:
        parts.append(f"连续失败 failures in a row {one.failures}")
    if one.not_before and one.not_before > now:
        why = "对方要求等待 it asked for a wait" if one.asked_wait else "已熔断 breaker open"
        parts.append(f"{why}, 至 until {one.not_before:%m-%d %H:%M:%S}")
    if one.overdue:
        parts.append(f"超时未取 overdue {one.overdue}")
    if one.paused:
        parts.append(f"已暂停 paused: {one.paused}")
    return "  ".join(parts) + since
