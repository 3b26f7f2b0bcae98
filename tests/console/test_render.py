"""What templates may ask for, and times: to the second for who compares them, to the minute for who dispatches."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import console
from console.page import Page
from console.pages import PAGES
from console.render import duration, minute, when

AT = datetime(2026, 11, 30, 16, 36, 56, tzinfo=UTC)


def test_render_a_time_for_service_people_is_to_the_minute_and_has_the_rest_in_its_title() -> None:
    title = 'title="12-01 00:36:56 +08:00"'
    assert minute(AT) == f'<time datetime="2026-11-30T16:36:56+00:00" {title}>12-01 00:36</time>'
    assert minute(AT.isoformat()) == minute(AT)
    assert when(AT) == '<time datetime="2026-11-30T16:36:56+00:00">12-01 00:36:56 +08:00</time>'
    assert minute(None) == when("") == "–"


@pytest.mark.parametrize("page", [one for one in PAGES if one.live], ids=lambda one: one.path)
def test_render_a_live_block_asks_for_nothing_that_the_frame_alone_has(page: Page) -> None:
    source = (Path(console.__file__).parent / "templates" / page.template).read_text(encoding="utf-8")
    blocks = [one for one in Environment(autoescape=True).parse(source).find_all(nodes.Block) if one.name == "live"]
    assert blocks
    asked = {name.name for one in blocks for name in one.find_all(nodes.Name)}
    assert asked.isdisjoint({"form", "key", "done", "live", "menu", "at", "nonce"})


def test_render_durations_are_in_the_page_s_language_by_their_two_largest_units() -> None:
    shown = [(duration(one, language="zh"), duration(one, language="en")) for one in (None, 0, 300, -7530, 90_000)]
    assert shown == [
        ("–", "–"), ("0 秒", "0s"), ("5 分钟", "5m"), ("-2 小时 5 分钟", "-2h 5m"), ("1 天 1 小时", "1d 1h")
    ]  # fmt: skip
