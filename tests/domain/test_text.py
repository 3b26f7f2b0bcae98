"""A sentence in both languages stays two sentences until it is shown."""

from bus.delivery.target_alerts import paused
from bus.delivery.target_state import NoSuchTarget
from bus.domain.text import Text


def test_text_is_shown_chinese_first() -> None:
    assert str(Text("没有暂停", "not paused")) == "没有暂停 / not paused"


def test_text_of_a_conflict_is_not_mixed_up_by_a_name_that_holds_the_separator() -> None:
    error = NoSuchTarget("erp / old", [])
    assert error.text == Text("没有投递目标 'erp / old'", "there is no target 'erp / old'")
    assert str(error) == "没有投递目标 'erp / old' / there is no target 'erp / old'"


def test_text_of_a_pause_stands_in_both_sentences_of_the_alert() -> None:
    alert = paused("erp", Text("连续 3 / 3 封", "3 / 3 in a row"))
    assert "连续 3 / 3 封;" in alert.zh
    assert "3 / 3 in a row;" in alert.en
