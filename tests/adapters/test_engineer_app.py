"""What the engineer sees and taps: cards made of events, buttons made of the transition table."""

from typing import Any

import pytest

from adapters.engineer_app.buttons import BUTTONS, offered, tap
from adapters.engineer_app.card import card, is_for
from bus.domain.errors import MalformedInput
from bus.domain.terms import State
from bus.domain.transitions import legal_in

EVENT: dict[str, Any] = {
    "assignee": {
        "role": "field_engineer",
        "person": "张伟",
        "contact": "801",
        "backup_person": "陈静",
        "backup_contact": "802",
    },
    "previous_person": "",
    "reason": "",
}
TICKET = {
    "ticket_id": "T20261122-000001",
    "title": "洗衣机漏水",
    "type": "hardware_fault",
    "region": "上海",
    "source_no": "CRM-1",
    "state": "assigned",
}


def test_engineer_app_a_card_shows_what_is_known_and_nothing_else() -> None:
    shown = card(EVENT, TICKET)
    assert (shown.ticket_id, shown.headline) == ("T20261122-000001", "洗衣机漏水")
    assert [line.label for line in shown.lines] == ["类型", "区域", "来源单号", "负责人", "备份"]
    assert [button.label for button in shown.buttons] == [
        *("接单", "出发", "到达", "开始处理", "拍照", "启动作业单", "备注")
    ]


def test_engineer_app_a_card_has_the_articles_that_are_suggested_r21() -> None:
    articles = [{"number": "KB-12", "title": "洗衣机门封漏水"}, {"number": "KB-3", "title": "洗衣机漏水"}]
    lines = card(EVENT, TICKET, articles).lines[-2:]
    assert [line.value for line in lines] == ["KB-12 洗衣机门封漏水", "KB-3 洗衣机漏水"]
    assert {line.label for line in lines} == {"知识"}


def test_engineer_app_an_assignment_is_for_the_person_it_names() -> None:
    assert is_for("张伟", EVENT)
    assert not is_for("陈静", EVENT)
    assert not is_for("张伟", {"assignee": "张伟"})


@pytest.mark.parametrize(
    ("event", "ticket"),
    [({}, TICKET), (EVENT, {}), (EVENT | {"assignee": 1}, TICKET), (EVENT, TICKET | {"state": "x"})],
)
def test_engineer_app_half_an_assignment_is_malformed_input(event: dict[str, Any], ticket: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput):
        card(event, ticket)


@pytest.mark.parametrize("state", State)
def test_engineer_app_the_buttons_of_a_state_are_those_the_table_takes(state: State) -> None:
    assert {button.command for button in offered(state)} == {b.command for b in BUTTONS} & set(legal_in(state))


def test_engineer_app_a_tap_becomes_a_command_with_what_the_button_fills_in() -> None:
    tapped = tap("拍照", {"uri": "oss://1.jpg", "at": "2026-11-22T09:00:00+08:00"})
    assert tapped.name == "add-evidence"
    assert tapped.body == {"kind": "photo", "uri": "oss://1.jpg", "at": "2026-11-22T09:00:00+08:00"}


@pytest.mark.parametrize(
    ("label", "values", "code", "nearest"),
    [("接单了", {}, "unknown_button", "接单"), ("解决", {"sumary": "x"}, "unknown_field", "summary")],
)
def test_engineer_app_a_wrong_button_or_field_is_answered_with_the_nearest(
    label: str, values: dict[str, Any], code: str, nearest: str
) -> None:
    with pytest.raises(MalformedInput) as refused:
        tap(label, values)
    assert (refused.value.code, refused.value.context["nearest"]) == (code, nearest)
