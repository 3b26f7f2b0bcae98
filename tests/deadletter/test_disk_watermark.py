"""The rules about disks: one alert a disk, worse by mark, with the time it is full; a silent host, or all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.alerts.alert import Severity
from deadletter.disk import Disk, Mark
from deadletter.disk_watermark import COLLECTOR, DISK_FILLING, DISK_READ_ONLY, DISK_WATERMARK, HOST_SILENT, gib

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DISK = Disk(
    host="crm-1",
    path="/data",
    role="consumer",
    origin="watch",
    read_at=NOW,
    seen_at=NOW,
    judged_at=NOW,
    total_bytes=100 * 1024**3,
    used_bytes=91 * 1024**3,
)


@pytest.mark.parametrize(
    ("mark", "severity"), [(Mark.WARN, Severity.P3), (Mark.HIGH, Severity.P2), (Mark.FLOOR, Severity.P1)]
)
def test_disk_watermark_is_one_alert_a_disk_worse_by_mark(mark: Mark, severity: Severity) -> None:
    (alert,) = DISK_WATERMARK.evaluate([replace(DISK, mark=mark)], NOW)
    assert (alert.about, alert.severity) == ("crm-1 /data", severity)
    assert DISK_WATERMARK.evaluate([DISK], NOW) == []


def test_disk_watermark_names_host_path_backlog_and_the_clock_time_when_it_is_full() -> None:
    disk = replace(
        DISK, mark=Mark.FLOOR, targets=["crm", "erp"], backlog=23, earliest_at=NOW + HOUR, likely_at=NOW + 2 * HOUR
    )
    (alert,) = DISK_WATERMARK.evaluate([disk], NOW)
    for words in (
        "crm-1",
        "/data",
        "91.0%",
        "9.0 GiB",
        "crm, erp",
        "积压 23 条",
        "预计 11-28 18:00 +08:00 写满",
        "最早 11-28 17:00",
    ):
        assert words in alert.zh
    assert "full at 11-28 10:00 UTC, at the earliest 11-28 09:00 UTC" in alert.en
    (of_broker,) = DISK_WATERMARK.evaluate([replace(disk, role="broker")], NOW)
    assert "503" in of_broker.zh


def test_disk_watermark_of_a_broker_without_a_watch_says_that_the_system_s_reserve_counts_as_used() -> None:
    at_mark = replace(DISK, mark=Mark.HIGH, likely_at=NOW + HOUR, earliest_at=NOW + HOUR)
    for rule in (DISK_WATERMARK, DISK_FILLING):
        (watched,) = rule.evaluate([at_mark], NOW)
        (asked,) = rule.evaluate([replace(at_mark, origin="broker")], NOW)
        assert ("系统保留" in watched.zh, "已用 91.0%,含系统保留(" in asked.zh) == (False, True)
        assert ("reserve" in watched.en, "used, with the system's reserve (" in asked.en) == (False, True)


def test_disk_watermark_small_sizes_are_shown_in_mebibytes() -> None:
    assert (gib(64 * 1024**2), gib(1024**3)) == ("64.0 MiB", "1.0 GiB")


def test_disk_watermark_of_inodes_is_an_alert_of_its_own() -> None:
    disk = replace(DISK, mark=Mark.WARN, inode_mark=Mark.HIGH, inodes_total=100, inodes_free=12)
    assert {one.about for one in DISK_WATERMARK.evaluate([disk], NOW)} == {"crm-1 /data", "crm-1 /data inodes"}


@pytest.mark.parametrize(("hours", "severity"), [(3, Severity.P1), (5, Severity.P2), (23, Severity.P2), (25, None)])
def test_disk_filling_warns_within_a_day_and_is_urgent_within_four_hours(hours: int, severity: Severity | None) -> None:
    disk = replace(DISK, earliest_at=NOW + HOUR, likely_at=NOW + hours * HOUR)
    assert [one.severity for one in DISK_FILLING.evaluate([disk], NOW)] == ([severity] if severity else [])


def test_disk_read_only_is_said() -> None:
    assert [one.about for one in DISK_READ_ONLY.evaluate([DISK, replace(DISK, path="/b", read_only=True)], NOW)] == [
        "crm-1 /b"
    ]


def test_host_silent_names_the_host_the_path_or_the_collector() -> None:
    other, second = replace(DISK, host="erp-1"), replace(DISK, path="/logs")

    def silent(disk: Disk) -> Disk:
        return replace(disk, seen_at=NOW - timedelta(seconds=41))

    def about(*disks: Disk) -> list[str]:
        return [one.about for one in HOST_SILENT.evaluate([*disks], NOW)]

    assert about(DISK, second, other) == []
    assert about(silent(DISK), silent(second), other) == ["crm-1"]
    assert about(silent(DISK), second, other) == ["crm-1 /data"]
    assert about(silent(DISK), silent(other)) == [COLLECTOR]
    assert about(silent(DISK)) == ["crm-1"], "of a single host nobody knows better"
    assert about(silent(replace(DISK, origin="broker"))) == []
