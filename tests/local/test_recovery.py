"""A PostgreSQL of the test's own: backed up and followed, lost, recovered to a point in time or to the end."""

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import class_row
from typer.testing import CliRunner

from bus.backup import manifest, replication_slot, take, wal
from bus.backup.contents import copy_files, left_out
from bus.backup.failures import BackupDamaged, BackupFailed, RestoreRefused
from bus.backup.manifest import BackedUpLog, Manifest
from bus.backup.verified import VerifiedBackup
from bus.cli import app
from bus.local import postgres
from bus.local.databases import make_databases
from bus.local.failures import LocalStackError
from bus.local.ports import PortClaims
from bus.local.recovery import Recovery, recover
from bus.postgres.migrate import migrate
from bus.settings import Settings
from tests.faults.stack import Database
from tests.local.waiting import wait_until
from tests.stack import fresh_data

LOG = BackedUpLog(events=0, last_ticket_id=None, last_version=None, last_recorded_at=None, last_ticket_number=1)
ROWS = "SELECT count(*) FROM noted"
KNOWN = "SELECT prepared_at, age_max, place, restorable_until, verified_at, damage FROM verified_backup"


@pytest.fixture
def database() -> Iterator[Database]:
    claims = PortClaims(Settings().cache)
    with fresh_data() as data:
        made = Database(data=data, port=claims.claim(["postgres"], {}, fixed={})["postgres"])
        made.start()
        make_databases(port=made.port, secrets=made.secrets)
        asyncio.run(migrate(made.url))
        try:
            yield made
        finally:
            made.stop()
            claims.release()


def bus_database(database: Database) -> str:
    return postgres.admin_url(
        port=database.port, password=database.secrets.database_password, database=postgres.DATABASE
    )


