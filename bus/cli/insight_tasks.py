"""`ticketbus insight decisions` and `insight done`: what followed from the metrics, and its end by a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.app import Core
    from bus.domain.text import Text
    from bus.insight.task_store import InsightTask

commands = typer.Typer()


@commands.command()
def decisions(
    *,
    only_open: Annotated[bool, typer.Option("--open", help="What is still over, or not done.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="So many at most.")] = 100,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List what followed from metrics over their thresholds, the newest first: whose task, the figure, what was done.

    Example: ticketbus insight decisions --open
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.insight_reader import task_answer
    from bus.programs.insight_watch import insight_reader_of
    from bus.rules_config import root_cause_words

    found = with_core(data, lambda core: insight_reader_of(core).tasks(only_open=only_open, most=most))
    root_causes = root_cause_words()
    for one in found:
        echo_json(task_answer(one)) if as_json else _show(one, root_causes)
    if not found and not as_json:
        echo("没有决定 / nothing was decided", err=True)


@commands.command()
def done(
    task: Annotated[int, typer.Argument(metavar="TASK", min=1, max=redrive.NUMBER_MAX, help="Its number.")],
    *,
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who has done it, by name.")],
    reason: Annotated[
        str, typer.Option("--reason", "--why", callback=redrive.not_blank, help="What was done about it.")
    ],
    data: Data = None,
) -> None:
    """End a task: somebody has done it. Whether its figure is back is measured, and stays as it is.

    Exits 1 when there is no such task, or somebody has done it before.

    Example: ticketbus insight done 12 --by 张工 --reason 已复盘,派单规则已改
    """
    from bus.cli.run import with_core
    from bus.insight.task_store import task_of
    from bus.intake.dispatch import utc_now
    from bus.observability.masking import mask_text
    from bus.postgres.pool import connected
    from bus.programs.insight_watch import round_of

    async def work(core: "Core") -> "tuple[InsightTask | None, InsightTask | None]":
        async with connected(core.pool) as connection:
            ended = await round_of(core, connection, utc_now()).end_task(task, by=by, why=mask_text(reason))
            return ended, await task_of(connection, task)

    ended, kept = with_core(data, work)
    if kept is None:
        echo(f"没有任务 {task} / there is no task {task}: ticketbus insight decisions", err=True)
        raise typer.Exit(1)
    if ended is None:
        echo(f"任务 {task} 已由 {kept.done_by} 完成 / {kept.done_by} has done task {task} before", err=True)
        raise typer.Exit(1)
    echo(f"任务 {task} 已完成 / task {task} is done")


def _show(one: "InsightTask", root_causes: "Mapping[str, Text]") -> None:
    from bus.insight.consequences import CONSEQUENCES
    from bus.insight.task_records import about_text, how_to_see

    figure = "仍超阈值 still over" if one.back_at is None else f"已恢复 back {one.back_at:%Y-%m-%d %H:%M}Z"
    work = f"已完成 done {one.done_at:%Y-%m-%d} {one.done_by}: {one.done_why}" if one.done_at else "待处理 to be done"
    share = f"{one.hits / one.units:.2%}" if one.units else "-"
    consequence, about = CONSEQUENCES[one.kind], about_text(one, root_causes).zh
    echo(f"{one.task}  {one.opened_at:%Y-%m-%d %H:%M}Z  {one.kind} {about}".rstrip() + f"  → {consequence.to}")
    echo(f"    {one.metric} {share} ({one.hits:,} / {one.units:,}), {figure}; {consequence.task}; {work}")
    echo(f"    {how_to_see(one) or ' '.join(one.tickets)}")
