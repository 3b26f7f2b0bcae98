"""`ticketbus simulate`: stand-ins of the systems that the bus calls, bad habits included, to rehearse with."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.chat_robot import ChatRobotSimulator, RobotFault
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.sap_faults import SapFault
from adapters.simulators.sensor_faults import SensorFault
from adapters.simulators.ticket_list import ListFault
from adapters.simulators.u8_faults import U8Fault
from bus.cli.echo import echo
from bus.cli.simulating import ALERTS_FILE, MAP_FILE, STOCK, Port, Switch, listed, log_call, serve, stocked, turned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

commands = typer.Typer(
    name="simulate", help="Stand-ins of other systems on this machine, to rehearse against.", no_args_is_help=True
)

# Variables that the targets file names.
ERP_SECRET, SAP_PASSWORD, CRM_SECRET = "ERP_APP_SECRET", "SAP_PASSWORD", "CRM_CALLBACK_SECRET"
U8_SECRET, U8_SENDER = "U8_APP_SECRET", "U8_EAI_SENDER"
SENSORS_LOGIN = "SENSORS_LOGIN"
WECOM_URL, DINGTALK_URL, DINGTALK_SECRET = "WECOM_ROBOT_SRE", "DINGTALK_ROBOT_SRE", "DINGTALK_ROBOT_SECRET"
GATEWAY, GATEWAY_SECRET = "TICKETBUS_URL", "TICKETBUS_WEBHOOK_SECRET_CRM"  # variables that `ticketbus env` gives


@commands.command(epilog=listed(KingdeeFault))
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

    erp = KingdeeSimulator(stock=dict(stocked(one) for one in stock or [STOCK]), port=port, most=CALLS_MAX)
    erp.seen = lambda service, body, fault: log_call(kingdee_line(service, body, fault))
    erp.switches = turned(kingdee_switches(erp), switch)

    def shown() -> "Mapping[str, Any]":
        options = erp.target_options(ERP_SECRET)
        return {"erp": {"adapter": "kingdee", "events": ["PartsRequested"], "options": dict(options)}}

    serve(erp.serving(), shown, lambda: {ERP_SECRET: erp.account.app_secret}, lambda: erp.url)


@commands.command(epilog=listed(SapFault))
def sap(
    port: Port = 8707,
    stock: Annotated[list[str] | None, typer.Option("--stock", help=f"PART=QUANTITY; without it {STOCK}.")] = None,
    lag: Annotated[float, typer.Option("--lag", min=0, help="Seconds until look-ups show a document.")] = 0,
    switch: Switch = None,
) -> None:
    """Stand in for an SAP S/4 until Ctrl-C: CSRF tokens, goods issues, stock, and the faults that are switched on.

    It keeps its books in memory and listens on 127.0.0.1 alone. A switch may name the services that it is for, of
    Token, Fetch, Lookup and Post: NAME=TIMES@Post; flip it while it runs with POST /_switch.

    Example: ticketbus simulate sap --stock PUMP-7=3 --lag 20 --switch cut-after=1@Post
    """
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.rehearsal import sap_line, sap_switches
    from adapters.simulators.sap import SapSimulator

    erp = SapSimulator(stock=dict(stocked(one) for one in stock or [STOCK]), port=port, most=CALLS_MAX)
    erp.books.lag_s = lag
    erp.seen = lambda service, body, fault: log_call(sap_line(service, body, fault))
    erp.switches = turned(sap_switches(erp), switch)

    def shown() -> "Mapping[str, Any]":
        options = erp.target_options(SAP_PASSWORD)
        return {"erp": {"adapter": "sap-s4", "events": ["PartsRequested"], "options": dict(options)}}

    serve(erp.serving(), shown, lambda: {SAP_PASSWORD: erp.account.password}, lambda: erp.url)


@commands.command(epilog=listed(U8Fault))
def u8(
    port: Port = 8706,
    stock: Annotated[list[str] | None, typer.Option("--stock", help=f"PART=QUANTITY; without it {STOCK}.")] = None,
    queue_s: Annotated[float, typer.Option("--queue-seconds", min=0, help="How long OpenAPI queues a bill.")] = 1.0,
    switch: Switch = None,
) -> None:
    """Stand in for a Yonyou U8 until Ctrl-C: OpenAPI and EAI over one set of books, and the faults switched on.

    It keeps its books in memory and listens on 127.0.0.1 alone. A switch may name the services that it is for, as
    NAME=TIMES@add,verify: token, list, add, result, verify, eai-add, eai-query, health. Flip it with POST /_switch.

    Example: ticketbus simulate u8 --stock PUMP-7=3 --switch token-expired=1@add
    """
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.rehearsal import u8_line, u8_switches
    from adapters.simulators.u8 import U8Simulator

    parts = dict(stocked(one) for one in stock or [STOCK])
    erp = U8Simulator(stock=parts, port=port, queue_s=queue_s, most=CALLS_MAX)
    erp.seen = lambda service, body, fault: log_call(u8_line(service, body, fault))
    erp.switches = turned(u8_switches(erp), switch)

    def shown() -> "Mapping[str, Any]":
        by_openapi = {"adapter": "u8-openapi", "events": ["PartsRequested"], "options": erp.openapi_options(U8_SECRET)}
        by_eai = {"adapter": "u8-eai", "events": ["PartsRequested"], "options": erp.eai_options(U8_SENDER)}
        return {"u8": by_openapi, "u8-eai": by_eai}

    made = {U8_SECRET: erp.account.app_secret, U8_SENDER: erp.account.sender}
    serve(erp.serving(), shown, lambda: made, lambda: erp.url)


@commands.command(epilog=listed(CallbackFault, ListFault))
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
    receiver.seen = lambda delivery_id, body, fault: log_call(callback_line(delivery_id, body, fault))

    def shown() -> "Mapping[str, Any]":
        options = {"url": receiver.url, "secrets": [CRM_SECRET]}
        return {"crm": {"adapter": "crm-callback", "events": "all", "options": options}}

    webhook_secret = os.environ.get(GATEWAY_SECRET)
    sender = WebhookSender(gateway, webhook_secret, source=source) if gateway and webhook_secret else None
    if gateway and not sender:
        echo(f"未设置 {GATEWAY_SECRET},不能发送 webhook / cannot send webhooks: it is not set", err=True)
    if sender:
        sender.seen = lambda delivery_id, answer: log_call(f"webhook {delivery_id} → {answer}")
        receiver.sender = sender
        receiver.tickets = sender.tickets = TicketList(webhook_secret or "", most=CALLS_MAX)
    receiver.switches = turned(callback_switches(receiver), switch)
    made = {} if os.environ.get(CRM_SECRET) else {CRM_SECRET: secret}
    serve(receiver, shown, lambda: made, lambda: receiver.url.removesuffix("/callbacks"), sender)


@commands.command(epilog=listed(RobotFault))
def wecom(port: Port = 8704, switch: Switch = None) -> None:
    """Stand in for a WeCom group robot until Ctrl-C: 20 messages a minute, and the faults that are switched on.

    It listens on 127.0.0.1 alone and prints what belongs into the alerts file. Flip a switch while it runs with
    POST /_switch, whose GET has the last messages.

    Example: ticketbus simulate wecom --switch throttled=1
    """
    from adapters.simulators.wecom_robot import WecomRobotSimulator

    robot = WecomRobotSimulator(port=port)
    _serve_robot(robot, "wecom-robot", switch, {WECOM_URL: lambda: robot.url}, {"url_variable": WECOM_URL})


@commands.command(epilog=listed(RobotFault))
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


@commands.command(epilog=listed(SensorFault))
def sensors(
    port: Port = 8710,
    broker: Annotated[str, typer.Option("--broker", help="HOST:PORT of an MQTT broker.")] = "127.0.0.1:1883",
    devices: Annotated[int, typer.Option("--devices", min=1, max=10_000, help="How many there are.")] = 10,
    every_s: Annotated[float, typer.Option("--every", min=0.01, help="Seconds from reading to reading.")] = 1.0,
    switch: Switch = None,
) -> None:
    """Stand in for devices that send readings to an MQTT broker until Ctrl-C, and the faults that are switched on.

    The broker is yours; user:password of it in SENSORS_LOGIN. The devices are pump-1, pump-2 and on; a switch may
    name those that it is for: NAME=TIMES@pump-1,pump-2. It prints a map; flip a switch with POST /_switch.

    Example: ticketbus simulate sensors --devices 100 --switch flap
    """
    import os

    from adapters.simulators.sensors import SensorSimulator, map_of

    host, _, number = broker.rpartition(":")
    if not host or not number.isdecimal():
        raise typer.BadParameter(f"--broker 应为 主机:端口 / --broker is HOST:PORT, not {broker[:40]!r}")
    user, colon, password = os.environ.get(SENSORS_LOGIN, "").partition(":")
    simulator = SensorSimulator(broker=host, broker_port=int(number), devices=devices, every_s=every_s, port=port)
    simulator.login = (user, password) if colon else None
    simulator.seen = log_call
    turned(simulator.switches, switch)

    def shown() -> "Mapping[str, Any]":
        return map_of(simulator, more={"login": SENSORS_LOGIN} if colon else {})

    serve(simulator.serving(), shown, dict, lambda: simulator.url, file=MAP_FILE)


def _serve_robot(
    robot: ChatRobotSimulator,
    adapter: str,
    switch: "Sequence[str] | None",
    variables: "Mapping[str, Callable[[], str]]",
    options: "Mapping[str, str]",
) -> None:
    robot.seen = lambda code, text: log_call(" ".join([code, *text.splitlines()[:1]]))
    turned(robot.switches, switch)
    serve(
        robot,
        lambda: {"sre": {"adapter": adapter, "options": dict(options)}},
        lambda: {name: value() for name, value in variables.items()},
        lambda: robot.origin,
        file=ALERTS_FILE,
    )
