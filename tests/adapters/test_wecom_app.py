"""WeCom's messages of an app: what each answer means, one message in the end, and nobody left out without a word."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.notices import wecom_app
from adapters.notices.wecom_app import KEY, SUB_TITLE, TITLE, VALUE
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.wecom_app import A_MINUTE, SEND, TOKEN, WecomAppSimulator
from bus.delivery.target import DeliveryFailed, DeliveryPostponed, FailureKind
from tests.adapters.notice_calls import (
    CARD,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNKNOWN,
    Clock,
    call,
    leaves_one_message,
    notice,
    notices,
    writing,
)

FILE = notices(notice(["handler", "backup"], card=CARD))
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
    NoticeFault.SYSTEM_BUSY: UNAVAILABLE,
    NoticeFault.THROTTLED: FailureKind.THROTTLED,
    NoticeFault.TOKEN_EXPIRED: UNAUTHORIZED,
    NoticeFault.IP_REFUSED: UNAUTHORIZED,
    NoticeFault.NO_PERSON: FailureKind.REJECTED,
    NoticeFault.BAD_TEMPLATE: FailureKind.REJECTED,
    NoticeFault.UNKNOWN_CODE: FailureKind.REJECTED,
    NoticeFault.GBK: None,
}


@pytest.mark.parametrize("step", [SEND, TOKEN])
async def test_wecom_app_each_fault_has_its_kind_and_leaves_one_message_a_person(step: str) -> None:
    await leaves_one_message(
        wecom_app.ADAPTER, WecomAppSimulator, FILE, step=step, kinds=AT_SEND, reached=["chenjing", "zhangwei"]
    )


async def test_wecom_app_a_token_that_is_refused_is_renewed_once_for_all() -> None:
    wecom = WecomAppSimulator()
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, FILE) as target:
        await target.send(call(version=2))
        wecom.tokens.clear()
        await asyncio.gather(*(target.send(call(version=number)) for number in range(3, 9)))
    assert wecom.calls.count(TOKEN) == 2
    assert wecom.effects() == 14


async def test_wecom_app_who_is_left_out_of_a_message_that_is_ok_is_told_without_a_name() -> None:
    wecom = WecomAppSimulator(members={"zhangwei", "chenjing"}, unlicensed={"chenjing"})
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, FILE) as target:
        effect = await target.send(call())
    assert [one.to for one in wecom.delivered] == ["zhangwei"]
    assert "not to all: unlicenseduser 1" in effect.reference
    assert "chenjing" not in effect.reference


async def test_wecom_app_texts_are_cut_to_what_a_card_has_room_for() -> None:
    long = "长" * 300
    card = {"title": long, "text": long, "fields": {"很长的名称": long, "二": "{event.reason}"}, "link": "{map}"}
    wecom = WecomAppSimulator()
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, notices(notice("lead", card=card))) as target:
        await target.send(call())
    (one,) = wecom.delivered
    sent = one.content
    assert one.to == "liu"
    assert sent["main_title"]["title"] == "长" * (TITLE - 1) + "…"
    assert sent["sub_title_text"] == "长" * (SUB_TITLE - 1) + "…"
    assert sent["horizontal_content_list"] == [
        {"keyname": "很长的名称"[:KEY], "value": "长" * (VALUE - 1) + "…"},
        {"keyname": "二", "value": "—"},
    ]
    assert "jump_list" not in sent, "a ticket without a place has no map"
    assert sent["card_action"] == {"type": 1, "url": "https://work.weixin.qq.com"}


async def test_wecom_app_more_than_it_drops_in_silence_is_never_sent_and_waits() -> None:
    wecom, now = WecomAppSimulator(), Clock()
    wecom.now = now.seconds
    file = notices(notice("handler", card=CARD))
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, file, now=now) as target:
        waiting = [*range(2, 2 + A_MINUTE + 5)]
        for _round in range(2):
            for number in [*waiting]:
                try:
                    await target.send(call(version=number))
                except DeliveryPostponed as later:
                    until = later.until
                else:
                    waiting.remove(number)
            now.at = max(now.at, until)
    assert (waiting, wecom.dropped) == ([], [])
    assert wecom.effects() == A_MINUTE + 5


async def test_wecom_app_an_unknown_end_is_repeated_while_repeats_are_dropped_and_then_left_to_people() -> None:
    wecom, now = WecomAppSimulator(), Clock()
    wecom.now = now.seconds
    began = now.at
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, FILE, now=now) as target:
        asked = call(within_s=5.0)
        wecom.fail(NoticeFault.RESET_AFTER, times=1, only=(SEND,))
        with pytest.raises(DeliveryFailed):
            await target.send(asked)
        again = replace(asked, attempt=2, unsure_since=began)
        now.at = began + timedelta(hours=3, minutes=59)
        await target.send(again)
        assert (wecom.effects(), wecom.dropped) == (2, ["repeat"])
        now.at = began + timedelta(hours=4)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(again)
        assert failed.value.kind is FailureKind.REJECTED
        assert wecom.effects() == 2
        await target.send(replace(again, attempt=1))  # people send it again
        assert wecom.effects() == 4


async def test_wecom_app_what_it_says_of_a_person_is_masked() -> None:
    wecom = WecomAppSimulator(members=set())
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, FILE) as target:
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert (failed.value.code, failed.value.kind) == ("81013", FailureKind.REJECTED)
    assert "all invalid: ***, ***" in failed.value.message
