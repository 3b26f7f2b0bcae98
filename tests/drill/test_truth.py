"""The drill is judged by its truth: what is late, missing, misjudged, lost or repeated is named. Pure."""

from adapters.simulators.drill.scenario import truth_of
from adapters.simulators.drill.truth import ALARM_S_MAX, TICKETS, DrillResult


def as_it_should_be() -> DrillResult:
    """Give a result of which nothing is wrong."""
    result = DrillResult(truth=truth_of(2_300))
    for alarm in result.truth.alarms:
        result.alarm(alarm, ALARM_S_MAX)
    for verdict in result.truth.verdicts:
        result.verdict(verdict, verdict.causes)
    result.answered = TICKETS
    result.live(ALARM_S_MAX, 1.9)
    return result


def test_truth_a_drill_that_went_as_it_should_has_nothing_wrong() -> None:
    result = as_it_should_be()
    result.count()
    assert result.wrong == []
    assert result.as_json()["truth"]["backlog"] == 2_300


def test_truth_alarms_that_are_late_or_missing_are_named() -> None:
    result = as_it_should_be()
    late, missing, *_ = result.truth.alarms
    result.alarm(late, ALARM_S_MAX + 0.1)
    result.alarm(missing, None)
    first, second = result.wrong
    assert late.title in first
    assert missing.title in second


def test_truth_a_verdict_with_a_cause_more_or_less_is_misjudged() -> None:
    for causes in ([], ["topic_mismatch", "done"], ["disk_floor"]):
        result = as_it_should_be()
        result.verdict(result.truth.verdicts[1], causes)
        (wrong,) = result.wrong
        assert "misjudged" in wrong


def test_truth_what_is_lost_repeated_or_slow_is_named() -> None:
    for name, value in (
        ("answered", TICKETS - 1),
        ("lost", 1),
        ("repeated", 1),
        ("resumed_s", 31),
        ("live_p95_s", 2.1),
    ):
        result = as_it_should_be()
        setattr(result, name, value)
        result.count()
        assert len(result.wrong) == 1, name
