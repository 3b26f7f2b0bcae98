"""What a restore refuses before it touches anything."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.app import NotConfigured
from bus.backup import manifest
from bus.backup.failures import RestoreRefused
from bus.backup.manifest import BackedUpLog, BackedUpPostgres, Manifest
from bus.domain.errors import BusError
from bus.local import state as states
from bus.local.process import myself
from bus.postgres.schema_number import SchemaNewer, known_schema
from bus.programs import restoring
from bus.settings import Settings

AT = datetime(2026, 11, 30, tzinfo=UTC)
BASE = BackedUpPostgres(
    version="18.4", major=18, system_identifier="1", start_lsn="0/1", end_lsn="0/2", timeline=1, ended_at=AT, bytes=1,
    backup_manifest_sha256="",
)  # fmt: skip
LOG = BackedUpLog(events=0, last_ticket_id=None, last_version=None, last_recorded_at=None, last_ticket_number=1)
MADE = Manifest(
    ticketbus="test", schema=known_schema(), begun_at=AT, ended_at=AT, postgres=BASE, log=LOG, kafka_end_offsets=None,
    registry_subjects=None, left_out=[], not_included=[], files=[],
)  # fmt: skip


def running(data: Path) -> None:
    states.save(data, states.StackState(supervisor=myself()))


def with_postgres(data: Path) -> None:
    (data / "postgres" / "base").mkdir(parents=True)


@pytest.mark.parametrize(
    ("before", "made", "refused", "words"),
    [
        (with_postgres, MADE, RestoreRefused, "is not empty"),
        (running, MADE, RestoreRefused, "ticketbus down"),
        (lambda _data: None, replace(MADE, schema="20990101000001"), SchemaNewer, "20990101000001"),
        (lambda _data: None, MADE, NotConfigured, "set TICKETBUS_MASTER_KEY"),
    ],
)
def test_restoring_is_refused_and_nothing_is_touched(
    before: Callable[[Path], None],
    made: Manifest,
    refused: type[BusError],
    words: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TICKETBUS_MASTER_KEY", raising=False)
    monkeypatch.setattr(restoring, "verify", lambda _backup: made)  # there is no backup to be read here
    data = tmp_path / "data"
    data.mkdir()
    before(data)
    there = sorted(data.rglob("*"))
    with pytest.raises(refused, match=words):
        restoring.restore_local(Settings(data=data), tmp_path, made, None, lambda _line: None)
    assert sorted(data.rglob("*")) == there


def test_restoring_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = replace(MADE, log=replace(LOG, last_recorded_at=AT, last_ticket_id="T20261130-000001"), left_out=["X"])
    manifest.write(tmp_path, made)
    assert manifest.read(tmp_path) == made
