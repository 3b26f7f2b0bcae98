"""Every rule: it fires on its marked input, keeps quiet on the other, and says in both languages what to do."""

import re
from datetime import UTC, datetime

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
BY_NAME = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def test_rules_every_name_has_its_rule() -> None:
    assert {one.value for one in RuleName} == {*RULES}


@BY_NAME
def test_rules_each_fires_on_its_input_and_keeps_quiet_on_the_other(rule: AnyRule) -> None:
    fired = rule.evaluate(rule.fires(NOW), NOW)
    assert fired, rule.name
    assert not rule.evaluate(rule.quiet(NOW), NOW)
    assert {one.rule for one in fired} == {rule.name}
    for one in fired:
        assert one.about
        assert one.zh != one.en


@BY_NAME
def test_rules_sentences_give_times_by_the_clocks_of_their_readers(rule: AnyRule) -> None:
    for alert in rule.evaluate(rule.fires(NOW), NOW):
        assert (" UTC" in alert.zh, "+08:00" in alert.en) == (False, False), alert
        assert all(re.findall(r"(?<![:\d+])\d\d:\d\d(?::\d\d)?(?!:?\d)( \+08:00)?", alert.zh)), alert
