"""What goes over and what is back, by any course of figures (R27 to R32)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bus.insight.consequences import CONSEQUENCES
from bus.insight.registry import METRICS
from bus.insight.task import SeenFigure, TaskKey, crossings

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEYS = [TaskKey("review"), TaskKey("improvement", "a"), TaskKey("improvement", "b")]
looks = st.lists(st.dictionaries(st.sampled_from(KEYS), st.sampled_from([True, False, None])), max_size=30)


def seen(key: TaskKey, *, over: bool | None) -> SeenFigure:
    return SeenFigure(key=key, metric="x", units=20, hits=1, since=NOW, until=NOW, over=over)


@given(looks)
def test_task_what_goes_over_is_back_before_it_goes_over_again(course: list[dict[TaskKey, bool | None]]) -> None:
    over = set[TaskKey]()
    for look in course:
        found = crossings([seen(key, over=one) for key, one in look.items()], over)
        opened = {one.key for one in found.over}
        assert opened == {key for key, one in look.items() if one} - over
        assert found.back.keys() == {key for key in over if look.get(key, False) is False}
        over = (over | opened) - found.back.keys()


def test_task_every_consequence_of_a_metric_says_whose_it_is_in_two_languages() -> None:
    named = {one.consequence for one in METRICS} | {one.lasting.consequence for one in METRICS if one.lasting}
    assert named - {""} <= CONSEQUENCES.keys()
    for one in CONSEQUENCES.values():
        assert all((one.to.zh, one.to.en, one.task.zh, one.task.en))
