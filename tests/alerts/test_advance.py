"""A round of alerts: what opens, what closes, what people hear, and what is hidden by its cause."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import NEWS_EVERY, Change, advance
from bus.alerts.engine.alert_state import AlertState, Fingerprint, Flip
from bus.alerts.engine.ladder import ESCALATE_AFTER, REPEAT_EVERY, REPEATS_MAX
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def alert(rule: RuleName, about: str = "erp", severity: Severity | None = None) -> Alert:
    """Make an alert of a rule."""
    return Alert(rule=rule, about=about, zh="坏了", en="broken", severity=severity)


def rules(**changes: timedelta) -> Mapping[str, AnyRule]:
    """Give all rules, each with these changes."""
    return {name: replace(rule, **dict[str, Any](changes)) for name, rule in RULES.items()}


class Rounds:
    """Rounds one after another, with what is known between them."""

    def __init__(self, known_rules: Mapping[str, AnyRule] = RULES) -> None:
        self.rules = known_rules
        self.known: dict[Fingerprint, AlertState] = {}
        self.silence = ""

    def hold(self, now: datetime, *seen: Alert, read: Sequence[str] | None = None) -> list[Change]:
        """Hold a round, and remember what it came to."""
        changes = advance(
            self.rules,
            self.known,
            seen,
            read=self.rules if read is None else read,
            silence_of=lambda _state: self.silence,
            now=now,
        )
        for one in changes:
            self.known[one.state.fingerprint] = one.state
            if one.state.closed_at:
                del self.known[one.state.fingerprint]
        return changes

    def flips(self, now: datetime, *seen: Alert, read: Sequence[str] | None = None) -> list[tuple[str, Flip]]:
        """Hold a round, and give what people heard in it."""
        return [(one.state.alert.rule.value, one.flip) for one in self.hold(now, *seen, read=read) if one.flip]


def test_advance_what_is_wrong_for_less_than_the_hold_is_never_heard_of() -> None:
    rounds = Rounds(rules(open_after=timedelta(seconds=15)))
    assert rounds.flips(NOW, alert(RuleName.TASK_FAILED)) == []
    assert rounds.flips(NOW + 14 * SECOND, alert(RuleName.TASK_FAILED)) == []
    assert rounds.flips(NOW + 15 * SECOND) == []
    assert rounds.known == {}, "it was never open and has ended"
    rounds.hold(NOW + 20 * SECOND, alert(RuleName.TASK_FAILED))
    assert rounds.flips(NOW + 35 * SECOND, alert(RuleName.TASK_FAILED)) == [("task_failed", Flip.OPENED)]


def test_advance_an_alert_that_flaps_within_the_hold_opens_once_and_closes_once() -> None:
    rounds = Rounds(rules(close_after=timedelta(seconds=60)))
    heard = [
        flip
        for second in range(0, 300, 5)
        for _, flip in rounds.flips(
            NOW + second * SECOND, *([alert(RuleName.BREAKER_OPEN)] if second % 40 < 20 else [])
        )
    ]
    assert heard == [Flip.OPENED]
    assert rounds.flips(NOW + 300 * SECOND) == []
    assert rounds.flips(NOW + 360 * SECOND) == [("breaker_open", Flip.CLOSED)]
    assert rounds.known == {}


def test_advance_a_rule_that_could_not_be_read_closes_nothing() -> None:
    rounds = Rounds(rules(close_after=timedelta(0)))
    rounds.hold(NOW, alert(RuleName.BREAKER_OPEN))
    assert rounds.flips(NOW + 600 * SECOND, read=()) == []
    assert rounds.flips(NOW + 605 * SECOND, read=["breaker_open"]) == [("breaker_open", Flip.CLOSED)]


def test_advance_an_effect_is_hidden_while_its_cause_is_open_and_heard_of_once_that_is_over() -> None:
    rounds = Rounds(rules(open_after=timedelta(0), close_after=timedelta(0)))
    cause, effect = alert(RuleName.NO_WORKER, "worker"), alert(RuleName.PUSH_OVERDUE)
    assert rounds.flips(NOW, cause, effect) == [("no_worker", Flip.OPENED)]
    assert rounds.known["push_overdue", "erp"].hidden_by == "no_worker|worker"
    assert set(rounds.flips(NOW + 5 * SECOND, effect)) == {
        ("no_worker", Flip.CLOSED),
        ("push_overdue", Flip.OPENED),
    }


def test_advance_a_cause_that_is_over_goes_on_hiding_what_it_hid_and_nothing_new() -> None:
    rounds = Rounds(rules(open_after=timedelta(0), close_after=timedelta(seconds=60)))
    cause, effect, later = alert(RuleName.NO_WORKER, "worker"), alert(RuleName.PUSH_OVERDUE), 10 * SECOND
    rounds.hold(NOW, cause, effect)
    another = alert(RuleName.PUSH_OVERDUE, "crm")
    assert rounds.flips(NOW + later, effect, another) == [("push_overdue", Flip.OPENED)]
    assert (rounds.known["push_overdue", "crm"].hidden_by, rounds.known["push_overdue", "erp"].hidden_by) == (
        "",
        "no_worker|worker",
    )


def test_advance_a_hidden_alert_that_ends_hidden_is_never_heard_of() -> None:
    rounds = Rounds(rules(open_after=timedelta(0), close_after=timedelta(0)))
    cause = alert(RuleName.NO_WORKER, "worker")
    rounds.hold(NOW, cause, alert(RuleName.PUSH_OVERDUE))
    assert rounds.flips(NOW + 5 * SECOND, cause) == []
    assert ("push_overdue", "erp") not in rounds.known


def test_advance_a_silenced_alert_is_heard_of_when_the_silence_ends() -> None:
    rounds = Rounds()
    rounds.silence = "silence 1"
    assert rounds.flips(NOW, alert(RuleName.DEAD_LETTER)) == []
    rounds.silence = ""
    assert rounds.flips(NOW + 5 * SECOND, alert(RuleName.DEAD_LETTER)) == [("letter", Flip.OPENED)]


def test_advance_a_p1_that_nobody_acknowledges_is_escalated_once_and_repeated_to_a_limit() -> None:
    rounds = Rounds()
    seen = alert(RuleName.DEAD_LETTER)
    heard = [
        (minute, flip)
        for minute in range(0, 24 * 60, 5)
        for _, flip in rounds.flips(NOW + timedelta(minutes=minute), seen)
    ]
    assert heard[:2] == [(0, Flip.OPENED), (10, Flip.ESCALATED)]
    repeats = [minute for minute, flip in heard if flip is Flip.REPEATED]
    assert len(repeats) == REPEATS_MAX
    assert all(
        later - sooner == REPEAT_EVERY[Severity.P1] / timedelta(minutes=1) for sooner, later in pairwise(repeats)
    )


def test_advance_an_acknowledged_alert_is_neither_repeated_nor_escalated_and_closes_by_itself() -> None:
    rounds = Rounds(rules(close_after=timedelta(0)))
    seen = alert(RuleName.DEAD_LETTER)
    rounds.hold(NOW, seen)
    rounds.known["letter", "erp"] = replace(rounds.known["letter", "erp"], acked_at=NOW)
    assert rounds.flips(NOW + 2 * ESCALATE_AFTER, seen) == []
    assert rounds.flips(NOW + 10 * ESCALATE_AFTER, seen) == []
    assert rounds.flips(NOW + 11 * ESCALATE_AFTER) == [("letter", Flip.CLOSED)]


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_advance_opening_and_closing_alternate_whatever_comes(wrong: list[bool]) -> None:
    rounds = Rounds(rules(open_after=timedelta(seconds=10), close_after=timedelta(seconds=20)))
    heard = [
        flip
        for turn, is_wrong in enumerate(wrong)
        for _, flip in rounds.flips(NOW + turn * 5 * SECOND, *([alert(RuleName.BREAKER_OPEN)] if is_wrong else []))
        if flip in (Flip.OPENED, Flip.CLOSED)
    ]
    assert all(before is not after for before, after in pairwise(heard))
    assert heard[:1] in ([], [Flip.OPENED])


def test_advance_what_becomes_worse_is_heard_of_again_and_what_becomes_better_is_not() -> None:
    rounds = Rounds(rules(close_after=timedelta(0)))
    turns = (Severity.P3, Severity.P3, Severity.P2, Severity.P1, Severity.P1, Severity.P2, Severity.P3)
    heard = [
        (change.state.severity, change.flip)
        for turn, severity in enumerate(turns)
        for change in rounds.hold(NOW + turn * 5 * SECOND, replace(alert(RuleName.DISK_WATERMARK), severity=severity))
        if change.flip
    ]
    assert heard == [(severity, Flip.OPENED) for severity in (Severity.P3, Severity.P2, Severity.P1)]
    assert rounds.flips(NOW + 60 * SECOND) == [("disk_watermark", Flip.CLOSED)]


def test_advance_a_silent_host_hides_its_own_disks_alone() -> None:
    rounds = Rounds(rules(open_after=timedelta(0), close_after=timedelta(0)))
    disks = [alert(RuleName.DISK_WATERMARK, about) for about in ("crm-1 /data", "crm-1 /data inodes", "crm-10 /data")]
    heard = rounds.hold(NOW, alert(RuleName.HOST_SILENT, "crm-1"), *disks)
    assert {one.state.alert.about for one in heard if one.flip} == {"crm-1", "crm-10 /data"}
    assert rounds.known["disk_watermark", "crm-1 /data"].hidden_by == "host_silent|crm-1"


def test_advance_why_our_own_readers_stand_still_hides_their_verdicts_and_nobody_elses() -> None:
    rounds = Rounds(rules(open_after=timedelta(0), close_after=timedelta(0)))
    own = replace(alert(RuleName.CONSUMER_STOPPED, "ticket.events ticketbus.delivery"), facts={"own": 1})
    queues = [alert(RuleName.CONSUMER_STALLED, f"{target} deliveries") for target in ("erp", "crm")]
    others = [
        alert(RuleName.CONSUMER_STOPPED, "ticket.assign bi"),
        alert(RuleName.CONSUMER_STOPPED, "ticket.assign erp"),
    ]
    lost = replace(own, rule=RuleName.CONSUMER_HAS_LOST)
    causes = [alert(RuleName.NO_WORKER, "delivery"), alert(RuleName.BREAKER_OPEN, "erp")]
    heard = {one.state.alert.about for one in rounds.hold(NOW, *causes, own, *queues, *others) if one.flip}
    assert heard == {"delivery", "erp", "crm deliveries", "ticket.assign bi", "ticket.assign erp"}
    assert rounds.flips(NOW, *causes, own, *queues, *others, lost) == [("consumer_has_lost", Flip.OPENED)]


def test_advance_what_comes_while_it_is_open_is_heard_once_in_ten_minutes_acknowledged_or_not() -> None:
    rounds = Rounds()

    def letters(newest: int) -> Alert:
        return replace(alert(RuleName.DEAD_LETTER), newest=newest)

    opened = [("letter", Flip.OPENED)]
    assert rounds.flips(NOW, letters(7)) == opened
    rounds.known["letter", "erp"] = replace(rounds.known["letter", "erp"], acked_at=NOW)
    assert rounds.flips(NOW + NEWS_EVERY, letters(7)) == [], "nothing has come"
    another = NOW + NEWS_EVERY + SECOND
    assert rounds.flips(another, letters(8)) == opened
    third = another + SECOND
    assert rounds.flips(third, letters(9)) == [], "they heard a second ago"
    assert rounds.flips(another + NEWS_EVERY, letters(9)) == opened
    assert rounds.flips(another + 2 * NEWS_EVERY, letters(7)) == [], "the newest was dealt with"
