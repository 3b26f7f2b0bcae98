"""`ticketbus hosts`: what `ticketbus watch` last read on each host."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from datetime import timedelta

    from bus.app import Core
    from deadletter.disk import Disk
    from schemas.messages import HostRead

commands = typer.Typer(name="hosts", help="Hosts, their disks and when they were last read.", no_args_is_help=True)

NAME_CHARS_MAX = 200


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List hosts and paths: role, free and total disk, free memory (bytes with --json), when they were last read.

    With the mark that the disk has reached, and when it will be full where it fills. A host that was not read for a
    minute is marked silent, one whose clock is a minute ahead as such. Below them the disks that brokers tell of
    themselves, and the database's size.

    Example: ticketbus hosts list --json
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.intake.dispatch import utc_now
    from bus.programs.hosts import is_silent, read_hosts

    readings, disks = with_core(data, lambda core: read_hosts(core.pool))
    now = utc_now()
    judged = {(one.host, one.path): one for one in disks}
    if not readings:
        echo(
            "还没有主机读数:在每台主机上运行 ticketbus watch,并确认 worker 运行 hosts 阶段 / "
            "no host was read yet: run `ticketbus watch` on every host, and a worker with the stage `hosts`",
            err=True,
        )
    for one in readings:
        age = now - one.read_at
        if as_json:
            echo_json({**asdict(one), "silent": is_silent(one, now), **_judged(judged.get((one.host, one.path)))})
        else:
            echo(_line(one, age, judged.get((one.host, one.path))))
    for disk in disks:
        if disk.origin == "watch":
            continue
        if as_json:
            echo_json(asdict(disk))
        else:
            echo(_other_line(disk, now - disk.read_at))


@commands.command()
def remove(host: Annotated[str, typer.Argument(help="The host, as `hosts list` shows it.")], data: Data = None) -> None:
    """Remove a host that is no more, with all its paths; one that still sends readings is refused.

    Example: ticketbus hosts remove kafka-3
    """
    from bus.cli.run import with_core
    from bus.intake.dispatch import utc_now
    from bus.kafka.host_readings import HostReadings
    from bus.programs.hosts import is_silent
    from projections.hosts import last_readings

    async def work(core: "Core") -> str | None:
        known = [one for one in await last_readings(core.pool) if one.host == host]
        if not known:
            return f"没有主机“{host}” / there is no host {host!r}"
        if not all(is_silent(one, utc_now()) for one in known):
            return f"“{host}”仍在上报,先停止它的 ticketbus watch / {host!r} still sends readings: stop its watch first"
        readings = HostReadings(core.settings, core.codec)
        try:
            await readings.remove(known)
        finally:
            await readings.close()
        return None

    if refusal := with_core(data, work):
        echo(refusal, err=True)
        raise typer.Exit(1)
    echo(f"{host} removed")


def _judged(disk: "Disk | None") -> "dict[str, object]":
    names = ("origin", "mark", "inode_mark", "growth", "earliest_at", "likely_at")
    return {name: getattr(disk, name, None) for name in names} | {
        "used_percent": round(disk.share, 1) if disk else None
    }


def _outlook(disk: "Disk | None") -> str:
    """Say which mark a disk has reached, and when it will be full."""
    from deadletter.disk import Mark
    from deadletter.disk_watermark import until_full

    if disk is None:
        return ""
    mark = max((disk.mark, disk.inode_mark), key=[*Mark].index)
    reached = f"  {mark.value.upper()}" if mark else ""
    full = until_full(disk)
    return f"{reached}{f'  {full.zh[1:]}{full.en}' if full.zh else ''}"


def _other_line(disk: "Disk", age: "timedelta") -> str:
    from deadletter.disk_watermark import counts_reserve, gib

    counts = counts_reserve(disk)
    share = f"已用 used {disk.share:.0f}%{counts.zh}{counts.en}"
    size = f"{gib(disk.free_bytes)} / {gib(disk.total_bytes)}, {share}" if disk.total_bytes else ""
    what = f"磁盘可用 free {size}" if size else f"大小 size {gib(disk.used_bytes)}"
    grows = f"  每天增长 a day {gib(86_400 * disk.growth)}" if disk.growth else ""
    host, path = disk.host[:NAME_CHARS_MAX], disk.path[:NAME_CHARS_MAX]
    return f"{host:<20} {disk.role:<12} {path}  {what}{grows}  读取于 read {_ago(age)}{_outlook(disk)}"


def _line(one: "HostRead", age: "timedelta", disk: "Disk | None") -> str:
    from bus.programs.hosts import SILENT_AFTER
    from deadletter.disk_watermark import gib

    share = one.disk_free_bytes / one.disk_total_bytes if one.disk_total_bytes else 0.0
    host, role, path = (text[:NAME_CHARS_MAX] for text in (one.host, one.role or "-", one.path))
    mark = "  失联 silent" if age > SILENT_AFTER else "  时钟超前 clock ahead" if age < -SILENT_AFTER else ""
    return (
        f"{host:<20} {role:<12} {path}  "
        f"磁盘可用 free {gib(one.disk_free_bytes)} / {gib(one.disk_total_bytes)} ({share:.0%}), "
        f"已用 used {1 - share:.0%}  "
        f"内存可用 memory {gib(one.memory_free_bytes)}  "
        f"读取于 read {one.read_at:%Y-%m-%d %H:%M:%S}, {_ago(age)}{_outlook(disk)}{mark}"
    )


def _ago(age: "timedelta") -> str:
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} s 前 ago"
    if seconds < 7200:
        return f"{seconds // 60} min 前 ago"
    return f"{seconds // 3600} h 前 ago"
