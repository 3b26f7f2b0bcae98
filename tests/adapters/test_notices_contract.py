"""The contract suite for targets on every channel to people."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

from adapters.notices import dingtalk_work_notice, sms_aliyun, wechat_template, wecom_app
from adapters.simulators.dingtalk_work_notice import DingtalkWorkNoticeSimulator
from adapters.simulators.notice_simulator import NoticeSimulator
from adapters.simulators.sms_aliyun import SmsAliyunSimulator
from adapters.simulators.wechat_template import WechatTemplateSimulator
from adapters.simulators.wecom_app import WecomAppSimulator
from tests.adapters.notice_calls import ASSIGNED, CARD, SMS, WECHAT, notice, notices, written
from ticketbus.testing import HttpTargetContract, TargetSystem


class NoticeContract(HttpTargetContract):
    """What all channels have in common."""

    event = ASSIGNED
    file: ClassVar[Mapping[str, Any]]
    simulator: ClassVar[type[NoticeSimulator]]

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        simulated = self.simulator()
        async with simulated.serving():
            yield simulated

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return {**self.simulator().target_options(written(self.file)), "url": url}


class TestWecomApp(NoticeContract):
    adapter = wecom_app.ADAPTER
    simulator = WecomAppSimulator
    secrets = WecomAppSimulator().variables
    file = notices(notice("handler", card=CARD))


class TestWechatTemplate(NoticeContract):
    adapter = wechat_template.ADAPTER
    simulator = WechatTemplateSimulator
    secrets = WechatTemplateSimulator().variables
    file = notices(notice("handler", wechat=WECHAT))


class TestDingtalkWorkNotice(NoticeContract):
    adapter = dingtalk_work_notice.ADAPTER
    simulator = DingtalkWorkNoticeSimulator
    secrets = DingtalkWorkNoticeSimulator().variables
    file = notices(notice("handler", card=CARD))


class TestSmsAliyun(NoticeContract):
    adapter = sms_aliyun.ADAPTER
    simulator = SmsAliyunSimulator
    secrets = SmsAliyunSimulator().variables
    file = notices(notice("customer", sms=SMS))
