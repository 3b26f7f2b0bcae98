"""A flood of subscribers of whom some never read: they are cut, the others get everything, the gateway stays small."""

import asyncio
import sys
import time
import zlib
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus, eventually
from tests.fuzz.stream_client import Subscriber, connected, handshake
from tests.fuzz.stream_rig import (
    Named,
    Process,
    assert_all_once_in_order,
    beside,
    events_of,
    gateway_of,
    gateway_on,
    named,
    writing,
)

CUT_S_MAX = 30
GROWTH_MB_MAX = 50
TOPICS = "topics=ticket.events"
LONG = [pytest.mark.faults, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """How many come, how many of them never read, and how fast is written beside."""

    sockets: int
    deaf: int
    every_s: float
    for_s: float


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen of the gateway meanwhile."""

    process: Process
    peak_mb: float = 0
    answers_s: list[float] = field(default_factory=list)
    cut_after_s: float | None = None


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway; it ends well, and without a stack trace in its log."""
    with gateway_on(parts, tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    "flood",
    [
        Flood(sockets=60, deaf=3, every_s=0.05, for_s=3),
        pytest.param(Flood(sockets=1000, deaf=10, every_s=0.1, for_s=45), marks=LONG),
    ],
    ids=["short", "whole"],
)
async def test_who_never_reads_is_cut_and_all_others_get_every_event(bus: Bus, flood: Flood) -> None:
    async with writing(bus) as notes:
        reference = await connected(bus.url, handshake(TOPICS, TOKEN), take=_told)
        await reference.have(1)
        old = events_of(bus)
        watched = Watched(process=gateway_of(bus))
        files, small = watched.process.files, watched.process.megabytes
        readers = [await _subscriber(bus) for _ in range(flood.sockets - flood.deaf)]
        deaf = [await _deaf(bus) for _ in range(flood.deaf)]
        large, worked = watched.process.megabytes, watched.process.cpu_s
        async with beside(lambda: notes.note_for_ever(flood.every_s)):
            await _watch(bus, flood, deaf, watched)
        new = events_of(bus) - old
        for reader in (reference, *readers):
            await reader.have(1 + len(new), within_s=90)
        worked = watched.process.cpu_s - worked
        assert_all_once_in_order([event for _, event in reference.got[1:]], new)
        sums = [summed for summed, _ in reference.got[1:]]
        assert all(reader.got[1:] == sums for reader in readers)
        for one in (*readers, *deaf):
            one.leave()

        async def gone() -> bool:
            return watched.process.files <= files + 5

        await eventually(gone, what="every socket closed")
    answers = sorted(watched.answers_s)
    print(
        f"{flood}: {len(new)} events to each, {worked / len(new) / flood.sockets * 1e6:.1f} us of work a push; "
        f"cut after {watched.cut_after_s:.1f} s; other doors p50 {answers[len(answers) // 2] * 1e3:.0f} ms, "
        f"p99 {answers[int(len(answers) * 0.99)] * 1e3:.0f} ms of {len(answers)}; MB {small:.0f}, with all sockets "
        f"{large:.0f} ({(large - small) * 1024 / flood.sockets:.0f} KB each), at most {watched.peak_mb:.0f}, "
        f"after {watched.process.megabytes:.0f}"
    )
    assert (watched.cut_after_s or 0) <= CUT_S_MAX
    assert watched.peak_mb - large <= GROWTH_MB_MAX
    assert watched.process.megabytes - large <= GROWTH_MB_MAX / 2


def _told(text: bytes) -> tuple[int, Named | str]:
    return zlib.crc32(text), named(text)


async def _subscriber(bus: Bus) -> Subscriber:
    """Subscribe cheaply: frames are the same bytes for all who go with the tail, so a sum each will do."""
    subscriber = await connected(bus.url, handshake(TOPICS, TOKEN), take=zlib.crc32)
    await subscriber.have(1)
    return subscriber


async def _deaf(bus: Bus) -> Subscriber:
    """Subscribe, and never read again."""
    subscriber = await connected(bus.url, handshake(TOPICS, TOKEN), take=zlib.crc32, receive_bytes=4096)
    await subscriber.have(1)
    assert subscriber.transport is not None
    subscriber.transport.pause_reading()
    return subscriber


async def _watch(bus: Bus, flood: Flood, deaf: Sequence[Subscriber], watched: Watched) -> None:
    """Use other doors for as long as asked, and until those who do not read are cut, sockets and all."""
    began, ports = time.monotonic(), {one.port for one in deaf}
    probe = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fuzz.stream_probe", bus.url, TOKEN, stdin=PIPE, stdout=PIPE
    )
    try:
        while (past := time.monotonic() - began) < flood.for_s or watched.cut_after_s is None:
            left = ports & watched.process.peers()
            assert past < max(CUT_S_MAX, flood.for_s), f"{len(left)} are still connected"
            if watched.cut_after_s is None and not left:
                watched.cut_after_s = past
            watched.peak_mb = max(watched.peak_mb, watched.process.megabytes)
            await asyncio.sleep(0.25)
        printed, _ = await probe.communicate(b"")  # the end of its input
    finally:
        if probe.returncode is None:
            probe.kill()
            await probe.wait()
    assert probe.returncode == 0
    watched.answers_s += [float(line) for line in printed.split()]
