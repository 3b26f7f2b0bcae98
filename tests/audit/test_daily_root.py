"""The daily root is a line in the alerts' channel once a day, and is the last checkpoint of before that hour."""

from datetime import UTC, datetime, timedelta

import pytest

from bus.alerts.rules import audit_root
from bus.alerts.rules.audit_root import AUDIT_ROOT, read_root
from bus.app import Core
from bus.postgres.pool import connected
from tests.audit.lives import execute, sealed_lives


async def test_daily_root_is_there_in_its_ten_minutes_alone(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    await sealed_lives(core)
    now = datetime.now(UTC)
    since_midnight = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
    async with connected(core.pool) as connection:
        for minutes, wanted in ((-5, 15), (5, None), (-15, None)):
            monkeypatch.setattr(audit_root, "FROM", since_midnight + timedelta(minutes=minutes))
            found = (await read_root(connection)).daily
            assert (found.size if found else None) == wanted, minutes
    monkeypatch.setattr(audit_root, "FROM", since_midnight - timedelta(minutes=5))
    await execute(core, "UPDATE audit_checkpoints SET sealed_at = now() WHERE size = 15")
    async with connected(core.pool) as connection:
        earlier = await read_root(connection)
    assert earlier.daily is not None
    [alert] = AUDIT_ROOT.evaluate(earlier, now)
    assert ("9 个事件" in alert.zh, earlier.daily.note.split("\n")[2] in alert.zh) == (True, True)