def note(database: Database) -> datetime:
    """Commit a row; gives the server's time after it."""
    with psycopg.connect(bus_database(database), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS noted (at timestamptz DEFAULT clock_timestamp())")
        connection.execute("INSERT INTO noted DEFAULT VALUES")
        ((at,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        assert isinstance(at, datetime)
        return at


def backed_up(database: Database, folder: Path) -> Manifest:
    """Take the PostgreSQL part of a backup, as `take.take` does beside its other parts."""
    base = take._postgres(take.server_at(database.admin_url), folder, lambda _line: None)
    made = Manifest(
        ticketbus="test", schema="20261128000020", begun_at=datetime.now(UTC), ended_at=datetime.now(UTC),
        postgres=base, log=LOG, kafka_end_offsets=None, registry_subjects=None, left_out=[], not_included=[], files=[],
    )  # fmt: skip
    manifest.write(folder, made)
    return made


def _no_room(*_: object, **_by_name: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refused_and_nothing_left(recovery: Recovery, last: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recover to a time after the last transaction, and onto a full disk."""
    there, lost = sorted(recovery.data.rglob("*")), recovery.data / "lost"
    for data in (recovery.data, lost):
        with pytest.raises(RestoreRefused, match="its last transaction is of"):
            recover(replace(recovery, data=data, to=last + timedelta(days=1)), lambda _url: None, lambda _line: None)
        with monkeypatch.context() as full:
            full.setattr(shutil, "copyfile", _no_room)
            with pytest.raises(RestoreRefused, match=r"\(\d+ MiB free\): .*No space left on device; make room"):
                recover(replace(recovery, data=data), lambda _url: None, lambda _line: None)
    assert sorted(recovery.data.rglob("*")) == there, "what is refused leaves nothing behind"


def test_recovery_to_a_point_in_time_and_to_the_end_and_what_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backup"
    take.new_folder(folder)
    with pytest.raises(BackupFailed, match="cannot be made: Not a directory"):
        take.new_folder(Path(__file__) / "backup")
    with pytest.raises(BackupFailed, match="not empty"):
        take.new_folder(tmp_path)
    server = take.server_at(database.admin_url)
    with monkeypatch.context() as without_limit:
        without_limit.setattr(replication_slot, "_LIMIT", "SELECT '-1'")
        with pytest.raises(BackupFailed, match="max_slot_wal_keep_size"), take.receiving(server, folder):
            raise AssertionError("it follows a server whose disk it could fill")
    with take.receiving(server, folder):
        note(database)
        made = backed_up(database, folder)
        point = note(database)
        last = note(database)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            query = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= %s::pg_lsn"
            ((lsn,),) = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchall()
            wait_until(lambda: connection.execute(query, (lsn,)).fetchall() == [(1,)])
    assert take.verify(folder) == made == take.followed(server, folder)
    assert made.postgres is not None
    for one in wal.segments(folder):
        os.utime(one.path)  # as a copy leaves them
    assert point < take.restorable_until(folder, made.postgres) < last
    known_to_the_bus(database, folder, made)
    recovery = Recovery(backup=folder, base=made.postgres, data=database.data, to=point, password="another")
    with pytest.raises(RestoreRefused, match="not empty"):
        recover(recovery, lambda _url: None, lambda _line: None)
    database.stop()
    shutil.rmtree(database.data / "postgres")
    base = replace(made.postgres, major=made.postgres.major - 1)
    with pytest.raises(RestoreRefused, match="another major version"):
        recover(replace(recovery, base=base), lambda _url: None, lambda _line: None)
    refused_and_nothing_left(recovery, last, monkeypatch)
    seen: list[int] = []

    def count(url: str) -> None:
        with psycopg.connect(url) as connection:
            seen.extend(number for (number,) in connection.execute(ROWS).fetchall())

    recover(recovery, count, lambda _line: None)
    shutil.rmtree(database.data / "postgres")
    recover(replace(recovery, to=None), count, lambda _line: None)
    assert seen == [2, 3]
    database.secrets.database_password = "another"
    database.start()
    with psycopg.connect(bus_database(database)) as connection:
        assert connection.execute(ROWS).fetchall() == [(3,)]
    with pytest.raises(BackupFailed, match="of before it was restored"):
        take.followed(take.server_at(database.admin_url), folder)
    damage(folder, made)


def known_to_the_bus(database: Database, folder: Path, made: Manifest) -> None:
    """Verify by the command line: PostgreSQL has what came of it, and hears nothing of another server's backup."""

    def verified() -> tuple[int, str, VerifiedBackup]:
        done = CliRunner().invoke(app, ["backup", str(folder), "--verify"], env={"DATABASE_URL": database.url})
        with psycopg.connect(database.url, row_factory=class_row(VerifiedBackup)) as connection:
            [row] = connection.execute(KNOWN).fetchall()
        return done.exit_code, done.stderr, row

    assert made.postgres is not None
    manifest.write(folder, replace(made, postgres=replace(made.postgres, system_identifier="1")))
    code, words, row = verified()
    assert (code, "another PostgreSQL" in words, row.verified_at) == (0, True, None)
    manifest.write(folder, made)
    code, words, row = verified()
    assert (code, words, row.damage, row.place.rpartition(":")[2]) == (0, "", "", str(folder))
    assert row.restorable_until == take.restorable_until(folder, made.postgres)
    strange = folder / "postgres" / "strange"
    strange.touch()
    code, words, row = verified()
    assert (code, "strange is not of this backup" in row.damage) == (1, True)
    strange.unlink()
    assert verified()[2].damage == ""


def damage(folder: Path, made: Manifest) -> None:
    """Change, drop and add files of a backup: each is named."""
    (segment, *_), target = wal.segments(folder), folder / "postgres" / "global" / "pg_control"
    kept = target.read_bytes()
    for change, named in (
        (lambda: target.write_bytes(kept[:-1] + b"x"), "global/pg_control is not what was backed up"),
        (lambda: target.write_bytes(kept[:-1]), "global/pg_control has"),
        (target.unlink, "global/pg_control is missing"),
        ((folder / "postgres" / "strange").touch, "strange is not of this backup"),
        (lambda: (folder / "postgres" / "backup_manifest").write_text("{}"), "backup_manifest is not what"),
        ((folder / manifest.NAME).unlink, "no backup, or one that was broken off"),
    ):
        change()
        with pytest.raises(BackupDamaged, match=named):
            take.verify(folder)
        target.write_bytes(kept)
    assert segment.path.exists()
    assert made.postgres is not None
    later = segment.path.with_name(f"{segment.path.name[:-2]}F0")
    later.touch()
    assert wal.wal_faults(folder, made), "segments in between are missing"


def test_recovery_what_is_left_out_of_a_backup_is_named_and_is_not_in_it(tmp_path: Path) -> None:
    sla = tmp_path / "sla.yaml"
    sla.write_text("types: {}")
    key = tmp_path / "gateway.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----")
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://bus:the-database-password@db/bus",
            "master_key": "m" * 43,
            "kafka_password": "the-kafka-password",
            "webhook_secrets": {"crm": ["whsec_secret"]},
            "sla_file": sla,
            "http_certificate_file": key,
            "http_key_file": key,
            "alerts_file": tmp_path / "gone.yaml",
        }
    )
    assert left_out(settings) == [
        *("DATABASE_URL", "TICKETBUS_HTTP_CERTIFICATE_FILE", "TICKETBUS_HTTP_KEY_FILE", "TICKETBUS_KAFKA_PASSWORD"),
        *("TICKETBUS_MASTER_KEY", "TICKETBUS_WEBHOOK_SECRETS"),
    ]
    folder = tmp_path / "backup"
    take.new_folder(folder)
    assert copy_files(settings, folder) == ["TICKETBUS_ALERTS_FILE"]
    files = {one.path for one in manifest.listed(folder)}
    assert {"contract/topics.yaml", "config/TICKETBUS_SLA_FILE/sla.yaml"} <= files
    assert not any("PASSWORD" in one or "gateway.pem" in one for one in files)


def test_recovery_a_stack_that_lost_its_postgres_is_not_given_an_empty_one(tmp_path: Path) -> None:
    log = tmp_path / "kafka" / "log" / "meta.properties"
    log.parent.mkdir(parents=True)
    log.touch()
    with pytest.raises(LocalStackError, match="ticketbus restore"):
        postgres.start(tmp_path, port=1, password="unused", logs=tmp_path)
    assert not (tmp_path / "postgres").exists()
