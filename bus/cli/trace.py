"""`ticketbus trace`: where a ticket has been, hop by hop, what died of it, and what to do next."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.failure_line import failure_line
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.app import Core

WATCH_EVERY_S = 1.0
commands = typer.Typer()


@commands.command()
def trace(
    anything: Annotated[
        str,
        typer.Argument(metavar="ANY", help="Ticket, source, serial or order no., phone, trace, event or webhook id."),
    ],
    data: Data = None,
    as_json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Tell it anew whenever it changes, until Ctrl-C.")] = False,
) -> None:
    """Tell a ticket's journey: every event, every hop with its time and its lag, dead letters, and the next step.

    What is refused, a dead letter or waits on Kafka is found without a ticket, too. Exits 1 when nothing is found.

    Example: ticketbus trace T20261122-000123
    """
    from bus.cli.run import with_core
    from bus.programs.journeys import journeys_of

    async def find(core: "Core") -> "dict[str, Any] | None":
        journey = journeys_of(core)
        whole = page = await journey(anything)
        while whole and page and page["next"]:
            page = await journey(whole["ticket_id"], after=int(page["next"]))
            whole["events"] += page["events"] if page else []
        return whole

    async def work(core: "Core") -> "dict[str, Any] | None":
        shown = found = await find(core)
        _show(found, anything, as_json=as_json)
        while watch:
            await asyncio.sleep(WATCH_EVERY_S)
            found = await find(core)
            if _without_time(found) != _without_time(shown):
                echo("")
                _show(found, anything, as_json=as_json)
            shown = found
        return shown

    if with_core(data, work) is None:
        raise typer.Exit(1)


def _without_time(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give a journey without the seconds that it has taken so far: they change all the time."""
    return found and {name: value for name, value in found.items() if name != "time"}


def _show(found: dict[str, Any] | None, anything: str, *, as_json: bool) -> None:
    from bus.cli.run import echo_json

    if found is None:
        echo(f"没有找到“{anything}” / nothing is known by {anything!r}", err=True)
    elif as_json:
        echo_json(found)
    else:
        for line in lines(found):
            echo(line)


def lines(journey: dict[str, Any]) -> list[str]:
    """Spell a journey for people: Chinese first. Pure."""
    shown = _head(journey) if journey["ticket_id"] else [f"没有对应的工单 no ticket; trace {journey['trace_id']}"]
    if journey["also"]:
        shown.append(f"另有 / also known by this name: {', '.join(journey['also'])}")
    for event in journey["events"]:
        marks = " ".join(name for name in ("historic", "implied") if event[name])
        shown += ["", f"{event['version']:>3} {event['event_type']}  {event['actor']}  {marks}".rstrip()]
        shown.extend(_hop(hop) for hop in event["hops"])
        shown.extend(_expected(one) for one in journey["expected"] if one["version"] == event["version"])
    for one in journey["refusals"]:
        why = f"{one['detail']} / {one['detail_en']}"
        shown += ["", f"  拒绝 refused: {why} ({one['origin']}, {one['times']}×)"]
    for letter in journey["letters"]:
        shown.extend(_letter(letter))
    if journey["time"]:
        shown += ["", f"  {time_line(journey['time'])}"]
    shown.append("")
    for line in journey["verdict"]:
        shown += [f"→ {line['zh']}", f"  {line['en']}"]
        shown += [f"  $ {line['next']}"] if line["next"] else []
    return shown


def time_line(charged: "Mapping[str, float]") -> str:
    """Spell to whom time is charged, the most first. Pure."""
    from bus.journey.charge import ChargedTo

    total = charged["total"]
    parties = sorted((one for one in ChargedTo if charged[one] > 0), key=lambda one: -charged[one])
    parts = [f"{one.zh} {one.value} {_duration(charged[one])} ({charged[one] / total:.0%})" for one in parties]
    return f"用时 time {_duration(total)}: {', '.join(parts)}" if parts else "用时 time 0 s"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours:,} h {rest // 60:02} m {rest % 60:02} s" if hours else f"{rest // 60} m {rest % 60:02} s"


def _head(journey: dict[str, Any]) -> list[str]:
    state = f"状态 {journey['state_zh']} ({journey['state']}), version {journey['version']}"
    origin = f"来源 {journey['source']} {journey['source_no']}; trace {journey['trace_id']}"
    virtual = "  虚拟工单 virtual: 没有真实系统会收到 no real system hears of it" if journey["synthetic"] else ""
    return [
        f"{journey['ticket_id']} {journey['title']}{virtual}",
        f"{state}{_step(journey['next_step'])}; {origin}",
    ]


def _step(step: "Mapping[str, Any] | None") -> str:
    if step is None:
        return ""
    due = f", 时限 due {step['due_at']:%Y-%m-%d %H:%M:%S}" if step["due_at"] else ""
    late = " 已超时 overdue" if step["overdue"] else ""
    return f", 下一步 next {step['step_zh']} {step['step']}{due}{late}"


def _hop(hop: dict[str, Any]) -> str:
    from bus.journey.hop_names import HOP_NAMES

    at = f"{hop['at']:%Y-%m-%d %H:%M:%S.%f}"[:-3] if hop["at"] else "-"
    lag = f"+{hop['lag_ms']:,.1f} ms" if hop["lag_ms"] is not None else ""
    name = HOP_NAMES[hop["hop"]]
    return f"      {f'{name.zh} {name.en}':<14} {at}  {lag:>14}  {hop['where']}  {_note(hop)}".rstrip()


def _expected(one: dict[str, Any]) -> str:
    words = {"missed": "缺失 MISSING", "pending": "应到 expected", "late": "迟到 late"}
    late = f"+{one['late_ms']:,.1f} ms" if one["late_ms"] is not None else ""
    due = f"{one['hop']}, 时限 due {one['due_at']:%Y-%m-%d %H:%M:%S}, {one['expectation']}"
    at = f"{one['at']:%Y-%m-%d %H:%M:%S.%f}"[:-3] if one["at"] else "-"
    return f"      {words[one['state']]:<14} {at}  {late:>14}  {one['where']}  {due}"


def _note(hop: dict[str, Any]) -> str:
    """Say what a hop tells beside its time: by which map a command was made, or what a target answered."""
    match hop:
        case {"map_version": version}:
            return f"对照表 map v{version}"
        case {"hop": "delivered"}:
            return f"{hop['reference']} ({hop['attempts']}×)".lstrip()
        case {"hop": "discarded"}:
            return str(hop["why"])
        case {"hop": "dead"}:
            return f"死信 letter {hop['letter']}: {hop['kind']} ({hop['attempts']}×)"
        case {"hop": "delivery_waiting", "behind": behind}:
            return f"在 v{behind} 之后 behind it" + (f", 死信 letter {hop['letter']}" if hop["letter"] else "")
        case {"hop": "delivery_waiting"}:
            again = f", 下次 next {hop['next_at']:%Y-%m-%d %H:%M:%S}" if hop["next_at"] else ""
            return f"{hop['attempts']}×, {failure_line(hop)}{again}"
        case _:
            return ""


def _letter(letter: dict[str, Any]) -> list[str]:
    what = f" v{letter['version']} {letter['event'] or ''}".rstrip() if letter["version"] else ""
    why = f"{letter['reason']}/{failure_line(letter)}"
    head = f"  死信 letter {letter['number']} {letter['state']} {letter['origin']}{what}"
    decided = (f"      {one['at'][:19]} {one['decision']} by {one['by']}: {one['why']}" for one in letter["decisions"])
    return ["", f"{head}  {letter['died_at']:%Y-%m-%d %H:%M:%S}  {why}", *decided]
