"""Each check speaks where something is wrong, names the mend, and is content where nothing is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.alerts.rules.programs import beat_of
from bus.backup.verified import VerifiedBackup
from bus.consistency.consumer_history import ConsumerKind
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.consistency.registry_check import differences
from bus.doctor.checks import (
    alerts,
    archive,
    backups,
    certificates,
    clocks,
    disks,
    heartbeats,
    lag,
    pools,
    reach,
    retention,
    schemas,
    settings,
    topics,
    versions,
)
from bus.doctor.diagnosis import Diagnosis
from bus.doctor.examination import all_checks
from bus.kafka.topic_admin import TopicDifference
from bus.postgres.heartbeats import STARTING, ProgramBeat
from bus.programs.topics_check import difference_result
from bus.settings import Settings
from bus.stage_names import STAGES
from deadletter.disk import Disk, Mark
from schemas.catalogue import RECORD_TYPES
from schemas.topics import load_contract
from tests.alerts.listed import listed

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
DAY, GIB = timedelta(days=1), 1024**3


def consumer(verdict: ConsumerVerdict) -> ConsumerStatus:
    """Make a group that was judged a moment ago."""
    return ConsumerStatus(
        kind=ConsumerKind.GROUP, consumer="bi", topic="ticket.status", verdicts=(verdict,), since=NOW, lag=7, members=1,
        oldest_at=None, loses_at=None, partition=0, committed=3, low=0, ends=10, highest=3, declared=True,
        had_offsets=True, read_at=NOW,
    )  # fmt: skip


def disk(**given: Any) -> Disk:
    """Make a disk of a broker with room, read a moment ago."""
    made = Disk(host="broker-1", path="/log", role="broker", origin="broker", read_at=NOW, total_bytes=100 * GIB,
                used_bytes=10 * GIB, seen_at=NOW, judged_at=NOW)  # fmt: skip
    return replace(made, **given)


def disk_readings(*found: Disk, free_bytes: int = 50 * GIB) -> disks.DiskReadings:
    """Say how disks are on a host that has PostgreSQL's and its watch."""
    own = disk(host="db-1", path="/pg", role="database", origin="watch")
    return disks.DiskReadings(disks=[own, *found], now=NOW, host="db-1", database_here=True, path="/data",
                              free_bytes=free_bytes)  # fmt: skip


def starting(ago_s: float) -> ProgramBeat:
    """Make a worker that began so many seconds ago, and a part of it that has not."""
    began_at = NOW - timedelta(seconds=ago_s)
    return replace(beat_of("worker", NOW, {"intake": STARTING}), started_at=began_at, steady_since=began_at)


VERSIONS = versions.VersionReadings(
    own="1.0", python="3.11.7", programs={"1.0": ["worker on a"]}, applied={"1", "2"}, shipped={"1", "2"},
    postgresql=180_004, kafka=(33, 33),
)  # fmt: skip
POOLS = pools.PoolReadings(
    programs={"gateway": 1, "worker": 2}, limit=197, role_limit=-1, database_limit=-1, ours=20, all=30
)
BEATS = [beat_of("gateway", NOW), beat_of("worker", NOW, dict.fromkeys(STAGES))]
TOPIC = topics.ReplicaReading(topic="ticket.events", replicas=3, configs={"min.insync.replicas": "2"})
TOPICS = topics.TopicReadings(brokers=3, differences=[], topics=[TOPIC])
MISSING = difference_result(TopicDifference(topic="ticket.events", what="missing"), load_contract(), Settings())
STORE = retention.FillingStore(
    name="Kafka", free_bytes=100 * GIB,
    growths=[retention.Growth(what="topic ticket.events", bytes=GIB, age=10 * DAY, kept=90 * DAY)],
)  # fmt: skip
FOR_EVER = replace(STORE.growths[0], kept=None)
LAG = lag.LagReadings(consumers=[consumer(ConsumerVerdict.OK)], unpublished=0, oldest=None, now=NOW)
SETTINGS = settings.SettingsReadings(refused=[], open_to_others={}, unknown={})
SUBJECT, SCHEMA = RECORD_TYPES[0].subject, RECORD_TYPES[0].schema


def shown(days: float | None, **given: Any) -> Sequence[certificates.CertificateReading]:
    """Make a certificate that ends in so many days."""
    ends_at = None if days is None else NOW + days * DAY
    return [certificates.CertificateReading(who="PostgreSQL", now=NOW, ends_at=ends_at, **given)]


def backed_up(days: float | None, **given: Any) -> backups.BackupReading:
    """Say that the newest verified backup restores to so many days ago; None: there is none."""
    at = None if days is None else NOW - days * DAY
    last = VerifiedBackup(prepared_at=NOW - DAY, age_max=8 * DAY, place="b:/1", restorable_until=at, verified_at=at)
    return backups.BackupReading(last=replace(last, **given), now=NOW)


def clock(ahead_s: float | None, *, unsure_s: float = 0.0, late_s: float = 0.0) -> Sequence[clocks.ClockReading]:
    """Make a reading of a clock."""
    return [clocks.ClockReading(who="gateway", ahead_s=ahead_s, unsure_s=unsure_s, late_s=late_s)]


