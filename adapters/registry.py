"""Every adapter by its name: listed here are the bus's own; those of other packages come by entry points."""

from importlib.metadata import EntryPoints, entry_points
from typing import Any, Final

from adapters.adapter import ChannelAdapter, PushAdapter, SourceAdapter, TargetAdapter
from adapters.channels import alertmanager, dingtalk_robot, log, mail, webhook, wecom_robot
from adapters.crm import adapter as crm_source
from adapters.crm import callback as crm_callback
from adapters.engineer_app import options as engineer_app
from adapters.erp import kingdee
from adapters.fxiaoke import target as fxiaoke
from adapters.mapped_target import target as mapped_http
from adapters.notices import dingtalk_work_notice, sms_aliyun, wechat_template, wecom_app
from adapters.plugins import Adapters
from adapters.sap import adapter as sap
from adapters.u8 import eai as u8_eai
from adapters.u8 import openapi as u8_openapi


def _installed(group: str) -> EntryPoints:
    return entry_points(group=group)


SOURCES: Final = Adapters[SourceAdapter[Any]](
    (crm_source.ADAPTER,), kind=SourceAdapter, group="ticketbus.sources", found=_installed
)
TARGETS: Final = Adapters[TargetAdapter[Any] | PushAdapter](
    (
        crm_callback.ADAPTER,
        dingtalk_work_notice.ADAPTER,
        engineer_app.ADAPTER,
        fxiaoke.ADAPTER,
        kingdee.ADAPTER,
        mapped_http.ADAPTER,
        sap.ADAPTER,
        sms_aliyun.ADAPTER,
        u8_eai.ADAPTER,
        u8_openapi.ADAPTER,
        wechat_template.ADAPTER,
        wecom_app.ADAPTER,
    ),
    kind=TargetAdapter,
    group="ticketbus.targets",
    found=_installed,
)
CHANNELS: Final = Adapters[ChannelAdapter[Any]](
    (alertmanager.ADAPTER, dingtalk_robot.ADAPTER, log.ADAPTER, mail.ADAPTER, webhook.ADAPTER, wecom_robot.ADAPTER),
    kind=ChannelAdapter,
    group="ticketbus.channels",
    found=_installed,
)
