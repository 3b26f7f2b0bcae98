"""Connections: what living programs may open, beside what others use, against what PostgreSQL gives."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.heartbeats import read_beats
from bus.postgres.pool import APPLICATION, connected
from bus.programs.gateway import CONNECTIONS as GATEWAY
from bus.programs.worker import CONNECTIONS as WORKER

NAME: Final = "pools"
SIZES: Final[Mapping[str, int]] = {"gateway": GATEWAY, "worker": WORKER}
SPARE: Final = 8  # for two commands that people run beside the programs
TIGHT: Final = 0.8
_LIMITS: Final = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database())"""
_USED: Final = """
SELECT count(*) FILTER (WHERE datname = current_database() AND application_name LIKE %(ours)s), count(*)
FROM pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReadings:
    """Living programs by name; connections that PostgreSQL gives at most, ours and all that are open now."""

    programs: Mapping[str, int]
    limit: int
    role_limit: int
    database_limit: int
    ours: int
    all: int


async def _read(examined: Examined) -> PoolReadings:
    async with connected(examined.database) as connection:
        beats = await read_beats(connection)
        limits = await (await connection.execute(_LIMITS)).fetchone()
        used = await (await connection.execute(_USED, {"ours": f"{APPLICATION}%"})).fetchone()
    assert limits is not None
    assert used is not None
    return PoolReadings(
        programs=Counter(one.program for one in beats if one.lives(examined.now)),
        limit=limits[0],
        role_limit=limits[1],
        database_limit=limits[2],
        ours=used[0],
        all=used[1],
    )


def judge(found: PoolReadings) -> Sequence[Diagnosis]:
    """Add up what may be needed at once, and hold it against each limit. Pure."""
    planned = sum(SIZES.get(program, 0) * count for program, count in found.programs.items()) + SPARE
    others = max(0, found.all - found.ours)
    limits = [("max_connections less what is reserved", found.limit, planned + others)]
    limits += [("the role's CONNECTION LIMIT", found.role_limit, planned)] if found.role_limit >= 0 else []
    limits += [("the database's CONNECTION LIMIT", found.database_limit, planned)] if found.database_limit >= 0 else []
    return [_judged(found, *one, others=others) for one in limits]


def _judged(found: PoolReadings, what: str, limit: int, needed: int, *, others: int) -> Diagnosis:
    running = ", ".join(f"{count} {program} of {SIZES[program]}" for program, count in sorted(found.programs.items())
                        if program in SIZES)  # fmt: skip
    says = f"{needed} connections may be needed ({running or 'no program'}, {SPARE} for commands"
    says += f", {others} of others), {what} is {limit}"
    evidence = {"needed": needed, "limit": limit, "others": others, "open": found.all}
    if needed > limit:
        mend = f"raise it to {needed + SPARE} or more: ALTER SYSTEM SET max_connections = {needed + SPARE}, and restart"
        mend = mend if "max_connections" in what else f"ALTER ROLE … or DATABASE … CONNECTION LIMIT {needed + SPARE}"
        return Diagnosis(check=NAME, verdict="wrong", says=says, mend=mend, evidence=evidence)
    if needed > TIGHT * limit:
        mend = "before another program is added, raise max_connections"
        return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
