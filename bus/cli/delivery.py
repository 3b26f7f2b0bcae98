"""`ticketbus delivery`: the queues towards other systems."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import delivery_reconcile
from bus.cli.delivery_reconcile import Target
from bus.cli.echo import echo
from bus.cli.failure_line import failure_line
from bus.cli.redrive import not_blank, person
from bus.cli.settings import Data, Json
from bus.domain.delivery_state import asked_until, is_breaker_open

if TYPE_CHECKING:
    from bus.delivery.status import TargetStatus

commands = typer.Typer(name="delivery", help="Queues towards other systems.", no_args_is_help=True)
commands.add_typer(delivery_reconcile.commands)

Undeclared = Annotated[str, typer.Argument(metavar="TARGET", help="One that the targets file names no more.")]
By = Annotated[str, typer.Option("--by", callback=person, help="Who decides this.")]
Why = Annotated[str, typer.Option("--why", callback=not_blank, help="Why; it is kept with each delivery.")]


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the targets: what waits and since when, dead letters, breaker, and until when and why none is called.

    Exits 1 when a target has dead letters, is paused, its breaker counts failures, engineers fetch too late, its
    probe fails, its documents differ from what was delivered, or something waits for one that is no longer declared.

    Example: ticketbus delivery list --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.delivery.status import target_statuses
    from bus.intake.dispatch import utc_now

    bad, now = False, utc_now()
    for one in filter(lambda one: one.listed, with_core(data, lambda core: target_statuses(core.pool))):
        bad = bad or bool(
            one.parked
            or one.paused
            or one.failures
            or one.overdue
            or one.undeclared_at
            or one.probe_failure
            or one.differences
        )
        if as_json:
            echo_json(asdict(one))
        else:
            echo(status_line(one, now))
    if bad:
        raise typer.Exit(1)


@commands.command()
def check(data: Data = None) -> None:
    """Check the targets file, and that each target can be built with its secrets and files. Wants no server.

    Example: TICKETBUS_TARGETS_FILE=targets.yaml ticketbus delivery check
    """
    from bus.cli.run import resolved, run
    from bus.programs.targets import check_targets, targets_config_of

    settings = resolved(data)
    config = targets_config_of(settings)
    run(check_targets(settings, config))
    for name, one in config.targets.items():
        echo(f"{name}: 可用 / it can be used: {one.adapter}, {len(one.events)} 种事件 kinds of events")


@commands.command()
def preview(target: Target, number: Annotated[str, typer.Argument(metavar="TICKET")], data: Data = None) -> None:
    """Show the requests that a ticket's events would become at a target that is plugged in by a map; nothing is sent.

    The customer's texts are in clear, and that they were read is recorded. Exits 1 when an event has no form there.

    Example: ticketbus delivery preview desk T20261122-000001
    """
    from bus.cli.run import resolved, run, shell_reader
    from bus.programs.target_preview import previews

    bad = False
    for one in run(previews(resolved(data), target, number, shell_reader())):
        bad = bad or bool(one.failure)
        first, *more = one.request.split("\n")  # a request has lines; the texts in it have none, JSON and forms escape
        echo(f"── {one.version} {one.event}: {one.failure or first or '不发送 / nothing is sent'}")
        for line in more:
            echo(line)
    if bad:
        raise typer.Exit(1)


@commands.command()
def pause(
    target: Target,
    by: Annotated[str, typer.Option("--by", callback=person, help="Who pauses it; others see it.")],
    why: Annotated[str, typer.Option("--why", callback=not_blank, help="Why; others see it.")],
    data: Data = None,
) -> None:
    """Call a target no more until it is resumed; what is under way ends, everything else waits.

    Example: ticketbus delivery pause erp --by 张工 --why "盘点到 18 点"
    """
    from bus.cli.run import with_core
    from bus.delivery import target_state
    from bus.postgres.pool import in_transaction

    shown = with_core(data, lambda core: in_transaction(core.pool, target_state.pause, target, by=by, why=why))
    echo(f"{target} 已暂停 / paused: {shown}")


@commands.command()
def resume(
    target: Target,
    by: Annotated[
        str | None, typer.Option("--by", callback=person, help="Who lets it be called; without: the shell's user.")
    ] = None,
    data: Data = None,
) -> None:
    """Let a target be called again at once: its pause, its breaker's and its own wait (Retry-After) end.

    What waits for its next attempt is due. Exits 1 when nothing held it and nothing waited.

    Example: ticketbus delivery resume erp --by 张工
    """
    from bus.cli.run import shell_reader, with_core
    from bus.delivery import target_state
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    who = by or shell_reader().person
    if not with_core(data, lambda core: in_transaction(core.pool, target_state.resume, target, utc_now(), by=who)):
        echo(f"“{target}”没有暂停或等待 / {target} is not paused, nor held", err=True)
        raise typer.Exit(1)
    echo(f"{target} 已恢复 / resumed")


@commands.command()
def discard(target: Undeclared, by: By, why: Why, data: Data = None) -> None:
    """Let everything go for good that waits for a target which is no longer declared, letters included.

    In steps of 1,000 tickets: interrupted, do it again. What a call may be under way for stays for now. Exits 1 when
    any does.

    Example: ticketbus delivery discard erp-old --by 张工 --why "旧 ERP 已下线"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from deadletter.dead_letter import Decision
    from deadletter.undeclared import discard_whole_queue

    decision = Decision(by=by, why=why, at=utc_now())
    done = with_core(data, lambda core: discard_whole_queue(core.pool, target, decision, core.codec.encode_record))
    echo(
        f"{target}: {done.discarded} 条投递作废 discarded, 其中死信 letters among them {done.letters}, "
        f"留下 left {done.left}"
    )
    if done.left:
        echo(
            "留下的投递可能正在调用中:稍后再作废 / a call may be under way for what is left: discard again later",
            err=True,
        )
        raise typer.Exit(1)


