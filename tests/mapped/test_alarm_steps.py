"""An alarm step by step: whatever the readings, each episode opens once and is over once, and nothing in between."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapped.alarm_steps import DeviceAlarm, Level, News, Phase, level_of, step, waits_at
from adapters.mapped.mqtt_transport import SensorAlarm

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
QUIET = DeviceAlarm(phase=Phase.QUIET, since=AT)
COURSES = st.lists(st.tuples(st.sampled_from(Level), st.integers(0, 400)), max_size=60)
Changes = list[tuple[News, DeviceAlarm, datetime]]


def rule(**changed: object) -> SensorAlarm:
    return SensorAlarm.model_validate({"cause": "hot", "value": "v", "above": 80, **changed})


def course(alarm: SensorAlarm, steps: list[tuple[Level, int]]) -> Changes:
    """Play readings, each so many seconds after the one before; gives what was changes."""
    state, now, changes = QUIET, AT, list[tuple[News, DeviceAlarm, datetime]]()
    for level, seconds in steps:
        now += timedelta(seconds=seconds)
        state, news = step(state, level, alarm, now)
        if news:
            changes.append((news, state, now))
    return changes


@given(COURSES, st.integers(0, 300), st.integers(1, 4), st.integers(0, 300), st.integers(0, 300))
def test_alarm_of_any_course_opens_and_ends_in_turn_and_numbers_never_come_twice(
    steps: list[tuple[Level, int]], for_s: int, readings: int, back_for_s: int, again_after_s: int
) -> None:
    alarm = rule(for_s=for_s, readings=readings, back_for_s=back_for_s, again_after_s=again_after_s)
    changes = course(alarm, steps)
    assert [news for news, _, _ in changes] == (["open", "over"] * len(changes))[: len(changes)]
    opened = [(one.episode, at) for news, one, at in changes if news == "open"]
    assert len({episode for episode, _ in opened}) == len(opened)
    ended = [at for news, _, at in changes if news == "over"]
    for end, (_, at) in zip(ended, opened[1:], strict=False):
        assert at - end >= timedelta(seconds=again_after_s)
    assert sum(level is Level.BEYOND for level, _ in steps) >= readings * len(opened)


@given(COURSES)
def test_alarm_that_never_stays_back_for_long_is_one_alarm(steps: list[tuple[Level, int]]) -> None:
    changes = course(rule(back_for_s=401 * 60), steps)
    assert [news for news, _, _ in changes] == ["open"] * any(level is Level.BEYOND for level, _ in steps)


@given(COURSES)
def test_alarm_with_the_same_reading_again_at_once_tells_the_same(steps: list[tuple[Level, int]]) -> None:
    twice = [one for level, seconds in steps for one in ((level, seconds), (level, 0))]
    alarm = rule(for_s=60, back_for_s=60)
    assert [(news, at) for news, _, at in course(alarm, twice)] == [(news, at) for news, _, at in course(alarm, steps)]


@given(COURSES, st.integers(1, 90), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_alarm_stepped_by_the_clock_goes_as_if_the_same_reading_came_again(
    steps: list[tuple[Level, int]], every_s: int, for_s: int, back_for_s: int, again_after_s: int
) -> None:
    alarm = rule(for_s=for_s, back_for_s=back_for_s, again_after_s=again_after_s)
    timed = again = QUIET
    now = AT
    for level, seconds in steps:
        timed, timed_news = step(timed, level, alarm, now)
        again, again_news = step(again, level, alarm, now)
        assert (timed, timed_news) == (again, again_news)
        for later in range(every_s, seconds, every_s):
            at = now + timedelta(seconds=later)
            before, kept = timed, waits_at(timed, alarm)
            timed, timed_news = step(timed, kept, alarm, at) if kept else (timed, None)
            assert timed_news or timed == before  # a row is written of news alone
            again, again_news = step(again, level, alarm, at)
            assert (timed, timed_news) == (again, again_news)
        now += timedelta(seconds=seconds)


def test_alarm_that_wants_more_readings_is_not_opened_by_time() -> None:
    alarm = rule(readings=2, for_s=60)
    one, _ = step(QUIET, Level.BEYOND, alarm, AT)
    assert waits_at(one, alarm) is None
    two, _ = step(one, Level.BEYOND, alarm, AT)
    assert waits_at(two, alarm) is Level.BEYOND


@pytest.mark.parametrize(
    ("changed", "steps", "news"),
    [
        ({}, [(Level.BEYOND, 0)], ["open"]),
        ({"readings": 3}, [(Level.BEYOND, 1), (Level.BEYOND, 1), (Level.BETWEEN, 1), (Level.BEYOND, 1)], []),
        ({"for_s": 60}, [(Level.BEYOND, 1), (Level.BEYOND, 59)], []),
        ({"for_s": 60}, [(Level.BEYOND, 1), (Level.BEYOND, 60)], ["open"]),
        ({"back_for_s": 60}, [(Level.BEYOND, 1), (Level.BACK, 1), (Level.BETWEEN, 1), (Level.BACK, 60)], ["open"]),
        ({"back_for_s": 60}, [(Level.BEYOND, 1), (Level.BACK, 1), (Level.BACK, 60)], ["open", "over"]),
        (
            {"back_for_s": 0, "again_after_s": 100},
            [(Level.BEYOND, 1), (Level.BACK, 1), (Level.BEYOND, 99), (Level.BACK, 0), (Level.BEYOND, 1)],
            ["open", "over", "open"],
        ),
    ],
)
def test_alarm_opens_and_ends_when_the_rule_says(
    changed: dict[str, int], steps: list[tuple[Level, int]], news: list[News]
) -> None:
    assert [one for one, _, _ in course(rule(**{"back_for_s": 0, **changed}), steps)] == news


def test_alarm_counts_how_often_it_came_again_while_it_was_open() -> None:
    flaps = [(Level.BEYOND, 1), (Level.BACK, 1)] * 5
    ((_, opened, _),) = course(rule(back_for_s=60), flaps)
    state = opened
    for level, _ in flaps:
        state, _news = step(state, level, rule(back_for_s=60), AT + timedelta(hours=1))
    assert (opened.times, state.times) == (0, 4)


@pytest.mark.parametrize(
    ("changed", "value", "level"),
    [
        ({"above": 80}, 80, Level.BACK),
        ({"above": 80}, 80.1, Level.BEYOND),
        ({"above": 80, "back_below": 75}, 76, Level.BETWEEN),
        ({"above": 80, "back_below": 75}, 75, Level.BACK),
        ({"above": None, "below": -18}, -18.5, Level.BEYOND),
        ({"above": None, "below": -18, "back_above": -15}, -16, Level.BETWEEN),
        ({"above": None, "below": -18, "back_above": -15}, -15, Level.BACK),
    ],
)
def test_alarm_level_of_a_value(changed: dict[str, float | None], value: float, level: Level) -> None:
    assert level_of(value, rule(**changed)) is level