def archived(found: int | None) -> archive.FileReading:
    """Say how many bytes a file has, of which seven were written."""
    why = "No such file or directory" if found is None else ""
    return archive.FileReading(path=Path("/archive/events-2026-10.parquet"), written=7, found=found, why=why)


CASES: Sequence[tuple[Callable[[Any], Sequence[Diagnosis]], Any, str, str]] = [
    (alerts.judge, [listed(severity="p1")], "wrong", "ticketbus alerts list"),
    (alerts.judge, [listed(severity="p3")], "note", "ticketbus alerts list"),
    (alerts.judge, [listed(severity="p1", hidden_by="silence 3")], "ok", ""),
    (alerts.judge, [], "ok", ""),
    (archive.judge, [], "ok", ""),
    (archive.judge, [archived(7)], "ok", ""),
    (archive.judge, [archived(7), archived(6)], "wrong", "TICKETBUS_ARCHIVE_DIR"),
    (archive.judge, [archived(None)], "wrong", "TICKETBUS_ARCHIVE_DIR"),
    (backups.judge, backed_up(7.9), "ok", ""),
    (backups.judge, backed_up(8.1), "wrong", "ticketbus backup"),
    (backups.judge, backed_up(1, damage="a file is missing"), "wrong", "ticketbus backup"),
    (backups.judge, backed_up(None), "note", "ticketbus backup"),
    (backups.judge, backed_up(None, prepared_at=NOW - 9 * DAY), "wrong", "ticketbus backup"),
    (backups.judge, backed_up(99, age_max=timedelta(0)), "note", "docs/backup.md"),
    (certificates.judge, shown(-1), "wrong", "docs/securing.md"),
    (certificates.judge, shown(6.5), "wrong", "docs/securing.md"),
    (certificates.judge, shown(29), "note", "docs/securing.md"),
    (certificates.judge, shown(31), "ok", ""),
    (certificates.judge, shown(None, plain=True), "note", "docs/securing.md"),
    (certificates.judge, shown(None, plain=True, here=True), "ok", ""),
    (certificates.judge, shown(None, why="refused"), "unseen", "reach"),
    (clocks.judge, clock(2.1), "wrong", "timedatectl"),
    (clocks.judge, clock(-2.1), "wrong", "timedatectl"),
    (clocks.judge, clock(2.4, unsure_s=0.5), "ok", ""),
    (clocks.judge, clock(-15.0, late_s=20.0), "ok", ""),
    (clocks.judge, clock(15.0, late_s=20.0), "wrong", "timedatectl"),
    (clocks.judge, clock(None), "unseen", ""),
    (disks.judge, disk_readings(disk()), "ok", ""),
    (disks.judge, disk_readings(disk(mark=Mark.FLOOR)), "wrong", "docs/watching.md"),
    (disks.judge, disk_readings(disk(likely_at=NOW + 2 * DAY)), "wrong", "docs/watching.md"),
    (disks.judge, disk_readings(disk(mark=Mark.WARN)), "note", "docs/watching.md"),
    (disks.judge, disk_readings(disk(read_only=True)), "wrong", "docs/watching.md"),
    (disks.judge, disk_readings(disk(judged_at=NOW - DAY)), "unseen", "watch"),
    (disks.judge, disk_readings(), "unseen", "--role broker"),
    (disks.judge, disk_readings(disk(), free_bytes=GIB), "wrong", "TICKETBUS_DATA"),
    (heartbeats.judge, heartbeats.HeartbeatReadings(beats=BEATS, now=NOW), "ok", ""),
    (heartbeats.judge, heartbeats.HeartbeatReadings(beats=BEATS[1:], now=NOW), "wrong", "ticketbus gateway"),
    (heartbeats.judge, heartbeats.HeartbeatReadings(beats=BEATS[:1], now=NOW), "wrong", "ticketbus worker"),
    (heartbeats.judge, heartbeats.HeartbeatReadings(beats=[*BEATS, starting(59)], now=NOW), "ok", ""),
    (heartbeats.judge, heartbeats.HeartbeatReadings(beats=[*BEATS, starting(61)], now=NOW), "wrong", "log"),
    (lag.judge, LAG, "ok", ""),
    (lag.judge, replace(LAG, consumers=[consumer(ConsumerVerdict.STALLED)]), "wrong", "ticketbus consumers list"),
    (lag.judge, replace(LAG, now=NOW + DAY), "unseen", "ticketbus worker"),
    (lag.judge, replace(LAG, oldest=NOW - timedelta(seconds=21), unpublished=3), "wrong", "operating.md"),
    (pools.judge, POOLS, "ok", ""),
    (pools.judge, replace(POOLS, limit=60), "wrong", "max_connections"),
    (pools.judge, replace(POOLS, limit=70), "note", "max_connections"),
    (pools.judge, replace(POOLS, role_limit=40), "wrong", "ALTER ROLE"),
    (reach.judge, [reach.PartReading(part="Kafka", variable="K", took_s=0.1)], "ok", ""),
    (reach.judge, [reach.PartReading(part="Kafka", variable="K", why="away")], "wrong", "K"),
    (reach.judge, [reach.PartReading(part="Kafka", variable="K", why="unset", asked=False)], "unseen", "export K"),
    (retention.judge, [STORE], "ok", ""),
    (retention.judge, [replace(STORE, free_bytes=4 * GIB)], "wrong", "retention.ms"),
    (retention.judge, [replace(STORE, name="PostgreSQL", free_bytes=4 * GIB)], "wrong", "TICKETBUS_KEEP_DAYS"),
    (retention.judge, [replace(STORE, free_bytes=None, why="unread")], "unseen", ""),
    (
        retention.judge,
        [replace(STORE, free_bytes=30 * GIB, growths=[FOR_EVER])],
        "note",
        "300 days",
    ),
    (retention.judge, [replace(STORE, unread=["ticket.intake"])], "unseen", "securing.md"),
    (schemas.judge, [], "ok", ""),
    (schemas.judge, differences(SUBJECT, SCHEMA, None, None, compatible=True), "wrong", "ticketbus prepare"),
    (settings.judge, SETTINGS, "ok", ""),
    (settings.judge, replace(SETTINGS, refused=["targets.erp: no"]), "wrong", "ticketbus settings"),
    (settings.judge, replace(SETTINGS, open_to_others={"K": Path("/k")}), "wrong", "chmod 600"),
    (
        settings.judge,
        replace(SETTINGS, unknown={"TICKETBUS_HTP_PORT": "TICKETBUS_HTTP_PORT"}),
        "note",
        "export",
    ),
    (topics.judge, TOPICS, "ok", ""),
    (topics.judge, replace(TOPICS, topics=[replace(TOPIC, behind=2)]), "wrong", "brokers"),
    (topics.judge, replace(TOPICS, topics=[replace(TOPIC, leaderless=2)]), "wrong", "brokers"),
    (topics.judge, replace(TOPICS, topics=[replace(TOPIC, replicas=1, configs={})]), "wrong", "reassign"),
    (
        topics.judge,
        replace(TOPICS, topics=[replace(TOPIC, configs={"min.insync.replicas": "3"})]),
        "wrong",
        "=2",
    ),
    (
        topics.judge,
        replace(TOPICS, topics=[replace(TOPIC, configs={"min.insync.replicas": "1"})]),
        "wrong",
        "=2",
    ),
    (topics.judge, replace(TOPICS, differences=[MISSING]), "wrong", "topics apply"),
    (topics.judge, topics.TopicReadings(brokers=1, differences=[], topics=[]), "note", "three brokers"),
    (versions.judge, VERSIONS, "ok", ""),
    (versions.judge, replace(VERSIONS, applied={"1"}), "wrong", "ticketbus prepare"),
    (versions.judge, replace(VERSIONS, applied={"1", "2", "3"}), "wrong", "later release"),
    (versions.judge, replace(VERSIONS, programs={"": ["worker on a"]}), "note", "upgrade"),
    (versions.judge, replace(VERSIONS, postgresql=150_002), "note", "PostgreSQL 18"),
    (versions.judge, replace(VERSIONS, kafka=(25, 33)), "note", "kafka-features.sh"),
    (versions.judge, replace(VERSIONS, kafka="away"), "unseen", ""),
]


