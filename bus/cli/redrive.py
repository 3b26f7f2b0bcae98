"""`ticketbus deadletter redrive`: many dead letters sent again, as a frozen set with a canary and a rate."""

from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.text import is_blank

if TYPE_CHECKING:
    from deadletter.redrive_store import Redrive

commands = typer.Typer(name="redrive", help="Send many letters again: frozen, a few first, then the rest.")

NUMBER_MAX = 2**63 - 1


def not_blank(text: str) -> str:
    """Refuse a reason that says nothing. Raises typer.BadParameter."""
    if is_blank(text):
        raise typer.BadParameter("不能为空 / say who, and why")
    return text.strip()


def person(text: str | None) -> str | None:
    """Read a person's name, in one spelling; refuse an empty one and the bus's. Raises typer.BadParameter."""
    from bus.domain.errors import MalformedInput
    from bus.intake.reserved_names import person_name

    if text is None:
        return None
    try:
        return not_blank(person_name(text, "name"))
    except MalformedInput as error:
        raise typer.BadParameter(str(error.text)) from None


def finite(number: float) -> float:
    """Refuse what is no number: it is neither more nor less than any bound. Raises typer.BadParameter."""
    if not isfinite(number):
        raise typer.BadParameter("须为数字 / give a number")
    return number


Number = Annotated[int, typer.Argument(metavar="REDRIVE", max=NUMBER_MAX, help="As `redrive list` shows it.")]


@commands.command()
def freeze(
    *,
    target: Annotated[str, typer.Option("--target", help="Letters of this target.")],
    by: Annotated[str, typer.Option("--by", callback=person, help="Who approves it.")],
    why: Annotated[str, typer.Option("--why", callback=not_blank, help="What was mended; kept with every letter.")],
    cause: Annotated[str | None, typer.Option("--cause", help="Of this cause, as `deadletter list` shows it.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Of this event class.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Of this kind of failure.")] = None,
    canary: Annotated[int, typer.Option("--canary", min=1, max=1_000_000, help="How many go first.")] = 5,
    watch_s: Annotated[
        float, typer.Option("--watch", min=0, max=86_400, callback=finite, help="Seconds for which those are watched.")
    ] = 10.0,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=10_000, callback=finite, help="Letters a second afterwards.")
    ] = 10.0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Freeze the letters that match now, and say what would be sent where. Nothing is sent before `redrive run`.

    Exits 1 when nothing matches.

    Example: ticketbus deadletter redrive freeze --target erp --kind rejected --by 张工 --why "物料已建档"
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from deadletter.dead_letter import Decision
    from deadletter.redrive_policy import RedriveLimits
    from deadletter.redrive_store import DeadLetterQuery
    from deadletter.redrive_store import freeze as freeze_now

    query = DeadLetterQuery(target=target, cause=cause, event=event, kind=kind)
    terms = RedriveLimits(canary=canary, watch=timedelta(seconds=watch_s), rate_per_s=rate)
    decision = Decision(by=by, why=why, at=utc_now())
    frozen = with_core(
        data,
        lambda core: in_transaction(
            core.pool,
            freeze_now,
            query,
            terms,
            decision,
            core.codec.encode_record,
            two_persons=core.settings.two_persons,
        ),
    )
    if as_json:
        echo_json(asdict(frozen))
        return
    what = ", ".join(f"{count} × {name}" for name, count in sorted(frozen.events.items()))
    echo(f"重发 redrive {frozen.id}: {frozen.letters} 封 letters → {target}: {what}")
    echo(f"  先发 first {min(canary, frozen.letters)}, 观察 watched {watch_s:g} s, 然后 then {rate:g}/s")
    if frozen.taken or frozen.worn:
        echo(f"  未包含 left out: {frozen.taken} 封在另一次重发中 in another redrive, {frozen.worn} 封次数已满 worn")
    echo(f"  执行 run it: ticketbus deadletter redrive run {frozen.id}")


@commands.command()
def run(
    number: Number,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", callback=person, help="Who lets it be sent; with TICKETBUS_TWO_PERSONS=1 not who froze it."
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let the workers send a frozen set: the first few, a look at them, then the rest at its rate; watch them do it.

    Whoever is killed meanwhile, a worker goes on; run again to watch again. It stops by itself when one of the first or
    more than 20 % of all fail again. Exits 1 when it did not go through.

    Example: ticketbus deadletter redrive run 3 --by 李工
    """
    from dataclasses import asdict

    from bus.cli.run import counting, echo_json, with_core
    from deadletter.redrive_worker import watch

    progress, show = counting(f"redrive {number}")
    with progress:
        ended = with_core(
            data,
            lambda core: watch(
                core.pool,
                number,
                say=lambda one: show(one.released),
                by=by or "",
                two_persons=core.settings.two_persons,
            ),
        )
    if as_json:
        echo_json(asdict(ended))
    else:
        echo(f"{'完成 done' if ended.state == 'done' else '已停止 stopped'}: {ended.ended_why}")
    if ended.state != "done":
        raise typer.Exit(1)


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List all redrives: who approved what, and how far each is.

    Example: ticketbus deadletter redrive list --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from deadletter.redrive_store import redrives

    for one in with_core(data, lambda core: redrives(core.pool)):
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_line(one))


@commands.command()
def show(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show a redrive: how far it is, and by target and cause what is not sent yet. Exits 1 if there is none.

    Example: ticketbus deadletter redrive show 3
    """
    from dataclasses import asdict

    from bus.cli.failure_line import failure_line
    from bus.cli.run import echo_json, with_core
    from bus.postgres.pool import in_transaction
    from deadletter.listing import shown_redrive

    one, left = with_core(data, lambda core: in_transaction(core.pool, shown_redrive, number))
    if as_json:
        echo_json({**asdict(one), **left._asdict(), "parts": [asdict(part) for part in left.parts]})
        return
    echo(_line(one))
    for part in left.parts:
        words = failure_line({"kind": part.kind, "detail": part.detail})
        echo(f"  {part.letters:>5} 封 letters → {part.target}  {part.cause} {part.event}  {words}")
    if left.outside:
        echo(f"  未包含 not in it: {left.outside} 封 letters")


@commands.command()
def stop(
    number: Number,
    why: Annotated[str, typer.Option("--why", callback=not_blank, help="Who stops it and why.")],
    data: Data = None,
) -> None:
    """Close a redrive: nothing more of it is sent; what was sent goes its way. Exits 1 when it was over.

    Example: ticketbus deadletter redrive stop 3 --why "张工: 物料又停用"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from deadletter.redrive_store import end

    ended = with_core(
        data, lambda core: in_transaction(core.pool, end, number, done=False, why=why, now=utc_now(), by_hand=True)
    )
    if not ended:
        echo(f"重发 {number} 已结束或不存在 / redrive {number} is over, or there is none", err=True)
        raise typer.Exit(1)
    echo(f"重发 redrive {number} 已停止 / stopped")


def _line(one: "Redrive") -> str:
    counts = f"{one.letters} 封, 已发 sent {one.released}, 到达 arrived {one.delivered}, 又失败 failed {one.failed}"
    over = f"  {one.ended_why}" if one.ended_why else ""
    run_by = f"  执行 run by {one.run_by}" if one.run_by else ""
    return f"{one.id:>5}  {one.state:<8} {counts}  {one.approved_by}: {one.approved_why}{run_by}{over}"
