"""A thousand letters sent again at a hundred a second, by the command that people use: is the rate kept?"""

import asyncio
from typing import Final

import psycopg

from bench.bus import Bus, until
from bench.figure import Figure
from bench.outbound import crm, declare, let_wait
from bench.receiver import REFUSING

LETTERS: Final = 1_000
RATE: Final = 100
CANARY: Final = 5
_TARGET: Final = "crm-1"
_SECONDS: Final = "extract(epoch FROM max({at}) - min({at}))::float"
# All but the canary, from the first of them to the last, however they were bundled.
_SENT: Final = f"""
SELECT count(*), {_SECONDS.format(at="decided_at")} FROM (
    SELECT decided_at FROM letter_decisions WHERE decision = 'retried' ORDER BY decided_at OFFSET {CANARY}) rest"""  # noqa: S608 - our own words
_ARRIVED: Final = f"""
SELECT count(*), {_SECONDS.format(at="settled_at")} FROM (
    SELECT settled_at FROM deliveries WHERE state = 'done' ORDER BY settled_at OFFSET {CANARY}) rest"""  # noqa: S608 - our own words
_ONE_A_TICKET: Final = "DELETE FROM deliveries WHERE version > 1"
_SO_MANY: Final = """
DELETE FROM delivery_heads WHERE ticket_id NOT IN (SELECT ticket_id FROM delivery_heads ORDER BY ticket_id LIMIT %s)"""


async def redriven(bus: Bus, port: int) -> list[Figure]:
    """Let a thousand deliveries become letters, freeze and run a redrive, and time what was released and what came."""
    await _refused(bus, port)
    declare(bus, {_TARGET: crm(port, concurrency=16)})
    bus.start("worker", "--stages", "delivery")
    decided = ("--by", "bench", "--why", "measured", "--canary", str(CANARY), "--watch", "1", "--rate", str(RATE))
    for command in (("freeze", "--target", _TARGET, *decided), ("run", "1")):
        ran = await asyncio.to_thread(bus.run, "deadletter", "redrive", *command)
        assert ran.returncode == 0, ran.stderr
    bus.stop("worker")
    ((count, lasted),) = bus.query(_SENT)
    assert count == LETTERS - CANARY, count
    ((arrived, arrived_s),) = bus.query(_ARRIVED)
    off = abs(count / lasted / RATE - 1) * 100
    return [
        Figure(
            name=f"redrive of {LETTERS:,} letters: how far off the rate approved",
            value=off,
            unit="%",
            against=f"approved {RATE}/s, released {count / lasted:.1f}/s",
            goal="≤ 5",
            note=f"arrived at {arrived / arrived_s:.1f}/s; after a canary of {CANARY}",
        )
    ]


async def _refused(bus: Bus, port: int) -> None:
    """Deliver to a receiver that says no; the target is resumed each time that so many letters pause it."""
    declare(bus, {_TARGET: crm(port, path=REFUSING, concurrency=16)})
    let_wait(bus, [_TARGET], 10**9)
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute(_ONE_A_TICKET)
        connection.execute(_SO_MANY.encode(), (LETTERS,))
        bus.start("worker", "--stages", "delivery")

        async def all_parked() -> bool:
            connection.execute("UPDATE delivery_targets SET paused = NULL WHERE paused IS NOT NULL")
            ((letters,),) = connection.execute("SELECT count(*) FROM letters WHERE target = %s", (_TARGET,)).fetchall()
            return bool(letters == LETTERS)

        await until(all_parked, within_s=60)
        bus.stop("worker")
