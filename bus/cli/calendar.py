"""`ticketbus calendar`: which hours are worked, and whether the holidays of the years to come are known."""

import calendar
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.cli.trace import time_line
from bus.domain.text import Text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from bus.app import Core
    from bus.domain.calendars import Calendar, Calendars
    from bus.gateway.http.answers import ClockAnswer
    from bus.journey.charge import LifeEvent
    from bus.process.replan import Replanned

commands = typer.Typer(name="calendar", help="Working hours and public holidays.", no_args_is_help=True)
_WEEKDAYS = "一二三四五六日"


@commands.command()
def show(
    name: Annotated[str, typer.Argument(help="A calendar; without one all are listed.")] = "",
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Each day of a month, and why.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show the calendars of this machine's files, one of them in full, or each day of a month and why it is so.

    The version is a digest of all that the calendar says: the same on two machines
    when they count alike. Example: ticketbus calendar show office --month 2026-10
    """
    from bus.cli.run import echo_json

    calendars = _calendars(data)
    if month and not name:
        raise typer.BadParameter(str(Text("写明日历名称", "name the calendar, too")), param_hint="--month")
    found = [_named(calendars, name)] if name else [*calendars.by_name.values()]
    for one in found:
        if month:
            days = [_day_json(one, day) for day in _days_of(month)]
            for row in days:
                echo_json(row) if as_json else echo(_day_line(row))
        elif as_json:
            echo_json(_calendar_json(calendars, one))
        else:
            _echo_calendar(calendars, one, in_full=bool(name))


@commands.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; else TICKETBUS_CALENDARS_FILE, or the shipped one.")
    ] = None,
    data: Data = None,
) -> None:
    """Read the calendars file, and say which year's public holidays are not announced in it; exits 1 if one is due.

    Due is this year, and from 15 November the next: the State Council announces it
    before. Example: ticketbus calendar check /etc/ticketbus/calendars.yaml
    """
    from bus.calendars_config import load_calendars
    from bus.domain.calendars import missing_years
    from bus.domain.time_text import CHINA
    from bus.intake.dispatch import utc_now

    calendars = load_calendars(file) if file else _calendars(data)
    missing = missing_years(calendars.by_name.values(), calendars.lists, utc_now().astimezone(CHINA).date())
    for one in missing:
        echo(str(one.text()))
        echo("  办法见 docs/calendars.md / what to do: docs/calendars.md")
    if missing:
        raise typer.Exit(1)
    count = len(calendars.by_name)
    echo(f"{count} 个日历可用,到期的节假日均已公布 / {count} calendars, all holidays that are due are announced")


@commands.command()
def load(
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who asks, by name.")],
    why: Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="Why, such as the notice's number.")],
    data: Data = None,
) -> None:
    """Let the promises of open tickets count in the hours that their calendars have now, as of a year just announced.

    What was spent and paused stays, and so does what is broken. Each ticket has an
    event, PromisesReplanned. Start gateways and workers with the new file first.

    Example: ticketbus calendar load --by 张工 --why 国办发明电〔2026〕9号
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.process.replan import replan_open

    def work(core: "Core") -> "Awaitable[Replanned]":
        calendars = core.dispatcher.rules.calendars
        return replan_open(core.pool, core.dispatcher.dispatch, calendars, f"{why} ({by})", utc_now)

    done = with_core(data, work)
    echo(
        f"{done.tickets} 张工单的时限已重排,{done.same} 张之后的工时不变 / {done.tickets} tickets planned anew, "
        f"of {done.same} the hours ahead are the same"
    )
    if done.refused:
        refused = Text(f"{done.refused} 张被拒,请再运行一次", f"{done.refused} were refused; run it again")
        echo(str(refused), err=True)
        raise typer.Exit(1)


@commands.command()
def explain(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="The ticket number, as in T20261122-000123.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say of both clocks of a ticket which time counted, which not, and why. Exits 1 when there is no such ticket.

    Times are by the calendar's clock. Holidays are named by this machine's file. Below
    each clock stands whose the time was that counted: what the bus or a target took on
    the way is not the engineer's.

    Example: ticketbus calendar explain T20261122-000123
    """
    from bus.cli.run import echo_json, with_core
    from bus.domain.terms import TicketId
    from bus.gateway.read.clock_view import clocks_view
    from bus.intake.dispatch import utc_now
    from bus.journey.charge import charge_within
    from bus.journey.lives import charge_json, read_life
    from bus.postgres.pool import connected

    async def work(core: "Core") -> "tuple[Sequence[ClockAnswer], Sequence[LifeEvent]]":
        events = await core.store.events(TicketId(number))
        clocks = clocks_view(events, core.dispatcher.rules.calendars, utc_now()) if events else []
        async with connected(core.pool) as connection:
            return clocks, await read_life(connection, core.clear.schemas, number) if clocks else []

    clocks, life = with_core(data, work)
    if not clocks:
        echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
        raise typer.Exit(1)
    for one in clocks:
        counted = [(each["since"], each["until"]) for each in one["stretches"] if each["counts"]]
        charged = charge_json(charge_within(life, counted))
        if as_json:
            echo_json({**one, "charged": charged})
            continue
        for line in (*_clock_lines(one), f"  {time_line(charged)}"):
            echo(line)


def _clock_lines(one: "ClockAnswer") -> Iterator[str]:
    from zoneinfo import ZoneInfo

    from bus.domain.terms import ClockName
    from bus.domain.time_text import CHINA

    zone = ZoneInfo(one["zone"]) if one["zone"] else CHINA
    seconds = timedelta(seconds=round(one["counted_s"]))
    ends = (("超时 breached", one["breached_at"]), ("兑现 met", one["settled_at"]))
    state, at = next((end for end in ends if end[1]), ("到期 due", one["due_at"]))
    until = f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else Text("停表", "stands")
    calendar_name = one["calendar"] or Text("全天计时", "around the clock")
    yield (
        f"{ClockName(one['clock']).zh} {one['clock']}: 时限 limit {timedelta(seconds=one['limit_s'])}, "
        f"已计 counted {seconds}, {state} {until}, {calendar_name}"
    )
    if one["omitted"]:
        yield f"  …更早的 {one['omitted']} 段未列出 / {one['omitted']} earlier ones are not listed"
    for each in one["stretches"]:
        mark = "计  counts" if each["counts"] else "不计 -     "
        times = " → ".join(f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in (each["since"], each["until"]))
        length = timedelta(seconds=round(each["seconds"]))
        yield f"  {times}  {mark}  {length!s:>17}  {each['why']} / {each['why_en']}"


def _calendars(data: Path | None) -> "Calendars":
    from bus.calendars_config import load_calendars
    from bus.cli.run import resolved

    return load_calendars(resolved(data).calendars_file)


def _named(calendars: "Calendars", name: str) -> "Calendar":
    from bus.domain.naming import did_you_mean, nearest

    found = calendars.by_name.get(name)
    if found is None:
        close = did_you_mean(nearest(name, calendars.by_name), quoted=True)
        unknown = Text(f"没有日历 {name}{close.zh}", f"there is no calendar {name!r}{close.en}")
        raise typer.BadParameter(str(unknown), param_hint="NAME")
    return found


def _days_of(month: str) -> Iterator[date]:
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        form = Text("月份应写作 2026-10", "a month is written 2026-10")
        raise typer.BadParameter(str(form), param_hint="--month") from None
    yield from (first + timedelta(days=n) for n in range(calendar.monthrange(first.year, first.month)[1]))


def _day_json(one: "Calendar", day: date) -> dict[str, Any]:
    from bus.domain.working_hours import day_text

    why = one.why.get(day)
    return {"day": day, "hours": day_text(one.working.hours_of(day)), "why": why and str(why)}


def _day_line(row: Mapping[str, Any]) -> str:
    day: date = row["day"]
    hours = "休 off" if row["hours"] == "off" else row["hours"]
    return f"{day} 周{_WEEKDAYS[day.weekday()]} {day:%a}  {hours:<24} {row['why'] or ''}".rstrip()


def _calendar_json(calendars: "Calendars", one: "Calendar") -> dict[str, Any]:
    from bus.domain.working_hours import hours_text

    return {
        "calendar": one.name,
        "title": one.title,
        "version": one.version,
        "zone": one.working.zone,
        "hours": hours_text(one.working),
        "holidays": one.holidays or None,
        "regions": _having(calendars.regions, one.name),
        "default": one.name == calendars.default,
        "years": {
            year: "announced" if known.announced else "provisional"
            for year, known in calendars.lists.get(one.holidays, {}).items()
        },
    }


def _having(users: Mapping[str, str], name: str) -> list[str]:
    return [user for user, calendar_name in users.items() if calendar_name == name]


def _echo_calendar(calendars: "Calendars", one: "Calendar", *, in_full: bool) -> None:
    from bus.domain.working_hours import week_text

    row = _calendar_json(calendars, one)
    echo(f"{row['version']:<28} {row['title']}  {row['zone']}  {week_text(one.working)}")
    if not in_full:
        return
    if row["default"]:
        echo("  默认日历 / the default")
    if row["regions"]:
        echo(f"  地区 regions: {', '.join(row['regions'])}")
    for year, known in calendars.lists.get(one.holidays, {}).items():
        state = Text("已公布", "announced") if known.announced else Text("暂定,尚未公布", "provisional")
        echo(f"  {one.holidays} {year}: {state} {known.notice}".rstrip())
