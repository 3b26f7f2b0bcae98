"""Rules about disks and hosts: a mark that is reached, a disk that fills, one that takes no writes, a silent host."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from shlex import quote
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.intake.disk_floor import FILES_ROLE, INTAKE_ROLES
from deadletter.disk import Disk, Mark
from deadletter.disk_store import all_disks, disks_with_targets

SILENT_AFTER: Final = timedelta(seconds=40)  # four readings
SOON: Final = timedelta(hours=24)
AT_ONCE: Final = timedelta(hours=4)
COLLECTOR: Final = "bus.hosts"
Disks = Sequence[Disk]
_SEVERITY: Final = {Mark.WARN: Severity.P3, Mark.HIGH: Severity.P2, Mark.FLOOR: Severity.P1}
_MARKS: Final = {
    Mark.WARN: Text("预警线", "the first mark"),
    Mark.HIGH: Text("高水位", "the high mark"),
    Mark.FLOOR: Text("停写线", "its floor"),
}


def _disk(now: datetime, **fields: object) -> Disk:
    """Make a disk of the self-test's: half full, just read."""
    disk = Disk(
        host="kafka-1",
        path="/data",
        role="broker",
        origin="watch",
        read_at=now,
        seen_at=now,
        judged_at=now,
        total_bytes=1e11,
        used_bytes=5e10,
    )
    return replace(disk, **fields)  # type: ignore[arg-type] # fields of a disk


def gib(size: float) -> str:
    """Give a size as people read it."""
    return f"{size / 1024**3:.1f} GiB" if abs(size) >= 1024**3 else f"{size / 1024**2:.1f} MiB"


def until_full(disk: Disk) -> Text:
    """Say when a disk will be full; empty where it does not fill."""
    if disk.likely_at is None or disk.earliest_at is None:
        return Text("", "")
    likely, earliest = (time_text(at, TO_THE_MINUTE) for at in (disk.likely_at, disk.earliest_at))
    return Text(f",预计 {likely.zh} 写满(最早 {earliest.zh})", f", full at {likely.en}, at the earliest {earliest.en}")


def _alert(rule: RuleName, disk: Disk, zh: str, en: str, *, severity: Severity | None = None, about: str = "") -> Alert:
    full = until_full(disk)
    return Alert(
        rule=rule,
        about=f"{disk.host} {disk.path}{about}",
        zh=f"{_named(disk)}{zh}{full.zh}",
        en=f"{disk.path} on {disk.host} {en}{full.en}",
        mend=f"du -xhd2 {quote(disk.path)} | sort -h | tail",
        severity=severity,
        facts={
            "host": disk.host,
            "path": disk.path,
            "role": disk.role,
            "used_percent": round(disk.share, 1),
            "targets": " ".join(disk.targets),
        },
    )


def _named(disk: Disk) -> str:
    return f"主机 {disk.host}{f'({disk.role})' if disk.role else ''} 的 {disk.path} "


def _consequence(disk: Disk) -> Text:
    if disk.role in INTAKE_ROLES:
        return Text(
            ";来自外部的写入已停止(503),SLA、告警和死信照常;降到高水位以下后自动恢复",
            "; intake is stopped (503), SLA, alerts and letters go on; it resumes by itself below the high mark",
        )
    if disk.role == FILES_ROLE:
        return Text(
            ";文件上传已停止(503),其他照常;降到高水位以下后自动恢复",
            "; uploads of files are stopped (503), all else goes on; they resume by themselves below the high mark",
        )
    if not disk.targets:
        return Text("", "")
    names = ", ".join(disk.targets)
    return Text(
        f";发往 {names} 的投递已暂停,积压 {disk.backlog} 条保留;降到高水位以下后自动恢复",
        f"; deliveries to {names} are paused, {disk.backlog} wait; they resume by themselves below the high mark",
    )


def counts_reserve(disk: Disk) -> Text:
    """Say so where what the system keeps for itself counts as used: a broker gives no more than size and usable."""
    if disk.origin != "broker":
        return Text("", "")
    return Text(",含系统保留", ", with the system's reserve")


def _reached(disks: Disks, _: datetime) -> list[Alert]:
    return [*_bytes_reached(disks), *_inodes_reached(disks)]


def _bytes_reached(disks: Disks) -> Iterator[Alert]:
    for one in disks:
        if one.mark is not Mark.NONE:
            mark, what = _MARKS[one.mark], _consequence(one) if one.mark is Mark.FLOOR else Text("", "")
            size = f"{gib(one.free_bytes)} / {gib(one.total_bytes)}"
            counts = counts_reserve(one)
            zh = f"已用 {one.share:.1f}%{counts.zh}(剩 {size}),达到{mark.zh}{what.zh}"
            en = f"is {one.share:.1f} % used{counts.en} (free {size}), which is {mark.en}{what.en}"
            yield _alert(RuleName.DISK_WATERMARK, one, zh, en, severity=_SEVERITY[one.mark])


def _inodes_reached(disks: Disks) -> Iterator[Alert]:
    for one in disks:
        if one.inode_mark is not Mark.NONE:
            mark, what = _MARKS[one.inode_mark], _consequence(one) if one.inode_mark is Mark.FLOOR else Text("", "")
            zh = f"已用 {one.inode_share:.1f}% 的 inode(剩 {one.inodes_free} 个),达到{mark.zh}{what.zh}"
            en = f"has {one.inode_share:.1f} % of its inodes used ({one.inodes_free} free), which is {mark.en}{what.en}"
            yield _alert(RuleName.DISK_WATERMARK, one, zh, en, severity=_SEVERITY[one.inode_mark], about=" inodes")


