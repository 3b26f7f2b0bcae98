"""A stored reason quotes nothing that may be a person's, and still says what to mend."""

import json

import pytest

from bus.domain import refusals
from deadletter.senders_words import without_senders_words

BODY = {"type": "ticket.craeted", "data": {"state": "李女士在家", "by": "Wang Qiang", "root_cause": "老王"}}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("“李女士在家”不是合法状态,最接近的是“已关闭”", "“…”不是合法状态,最接近的是“已关闭”"),
        ("'Wang Qiang' is not a state; the nearest is closed", "'…' is not a state; the nearest is closed"),
        (
            "没有消息类型“ticket.craeted”，是否指“ticket.created”？",
            "没有消息类型“ticket.craeted”，是否指“ticket.created”？",
        ),
        ("缺少字段“$.data.title”;有“titel”", "缺少字段“$.data.title”;有“titel”"),
        ("“女士”", "“…”"),
    ],
)
def test_senders_words_of_values_are_left_out_and_names_stay(text: str, kept: str, ascii_only: bool) -> None:
    assert without_senders_words(text, json.dumps(BODY, ensure_ascii=ascii_only).encode()) == kept


def test_senders_words_in_what_is_no_json_are_left_out_too() -> None:
    refused = refusals.unknown_word("root_cause", "老王", ["part_worn"])
    for text in (refused.zh, refused.en):
        assert "老王" in text
        assert "老王" not in without_senders_words(text, b"\x00\x0c" + "老王".encode())
