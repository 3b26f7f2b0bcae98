"""`ticketbus audit`: a history with its proof, and whether what was sealed is still so."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bus.cli.echo import echo
from bus.cli.privacy import written
from bus.cli.settings import Data, Json
from bus.domain.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.app import Core
    from bus.audit.check import AuditReport
    from bus.audit.checkpoint import SigningKey
    from bus.audit.subject import Subject
    from bus.settings import Settings

HELP = ("-h", "--help")
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%z"]


class _TicketOrCommand(TyperGroup):
    """Takes what is no command as a ticket, so that `audit TICKET` and `audit verify` stand side by side."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `show` before arguments that name no command."""
        if args and args[0] not in self.commands and args[0] not in HELP:
            args = ["show", *args]
        return super().parse_args(ctx, args)


commands = typer.Typer(
    name="audit",
    cls=_TicketOrCommand,
    help="A history with its proof: `audit TICKET`, `audit --from DAY --to DAY`; verify it, check the whole log.",
    no_args_is_help=True,
)


@commands.command()
def show(
    ticket: Annotated[str, typer.Argument(metavar="[TICKET]", help="The ticket number; empty: a period.")] = "",
    *,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="Events recorded from then on, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=FORMATS, help="And before then, UTC.")] = None,
    html: Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a page to print (0600).")] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", dir_okay=False, help="Write the proof bundle, for `audit verify` (0600).")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show the complete history of a ticket or period: who, when, what, why, evidence, approval, place in the tree.

    Personal texts are in clear, and that they are read is recorded; in the bundle they stay sealed.

    Exits 1 when there are no events, they are not as they were sealed, or the worker refuses to seal.

    Example: ticketbus audit T20261122-000123 --html history.html --bundle history.json
    """
    from bus.cli.run import echo_json, with_core

    subject = _subject(ticket, since, until)
    rows, wrong = with_core(data, lambda core: _history(core, subject, html, bundle))
    for one in wrong:
        echo(f"{Text('与封存不符', 'not as it was sealed')}: {one}", err=True)
    if not rows:
        echo(str(Text("没有这样的事件", "there are no such events")), err=True)
        raise typer.Exit(1)
    for row in rows:
        if as_json:
            echo_json(row)
        else:
            place = "未封存 not sealed" if row["leaf"] is None else f"#{row['leaf']}"
            what = f"{row['ticket_id']}/{row['version']}  {row['occurred_at']:%Y-%m-%d %H:%M:%S}  {row['zh']}"
            echo(f"{what}  {row['actor']} ({row['source']})  {row['reason']}  {place}  {row['leaf_hash'][:16]}")
    if wrong:
        raise typer.Exit(1)


@commands.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", exists=True, dir_okay=False, help="A proof bundle.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="The public key, as `audit key` prints."),
    ] = None,
    witness: Annotated[
        Path | None,
        typer.Option("--witness", exists=True, dir_okay=False, help="Checkpoints of Kafka, as `audit witness` prints."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a proof bundle by itself: no database, no Kafka, no settings. Exits 1 on anything that is wrong.

    Without --key only this is shown: that the bundle fits together. Without --witness: not that the tree was the same
    when Kafka was given its checkpoint. Later versions than the bundle's last it cannot show: the bus's own tree does.

    Example: ticketbus audit verify history.json --key audit.pub --witness witness.jsonl
    """
    from bus.audit.bundle import verify_bundle
    from bus.audit.checkpoint import verifying_key
    from bus.cli.run import echo_report

    trusted = verifying_key(_read(key)) if key else None
    notes = _notes(_read(witness)) if witness else None
    report = verify_bundle(_read(bundle).encode(), trusted, notes)
    if as_json:
        echo_report(report, trusted_key=key is not None)
    else:
        about = " – ".join(report.about.values())
        echo(f"{about}: {report.events} 个事件 events, {report.tickets} 张工单 tickets, 树 tree {report.size}")
        own = Text("证明包自带,未核对", "the bundle's own, not compared with any other")
        echo(f"公钥 key {report.key}: {Text('已核对', 'the one given') if trusted else own}")
        seen = Text("与 Kafka 上的相符", "as on Kafka") if report.witnessed else Text("未证实", "not shown")
        echo(f"见证 witness: {seen}")
        for one in report.listed:
            echo(f"  {one.kind}: {one.where}")
        if not report.listed:
            echo(_covered(report.last_version))
        good = Text("通过", "verified") if trusted else Text("自洽,公钥未核对", "it fits together, key not checked")
        echo(str(Text("不通过", "NOT VERIFIED") if report.listed else good))
    if report.listed:
        raise typer.Exit(1)


@commands.command()
def check(data: Data = None, as_json: Json = False) -> None:
    """Compare every event with the tree, and the tree with its checkpoints and their witness on Kafka.

    What was changed, dropped or added is named. Exits 1 on anything that is wrong, or where nothing is sealed.

    Example: ticketbus audit check --json
    """
    from bus.audit.check import kinds
    from bus.cli.run import counting, echo_report, with_core

    progress, tell = counting("leaves compared:")
    with progress:
        report = with_core(data, lambda core: _checked(core, tell))
    if as_json:
        echo_report(report)
    else:
        echo(
            f"{report.leaves:,} 个事件已封存 events sealed, {report.waiting:,} 个待封存 waiting, "
            f"{report.checkpoints:,} 个检查点 checkpoints, {report.witnessed:,} 个有见证 witnessed, "
            f"{report.problems:,} 处问题 problems"
        )
        if report.other_trees:
            echo(f"Kafka 上另有其他树的检查点 Kafka also has checkpoints of other trees: {report.other_trees:,}")
        texts = {kind: Text(zh, en) for kind, zh, en in kinds()}
        for one in report.listed:
            echo(f"  {one.kind} {one.where}: {texts[one.kind]}")
        if not report.witnessed:
            echo(str(Text("没有任何检查点有见证", "no checkpoint is witnessed: nothing is proven")), err=True)
    if report.problems or not report.witnessed:
        raise typer.Exit(1)


