"""A sentence in both languages stays two sentences until it is shown."""

import pytest
from pydantic import TypeAdapter, ValidationError

from bus.delivery.target_alerts import paused
from bus.delivery.target_state import NoSuchTarget
from bus.domain.text import Text, is_blank
from bus.gateway.http.request_models import NotBlank

UNSEEN = ["", " ", "\u200b", "\ufeff", "\u3164", "\u2800", "\u00ad", "\u3000", "\u200b\u3164 \ufeff", "\U000e0020"]


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


@pytest.mark.parametrize("text", UNSEEN)
def test_text_that_nobody_sees_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}一")
    assert not is_blank(f"a{text}")


@pytest.mark.parametrize("text", UNSEEN[:-1])
def test_text_that_nobody_sees_is_no_reason_of_a_dead_letter(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(NotBlank).validate_python(text)
    assert TypeAdapter(NotBlank).validate_python(f"{text}一")
