"""How the alarms of devices stand, in PostgreSQL, and what is still to be taken in of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from adapters.mapped.alarm_steps import DeviceAlarm, Phase
from adapters.mapped.mqtt_transport import Mqtt, SensorAlarm
from adapters.mapped.readings import AlarmKey, AlarmNews, Alarms

_COLUMNS: Final = "device, cause, phase, since, readings, times, episode, ended_at, seen_at, about"
_LOAD: Final = f"""
SELECT {_COLUMNS} FROM sensor_alarms WHERE source = %s AND device = ANY(%s) ORDER BY device, cause FOR UPDATE"""  # noqa: S608 - names of columns, from above
_SILENT: Final = f"""
SELECT {_COLUMNS} FROM sensor_alarms
WHERE source = %s AND cause = %s AND seen_at < %s AND phase <> 'open'
ORDER BY seen_at LIMIT %s FOR UPDATE"""  # noqa: S608 - names of columns, from above
_COUNTED: Final = """
SELECT count(*) FILTER (WHERE seen_at < %(before)s AND phase <> 'open'),
    count(*) FILTER (WHERE seen_at < %(late)s AND phase <> 'open'), count(*)
FROM sensor_alarms WHERE source = %(source)s AND cause = %(cause)s"""
_DUE: Final = f"""
SELECT {_COLUMNS} FROM sensor_alarms
WHERE source = %(source)s AND cause = %(cause)s AND phase IN ('rising', 'falling')
    AND (phase = 'falling' AND since <= %(back)s::timestamptz OR phase = 'rising' AND since <= %(beyond)s::timestamptz
        AND readings >= %(readings)s AND (ended_at IS NULL OR ended_at <= %(ended)s))
ORDER BY since LIMIT %(most)s FOR UPDATE"""  # noqa: S608 - names of columns, from above
_DEVICES: Final = "SELECT DISTINCT device FROM sensor_alarms WHERE source = %s"
_KEEP: Final = f"""
INSERT INTO sensor_alarms (source, {_COLUMNS})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (source, device, cause) DO UPDATE SET phase = excluded.phase, since = excluded.since,
    readings = excluded.readings, times = excluded.times, episode = excluded.episode, ended_at = excluded.ended_at,
    seen_at = excluded.seen_at, about = excluded.about"""  # noqa: S608 - names of columns, from above
_TELL: Final = "INSERT INTO sensor_news (source, known_by, body) VALUES (%s, %s, %s)"
_WAITING: Final = "SELECT id, known_by, body FROM sensor_news WHERE source = %s ORDER BY id LIMIT %s"
_TAKEN: Final = "DELETE FROM sensor_news WHERE id = ANY(%s)"


async def load(connection: AsyncConnection, source: str, mqtt: Mqtt, devices: Collection[str]) -> Alarms:
    """Give how the alarms of these devices stand, locked until the transaction ends."""
    rows = await (await connection.execute(_LOAD, (source, sorted(devices)))).fetchall()
    return _alarms(mqtt, rows)


async def silent(
    connection: AsyncConnection, source: str, mqtt: Mqtt, cause: str, *, before: datetime, most: int
) -> Alarms:
    """Give those of a cause whose devices were not heard since then and that are not open, locked; `most` at once."""
    rows = await (await connection.execute(_SILENT, (source, cause, before, most))).fetchall()
    return _alarms(mqtt, rows)


async def count_silent(
    connection: AsyncConnection, source: str, cause: str, *, before: datetime, late: datetime
) -> tuple[int, int, int]:
    """Count those that would open, those not heard since `late`, open ones aside, and all devices of a cause."""
    asked = {"source": source, "cause": cause, "before": before, "late": late}
    row = await (await connection.execute(_COUNTED, asked)).fetchone()
    return row or (0, 0, 0)


async def due(
    connection: AsyncConnection,
    source: str,
    mqtt: Mqtt,
    rule: SensorAlarm,
    *,
    now: datetime,
    since: datetime,
    most: int,
) -> Alarms:
    """Give those of a value whose time is up by `now`, locked; `most` at once.

    `since`: from when on we are told of readings. None is up of a time that is longer than from then until now.
    """
    back, beyond, ended = (now - timedelta(seconds=one) for one in (rule.back_for_s, rule.for_s, rule.again_after_s))
    asked = {
        "source": source,
        "cause": rule.cause,
        "back": back if back >= since else None,
        "beyond": beyond if beyond >= since else None,
        "ended": ended,
        "readings": rule.readings,
        "most": most,
    }
    return _alarms(mqtt, await (await connection.execute(_DUE, asked)).fetchall())


async def known_devices(connection: AsyncConnection, source: str) -> set[str]:
    """Give the devices of a source that have rows."""
    return {device for (device,) in await (await connection.execute(_DEVICES, (source,))).fetchall()}


async def keep(connection: AsyncConnection, source: str, alarms: Alarms) -> None:
    """Write what changed, and what is to be taken in of it: both or neither."""
    rows = [
        (source, *_row(key, alarms.states[key], alarms.seen_at[key], alarms.about[key]))
        for key in sorted(alarms.changed)
    ]
    new_rows = [(source, one.known_by, one.body) for one in alarms.news]
    async with connection.cursor() as cursor:
        if rows:
            await cursor.executemany(_KEEP, rows)
        if new_rows:
            await cursor.executemany(_TELL, new_rows)


async def waiting(connection: AsyncConnection, source: str, most: int) -> Sequence[tuple[int, AlarmNews]]:
    """Give what is to be taken in, the oldest first."""
    rows = await (await connection.execute(_WAITING, (source, most))).fetchall()
    return [(number, AlarmNews(known_by=known_by, body=bytes(body))) for number, known_by, body in rows]


async def forget(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    """Let go of what was taken in."""
    await connection.execute(_TAKEN, (list(numbers),))


def _row(key: AlarmKey, one: DeviceAlarm, seen_at: datetime, about: Mapping[str, Any]) -> tuple[Any, ...]:
    device, cause = key
    phase = one.phase.value
    return device, cause, phase, one.since, one.readings, one.times, one.episode, one.ended_at, seen_at, Jsonb(about)


def _alarms(mqtt: Mqtt, rows: Sequence[tuple[Any, ...]]) -> Alarms:
    found = Alarms(mqtt=mqtt, states={}, seen_at={}, about={}, changed=set(), news=[])
    for device, cause, phase, since, readings, times, episode, ended_at, seen_at, about in rows:
        key = (device, cause)
        found.states[key] = DeviceAlarm(
            phase=Phase(phase), since=since, readings=readings, times=times, episode=episode, ended_at=ended_at
        )
        found.seen_at[key], found.about[key] = seen_at, about
    return found