@pytest.mark.parametrize(("judge", "readings", "verdict", "mend"), CASES)
def test_judgements_are_made_of_what_is_wrong_and_of_nothing_else(
    judge: Callable[[Any], Sequence[Diagnosis]], readings: object, verdict: str, mend: str
) -> None:
    found = judge(readings)
    worst = max(found, key=lambda one: ("ok", "note", "unseen", "wrong").index(one.verdict))
    assert (worst.verdict, mend in worst.mend) == (verdict, True), worst
    assert worst.says


def test_judgements_say_how_long_ago_a_certificate_ended() -> None:
    says = [certificates.judge(shown(days))[0].says for days in (1.1, 0, -1.1)]
    assert says == [
        "PostgreSQL: the certificate ends 2026-12-01 05:24 UTC, in 1.1 days",
        "PostgreSQL: the certificate ended 2026-11-30 03:00 UTC, 0.0 days ago",
        "PostgreSQL: the certificate ended 2026-11-29 00:36 UTC, 1.1 days ago",
    ]


def test_judgements_of_every_check_are_tried_here() -> None:
    tried = {judge for judge, _, verdict, _ in CASES if verdict != "ok"}
    assert {one.judge for one in all_checks()} == tried


def test_judgements_a_variable_that_is_nearly_a_setting_is_misspelled_and_one_of_a_secret_is_not() -> None:
    given = {"TICKETBUS_HTP_PORT": "1", "TICKETBUS_HTTP_PORT": "2", "TICKETBUS_ERP_PASSWORD": "3", "PATH": "/"}
    given |= {"TICKETBUS_WEBHOOK_SECRETS_FILE": "/run/secrets/webhooks"}
    assert settings.misspelled(given) == {"TICKETBUS_HTP_PORT": "TICKETBUS_HTTP_PORT"}
