"""WeChat's template messages: what each answer means, one message in the end, refusals remembered, values that fit."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.notices import wechat_template
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.wechat_template import SEND, TOKEN, WechatTemplateSimulator
from bus.delivery.recipients import RecipientsInMemory
from bus.delivery.target import DeliveryFailed, DeliveryPostponed, FailureKind
from tests.adapters.notice_calls import WECHAT, Clock, call, leaves_one_message, notice, notices, writing
from tests.adapters.test_wecom_app import AT_SEND as AT_WECOM

FILE = notices(notice("customer", wechat=WECHAT))
# As WeCom's, but that a token refused is got anew by force, also where another call holds it.
AT_SEND = AT_WECOM


@pytest.mark.parametrize("step", [SEND, TOKEN])
async def test_wechat_template_each_fault_has_its_kind_and_leaves_one_message(step: str) -> None:
    await leaves_one_message(
        wechat_template.ADAPTER, WechatTemplateSimulator, FILE, step=step, kinds=AT_SEND, reached=["oLiNvShi"]
    )


async def test_wechat_template_a_refusal_is_remembered_and_the_person_is_not_asked_again() -> None:
    wechat, remembered = WechatTemplateSimulator(), RecipientsInMemory()
    wechat.refusing.add(("oLiNvShi", "TPL-ASSIGNED"))
    other = notices(notice("customer", wechat={**WECHAT, "template_id": "TPL-OTHER"}))
    async with wechat.serving():
        async with writing(wechat_template.ADAPTER, wechat, FILE, recipients=remembered) as target:
            for number in (2, 3):
                assert "refused by the person" in (await target.send(call(version=number))).reference
        assert wechat.calls.count(SEND) == 1
        async with writing(wechat_template.ADAPTER, wechat, other, recipients=remembered) as target:
            await target.send(call(version=4))
    assert [one.content["template_id"] for one in wechat.delivered] == ["TPL-OTHER"]


async def test_wechat_template_a_repeat_is_one_message_while_ids_are_known_and_then_for_people() -> None:
    wechat, now = WechatTemplateSimulator(), Clock()
    wechat.now, began = now.seconds, now.at
    async with wechat.serving(), writing(wechat_template.ADAPTER, wechat, FILE, now=now) as target:
        asked = call(within_s=5.0)
        await target.send(asked)
        assert "a repeat of what it has" in (await target.send(asked)).reference
        again = replace(asked, attempt=2, unsure_since=began)
        now.at = began + timedelta(minutes=9, seconds=49)
        await target.send(again)
        now.at = began + timedelta(minutes=10)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(again)
        assert failed.value.kind is FailureKind.REJECTED
        await target.send(replace(asked, copy_key="a-copy"))
    assert [one.key for one in wechat.delivered] == [asked.key.replace("-", ""), "acopy"]
    assert wechat.dropped == ["repeat", "repeat"]


async def test_wechat_template_too_often_to_one_person_waits_and_holds_up_nobody_until_it_is_no_news() -> None:
    wechat, now = WechatTemplateSimulator(), Clock()
    async with wechat.serving(), writing(wechat_template.ADAPTER, wechat, FILE, now=now) as target:
        wechat.fail(NoticeFault.TOO_OFTEN, only=(SEND,))
        with pytest.raises(DeliveryPostponed) as later:
            await target.send(call())
        assert later.value.until == now.at + timedelta(minutes=10)
        now.at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
        assert failed.value.kind is FailureKind.REJECTED


async def test_wechat_template_a_token_in_force_that_is_refused_is_got_anew_by_force_once_for_all() -> None:
    wechat = WechatTemplateSimulator()
    async with wechat.serving(), writing(wechat_template.ADAPTER, wechat, FILE) as target:
        await target.send(call())
        wechat.fail(NoticeFault.TOKEN_EXPIRED, times=3, only=(SEND,))
        await asyncio.gather(*(target.send(call(version=number)) for number in (3, 4, 5)))
    assert wechat.forced == 1
    assert wechat.effects() == 4


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("thing2", "长" * 21, "长" * 19 + "…"),
        ("thing12", "长" * 20, "长" * 20),
        ("character_string1", "A" * 33, None),
        ("phone_number3", "1" * 18, None),
        ("const4", "常" * 21, None),
        ("amount5", "9" * 40, "9" * 40),
    ],
)
async def test_wechat_template_values_are_cut_where_that_does_no_harm(name: str, value: str, sent: str | None) -> None:
    wechat = WechatTemplateSimulator()
    file = notices(notice("customer", wechat={"template_id": "T", "data": {name: value}}))
    async with wechat.serving(), writing(wechat_template.ADAPTER, wechat, file) as target:
        if sent is None:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call())
            assert failed.value.kind is FailureKind.UNTRANSLATABLE
            assert value not in str(failed.value)
        else:
            await target.send(call())
            assert wechat.delivered[0].content["data"] == {name: {"value": sent}}


async def test_wechat_template_a_message_is_for_one_person() -> None:
    wechat = WechatTemplateSimulator()
    with pytest.raises(Exception, match="is for one person"):
        async with writing(wechat_template.ADAPTER, wechat, notices(notice(["handler", "customer"], wechat=WECHAT))):
            pass
