"""`ticketbus delivery reconcile`: a target's own documents against what was delivered to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.delivery.compare_documents import DocumentDifference
    from bus.delivery.target_reconciler import TargetReport

commands = typer.Typer()
Target = Annotated[str, typer.Argument(help="As it is called in the targets file.")]
KINDS = {
    "missing_there": "已出库而对方没有生效的单据 issued, and no document counts there",
    "unknown_here": "对方已生效而总线不知道 it counts there, and the bus does not know it",
    "twice": "同一申请有多张生效单据 several documents of one request count",
    "not_ours": "不属于本总线的单据 no request of this bus makes it",
}


@commands.command()
def reconcile(
    target: Target,
    *,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="As 2026-11-28T08:00:00+08:00.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Without: now.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Name the documents of a target that differ from what was delivered: lost, not known here, twice, or not ours.

    The target is asked for the documents of these days, and by number for what is named; nothing is changed on either
    side. What was settled within the last minute, or first called within five, is not judged. Exits 1 when anything is
    named, and when the list does not come: then nothing is judged.

    Example: ticketbus delivery reconcile erp --since 2026-11-28T00:00:00+08:00
    """
    from bus.cli.run import echo_json, with_core
    from bus.cli.time_option import read_time_option
    from bus.delivery.target_json import difference_json, target_head_json
    from bus.domain.errors import MalformedInput
    from bus.programs.target_reconciling import reconcile_target

    began = read_time_option(since, "--since")
    ended = read_time_option(until, "--until") if until else datetime.now(UTC)

    async def work(core: "Core") -> "TargetReport":
        try:
            return await reconcile_target(core, target, began, ended)
        except MalformedInput as refused:
            hint = "TARGET" if refused.field == "target" else f"--{refused.field}"
            raise typer.BadParameter(str(refused.text), param_hint=hint) from None

    report = with_core(data, work)
    differences = report.found.differences
    if as_json:
        echo_json(target_head_json(report))
        for one in differences:
            echo_json(difference_json(one, target))
    else:
        for line in _lines(report):
            echo(line)
    if differences:
        raise typer.Exit(1)


def _lines(report: "TargetReport") -> Iterator[str]:
    from bus.delivery.compare_documents import next_step

    found = report.found
    yield f"目标 target {report.target}: {_utc(report.since)} – {_utc(report.until)}"
    yield (
        f"单据 documents {found.listed:,}, 总线 requests here {found.known:,}; "
        f"不一致 named {len(found.differences):,}, 尚未判断 not judged yet {found.not_judged:,}"
    )
    for one in found.differences:
        yield f"{KINDS[one.kind]}: {_about(one)}"
        yield f"  → {next_step(one, report.target)}"


def _about(one: "DocumentDifference") -> str:
    parts = [f"{one.number} ({one.ticket_id} {one.request_no})" if one.ticket_id else one.number]
    parts.append(f"对方 there: {one.stage or '没有 none'}, 总线 here: {one.state or '没有 none'}")
    return ", ".join(parts + [f"还有 and {other}" for other in one.others])


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