@commands.command()
def move(
    target: Undeclared,
    to: Annotated[str, typer.Option("--to", help="The target that gets them; it is declared.")],
    by: By,
    why: Why,
    data: Data = None,
) -> None:
    """Let what waits for a target which is no longer declared wait for another, in order per ticket, letters included.

    What the other target has already is not sent to it twice. Events that it does not take stay; so do deliveries where
    it had a later event of their ticket already, has one in hand, where a letter was edited, a call is under way, or
    nobody knows whether one took effect. In steps of 1,000 tickets: interrupted, do it again. Exits 1 when any stay.

    Example: ticketbus delivery move erp-old --to erp --by 张工 --why "目标改名"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from deadletter.dead_letter import Decision
    from deadletter.undeclared import move_whole_queue

    decision = Decision(by=by, why=why, at=utc_now())
    done = with_core(data, lambda core: move_whole_queue(core.pool, target, to, decision, core.codec.encode_record))
    echo(
        f"{target} → {to}: {done.moved} 条投递已移 moved, 其中死信 letters among them {done.letters}, "
        f"对方已有 already there {done.known}, 留下 left {done.left}"
    )
    if done.not_taken:
        kinds = ", ".join(f"{name} {count}" for name, count in done.not_taken.items())
        echo(
            f"{to} 没有订阅、因此留下的事件: {kinds};在目标文件中加入后再移,或用 delivery discard 作废 / "
            f"left since {to} does not take these events: {kinds}. Add them to its `events` and move again, or "
            "`delivery discard`",
            err=True,
        )
    if done.left > sum(done.not_taken.values()):
        echo(
            f"其余留下的投递所属工单,{to} 已收到或正在处理其后的事件,其死信改过内容,正在调用旧目标,或旧目标可能已生效:"
            "稍后再移,或用 delivery discard 作废 / "
            f"of the tickets of what else is left, {to} had a later event or has one in hand, their letter was edited, "
            "a call is under way, or one may have taken effect there: move again later, or `delivery discard`",
            err=True,
        )
    if done.left:
        raise typer.Exit(1)


def status_line(one: "TargetStatus", now: datetime) -> str:
    """Write a target's figures as the list shows them at `now`: until when and why it is not called. Pure."""
    since = f" 最早 since {one.oldest_at:%m-%d %H:%M:%S}" if one.oldest_at else ""
    parts = [
        f"{one.target:<16} 等待 waiting {one.waiting:>6}  死信 letters {one.parked:>5}  失败 failing {one.failing:>5}"
    ]
    if one.undeclared_at:
        parts.append(f"已不在目标文件 no longer declared since {one.undeclared_at:%m-%d %H:%M}: delivery move, discard")
    if one.failures:
        parts.append(f"连续失败 failures in a row {one.failures}")
    if until := asked_until(one, now):
        parts.append(f"对方要求等待 it asked for a wait, 至 until {until:%m-%d %H:%M:%S}")
    elif is_breaker_open(one):
        probe = f", 下次探测 next probe {one.not_before:%m-%d %H:%M:%S}" if one.not_before else ""
        parts.append(f"已熔断 breaker open{probe}")
    if one.overdue:
        parts.append(f"超时未取 overdue {one.overdue}")
    if one.postponed and one.postponed_until:
        parts.append(f"推迟 postponed {one.postponed}, 最早 the first until {one.postponed_until:%m-%d %H:%M:%S}")
    if one.paused:
        parts.append(f"已暂停 paused: {one.paused}")
    if one.last_failure:
        parts.append(f"最近失败 last failure {failure_line(one.last_failure)}")
    if one.differences:
        parts.append(f"单据不一致 documents differ {one.differences}: delivery reconcile {one.target} --since …")
    if one.list_failure:
        parts.append(f"单据清单不可读 no list of documents: {one.list_failure}")
    if one.probe_missing_since and one.probe_failure:
        parts.append(f"探测失败 probe fails since {one.probe_missing_since:%m-%d %H:%M:%S}: {one.probe_failure}")
    elif one.probed_at and not one.probe_missing_since:
        parts.append(f"探测正常 probe home {one.probed_at:%m-%d %H:%M:%S}")
    return "  ".join(parts) + since
