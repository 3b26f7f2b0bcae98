"""What a channel may send in a minute: urgent alerts alone and first, the rest in digests, never beyond its rate."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import ChannelMessage, Notice
from bus.alerts.engine.message_plan import plan
from bus.alerts.engine.wording import body
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
PER_MINUTE = 18


def notice(number: int, severity: Severity = Severity.P2) -> Notice:
    """Make a notice."""
    return Notice(
        number=number,
        alert_number=number,
        flip=Flip.OPENED,
        severity=severity,
        alert=Alert(rule=RuleName.DEAD_LETTER, about=f"目标 {number}", zh="有死信" * 30, en="a letter " * 30),
        title=Text("有死信", "a dead letter"),
        page="docs/alerts.md#letter",
        opened_at=NOW,
    )


def sizes(messages: Sequence[ChannelMessage]) -> list[int]:
    """Give how many notices each message has."""
    return [len(one.notices) for one in messages]


def test_plan_few_alerts_are_a_message_each() -> None:
    assert sizes(plan([notice(n) for n in range(5)], sent_last_minute=0, per_minute=PER_MINUTE)) == [1] * 5


def test_plan_of_a_thousand_the_p1_is_alone_and_first_and_the_rest_one_digest() -> None:
    waiting = [*(notice(n) for n in range(999)), notice(1000, Severity.P1)]
    messages = plan(waiting, sent_last_minute=0, per_minute=PER_MINUTE)
    assert sizes(messages) == [1, 999]
    assert messages[0].notices[0].number == 1000


def test_plan_a_drill_of_every_rule_is_one_digest_and_takes_no_place_of_a_real_p1() -> None:
    drill = [replace(notice(n, Severity.P1), drill=True) for n in range(PER_MINUTE + 2)]
    messages = plan([*drill, notice(1000, Severity.P1)], sent_last_minute=0, per_minute=PER_MINUTE)
    assert sizes(messages) == [1, PER_MINUTE + 2]
    assert messages[0].notices[0].number == 1000


def test_plan_a_p1_passes_when_the_others_have_used_their_part_of_the_minute() -> None:
    waiting = [notice(1), notice(2), notice(3, Severity.P1)]
    messages = plan(waiting, sent_last_minute=PER_MINUTE - 1, per_minute=PER_MINUTE)
    assert [one.notices[0].number for one in messages] == [3]
    assert plan(waiting, sent_last_minute=PER_MINUTE, per_minute=PER_MINUTE) == []


@given(
    st.lists(st.sampled_from(Severity), max_size=60),
    st.integers(0, PER_MINUTE),
)
def test_plan_never_goes_beyond_the_rate_and_sends_no_notice_twice(severities: list[Severity], sent: int) -> None:
    waiting = [notice(number, severity) for number, severity in enumerate(severities)]
    messages = plan(waiting, sent_last_minute=sent, per_minute=PER_MINUTE)
    numbers = [one.number for message in messages for one in message.notices]
    assert len(messages) <= PER_MINUTE - sent
    assert len(numbers) == len(set(numbers))


@given(st.integers(1, 400), st.integers(400, 5000))
def test_wording_a_message_never_has_more_bytes_than_it_may_and_no_broken_character(count: int, most: int) -> None:
    message = ChannelMessage(notices=[replace(notice(n), drill=n % 2 == 0) for n in range(count)])
    text = body(message, most)
    assert len(text.encode()) <= most
    assert "�" not in text
