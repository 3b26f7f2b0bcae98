"""Reasons of rejection and scene tags as they are shipped, and a deployment's own tags (R20, R23)."""

from pathlib import Path

import pytest

from bus.config_file import ConfigFileInvalid
from bus.domain.text import Text
from bus.rules_config import load_rules
from bus.settings import Settings


def test_closing_words_that_are_shipped_have_both_languages_and_a_way_to_say_something_else_r20_r23() -> None:
    rules = load_rules(Settings()).closure
    for words in (rules.rejection_reasons, rules.scene_tags):
        assert len(words) >= 9
        assert [code for code, text in words.items() if text.zh.isascii() or not text.en.isascii()] == []
        assert len({text.zh for text in words.values()}) == len(words)
    assert "other" in rules.rejection_reasons


def test_closing_words_a_deployment_has_lists_of_its_own_r20_r23(tmp_path: Path) -> None:
    file = tmp_path / "words.yaml"
    file.write_text("mall: [商场, a mall]\n", encoding="utf-8")
    rules = load_rules(Settings(scene_tags_file=file, rejection_reasons_file=file)).closure
    assert rules.scene_tags == rules.rejection_reasons == {"mall": Text("商场", "a mall")}


@pytest.mark.parametrize("text", ["", "Mall: [商场, a mall]", "mall: 商场", "mall: [商场]", "mall: ['', a mall]"])
def test_closing_words_that_are_none_name_the_file_r23(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tags.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigFileInvalid, match=r"tags\.yaml"):
        load_rules(Settings(scene_tags_file=file))
