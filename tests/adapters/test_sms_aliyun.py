"""SMS by Alibaba Cloud: the vendor's own example of a signature, what each code means, and never a second message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.notices import sms_aliyun
from adapters.notices.acs3_signature import AccessKey, canonical_query, signed_headers
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.sms_aliyun import DETAILS, SEND, SmsAliyunSimulator
from bus.delivery.target import DeliveryFailed, DeliveryPostponed, FailureKind
from tests.adapters.notice_calls import (
    HANGING,
    SMS,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNKNOWN,
    Clock,
    call,
    hanging_apart,
    notice,
    notices,
    writing,
)

FILE = notices(notice("customer", sms=SMS))
REJECTED = FailureKind.REJECTED
AT_SEND = {
    NoticeFault.ERROR: UNKNOWN,
    NoticeFault.ERROR_AFTER: UNKNOWN,
    NoticeFault.BUSY: UNAVAILABLE,
    NoticeFault.SLOW: UNKNOWN,
    NoticeFault.HANG: UNKNOWN,
    NoticeFault.HANG_AFTER: UNKNOWN,
    NoticeFault.RESET_AFTER: UNKNOWN,
    NoticeFault.CUT_AFTER: UNKNOWN,
    NoticeFault.ENDLESS: UNKNOWN,
    NoticeFault.LONG: UNKNOWN,
    NoticeFault.PAGE: UNKNOWN,
    NoticeFault.FOREIGN: UNKNOWN,
    NoticeFault.SYSTEM_BUSY: UNKNOWN,
    NoticeFault.THROTTLED: FailureKind.THROTTLED,
    NoticeFault.TOKEN_EXPIRED: UNAUTHORIZED,
    NoticeFault.IP_REFUSED: UNAUTHORIZED,
    NoticeFault.NO_MONEY: UNAUTHORIZED,
    NoticeFault.NO_PERSON: REJECTED,
    NoticeFault.BAD_TEMPLATE: REJECTED,
    NoticeFault.UNKNOWN_CODE: REJECTED,
    NoticeFault.GBK: None,
}


def test_sms_aliyun_signs_as_the_vendors_example() -> None:
    query = canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    key = AccessKey(key_id="YourAccessKeyId", secret="YourAccessKeySecret")
    headers = signed_headers(
        key,
        "ecs.cn-shanghai.aliyuncs.com",
        "RunInstances",
        "2014-05-26",
        query,
        now=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    signature = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert "YourAccessKeySecret" not in repr(key)


@pytest.mark.parametrize("step", [SEND, DETAILS])
async def test_sms_aliyun_each_fault_has_its_kind_and_leaves_one_message(step: str) -> None:
    async def failing(fault: NoticeFault, kind: FailureKind | None) -> None:
        aliyun = SmsAliyunSimulator()
        within_s = 1.5 if fault in HANGING else 20.0
        async with aliyun.serving(), writing(sms_aliyun.ADAPTER, aliyun, FILE) as target:
            aliyun.fail(fault, only=(step,))
            asked = call(within_s=within_s)
            work = target.send if step == SEND else target.confirm
            if kind is None:
                await work(asked)
            else:
                kind = UNAVAILABLE if kind is UNKNOWN and step == DETAILS else kind
                with pytest.raises(DeliveryFailed) as failed:
                    await work(asked)
                assert failed.value.kind is kind, fault
            aliyun.heal()
            again = call(attempt=2)
            if await target.confirm(again) is None:
                await target.send(again)
            assert [one.to for one in aliyun.delivered] == ["13800001111"], fault
            assert aliyun.delivered[0].content["params"] == {"no": "T20261122-000001", "title": "李女士的洗衣机"}

    await hanging_apart(failing, AT_SEND)


async def test_sms_aliyun_a_number_that_is_full_waits_and_holds_up_nobody_until_it_is_no_news() -> None:
    aliyun, now = SmsAliyunSimulator(), Clock()
    async with aliyun.serving(), writing(sms_aliyun.ADAPTER, aliyun, FILE, now=now) as target:
        aliyun.fail(NoticeFault.TOO_OFTEN, only=(SEND,))
        with pytest.raises(DeliveryPostponed) as later:
            await target.send(call())
        assert later.value.until == now.at + timedelta(minutes=15)
        now.at += timedelta(days=2)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
        assert (failed.value.kind, failed.value.code) == (REJECTED, "isv.BUSINESS_LIMIT_CONTROL")


async def test_sms_aliyun_a_message_is_found_among_those_of_others_on_any_day_and_page() -> None:
    aliyun, now = SmsAliyunSimulator(others=120), Clock(datetime(2026, 11, 22, 15, 59, tzinfo=UTC))
    async with aliyun.serving(), writing(sms_aliyun.ADAPTER, aliyun, FILE, now=now) as target:
        asked = call()
        assert await target.confirm(asked) is None
        await target.send(asked)
        began, now.at = now.at, now.at + timedelta(hours=1)  # another day in China
        found = await target.confirm(replace(asked, attempt=2, unsure_since=began))
        assert found is not None
        assert found.reference == asked.key
        assert await target.confirm(replace(asked, copy_key="another")) is None
    assert aliyun.effects() == 1


async def test_sms_aliyun_a_wrong_key_and_a_number_that_is_none_are_told() -> None:
    aliyun = SmsAliyunSimulator()
    async with aliyun.serving():
        async with writing(sms_aliyun.ADAPTER, aliyun, FILE, sign_name="别的签名") as target:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call())
            assert (failed.value.kind, failed.value.code) == (REJECTED, "isv.SMS_SIGNATURE_ILLEGAL")
        async with writing(sms_aliyun.ADAPTER, aliyun, FILE, access_key_secret="ALIYUN_ACCESS_KEY_ID") as target:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call())
            assert (failed.value.kind, failed.value.status) == (UNAUTHORIZED, 400)


async def test_sms_aliyun_a_stand_in_that_forgets_its_oldest_messages_lists_the_newest() -> None:
    aliyun = SmsAliyunSimulator(most=1)
    async with aliyun.serving(), writing(sms_aliyun.ADAPTER, aliyun, FILE) as target:
        for version in (2, 3):
            await target.send(call(version=version))
        assert await target.confirm(call(version=3, attempt=2)) is not None
        assert await target.confirm(call(version=2, attempt=2)) is None
