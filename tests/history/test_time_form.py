"""Times as sources write them: offsets count, formats are tried in turn, and a format that can read none is refused."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from adapters.time_form import TimeForm

ISO = "%Y-%m-%dT%H:%M:%S%z"


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-01-05T10:00:00+0100", 9), ("2026-01-05T10:00:00-05:00", 15), ("2026-01-05T10:00:00Z", 10)],
)
@pytest.mark.parametrize("zone", ["Asia/Shanghai", None])
def test_time_form_an_offset_counts_whatever_the_zone_is(text: str, hour: int, zone: str | None) -> None:
    assert TimeForm(format=ISO, zone=zone).read(text) == datetime(2026, 1, 5, hour, tzinfo=UTC)


def test_time_form_the_first_format_that_fits_counts() -> None:
    form = TimeForm(format=[ISO, "%Y/%m/%d %H:%M", "%Y-%m-%d", "epoch_s", "epoch_ms"], zone="Asia/Shanghai")
    assert form.read("2026-01-05T08:00:00Z") == form.read("2026/1/5 16:00") == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert form.read("2026-01-05") == datetime(2026, 1, 4, 16, tzinfo=UTC)
    assert form.read("1767600000") == form.read("1767600000000") == datetime(2026, 1, 5, 8, tzinfo=UTC)
    with pytest.raises(ValueError, match=r"05\.01\.2026"):
        form.read("05.01.2026")


@pytest.mark.parametrize(("format_", "text"), [("epoch_ms", "1767600000"), ("epoch_s", "1767600000000")])
def test_time_form_seconds_are_not_taken_for_milliseconds(format_: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        TimeForm(format=format_).read(text)


def test_time_form_parts_of_a_second_are_read() -> None:
    assert TimeForm(format="epoch_s").read("1767600000.250") == datetime(2026, 1, 5, 8, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format_", "zone", "named"),
    [
        ("yyyy-MM-dd HH:mm", "UTC", "reads no whole date"),
        ("%d/%m %H:%M", "UTC", "reads no whole date"),
        ("%d/%m/%Y %Q", "UTC", "bad directive"),
        ("%d/%m/%Y %I:%M", "UTC", "%I wants %p"),
        ("%d/%m/%Y %H:%M %Z", "UTC", "write %z"),
        ("%Y-%m-%dT%H:%M:%SZ", "Asia/Shanghai", "says UTC, and `zone` Asia/Shanghai"),
        ("%a, %d %b %Y %H:%M:%S GMT", "Asia/Shanghai", "says UTC"),
        ("%Y-%m-%d %H:%M", None, "write `zone`"),
        ("%Y-%m-%d", "Mars/Olympus", "no time zone"),
        ([], "UTC", "at least 1"),
    ],
)
def test_time_form_a_format_that_reads_times_wrong_or_none_is_refused(
    format_: str | list[str], zone: str | None, named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        TimeForm(format=format_, zone=zone)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    "format_", ["%d/%m/%Y %I:%M %p", "%d.%m.%y", "%Y年%m月%d日 %H时%M分", "%Y-%m-%dT%H:%M:%SZ", "%b %d, %Y %H:%M:%S.%f"]
)
def test_time_form_formats_that_exports_use_are_taken(format_: str) -> None:
    form, time = TimeForm(format=format_, zone="UTC"), datetime(2026, 2, 1, 15, 30, tzinfo=UTC)
    assert form.read(time.strftime(format_)).date() == time.date()
