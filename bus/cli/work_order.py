"""`ticketbus work-order`: the templates of work orders, and whether a file of them can be used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bus.domain.work_template import ValueLimits, WorkOrderTemplate, WorkStep

commands = typer.Typer(name="work-order", help="Templates of work orders: ordered steps.", no_args_is_help=True)


@commands.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file, as TICKETBUS_WORK_ORDERS_FILE is to name it.")],
    data: Data = None,
) -> None:
    """Read a file of templates whole, with the ticket types that there are; every fault is named by its field.

    Example: ticketbus work-order check /etc/ticketbus/work_orders.yaml
    """
    found = _templates(data, file)
    echo(f"{len(found)} 个作业单模板可用 / {len(found)} templates can be used")


@commands.command()
def templates(
    name: Annotated[str, typer.Argument(help="A template; without one all are listed.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the templates that orders start from now, or one with all its steps.

    Example: ticketbus work-order templates electrical-repair
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json
    from bus.domain.naming import did_you_mean, nearest
    from bus.domain.text import Text

    found = _templates(data)
    if name and name not in found:
        close = did_you_mean(nearest(name, found), quoted=True)
        unknown = Text(f"没有作业单模板 {name}{close.zh}", f"there is no template {name!r}{close.en}")
        raise typer.BadParameter(str(unknown), param_hint="NAME")
    for one in [found[name]] if name else found.values():
        if as_json:
            echo_json(asdict(one))
            continue
        types = ", ".join(one.types) or "所有类型 all types"
        required = ", 必须完成 required" if one.required else ""
        echo(
            f"{one.key}  {one.zh} / {one.en}, 版本 version {one.version}, {len(one.steps)} 步 steps, {types}{required}"
        )
        for number, step in enumerate(one.steps if name else (), start=1):
            echo(f"  {number:>2}. {step.key:<16} {step.zh} / {step.en}{''.join(f'; {ask}' for ask in _asks(step))}")


def _asks(step: "WorkStep") -> "Iterator[str]":
    if step.optional:
        yield "可选 optional"
    if step.photos:
        yield f"照片 photos ≥ {step.photos}"
    yield from map(_limits, step.values)
    if step.safety:
        yield "安全签核 safety"
    if step.approvals:
        yield f"批准 approved by {' → '.join(step.approvals)}"


def _limits(value: "ValueLimits") -> str:
    low = "" if value.low is None else f"{value.low:.15g} ≤ "
    high = "" if value.high is None else f" ≤ {value.high:.15g}"
    beyond = f" (超限由 beyond it {value.beyond})" if value.beyond else ""
    return f"{low}{value.key}{high} {value.unit}".rstrip() + beyond


def _templates(data: Path | None, file: Path | None = None) -> "Mapping[str, WorkOrderTemplate]":
    from bus.cli.run import resolved
    from bus.rules_config import load_rules

    settings = resolved(data)
    return load_rules(settings.model_copy(update={"work_orders_file": file}) if file else settings).work_orders
