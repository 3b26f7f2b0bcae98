"""`ticketbus alerts`: what is wrong now, who looks after it, and every rule shown firing."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.alerts.engine.alert_admin import ListedAlert
    from bus.app import Core

commands = typer.Typer(name="alerts", help="What is wrong now, and who hears of it.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The alert's number, as `alerts list` shows it.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for those who read it later.")]


@commands.command("list")
def list_all(
    closed: Annotated[bool, typer.Option("--closed", help="Those that closed last.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List open alerts, the most urgent first; exit code 1 while a P1 is open that nobody has acknowledged.

    Example: ticketbus alerts list
    """
    from dataclasses import asdict

    from bus.alerts.engine.alert_admin import closed_alerts, open_alerts
    from bus.cli.run import echo_json, with_core
    from bus.postgres.pool import in_transaction

    alerts = with_core(data, lambda core: in_transaction(core.pool, closed_alerts if closed else open_alerts))
    for one in alerts:
        if as_json:
            echo_json({name: value for name, value in asdict(one).items() if name != "notices"})
        else:
            echo(alert_line(one))
    if not alerts and not as_json:
        echo("没有告警 / no alerts", err=True)
    if not closed and any(one.severity == "p1" and not one.acked_at and not one.hidden_by for one in alerts):
        raise typer.Exit(1)


