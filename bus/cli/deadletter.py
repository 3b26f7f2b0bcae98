"""`ticketbus deadletter`: list, show, retry, edit and discard dead letters."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.failure_line import failure_line
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.app import Core
    from bus.wire.codec import Codec
    from bus.wire.dead_letters import DeadLetterGroup, ListedLetter
    from deadletter.dead_letter import DeadLetter

commands = typer.Typer(
    name="deadletter", help="Dead letters: read, retry, edit, discard, redrive.", no_args_is_help=True
)
commands.add_typer(redrive.commands)


def _letter_number(text: str) -> int:
    """Read a letter's number; what the list begins a line with is a cause, and has letters of its own."""
    if re.fullmatch(r"[0-9a-f]{12}", text) and not text.isdecimal():
        raise typer.BadParameter(
            f"{text} 是一类死信,其中各封见 ticketbus deadletter list --cause {text} / "
            f"{text} is a cause; its letters: ticketbus deadletter list --cause {text}"
        )
    if not re.fullmatch(r"\d{1,19}", text, re.ASCII) or int(text) > redrive.NUMBER_MAX:
        raise typer.BadParameter(f"“{text}”不是死信编号 / {text!r} is no number of a letter")
    return int(text)


Number = Annotated[int, typer.Argument(metavar="LETTER", parser=_letter_number)]
BYTES_SHOWN = 64  # in the text; --json has them all
Numbers = Annotated[
    list[int],
    typer.Argument(metavar="LETTER…", parser=_letter_number, help="Numbers of letters, as `list` shows them."),
]
By = Annotated[str, typer.Option("--by", callback=redrive.person, help="Who decides this.")]
Why = Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="Why; it is kept with the letter.")]


@commands.command("list")
def list_groups(
    target: Annotated[str | None, typer.Option("--target", help="Of this target alone.")] = None,
    origin: Annotated[str | None, typer.Option("--origin", help="Of this origin alone, as the list names it.")] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Each letter of this cause.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the open letters grouped by cause: how many, what waits behind them, first and last seen, one to look at.

    Origins: delivery:TARGET, webhook:SOURCE, http, commands, answer:TARGET, intake, import:SOURCE, log.
    With `--cause` each of its letters is a line.

    Exits 1 when there are any.

    Example: ticketbus deadletter list --target erp
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.wire.dead_letters import ListedLetter
    from deadletter.dead_letter import delivery_origin
    from deadletter.listing import all_of_cause
    from deadletter.store import groups

    if sum(map(bool, (target, origin, cause))) > 1:
        raise typer.BadParameter(
            "--target、--origin、--cause 只能给一个 / give --target, --origin or --cause, one of them"
        )
    wanted = delivery_origin(target) if target else origin
    found: Sequence[DeadLetterGroup | ListedLetter] = with_core(
        data, lambda core: all_of_cause(core.pool, cause) if cause else groups(core.pool, origin=wanted)
    )
    for one in found:
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_letter(one) if isinstance(one, ListedLetter) else _group(one))
    if found:
        raise typer.Exit(1)


