"""The contract suite for targets on every channel to people."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any, ClassVar

import pytest

from adapters.notices import dingtalk_work_notice, sms_aliyun, wechat_template, wecom_app
from adapters.simulators import dingtalk_work_notice as dingtalk
from adapters.simulators import sms_aliyun as sms
from adapters.simulators import wechat_template as wechat
from adapters.simulators import wecom_app as wecom
from adapters.simulators.dingtalk_work_notice import DingtalkWorkNoticeSimulator
from adapters.simulators.notice_faults import AFTER, STATUSES, WAYS, NoticeFault, faults_of
from adapters.simulators.notice_simulator import NoticeSimulator
from adapters.simulators.sms_aliyun import SmsAliyunSimulator
from adapters.simulators.switches import switch_name
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


SIMULATORS = (
    (wecom, WecomAppSimulator),
    (dingtalk, DingtalkWorkNoticeSimulator),
    (wechat, WechatTemplateSimulator),
    (sms, SmsAliyunSimulator),
)


@pytest.mark.parametrize(("module", "simulator"), SIMULATORS, ids=lambda one: getattr(one, "adapter", ""))
def test_notices_contract_no_switch_is_offered_that_does_nothing(
    module: ModuleType, simulator: type[NoticeSimulator]
) -> None:
    own = {*faults_of(simulator.adapter)} - AFTER - {*STATUSES} - {*WAYS}
    counted = {NoticeFault.UNLICENSED} if module is wecom else set[NoticeFault]()
    assert own == {*module._ANSWERS} | counted
    assert {*simulator().switchable().faults} == {switch_name(one) for one in faults_of(simulator.adapter)}
