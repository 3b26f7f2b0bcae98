"""Messages to people on a real database, by channels that fail in every way: each is there once, in order."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid5

import pytest

from adapters.adapter import TargetAdapter
from adapters.notices import dingtalk_work_notice, sms_aliyun, wechat_template, wecom_app
from adapters.simulators.dingtalk_work_notice import DingtalkWorkNoticeSimulator
from adapters.simulators.notice_faults import AFTER, NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator
from adapters.simulators.sms_aliyun import SmsAliyunSimulator
from adapters.simulators.wechat_template import WechatTemplateSimulator
from adapters.simulators.wecom_app import WecomAppSimulator
from bus.delivery import queue
from bus.delivery.queue import NewDelivery
from bus.domain.terms import EventId, TicketId
from bus.postgres.pool import connected
from tests.adapters.notice_calls import ASSIGNED, CARD, SMS, WECHAT, notice, notices, writing
from tests.bus_under_test import eventually
from tests.delivery.deliveries import _IDS, ERP, DeliveryQueue
from tests.delivery.scripted import delivery_workers, utc_now
from tests.schemas.codecs import recorded

# Without those that make the whole target wait.
FAULTS = (*sorted(AFTER - {NoticeFault.SLOW}), NoticeFault.ERROR, NoticeFault.PAGE, NoticeFault.FOREIGN)
CHANNELS: tuple[tuple[TargetAdapter[Any], type[NoticeSimulator], Mapping[str, Any], Mapping[str, Any]], ...] = (
    (wecom_app.ADAPTER, WecomAppSimulator, notice("handler", card=CARD), {}),
    (dingtalk_work_notice.ADAPTER, DingtalkWorkNoticeSimulator, notice("handler", card=CARD), {}),
    (wechat_template.ADAPTER, WechatTemplateSimulator, notice("customer", wechat=WECHAT), {}),
    (sms_aliyun.ADAPTER, SmsAliyunSimulator, notice("customer", sms=SMS), {"lookup_settles": "PT0.6S"}),
)


@pytest.mark.parametrize(("adapter", "simulator", "named", "own"), CHANNELS, ids=lambda one: getattr(one, "name", ""))
async def test_notice_deliveries_each_message_is_there_once(
    delivery_queue: DeliveryQueue,
    adapter: TargetAdapter[Any],
    simulator: type[NoticeSimulator],
    named: Mapping[str, Any],
    own: Mapping[str, Any],
) -> None:
    system = simulator()
    if isinstance(system, SmsAliyunSimulator):
        system.shows_after_s = 0.3
    send = "SendSms" if isinstance(system, SmsAliyunSimulator) else "send"
    for fault in FAULTS:
        system.fail(fault, times=1, only=(send,))
    events = [
        recorded(ASSIGNED, event_id=EventId(uuid5(_IDS, f"{number}/{version}")), ticket_id=ticket, version=version)
        for number in range(10)
        for version in (2, 3)
        for ticket in (TicketId(f"T20261122-{number:06}"),)
    ]
    await delivery_queue.hold_recorded(*events)

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE NOT parked")

    async with system.serving(), writing(adapter, system, notices(named), **own) as target:
        within = timedelta(milliseconds=700)
        async with delivery_workers(delivery_queue.pool, target, 2, attempt_timeout=within):
            async with connected(delivery_queue.pool) as connection:
                some = [NewDelivery(target=ERP, ticket_id=one.ticket_id, version=one.version) for one in events]
                await queue.add(connection, some, utc_now())
            await eventually(settled)
    assert await delivery_queue.rows("SELECT 1 FROM letters") == []
    assert system.faults.names == []
    assert system.effects() == len(events)
    if not isinstance(system, WecomAppSimulator | DingtalkWorkNoticeSimulator):
        assert {*Counter(one.key for one in system.delivered).values()} == {1}
        return
    numbers = [found for one in system.delivered for found in re.findall(r"(T20261122-\d{6}) #(\d)", str(one.content))]
    assert len({*numbers}) == len(numbers) == len(events)
    for ticket in {one.ticket_id for one in events}:
        assert [version for one, version in numbers if one == ticket] == ["2", "3"]
