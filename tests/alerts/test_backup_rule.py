"""The rule of backups, on what `backup --verify` notes: too old, damaged, none; and on how old one may be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.alerts.rule_names import RuleName
from bus.backup.failures import BackupFailed
from bus.backup.verified import declare_age_max, note_damage, note_verified
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Pool, connected, in_transaction
from tests.alerts.test_more_state_rules import DAY, fired, run
from tests.programs.test_restoring import BASE, MADE

SYSTEM = b"SELECT system_identifier::text FROM pg_control_system()"


async def test_backup_not_verified_or_of_too_long_ago_or_damaged(pool: Pool) -> None:
    rule, now = RuleName.BACKUP_NOT_VERIFIED, utc_now()
    await run(pool, "UPDATE verified_backup SET prepared_at = now(), restorable_until = NULL, damage = '', place = ''")
    async with connected(pool) as connection:
        ((system,),) = await (await connection.execute(SYSTEM)).fetchall()
    assert await fired(pool, rule, later=7.9 * DAY) == []
    [alert] = await fired(pool, rule, later=8.1 * DAY)
    assert "no backup has been verified since" in alert.en
    made = replace(MADE, postgres=replace(BASE, system_identifier=system))
    await in_transaction(pool, note_verified, made, "b:/2", now)
    await in_transaction(pool, note_verified, made, "b:/1", now - 5 * DAY)  # an older one makes it no older
    assert await fired(pool, rule, later=7.9 * DAY) == []
    [alert] = await fired(pool, rule, later=8.1 * DAY)
    assert "b:/2, restores to" in alert.en
    await in_transaction(pool, note_damage, "b:/1", "gone")  # nobody counts on that one
    assert await fired(pool, rule) == []
    await in_transaction(pool, note_damage, "b:/2", "a file is missing")
    [alert] = await fired(pool, rule)
    assert alert.en.startswith("the newest backup that was verified, b:/2, is damaged: a file is missing")
    await in_transaction(pool, note_verified, made, "b:/1", now - 5 * DAY)
    assert [len(await fired(pool, rule, later=days * DAY)) for days in (2.9, 3.1)] == [0, 1]
    for other in (MADE, replace(made, postgres=None)):
        with pytest.raises(BackupFailed):
            await in_transaction(pool, note_verified, other, "b:/3", now)
    for age, alerts in ((timedelta(0), 0), (6 * DAY, 1), (8 * DAY, 0)):
        await declare_age_max(pool, age)
        assert len(await fired(pool, rule, later=2 * DAY)) == alerts