@commands.command()
def show(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show a letter: what it holds, its bytes, the attempts kept, what waits behind it, what was decided.

    Exits 1 if there is none.

    Example: ticketbus deadletter show 17 --json
    """
    from bus.cli.run import echo_json, shell_reader, with_core
    from deadletter import view as reading

    async def work(core: "Core") -> "tuple[DeadLetter, dict[str, Any], Codec]":
        return (*await reading.show(core.pool, number, core.clear, shell_reader()), core.codec)

    letter, content, codec = with_core(data, work)
    if as_json:
        echo_json(reading.as_json(letter, content, codec))
        return
    echo(f"死信 letter {letter.id}: {letter.origin} {letter.origin_ref} {letter.event}")
    echo(f"  {letter.state}  {letter.reason}/{letter.kind}: {letter.detail}")
    echo(f"  trace {letter.trace_id}  死于 died {letter.died_at:%Y-%m-%d %H:%M:%S}  之后等待 behind {letter.behind}")
    if letter.edited_from:
        echo(f"  改自 edited from {letter.edited_from}")
    for attempt in letter.failures:
        echo(f"  · {attempt['at']}  {failure_line(attempt)}")
    for header, text in letter.headers.items():
        echo(f"  {header}: {text}")
    cut = "…" if len(letter.value) > BYTES_SHOWN else ""
    echo(f"  原文 bytes {len(letter.value)}: {letter.value[:BYTES_SHOWN].hex()}{cut}")
    for name, value in content.items():
        echo(f"    {name}: {value}")
    for one in letter.decisions:
        echo(f"  {one['at']} {one['decision']} by {one['by']}: {one['why']}")


@commands.command()
def retry(numbers: Numbers, by: By, why: Why, data: Data = None) -> None:
    """Send letters again; what waits behind each follows in order. All or none: a letter that is gone changes nothing.

    Input is replayed to the topic that its stage reads; if it is refused again, that is a new letter. With
    TICKETBUS_TWO_PERSONS=1 one letter at a time: many are for `redrive`.

    Example: ticketbus deadletter retry 17 18 --by 张工 --why "物料 M-17 已建档"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from deadletter.dead_letter import Decision
    from deadletter.redrive_policy import retry_refusal
    from deadletter.redrive_store import SecondPersonNeeded
    from deadletter.store import retry as send_again

    decision = Decision(by=by, why=why, at=utc_now())

    async def work(core: "Core") -> int:
        if refusal := retry_refusal(len({*numbers}), two_persons=core.settings.two_persons):
            raise SecondPersonNeeded(refusal)
        return await in_transaction(core.pool, send_again, numbers, decision, core.codec.encode_record, core.keys)

    count = with_core(data, work)
    echo(f"{count} 封重发 / sent again")


@commands.command()
def edit(
    number: Number,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON; - reads standard input.")],
    by: By,
    why: Why,
    data: Data = None,
) -> None:
    """Put a mended copy in a letter's place, held against the schema; the original stays. Send it with `retry`.

    Of an event or a command FILE holds the fields that change, as `show` names them; of a webhook the new body, whole.

    Example: echo '{"reason": "泵漏水"}' | ticketbus deadletter edit 17 - --by 张工 --why "原因录错"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from bus.programs.live_sources import live_sources
    from deadletter.dead_letter import Decision
    from deadletter.edit import edit as edit_now

    text, decision = file.read(), Decision(by=by, why=why, at=utc_now())

    async def work(core: "Core") -> int:
        return await in_transaction(
            core.pool,
            edit_now,
            number,
            text,
            decision,
            clear=core.clear,
            sources=await live_sources(core),
        )

    echo(f"死信 {number} 的修改件 mended copy: {with_core(data, work)}")


@commands.command()
def check(
    number: Number,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON; - reads standard input.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what `edit` with this file would change, line by line, held against the schema; nothing is changed.

    Example: echo '{"reason": "泵漏水"}' | ticketbus deadletter check 17 -
    """
    from bus.cli.run import echo_json, shell_reader, with_core
    from bus.postgres.pool import in_transaction
    from bus.programs.live_sources import live_sources
    from deadletter.edit import changed_lines
    from deadletter.edit import check as check_now

    text = file.read()

    async def work(core: "Core") -> "tuple[dict[str, Any] | str, dict[str, Any] | str]":
        return await in_transaction(
            core.pool,
            check_now,
            number,
            text,
            clear=core.clear,
            sources=await live_sources(core),
            reader=shell_reader(),
        )

    before, after = with_core(data, work)
    if as_json:
        echo_json({"letter": number, "before": before, "after": after})
        return
    for line in changed_lines(before, after):
        echo(line)


@commands.command()
def discard(numbers: Numbers, by: By, why: Why, data: Data = None) -> None:
    """Let letters go for good; what waits behind each comes forward. They stay on file with the reason.

    Example: ticketbus deadletter discard 17 --by 张工 --why "工单已线下处理"
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction
    from deadletter.dead_letter import Decision
    from deadletter.store import discard as let_go

    decision = Decision(by=by, why=why, at=utc_now())
    count = with_core(data, lambda core: in_transaction(core.pool, let_go, numbers, decision, core.codec.encode_record))
    echo(f"{count} 封作废 / discarded")


def _letter(one: "ListedLetter") -> str:
    words = failure_line({"kind": one.kind, "detail": one.detail, "message": one.message})
    redrive = f"  重发 redrive {one.redrive}" if one.redrive else ""
    return (
        f"{one.id:>6}  {one.origin} {one.origin_ref}  {one.event}  {one.attempts} 次 attempts, "
        f"{one.behind} 在后等待 behind  {one.died_at:%m-%d %H:%M}  {words}{redrive}"
    )


def _group(one: "DeadLetterGroup") -> str:
    seen = f"{one.first_at:%m-%d %H:%M}…{one.last_at:%m-%d %H:%M}"
    return (
        f"原因 cause {one.cause}  {one.origin:<14} {one.event:<18} "
        f"{one.letters:>5} 封 letters, {one.behind} 在后等待 behind  "
        f"{seen}  {one.reason}/{failure_line({'kind': one.kind, 'detail': one.detail, 'message': one.message})}  "
        f"例 e.g. letter {one.sample}"
    )
