"""`ticketbus simulate` of the systems that write to people: WeCom's apps, DingTalk's work notices, WeChat, SMS."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.simulators.notice_faults import faults_of
from bus.cli.simulate_crm import commands
from bus.cli.simulating import Port, Switch, listed, log_call, serve, turned

if TYPE_CHECKING:
    from adapters.simulators.notice_simulator import NoticeSimulator

__all__ = ["commands"]
Notices = Annotated[Path, typer.Option("--notices", help="The notices file that the target is to name.")]
_FILE = Path("notices.yaml")


@commands.command("wecom-app", epilog=listed(faults_of("wecom-app")))
def wecom_app(port: Port = 8711, notices: Notices = _FILE, switch: Switch = None) -> None:
    """Stand in for WeCom's messages of an app until Ctrl-C: tokens, its check for repeats, 30 a minute to a member.

    It listens on 127.0.0.1 alone. GET /_switch has its ledger: what reached whom. A switch may name the services that
    it is for, as NAME=TIMES@send: token, send.

    Example: ticketbus simulate wecom-app --switch hang-after=1@send
    """
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.wecom_app import WecomAppSimulator

    _serve("wecom-app", WecomAppSimulator(port=port, most=CALLS_MAX), notices, switch)


@commands.command("dingtalk-work-notice", epilog=listed(faults_of("dingtalk-work-notice")))
def dingtalk_work_notice(port: Port = 8712, notices: Notices = _FILE, switch: Switch = None) -> None:
    """Stand in for DingTalk's work notices until Ctrl-C: taken at once, sent later, the same words once a day.

    It listens on 127.0.0.1 alone. GET /_switch has its ledger: what reached whom. A switch may name the services that
    it is for, as NAME=TIMES@send: token, send, result.

    Example: ticketbus simulate dingtalk-work-notice --switch throttled=1@send
    """
    from adapters.simulators.dingtalk_work_notice import DingtalkWorkNoticeSimulator
    from adapters.simulators.oldest import CALLS_MAX

    _serve("dingtalk-work-notice", DingtalkWorkNoticeSimulator(port=port, most=CALLS_MAX), notices, switch)


@commands.command("wechat-template", epilog=listed(faults_of("wechat-template")))
def wechat_template(port: Port = 8713, notices: Notices = _FILE, switch: Switch = None) -> None:
    """Stand in for a WeChat service account until Ctrl-C: stable tokens, template messages, persons who refuse.

    It listens on 127.0.0.1 alone. GET /_switch has its ledger: what reached whom. A switch may name the services that
    it is for, as NAME=TIMES@send: token, send.

    Example: ticketbus simulate wechat-template --switch refused-by-person=1@send
    """
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.wechat_template import WechatTemplateSimulator

    _serve("wechat-template", WechatTemplateSimulator(port=port, most=CALLS_MAX), notices, switch)


@commands.command("sms-aliyun", epilog=listed(faults_of("sms-aliyun")))
def sms_aliyun(port: Port = 8714, notices: Notices = _FILE, switch: Switch = None) -> None:
    """Stand in for Alibaba Cloud's SMS until Ctrl-C: signatures checked, repeats sent again, the list of messages.

    It listens on 127.0.0.1 alone. GET /_switch has its ledger: what reached whom. A switch may name the services that
    it is for, as NAME=TIMES@SendSms: SendSms, QuerySendDetails.

    Example: ticketbus simulate sms-aliyun --switch no-money=1@SendSms
    """
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.sms_aliyun import SmsAliyunSimulator

    _serve("sms-aliyun", SmsAliyunSimulator(port=port, most=CALLS_MAX), notices, switch)


def _serve(adapter: str, simulator: "NoticeSimulator", notices: Path, switch: list[str] | None) -> None:
    def line(service: str, _body: bytes, fault: str) -> None:
        log_call(" ".join([service, *([f"→ 开关 switch: {fault}"] if fault else [])]))

    def shown() -> dict[str, Any]:
        options = dict(simulator.target_options(str(notices.absolute())))
        events = ["TicketAssigned", "EngineerDeparted", "EngineerArrived", "TicketResolved"]
        return {adapter.partition("-")[0]: {"adapter": adapter, "events": events, "options": options}}

    simulator.seen = line
    simulator.switches = turned(simulator.switchable(), switch)
    serve(simulator.serving(), shown, lambda: dict(simulator.variables), lambda: simulator.url)
