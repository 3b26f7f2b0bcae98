"""The page of figures: hours from steps of ten minutes, in a table that a chart is drawn of."""

from datetime import UTC, datetime, timedelta

from bus.gateway.read.figures import FigureRow, window
from bus.intake.dispatch import utc_now
from console.pages.figures import by_hour
from tests.console.conftest import Visitor


async def test_figures_are_a_table_of_hours_with_their_sums(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    assert "受理的命令" in (await visitor.get("/figures")).text
    week = (await visitor.get("/figures?hours=168")).text
    assert "<strong>最近 168 小时</strong>" in week
    assert week.count("<tr data-at=") in {168, 169}
    assert "<strong>最近 24 小时</strong>" in (await visitor.get("/figures?hours=nonsense")).text


async def test_figures_page_shows_what_was_counted(visitor: Visitor) -> None:
    ago = window(utc_now(), 3)[0]  # well within the day, also if a step ends meanwhile
    visitor.gateway.counted = [
        FigureRow(series="commands", at=ago, count=1200),
        FigureRow(series="refused", at=ago, count=7),
    ]
    await visitor.sign_in("lead")
    shown = (await visitor.get("/figures")).text
    cells = [f'<td class="number">{one}</td>' for one in ("1,200", "0", "0", "7")]
    assert shown.count("".join(cells)) == 2  # in all, and the hour


def test_figures_steps_are_summed_to_hours() -> None:
    began = datetime(2026, 11, 29, 8, 50, tzinfo=UTC)
    times = [began + timedelta(minutes=10 * n) for n in range(3)]
    hours, summed = by_hour(times, {"commands": [1, 2, 4]})
    assert [one.hour for one in hours] == [9, 8]
    assert summed == {"commands": [6, 1]}


async def test_figures_of_hours_that_are_none_are_refused(visitor: Visitor) -> None:
    visitor.gateway.counted = [FigureRow(series="letters", at=utc_now(), count=3)]
    for hours in ("0", "169", "x", "1e3"):
        refused = await visitor.gateway.get(f"/v1/figures?hours={hours}", "sre")
        assert (refused.status_code, refused.json()["field"]) == (400, "hours")
    assert (await visitor.gateway.get("/v1/figures?hours=1", "dispatcher")).status_code == 403
