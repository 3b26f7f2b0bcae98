"""`ticketbus insight`: the golden metrics, each with its figure, and the tickets behind it."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import insight_tasks
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.cli.time_option import read_time_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.app import Core
    from bus.insight.figures import MetricCase
    from bus.insight.metric import Metric, MetricFigure

MOST = 100
commands = typer.Typer(
    name="insight", help="The golden metrics: figures, thresholds and the tickets behind them.", no_args_is_help=True
)
commands.add_typer(insight_tasks.commands)
Name = Annotated[str, typer.Argument(metavar="METRIC", help="As `insight list` names it.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="RFC 3339 with offset; without: 30 days before the end.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="RFC 3339 with offset; without: now, or once cases are settled."),
]


@commands.command("list")
def list_metrics(data: Data = None, as_json: Json = False) -> None:
    """List the metrics with the figure of their last 30 days, judged: ok, over, or too few.

    Example: ticketbus insight list
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.insight_reader import metric_answer
    from bus.insight.registry import METRICS

    found = with_core(data, lambda core: _figures(core, METRICS, None, None))
    for metric, figure in zip(METRICS, found, strict=True):
        if as_json:
            echo_json(metric_answer(metric, figure))
        else:
            echo(f"{metric.name:<21} {_share(figure):>7}  {figure.judgement:<7}  {metric.title}")


@commands.command()
def show(name: Name, since: Since = None, until: Until = None, data: Data = None, as_json: Json = False) -> None:
    """Show a metric: what it counts, its figure within a time, by cause, its threshold and what follows.

    Example: ticketbus insight show first-time-fix --since 2026-10-01T00:00:00+08:00 --until 2026-11-01T00:00:00+08:00
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.insight_reader import metric_answer
    from bus.insight.registry import metric_of

    metric, begin, end = metric_of(name), _time(since, "--since"), _time(until, "--until")
    [figure] = with_core(data, lambda core: _figures(core, [metric], begin, end))
    if as_json:
        echo_json(metric_answer(metric, figure))
        return
    echo(f"{metric.name} {metric.row} {metric.title}")
    echo(f"  {metric.definition.zh}")
    echo(f"  {metric.definition.en}")
    echo(f"  {figure.since:%Y-%m-%d %H:%M}Z – {figure.until:%Y-%m-%d %H:%M}Z: {_share(figure)}  {figure.judgement}")
    echo(f"  分子 numerator {figure.hits:,}, 分母 denominator {figure.units:,}, 未计 left out {figure.left_out:,}")
    if metric.threshold:
        side = "低于 below" if metric.threshold.below else "高于 above"
        limits = f"{metric.threshold.limit:.1%}, 恢复 back at {metric.threshold.back:.1%}"
        echo(f"  阈值 threshold: {side} {limits}; 后果 consequence: {metric.consequence}")
    echo(f"  {metric.causes}:" if figure.causes else f"  {metric.causes}: 无 none")
    for cause, count in figure.causes.items():
        echo(f"    {count:>8,}  {cause or '-'}")


@commands.command()
def why(
    name: Name,
    *,
    since: Since = None,
    until: Until = None,
    others: Annotated[
        bool, typer.Option("--others", help="The rest of the denominator, as of what was no first-time fix.")
    ] = False,
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="So many at most.")] = MOST,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the tickets of a metric's numerator, by number, each with its cause.

    Example: ticketbus insight why chase --json
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.registry import metric_of
    from bus.programs.insight_watch import insight_reader_of

    metric, begin, end = metric_of(name), _time(since, "--since"), _time(until, "--until")

    async def work(core: "Core") -> "Sequence[MetricCase]":
        return await insight_reader_of(core).cases(metric, begin, end, most=most + 1, hits=not others)

    found = with_core(data, work)
    for one in found[:most]:
        if as_json:
            echo_json(asdict(one))
        else:
            echo(f"{one.subject:<18} {one.cause or '-'}")
    if len(found) > most:
        echo(f"还有更多,请用 --most / there are more: --most {most * 10}", err=True)


async def _figures(
    core: "Core", metrics: "Sequence[Metric]", since: datetime | None, until: datetime | None
) -> "Sequence[MetricFigure]":
    from bus.programs.insight_watch import insight_reader_of

    return await insight_reader_of(core).figures(metrics, since, until)


def _time(text: str | None, option: str) -> datetime | None:
    return read_time_option(text, option) if text else None


def _share(figure: "MetricFigure") -> str:
    return "-" if figure.share is None else f"{figure.share:.2%}"
