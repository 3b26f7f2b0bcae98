"""What stands for an incident key and is none is refused: two strangers with it are not one ticket (R1)."""

from dataclasses import replace

import pytest

from bus.domain.events import TicketOpened
from bus.domain.no_key import is_no_key
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from tests.domain.given import given
from tests.domain.people import OPEN, RULES

NOT_PHONES = (
    "无", "N/A", "00000000000", "1111111", "\uff11\uff11\uff11\uff11\uff11", "1234", "110", "+86 0000000000", "未知",
    "-", "+86",
    "139****0001", "139\uff0a\uff0a\uff0a\uff0a0001", "139xxxx0001", "待补充",
    "微信 wang", "12 34", "123456", "12345678901",
)  # fmt: skip
NOT_NUMBERS = (
    "无", "\uff08无\uff09", "无\u3002", "未知", "N/A", "n.a.", "#N/A", "NULL", "None", " unknown ", "-", "---",
    "\u2014\u2014", "/", "?", "\u3002", "0",
    "沒有", "無", "無訂單號", "暂无序列号", "不适用", "无/无", "无 无", "N/A N/A", "N/A / 无", "客户未提供",
    "看不清", "找不到", "none available", "unknown device", "1111111", "XXXXX", "aaaa", "----0000", "1-1-1-1",
    "待补充", "(待补充)", "【待核实】", "补录", "待补录", "TBC", "[TBD]", "139****0001", "SN**7",
    "无SN", "无 SN", "SN", "序列号", "同上", "见备注", "如图", "稍后提供", "test", "测试", "x",
    "#REF!", "[object Object]", "${sn}", "{{serial}}", "unk",
    "0000", "\uff2e\uff0f\uff21", "无\u200b", "x\u3164xx", "Not Available", "不详", "暂无",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value"),
    [(KeyKind.PHONE, one) for one in NOT_PHONES]
    + [(kind, one) for kind in (KeyKind.SERIAL, KeyKind.ORDER) for one in NOT_NUMBERS],
)
@pytest.mark.parametrize("historic", [False, True])
def test_no_key_is_refused_with_what_to_do(kind: KeyKind, value: str, historic: bool) -> None:
    opening = replace(OPEN, incident_key=IncidentKey(kind=kind, value=value))
    refused = given().when(opening, historic=historic).then_refused("no_key", "incident_key.value")
    assert "设备序列号" in refused.zh
    assert "12345" in refused.zh


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("value", ["\u200b", "\ufeff", "\u3164", "\u2800", "\u00ad \u3000", " "])
def test_no_key_that_nobody_sees_is_missing(kind: KeyKind, value: str) -> None:
    given().when(replace(OPEN, incident_key=IncidentKey(kind=kind, value=value))).then_refused(
        "missing", "incident_key.value"
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (KeyKind.SERIAL, one)
        for one in (
            "NA-1",
            "7",
            "SN0",
            "100",
            "无锡-01",
            "NULL7",
            "O",
            "空调-1",
            "111",
            "1111112",
            "NA/7",
            "7/7",
            "NANA",
            "無錫",
            "A*7",
            "补录-7",
        )
    ]
    + [
        (KeyKind.PHONE, one)
        for one in ("95588", "62176966", "13800000000", "400-000-0000", "+852 2123 4567", "010-62176966x801")
    ],
)
def test_no_key_a_key_that_only_begins_like_one_is_a_key(kind: KeyKind, value: str) -> None:
    given().when(replace(OPEN, incident_key=IncidentKey(kind=kind, value=value))).then(TicketOpened)


def test_no_key_the_list_is_extended_by_a_deployment() -> None:
    rules = replace(RULES, no_key_words=frozenset({"待录入"}))
    key = IncidentKey(kind=KeyKind.ORDER, value="[待录入]")
    assert is_no_key(key, rules.no_key_words)
    assert not is_no_key(key)
