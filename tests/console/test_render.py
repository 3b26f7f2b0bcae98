"""Times as pages show them: to the second for who compares them, to the minute for who answers for tickets."""

from datetime import UTC, datetime

from console.render import minute, when

AT = datetime(2026, 11, 30, 16, 36, 56, tzinfo=UTC)


def test_render_a_time_for_service_people_is_to_the_minute_and_has_the_rest_in_its_title() -> None:
    title = 'title="12-01 00:36:56 +08:00"'
    assert minute(AT) == f'<time datetime="2026-11-30T16:36:56+00:00" {title}>12-01 00:36</time>'
    assert minute(AT.isoformat()) == minute(AT)
    assert when(AT) == '<time datetime="2026-11-30T16:36:56+00:00">12-01 00:36:56 +08:00</time>'
    assert minute(None) == when("") == "–"