DISK_WATERMARK: Final = AlertRule(
    name=RuleName.DISK_WATERMARK,
    severity=Severity.P2,
    title=Text("磁盘达到水位", "a disk has reached a mark"),
    read=disks_with_targets,
    evaluate=_reached,
    fires=lambda now: [_disk(now, used_bytes=9.1e10, mark=Mark.FLOOR)],
    quiet=lambda now: [_disk(now, used_bytes=7.4e10)],
    close_after=timedelta(minutes=5),
)


def _filling(disks: Disks, now: datetime) -> list[Alert]:
    filling = [one for one in disks if one.likely_at and one.likely_at - now <= SOON and one.silent_for <= SILENT_AFTER]
    return [_fills(one, now) for one in filling]


def _fills(disk: Disk, now: datetime) -> Alert:
    assert disk.likely_at, "its forecast is why it is here"
    severity = Severity.P1 if disk.likely_at - now <= AT_ONCE else Severity.P2
    counts, free, grows = counts_reserve(disk), gib(disk.free_bytes), gib(3600 * disk.growth)
    zh = f"正在写满:已用 {disk.share:.1f}%{counts.zh}(剩 {free}),每小时增长 {grows}"
    en = f"fills: {disk.share:.1f} % is used{counts.en} ({free} free), and {grows} more each hour"
    return _alert(RuleName.DISK_FILLING, disk, zh, en, severity=severity)


DISK_FILLING: Final = AlertRule(
    name=RuleName.DISK_FILLING,
    severity=Severity.P2,
    title=Text("磁盘即将写满", "a disk fills"),
    read=all_disks,
    evaluate=_filling,
    fires=lambda now: [_disk(now, growth=1e6, earliest_at=now + 2 * AT_ONCE, likely_at=now + 3 * AT_ONCE)],
    quiet=lambda now: [_disk(now, growth=1e5, earliest_at=now + AT_ONCE, likely_at=now + 2 * SOON), _disk(now)],
    open_after=timedelta(seconds=40),  # the next forecast says the same
    close_after=timedelta(minutes=10),  # just after a clean-up nothing is known
)

DISK_READ_ONLY: Final = AlertRule(
    name=RuleName.DISK_READ_ONLY,
    severity=Severity.P1,
    title=Text("磁盘只读", "a disk takes no writes"),
    read=all_disks,
    evaluate=lambda disks, _: [
        replace(
            _alert(RuleName.DISK_READ_ONLY, one, "以只读方式挂载,无法写入", "is mounted read-only: nothing is written"),
            mend="dmesg | tail -50",
        )
        for one in disks
        if one.read_only
    ],
    fires=lambda now: [_disk(now, read_only=True)],
    quiet=lambda now: [_disk(now)],
)


def _silent(disks: Disks, _: datetime) -> list[Alert]:
    watched = [one for one in disks if one.origin == "watch"]
    hosts = {one.host: [each for each in watched if each.host == one.host] for one in watched}
    silent = {host: [one for one in paths if one.silent_for > SILENT_AFTER] for host, paths in hosts.items()}
    if len(hosts) > 1 and all(len(silent[host]) == len(hosts[host]) for host in hosts):
        return [_all_silent(watched)]
    return [
        alert
        for host, paths in silent.items()
        for alert in ([_host_silent(paths)] if len(paths) == len(hosts[host]) else map(_path_silent, paths))
    ]


def _host_silent(disks: Disks) -> Alert:
    last = max(disks, key=lambda one: one.seen_at)
    role = f"({last.role})" if last.role else ""
    return Alert(
        rule=RuleName.HOST_SILENT,
        about=last.host,
        zh=f"主机 {last.host}{role} 自 {time_text(last.seen_at).zh} 起没有读数:"
        "主机或其 ticketbus watch 已停,或连不上 Kafka,磁盘状况未知",
        en=f"{last.host} was last read at {time_text(last.seen_at).en}: it, its `ticketbus watch` or its way to Kafka "
        "is down",
        mend=f"ticketbus watch  # on {last.host}; 已下线: ticketbus hosts remove {quote(last.host)}",
        facts={"host": last.host, "role": last.role},
    )


def _path_silent(disk: Disk) -> Alert:
    return Alert(
        rule=RuleName.HOST_SILENT,
        about=f"{disk.host} {disk.path}",
        zh=f"{_named(disk)}自 {time_text(disk.seen_at).zh} 起没有读数,主机的其他路径正常:目录不存在或未挂载",
        en=f"{disk.path} on {disk.host} was last read at {time_text(disk.seen_at).en}, its other paths are read",
        mend=f"df {quote(disk.path)}",
        facts={"host": disk.host, "path": disk.path},
    )


def _all_silent(disks: Disks) -> Alert:
    last = max(one.seen_at for one in disks)
    count = len({one.host for one in disks})
    return Alert(
        rule=RuleName.HOST_SILENT,
        about=COLLECTOR,
        zh=f"全部 {count} 台主机自 {time_text(last).zh} 起都没有读数:多半是 Kafka、bus.hosts "
        "或 hosts 阶段的故障,不是主机",
        en=f"all {count} hosts are silent since {time_text(last).en}: rather Kafka, bus.hosts or the stage `hosts`",
        mend="ticketbus doctor",
        facts={"hosts": count},
    )


HOST_SILENT: Final = AlertRule(
    name=RuleName.HOST_SILENT,
    severity=Severity.P1,
    title=Text("主机失联", "a host is silent"),
    read=all_disks,
    evaluate=_silent,
    fires=lambda now: [_disk(now), _disk(now, host="crm-1", seen_at=now - timedelta(minutes=1))],
    quiet=lambda now: [_disk(now, seen_at=now - SILENT_AFTER), _disk(now, origin="broker", seen_at=now - SOON)],
)

DISK_RULES: Final = (DISK_WATERMARK, DISK_FILLING, DISK_READ_ONLY, HOST_SILENT)
