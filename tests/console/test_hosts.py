"""The page of hosts, and what is made of readings and judged disks: the most pressing first, what is not known said."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bus.gateway.routes.hosts import DiskAnswer
from bus.intake.dispatch import utc_now
from bus.programs.hosts import disk_answers
from deadletter.disk import Disk, Mark
from schemas.messages import HostRead
from tests.console.conftest import Visitor

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
GIB = 2.0**30


def reading(**fields: Any) -> HostRead:
    """Make a reading of a disk that is 80 % full."""
    given: dict[str, Any] = {"host": "kafka-1", "read_at": NOW, "path": "/data", "memory_free_bytes": GIB}
    return HostRead(**{"disk_total_bytes": 100 * GIB, "disk_free_bytes": 20 * GIB, **given, **fields})


def judged_disk(**fields: Any) -> Disk:
    """Make a disk as it was judged."""
    given: dict[str, Any] = {"host": "kafka-1", "path": "/data", "role": "broker", "origin": "watch", "read_at": NOW}
    sizes = {"total_bytes": 100 * GIB, "used_bytes": 80 * GIB, "seen_at": NOW, "judged_at": NOW}
    return Disk(**{**given, **sizes, **fields})


def test_hosts_disks_have_their_reading_mark_and_forecast() -> None:
    full = NOW + timedelta(hours=2)
    disk = judged_disk(mark=Mark.WARN, growth=1.0, earliest_at=NOW, likely_at=full)
    database = judged_disk(host="postgresql", path="bus", origin="database", total_bytes=0, used_bytes=5 * GIB)
    silent = reading(path="/var", read_at=NOW - timedelta(seconds=61), disk_total_bytes=0, disk_free_bytes=0)
    one, unjudged, size = disk_answers([reading(), silent], [disk, database], NOW)
    assert (one["used_percent"], one["mark"], one["likely_full_at"], one["silent"]) == (80.0, "warn", full, False)
    assert one["growth_bytes_a_day"] == 86_400
    assert (unjudged["silent"], unjudged["used_percent"], unjudged["mark"]) == (True, None, "")
    assert (size["origin"], size["total_bytes"], size["used_bytes"]) == ("database", None, 5 * GIB)


async def test_hosts_page_shows_what_presses_first(visitor: Visitor) -> None:
    now = utc_now()
    well = reading(host="a-well", read_at=now)
    filling = judged_disk(
        host="m-fills", mark=Mark.HIGH, earliest_at=now, likely_at=now + timedelta(hours=2, minutes=9)
    )
    answers = disk_answers(
        [well, reading(host="m-fills", read_at=now), reading(host="z-silent", read_at=now - timedelta(minutes=5))],
        [filling],
        now,
    )
    visitor.gateway.disks = answers
    await visitor.sign_in("lead")
    shown = (await visitor.get("/hosts")).text
    assert shown.index("z-silent") < shown.index("m-fills") < shown.index("a-well")
    assert '<span class="mark bad">失联</span>' in shown
    assert "2 小时 8 分钟" in shown or "2 小时 9 分钟" in shown
    assert "20.0 GiB / 100.0 GiB" in shown
    assert "未判断" in shown.split(">a-well")[1], "nobody judged it: not green"
    assert "mark good" not in shown


async def test_hosts_page_says_that_no_host_is_watched(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    assert '<p class="problem">还没有主机读数' in (await visitor.get("/hosts")).text


async def test_hosts_over_http_are_for_those_who_look_after_the_bus(visitor: Visitor) -> None:
    answers: list[DiskAnswer] = disk_answers([reading()], [], NOW)
    visitor.gateway.disks = answers
    found = (await visitor.gateway.get("/v1/hosts", "sre")).json()["disks"]
    assert [(one["host"], one["free_bytes"]) for one in found] == [("kafka-1", 20 * GIB)]
    for role in ("dispatcher", "host", "source"):
        assert (await visitor.gateway.get("/v1/hosts", role)).status_code == 403
