"""What the commands of `ticketbus simulate` have in common: switches, serving until Ctrl-C, what they print."""

import shlex
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.simulators.switches import SEND_PATH, SWITCH_PATH, NoSuchSwitch, Switches, switch_names, turn_of
from adapters.simulators.ticket_list import LIST_PATH
from bus.cli.echo import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from enum import StrEnum

Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="On 127.0.0.1; 0 takes a free one.")]
Switch = Annotated[
    list[str] | None,
    typer.Option("--switch", metavar="NAME[=TIMES]", help="On from the start, at so many calls or at all."),
]
STOCK = "PUMP-7=100"
TARGETS_FILE = ("targets", "目标文件 into the targets file (TICKETBUS_TARGETS_FILE)")
MAP_FILE = ("", "对照表 into a map, then ticketbus map apply")
ALERTS_FILE = ("channels", "告警文件 into the alerts file (TICKETBUS_ALERTS_FILE)")


def listed(*faults: "Iterable[StrEnum]") -> str:
    """List the switches of a simulator, for its help."""
    lines = "\n".join(f"{name:<22} {says}" for each in faults for name, says in switch_names(each).items())
    return f"\b\nSwitches:\n{lines}"


def turned(switches: Switches, given: "Sequence[str] | None") -> Switches:
    """Turn on what the command line names."""
    for one in given or ():
        try:
            switches.turn_by_name(turn_of(one))
        except NoSuchSwitch as wrong:
            raise typer.BadParameter(str(wrong)) from None
    return switches


def stocked(text: str) -> tuple[str, float]:
    """Read a part and how many the store has."""
    part, _, quantity = text.partition("=")
    if not part or not (quantity.isascii() and quantity.isdigit()):
        raise typer.BadParameter(f"--stock 应为 物料=数量 / --stock is PART=QUANTITY, not {text[:40]!r}")
    return part, float(quantity)


def serve(
    listening: AbstractAsyncContextManager[Any],
    entries: "Callable[[], Mapping[str, Any]]",
    variables: "Callable[[], Mapping[str, str]]",
    address: "Callable[[], str]",
    sender: AbstractAsyncContextManager[Any] | None = None,
    *,
    file: tuple[str, str] = TARGETS_FILE,
    example: str = "",
) -> None:
    """Listen until Ctrl-C or SIGTERM; say first where, and what to write into the targets or the alerts file."""
    import asyncio
    import signal

    import yaml

    from bus.cli.run import run

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stopped.set)
        try:
            async with listening, sender or nullcontext():
                section, where = file
                entry = yaml.safe_dump(
                    {section: entries()} if section else dict(entries()), sort_keys=False, allow_unicode=True
                )
                _introduce(address(), where, entry, variables(), sends=bool(sender), example=example)
                await stopped.wait()
        except OSError as error:
            echo(f"端口不可用 / cannot listen: {error.strerror}", err=True)
            raise typer.Exit(1) from None

    run(until_stopped())


def _introduce(
    address: str, where: str, entry: str, variables: "Mapping[str, str]", *, sends: bool, example: str
) -> None:
    echo(f"替身在 listening at {address},按 Ctrl-C 结束 until Ctrl-C")
    echo(f"写入{where}:")
    for line in entry.splitlines():
        echo(f"  {line}")
    if variables:
        echo("环境变量 variables of gateway and worker:")
    for name, value in variables.items():
        echo(f"  export {name}={shlex.quote(value)}")
    echo("开关 switches: see --help, or")
    echo(f"  curl {address}{SWITCH_PATH}")
    echo(f"""  curl -d '{{"fault": "error", "times": 1}}' {address}{SWITCH_PATH}""")
    echo(f"""  curl -d '{{"off": true}}' {address}{SWITCH_PATH}""")
    if sends and example:
        echo("发送 send:")
        echo(f"  curl -d '{example}' {address}{SEND_PATH}")
    elif sends:
        note = '{"type": "ticket.note", "data": {"source_no": "CRM-1", "text": "x"}}'
        echo("发送 webhooks:")
        echo(f"  curl -d '{note}' {address}{SEND_PATH}")
        echo(f"工单清单 its list of tickets, for options.list.url of a source: {address}{LIST_PATH}")
    echo("调用 calls:")


def log_call(line: str) -> None:
    """Print a call with its time, masked."""
    from datetime import datetime

    from bus.observability.masking import mask_text

    echo(f"{datetime.now().astimezone():%H:%M:%S} {mask_text(line)[:300]}")
