"""DingTalk's work notices: what each answer means, whom a message did not reach, and nothing swallowed unseen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.notices import dingtalk_work_notice
from adapters.simulators.dingtalk_work_notice import RESULT, SEND, TOKEN, DingtalkWorkNoticeSimulator
from adapters.simulators.notice_faults import NoticeFault
from bus.delivery.target import DeliveryFailed, DeliveryPostponed, FailureKind
from tests.adapters.notice_calls import CARD, Clock, call, leaves_one_message, notice, notices, writing
from tests.adapters.test_wecom_app import AT_SEND

FILE = notices(notice(["handler", "backup"], card=CARD))


@pytest.mark.parametrize("step", [SEND, TOKEN])
async def test_dingtalk_work_notice_each_fault_has_its_kind_and_leaves_one_message_a_person(step: str) -> None:
    await leaves_one_message(
        dingtalk_work_notice.ADAPTER,
        DingtalkWorkNoticeSimulator,
        FILE,
        step=step,
        kinds=AT_SEND,
        reached=["manager7", "manager8"],
    )


@pytest.mark.parametrize("fault", [NoticeFault.ERROR, NoticeFault.THROTTLED, NoticeFault.PAGE, NoticeFault.GBK])
async def test_dingtalk_work_notice_a_result_that_is_not_told_is_no_failure(fault: NoticeFault) -> None:
    dingtalk = DingtalkWorkNoticeSimulator(results_after=1)
    async with dingtalk.serving(), writing(dingtalk_work_notice.ADAPTER, dingtalk, FILE) as target:
        dingtalk.fail(fault, only=(RESULT,))
        effect = await target.send(call())
    assert dingtalk.effects() == 2
    assert ("not known yet" in effect.reference) is (fault is not NoticeFault.GBK)


async def test_dingtalk_work_notice_whom_it_did_not_reach_is_told() -> None:
    dingtalk = DingtalkWorkNoticeSimulator(members={"manager7"})
    async with dingtalk.serving(), writing(dingtalk_work_notice.ADAPTER, dingtalk, FILE) as target:
        assert "not to all: invalid" in (await target.send(call())).reference
        dingtalk.members = set()
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call(version=3))
        assert failed.value.kind is FailureKind.REJECTED
    assert [one.to for one in dingtalk.delivered] == ["manager7"]


@pytest.mark.parametrize("as_text", [True, False])
async def test_dingtalk_work_notice_the_same_words_once_a_day_and_other_events_in_other_words(*, as_text: bool) -> None:
    dingtalk, now = DingtalkWorkNoticeSimulator(codes_as_text=as_text), Clock(datetime(2026, 11, 22, 15, 0, tzinfo=UTC))
    dingtalk.now = now.seconds
    began = now.at
    async with dingtalk.serving(), writing(dingtalk_work_notice.ADAPTER, dingtalk, FILE, now=now) as target:
        asked = call(within_s=5.0)
        await target.send(asked)
        again = replace(asked, attempt=2, unsure_since=began)
        now.at = began + timedelta(minutes=59)  # 23:59 in China
        assert "a repeat of what they have" in (await target.send(again)).reference
        now.at = began + timedelta(minutes=60)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(again)
        assert failed.value.kind is FailureKind.REJECTED
        await target.send(call(version=3))
    assert dingtalk.effects() == 4
    assert dingtalk.dropped == ["143106"] * 2


@pytest.mark.parametrize("as_text", [True, False])
async def test_dingtalk_work_notice_a_person_whose_day_is_full_waits_for_the_next(*, as_text: bool) -> None:
    dingtalk, now = (
        DingtalkWorkNoticeSimulator(a_day=0, codes_as_text=as_text),
        Clock(datetime(2026, 11, 22, 15, 0, tzinfo=UTC)),
    )
    dingtalk.now = now.seconds
    async with dingtalk.serving(), writing(dingtalk_work_notice.ADAPTER, dingtalk, FILE, now=now) as target:
        with pytest.raises(DeliveryPostponed) as later:
            await target.send(call())
        assert later.value.until == datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
        dingtalk.a_day, now.at = 500, later.value.until
        await target.send(call())
    assert dingtalk.effects() == 2


async def test_dingtalk_work_notice_a_card_has_a_button_where_there_is_a_link() -> None:
    dingtalk = DingtalkWorkNoticeSimulator()
    card = {
        "title": "标题",
        "text": "正文",
        "fields": {"工单": "{ticket_id}"},
        "link": "https://example.com/{ticket_id}",
    }
    async with dingtalk.serving():
        async with writing(dingtalk_work_notice.ADAPTER, dingtalk, notices(notice("handler", card=card))) as target:
            await target.send(call())
        async with writing(
            dingtalk_work_notice.ADAPTER, dingtalk, notices(notice("handler", card={**card, "link": "{map}"}))
        ) as target:
            await target.send(call(version=3))
    first, second = (one.content for one in dingtalk.delivered)
    assert first["action_card"]["single_url"] == "https://example.com/T20261122-000001"
    assert "**工单** T20261122-000001" in first["action_card"]["markdown"]
    assert second["msgtype"] == "markdown"
