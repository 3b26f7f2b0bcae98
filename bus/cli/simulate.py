"""`ticketbus simulate`: stand-ins of the systems that the bus calls, bad habits included, to rehearse with."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.chat_robot import ChatRobotSimulator, RobotFault
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.switches import SEND_PATH, SWITCH_PATH, NoSuchSwitch, Switches, switch_names, turn_of
from adapters.simulators.ticket_list import LIST_PATH, ListFault
from bus.cli.echo import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from enum import StrEnum

commands = typer.Typer(
    name="simulate", help="Stand-ins of other systems on this machine, to rehearse against.", no_args_is_help=True
)

Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="On 127.0.0.1; 0 takes a free one.")]
Switch = Annotated[
    list[str] | None,
    typer.Option("--switch", metavar="NAME[=TIMES]", help="On from the start, at so many calls or at all."),
]
STOCK = "PUMP-7=100"
TARGETS_FILE = ("targets", "目标文件 into the targets file (TICKETBUS_TARGETS_FILE)")
ALERTS_FILE = ("channels", "告警文件 into the alerts file (TICKETBUS_ALERTS_FILE)")
ERP_SECRET, CRM_SECRET = "ERP_APP_SECRET", "CRM_CALLBACK_SECRET"  # variables that the targets file names
WECOM_URL, DINGTALK_URL, DINGTALK_SECRET = "WECOM_ROBOT_SRE", "DINGTALK_ROBOT_SRE", "DINGTALK_ROBOT_SECRET"
GATEWAY, GATEWAY_SECRET = "TICKETBUS_URL", "TICKETBUS_WEBHOOK_SECRET_CRM"  # variables that `ticketbus env` gives


def _listed(*faults: "type[StrEnum]") -> str:
    lines = "\n".join(f"{name:<22} {says}" for each in faults for name, says in switch_names(each).items())
    return f"\b\nSwitches:\n{lines}"


@commands.command(epilog=_listed(KingdeeFault))
def kingdee(
    port: Port = 8701,
    stock: Annotated[list[str] | None, typer.Option("--stock", help=f"PART=QUANTITY; without it {STOCK}.")] = None,
    switch: Switch = None,
) -> None:
    """Stand in for a Kingdee K3Cloud until Ctrl-C: sessions, bills, stock, and the faults that are switched on.

    It keeps its books in memory and listens on 127.0.0.1 alone. A switch may name the services that it is for:
    NAME=TIMES@Save,Submit; flip it while it runs with POST /_switch.

    Example: ticketbus simulate kingdee --stock PUMP-7=3 --switch session-lost=1@Save
    """
    from adapters.simulators.kingdee import KingdeeSimulator
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.rehearsal import kingdee_line, kingdee_switches

    erp = KingdeeSimulator(stock=dict(_stocked(one) for one in stock or [STOCK]), port=port, most=CALLS_MAX)
    erp.seen = lambda service, body, fault: _log_call(kingdee_line(service, body, fault))
    erp.switches = _turned(kingdee_switches(erp), switch)
    account = erp.account

    def shown() -> "Mapping[str, Any]":
        who = {"acct_id": account.acct_id, "user": account.user, "app_id": account.app_id, "app_secret": ERP_SECRET}
        options = {"base_url": erp.url, **who, "org": "100", "stock": "CK001"}
        return {"erp": {"adapter": "kingdee", "events": ["PartsRequested"], "options": options}}

    _serve(erp.serving(), shown, lambda: {ERP_SECRET: account.app_secret}, lambda: erp.url)


@commands.command(epilog=_listed(CallbackFault, ListFault))
def crm(
    port: Port = 8702,
    switch: Switch = None,
    gateway: Annotated[
        str,
        typer.Option("--gateway", envvar=GATEWAY, help="Where its webhooks go, when POST /_send asks for one."),
    ] = "",
    source: Annotated[str, typer.Option("--source", help="Its name at the gateway.")] = "crm",
) -> None:
    """Stand in for a CRM that takes signed callbacks until Ctrl-C, with the faults that are switched on.

    It listens on 127.0.0.1 alone and proves what comes by the secret in CRM_CALLBACK_SECRET, or makes one and prints
    it. One switch at a time is on; flip it while it runs with POST /_switch. With a gateway, and its secret for the
    CRM in TICKETBUS_WEBHOOK_SECRET_CRM, POST /_send has it send a signed webhook, and answers what came back; it then
    gives a list of the tickets that it created so, also of those whose webhook was lost.

    Example: ticketbus simulate crm --switch error-after-effect=2
    """
    import base64
    import os
    import secrets

    from adapters.simulators.callback_receiver import CallbackReceiver
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.rehearsal import callback_line, callback_switches
    from adapters.simulators.ticket_list import TicketList
    from adapters.simulators.webhook_sender import WebhookSender

    secret = os.environ.get(CRM_SECRET) or "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    receiver = CallbackReceiver(secret, port=port, most=CALLS_MAX)
    receiver.seen = lambda delivery_id, body, fault: _log_call(callback_line(delivery_id, body, fault))

    def shown() -> "Mapping[str, Any]":
        options = {"url": receiver.url, "secrets": [CRM_SECRET]}
        return {"crm": {"adapter": "crm-callback", "events": "all", "options": options}}

    webhook_secret = os.environ.get(GATEWAY_SECRET)
    sender = WebhookSender(gateway, webhook_secret, source=source) if gateway and webhook_secret else None
    if gateway and not sender:
        echo(f"未设置 {GATEWAY_SECRET},不能发送 webhook / cannot send webhooks: it is not set", err=True)
    if sender:
        sender.seen = lambda delivery_id, answer: _log_call(f"webhook {delivery_id} → {answer}")
        receiver.sender = sender
        receiver.tickets = sender.tickets = TicketList(webhook_secret or "", most=CALLS_MAX)
    receiver.switches = _turned(callback_switches(receiver), switch)
    made = {} if os.environ.get(CRM_SECRET) else {CRM_SECRET: secret}
    _serve(receiver, shown, lambda: made, lambda: receiver.url.removesuffix("/callbacks"), sender)


@commands.command(epilog=_listed(RobotFault))
def wecom(port: Port = 8704, switch: Switch = None) -> None:
    """Stand in for a WeCom group robot until Ctrl-C: 20 messages a minute, and the faults that are switched on.

    It listens on 127.0.0.1 alone and prints what belongs into the alerts file. Flip a switch while it runs with
    POST /_switch, whose GET has the last messages.

    Example: ticketbus simulate wecom --switch throttled=1
    """
    from adapters.simulators.wecom_robot import WecomRobotSimulator

    robot = WecomRobotSimulator(port=port)
    _serve_robot(robot, "wecom-robot", switch, {WECOM_URL: lambda: robot.url}, {"url_variable": WECOM_URL})


@commands.command(epilog=_listed(RobotFault))
def dingtalk(port: Port = 8705, switch: Switch = None) -> None:
    """Stand in for a signed DingTalk group robot until Ctrl-C: one message too many in a minute locks it for ten.

    It listens on 127.0.0.1 alone and prints what belongs into the alerts file. Flip a switch while it runs with
    POST /_switch, whose GET has the last messages.

    Example: ticketbus simulate dingtalk --switch busy=1
    """
    from adapters.simulators.dingtalk_robot import SECRET, DingtalkRobotSimulator

    robot = DingtalkRobotSimulator(port=port)
    options = {"url_variable": DINGTALK_URL, "secret_variable": DINGTALK_SECRET}
    variables = {DINGTALK_URL: lambda: robot.url, DINGTALK_SECRET: lambda: SECRET}
    _serve_robot(robot, "dingtalk-robot", switch, variables, options)


def _serve_robot(
    robot: ChatRobotSimulator,
    adapter: str,
    switch: "Sequence[str] | None",
    variables: "Mapping[str, Callable[[], str]]",
    options: "Mapping[str, str]",
) -> None:
    robot.seen = lambda code, text: _log_call(" ".join([code, *text.splitlines()[:1]]))
    _turned(robot.switches, switch)
    _serve(
        robot,
        lambda: {"sre": {"adapter": adapter, "options": dict(options)}},
        lambda: {name: value() for name, value in variables.items()},
        lambda: robot.origin,
        file=ALERTS_FILE,
    )


def _turned(switches: Switches, given: "Sequence[str] | None") -> Switches:
    """Turn on what the command line names."""
    for one in given or ():
        try:
            switches.turn_by_name(turn_of(one))
        except NoSuchSwitch as wrong:
            raise typer.BadParameter(str(wrong)) from None
    return switches


def _stocked(text: str) -> tuple[str, float]:
    part, _, quantity = text.partition("=")
    if not part or not (quantity.isascii() and quantity.isdigit()):
        raise typer.BadParameter(f"--stock 应为 物料=数量 / --stock is PART=QUANTITY, not {text[:40]!r}")
    return part, float(quantity)


def _serve(
    listening: AbstractAsyncContextManager[Any],
    entries: "Callable[[], Mapping[str, Any]]",
    variables: "Callable[[], Mapping[str, str]]",
    address: "Callable[[], str]",
    sender: AbstractAsyncContextManager[Any] | None = None,
    *,
    file: tuple[str, str] = TARGETS_FILE,
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
                entry = yaml.safe_dump({section: entries()}, sort_keys=False)
                _introduce(address(), where, entry, variables(), sends=bool(sender))
                await stopped.wait()
        except OSError as error:
            echo(f"端口不可用 / cannot listen: {error.strerror}", err=True)
            raise typer.Exit(1) from None

    run(until_stopped())


def _introduce(address: str, where: str, entry: str, variables: "Mapping[str, str]", *, sends: bool) -> None:
    echo(f"替身在 listening at {address},按 Ctrl-C 结束 until Ctrl-C")
    echo(f"写入{where}:")
    for line in entry.splitlines():
        echo(f"  {line}")
    if variables:
        echo("环境变量 variables of gateway and worker:")
    for name, value in variables.items():
        echo(f"  export {name}={value}")
    echo("开关 switches: see --help, or")
    echo(f"  curl {address}{SWITCH_PATH}")
    echo(f"""  curl -d '{{"fault": "error", "times": 1}}' {address}{SWITCH_PATH}""")
    echo(f"""  curl -d '{{"off": true}}' {address}{SWITCH_PATH}""")
    if sends:
        note = '{"type": "ticket.note", "data": {"source_no": "CRM-1", "text": "x"}}'
        echo("发送 webhooks:")
        echo(f"  curl -d '{note}' {address}{SEND_PATH}")
        echo(f"工单清单 its list of tickets, for options.list.url of a source: {address}{LIST_PATH}")
    echo("调用 calls:")


def _log_call(line: str) -> None:
    from datetime import datetime

    from bus.observability.masking import mask_text

    echo(f"{datetime.now().astimezone():%H:%M:%S} {mask_text(line)[:300]}")