@commands.command()
def show(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show an alert: what is wrong, the command that mends it, and what each channel was sent.

    Example: ticketbus alerts show 12
    """
    from dataclasses import asdict

    from bus.alerts.engine.alert_admin import one_alert
    from bus.cli.run import echo_json, with_core
    from bus.postgres.pool import in_transaction

    one = with_core(data, lambda core: in_transaction(core.pool, one_alert, number))
    if one is None:
        echo(f"没有告警 {number} / there is no alert {number}", err=True)
        raise typer.Exit(1)
    if as_json:
        echo_json(asdict(one))
        return
    for line in (alert_line(one), *one.zh.splitlines(), *one.en.splitlines()):
        echo(line)
    for label, value in (("处理 mend", one.mend), ("工单 ticket", one.ticket_id), ("trace", one.trace_id)):
        if value:
            echo(f"{label}: {value}")
    if one.acked_at:
        echo(f"认领 acknowledged: {one.acked_by} {one.acked_at:%m-%d %H:%M:%S}Z {one.acked_why}")
    for notice in one.notices:
        at = notice["sent_at"] or notice["given_up_at"]
        became = "已发送 sent" if notice["sent_at"] else notice["failure"] or "等待 waits"
        echo(f"  {notice['channel']:<16} {notice['flip']:<10} {f'{at:%m-%d %H:%M:%S}Z' if at else '-':<16} {became}")


@commands.command()
def ack(number: Number, why: Why = "", data: Data = None) -> None:
    """Acknowledge an alert: it is not repeated and not escalated; it closes when what is wrong is right again.

    Example: ticketbus alerts ack 12 --why "disk is being cleared"
    """
    from bus.alerts.engine.alert_admin import acknowledge
    from bus.cli.run import with_core
    from bus.postgres.pool import in_transaction

    done = with_core(data, lambda core: in_transaction(core.pool, acknowledge, number, by=getpass.getuser(), why=why))
    if not done:
        echo(f"告警 {number} 未打开或已认领 / alert {number} is not open, or acknowledged already", err=True)
        raise typer.Exit(1)
    echo(f"已认领 {number} / acknowledged")


@commands.command()
def silence(
    rule: Annotated[str, typer.Argument(help="The rule, as `alerts rules` names it.")],
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=7 * 24 * 60, help="How long; every silence ends.")],
    why: Why,
    about: Annotated[str, typer.Option("--about", help="Only where it is about this.")] = "",
    data: Data = None,
) -> None:
    """Let nobody hear of a rule for a while; its alerts stay listed. Again for the same: the end and the reason change.

    Example: ticketbus alerts silence disk_watermark --about db-1:/var --minutes 60 --why "volume is being grown"
    """
    from datetime import timedelta

    from bus.alerts.engine import silences
    from bus.alerts.engine.alert_admin import open_alerts
    from bus.alerts.rule_names import RuleName
    from bus.cli.run import with_core
    from bus.domain.naming import nearest
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    names = [one.value for one in RuleName]
    if rule not in names:
        meant = f"; did you mean {close!r}?" if (close := nearest(rule, names)) else ""
        raise typer.BadParameter(f"没有规则 / there is no rule {rule!r}{meant}")
    now, by = utc_now(), getpass.getuser()
    until = now + timedelta(minutes=minutes)

    async def work(core: "Core") -> "tuple[int, list[ListedAlert]]":
        made = await in_transaction(core.pool, silences.silence, rule, about, now=now, until=until, by=by, why=why)
        return made, await in_transaction(core.pool, open_alerts)

    number, opened = with_core(data, work)
    echo(f"静默 {number} 至 {until:%m-%d %H:%M}Z / silence {number} until then")
    if not any(one.rule == rule and about in ("", one.about) for one in opened):
        echo("目前没有匹配的未恢复告警 / nothing that is open matches: see `ticketbus alerts list`", err=True)


@commands.command("silences")
def list_silences(data: Data = None, as_json: Json = False) -> None:
    """List the silences that have not ended: of what, until when, by whom and why.

    Example: ticketbus alerts silences
    """
    from dataclasses import asdict

    from bus.alerts.engine.silences import silences
    from bus.cli.run import echo_json, with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    found = with_core(data, lambda core: in_transaction(core.pool, silences, utc_now()))
    for one in found:
        what = f"{one.rule} {one.about}".rstrip()
        line = f"{one.number:>6} {what} 至 until {one.until:%m-%d %H:%M}Z {one.made_by} | {one.why}"
        echo_json(asdict(one)) if as_json else echo(line)
    if not found and not as_json:
        echo("没有静默 / no silences", err=True)


@commands.command()
def unsilence(
    number: Annotated[int, typer.Argument(help="The silence's number, as `alerts silences` shows it.")],
    data: Data = None,
) -> None:
    """End a silence before its time: what is open under it is heard of in the next round.

    Example: ticketbus alerts unsilence 3
    """
    from bus.alerts.engine.silences import end_silence
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    if not with_core(data, lambda core: in_transaction(core.pool, end_silence, number, now=utc_now())):
        echo(f"没有静默 {number} / there is no silence {number}", err=True)
        raise typer.Exit(1)
    echo(f"静默 {number} 已结束 / ended")


@commands.command()
def rules(as_json: Json = False) -> None:
    """List all rules: severity, title, how long until each opens and closes, and the page that says what to do.

    Example: ticketbus alerts rules
    """
    from bus.alert_catalogue import RULES
    from bus.cli.run import echo_json

    for name, rule in RULES.items():
        opens, closes = rule.open_after.total_seconds(), rule.close_after.total_seconds()
        if as_json:
            texts = {"zh": rule.title.zh, "en": rule.title.en, "page": rule.page}
            echo_json(
                {"rule": name, "severity": rule.severity, **texts, "open_after_s": opens, "close_after_s": closes}
            )
        else:
            echo(f"{name:<18} {rule.severity.upper()}  {rule.title}  ({opens:g} s, {closes:g} s)")


@commands.command()
def selftest(
    only: Annotated[str, typer.Argument(metavar="[RULE]", help="This rule alone.")] = "",
    each: Annotated[bool, typer.Option("--each", help="A message for each rule, and no digest.")] = False,
    within: Annotated[int, typer.Option("--within", min=5, max=600, help="Seconds until all has arrived.")] = 60,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let every rule fire on its marked input (【演练】), through to the channels; exit code 1 if one does not arrive.

    Of each rule the second input must not fire. Example: ticketbus alerts selftest --each
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.programs.alert_selftest import run_selftest

    async def work(core: "Core") -> bool:
        good = True
        async for result in run_selftest(core, only=only, each=each, within_s=within):
            good = good and result.good
            echo_json(asdict(result)) if as_json else echo(str(result))
        return good

    if not with_core(data, work):
        raise typer.Exit(1)


def _over(one: "ListedAlert") -> str:
    """Say of an open alert that it is over, and when it will close: what it says is how it was then."""
    from bus.alert_catalogue import RULES

    if one.gone_at is None or one.closed_at:
        return ""
    rule = RULES.get(one.rule)
    closes = f", 将于 closing at {one.gone_at + rule.close_after:%H:%M:%S}Z" if rule else ""
    return f"已结束于 over since {one.gone_at:%H:%M:%S}Z{closes}"


def alert_line(one: "ListedAlert") -> str:
    """Give an alert in one line: of a list, such as that of a morning, how many stand on it."""
    since = f"{one.opened_at:%m-%d %H:%M:%S}Z" if one.opened_at else "-"
    marks = [
        "【演练】" if one.drill else "",
        _over(one),
        f"已恢复 closed {one.closed_at:%m-%d %H:%M:%S}Z" if one.closed_at else "",
        f"已认领 acknowledged by {one.acked_by}" if one.acked_at else "",
        f"隐藏于 hidden by {one.hidden_by}" if one.hidden_by else "",
    ]
    shown = [*filter(None, marks), "|", *one.zh.splitlines()[:1]]
    return " ".join([f"{one.number:>6}", one.severity.upper(), since, one.rule, one.about, *shown])