@commands.command()
def key(data: Data = None) -> None:
    """Print the public key of the tree, then those that signed before it, for auditors.

    Hand them over by another way than the bundles.

    Example: ticketbus audit key > audit.pub
    """
    from bus.cli.run import resolved

    echo(str(_signing_key(resolved(data)).public))


@commands.command()
def witness(data: Data = None) -> None:
    """Print the signed checkpoints that Kafka has, as JSON lines, for `audit verify --witness`.

    Example: ticketbus audit witness > witness.jsonl
    """
    from bus.cli.run import echo_json, with_core
    from bus.programs.audit_checking import witness_notes

    for note in with_core(data, lambda core: witness_notes(core.settings, core.codec)):
        echo_json({"note": note})


async def _history(
    core: "Core", subject: "Subject", html: Path | None, bundle: Path | None
) -> tuple[list[dict[str, Any]], list[str]]:
    from bus.audit.bundle import bundle_of, not_as_sealed, read_history
    from bus.audit.history import Proof, history_page, history_rows
    from bus.audit.store import last_checkpoint
    from bus.cli.run import shell_reader
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import snapshot
    from bus.programs.audit_sealing import audit_key

    signing = _signing_key(core.settings) if bundle else audit_key(core.settings)
    async with snapshot(core.pool) as connection:
        history = await read_history(connection, subject)
        checkpoint, wrong = await last_checkpoint(connection), await not_as_sealed(connection, subject, history)
        proof = await bundle_of(connection, subject, history, signing, utc_now()) if bundle and signing else b""
    if not history:
        return [], wrong
    events = await core.schemas.events([one.entry.value for one in history])
    shown = await core.keys.shown(core.pool, [(one.ticket_id, one) for one in events], shell_reader())
    rows = history_rows(shown, history)
    if bundle:
        _write(bundle, proof.decode())
    if html:
        note, at = (checkpoint.note, checkpoint.sealed_at) if checkpoint else ("", None)
        seal = Proof(note=note, sealed_at=at, key=str(signing.public) if signing else "-", wrong=wrong)
        _write(html, history_page(subject, rows, seal, utc_now()))
    return rows, wrong


async def _checked(core: "Core", tell: "Callable[[int], None]") -> "AuditReport":
    from bus.programs.audit_checking import checked

    return await checked(core.pool, core.settings, core.codec, _signing_key(core.settings).public, tell)


def _signing_key(settings: "Settings") -> "SigningKey":
    from bus.app import NotConfigured
    from bus.programs.audit_sealing import audit_key

    if (found := audit_key(settings)) is None:
        zh = "未设置 TICKETBUS_AUDIT_KEY: 没有审计树"
        en = "TICKETBUS_AUDIT_KEY is not set: nothing is sealed; make a key by `openssl genpkey -algorithm ed25519`"
        raise NotConfigured(str(Text(zh, en)))
    return found


def _subject(ticket: str, since: datetime | None, until: datetime | None) -> "Subject":
    from datetime import UTC

    from bus.audit.subject import subject_of

    since, until = (one.replace(tzinfo=UTC) if one and not one.tzinfo else one for one in (since, until))
    if (subject := subject_of(ticket, since, until)) is None:
        zh, en = "请给出工单号,或 --from 与 --to", "name a ticket, or both --from and --to, the later last"
        raise typer.BadParameter(str(Text(zh, en)))
    return subject


def _covered(last_version: int | None) -> str:
    """Say which versions a bundle without fault proves: of its ticket, or of a period's."""
    asked = Text("须查总线自己的树: `audit check`", "only the bus's own tree says: `audit check`")
    if last_version is None:
        zh = f"每张工单的版本无缺口; 是否另有工单、更早或更晚的版本,{asked.zh}"
        en = f"each ticket's versions without a gap; whether there are other tickets, earlier or later ones {asked.en}"
    else:
        zh = f"版本 1 至 {last_version},无缺口; 是否有更晚的版本,{asked.zh}"
        en = f"versions 1 to {last_version}, without a gap; whether there are later ones {asked.en}"
    return str(Text(zh, en))


def _write(path: Path, text: str) -> None:
    with written(path) as write:
        write(text.removesuffix("\n"))


def _read(path: Path) -> str:
    from bus.audit.checkpoint import NoteInvalid

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NoteInvalid(str(Text(f"无法读取 {path}", f"{path} cannot be read as text"))) from error


def _notes(text: str) -> list[str]:
    import orjson

    from bus.audit.checkpoint import NoteInvalid

    try:
        return [str(orjson.loads(line)["note"]) for line in text.splitlines() if line]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        zh, en = "见证文件无法读取", "the witness file is not what `ticketbus audit witness` prints"
        raise NoteInvalid(str(Text(zh, en))) from error
