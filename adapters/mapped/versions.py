"""The versions of maps in PostgreSQL: rows are only added, and of each source the newest is in force."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import class_row

from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.domain.time_text import WITH_THE_YEAR, time_text

_ADD: Final = """
INSERT INTO source_maps (source, version, content, made_by, reason, copy_of)
SELECT %(source)s, coalesce(max(version), 0) + 1, %(content)s, %(by)s, %(why)s, %(copy_of)s
  FROM source_maps WHERE source = %(source)s
RETURNING version
"""
_IN_FORCE: Final = "SELECT DISTINCT ON (source) * FROM source_maps ORDER BY source, version DESC"
_ALL: Final = "SELECT * FROM source_maps WHERE source = %s OR %s = '' ORDER BY source, version DESC"
_ONE: Final = "SELECT * FROM source_maps WHERE source = %s AND version = %s"
_LOCK: Final = "LOCK TABLE source_maps IN SHARE ROW EXCLUSIVE MODE"
Check: TypeAlias = Callable[[str, str], None]
"""Look at a source and the content that is to come into force. Raises Conflict where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapVersion:
    """One version of a source's map. `content`: the YAML, None where the source was taken off; `copy_of`: a rollback's.

    `version` counts from 1; `made_at` is aware, UTC.
    """

    source: str
    version: int
    content: str | None
    made_by: str
    reason: str
    made_at: datetime
    copy_of: int | None

    @property
    def sha256(self) -> str:
        """Give the digest of its text, by which files are compared."""
        return hashlib.sha256((self.content or "").encode()).hexdigest()


class NewerVersion(Conflict):
    """Somebody applied a version since the one that the request was made over."""


def refuse_newer(known: Sequence[MapVersion], over: int | None) -> None:
    """Refuse to go over a version that whoever asks has not seen; `over` None asks nothing. Raises NewerVersion. Pure.

    `known`: the versions of the source, the newest first; `over` 0: there was none.
    """
    newest = known[0].version if known else 0
    if over is None or over == newest:
        return
    if not known:
        raise NewerVersion(Text("还没有任何版本", "there is no version yet"))
    one = known[0]
    at = time_text(one.made_at, WITH_THE_YEAR).zh
    zh = f"{one.made_by} 已在 {at} 生效第 {one.version} 版:{one.reason};请先看它改了什么"
    en = f"{one.made_by} applied version {one.version} meanwhile: {one.reason}; look first at what it changed"
    raise NewerVersion(Text(zh, en))


def refuse_unchanged(known: Sequence[MapVersion], source: str, content: str | None) -> None:
    """Refuse what is in force already. Raises Conflict. Pure."""
    if (known[0].content if known else None) == content:
        zh = f"“{source}”的对照表没有变化" if content else f"没有“{source}”的对照表"
        en = f"the map of {source!r} is in force already" if content else f"there is no map of {source!r}"
        raise Conflict(Text(zh, en))


def to_bring_back(known: Sequence[MapVersion], source: str, to: int | None) -> MapVersion:
    """Choose the version that a rollback copies; without `to` the one before. Raises Conflict. Pure."""
    if to is None:
        found = known[1] if len(known) > 1 else None
    else:
        found = next((one for one in known if one.version == to), None)
    if found is None:
        numbers = ", ".join(str(one.version) for one in known) or "-"
        raise Conflict(
            Text(f"“{source}”没有这个版本,现有:{numbers}", f"{source!r} has no such version; there are {numbers}")
        )
    return found


def check_nothing(source: str, content: str) -> None:
    """Let every content come into force. Pure."""


async def apply(
    connection: AsyncConnection,
    source: str,
    content: str | None,
    *,
    by: str,
    why: str,
    over: int | None = None,
    check: Check = check_nothing,
) -> int:
    """Add a version, which is in force from the commit on; `content` None takes the source off. Gives its number.

    Raises Conflict where it is what is in force, NewerVersion where `over` is not the newest, and what `check` does.
    """
    await connection.execute(_LOCK)
    known = await versions(connection, source)
    refuse_newer(known, over)
    refuse_unchanged(known, source, content)
    if content is not None:
        check(source, content)
    return await _add(connection, source, content, by=by, why=why, copy_of=None)


async def rollback(
    connection: AsyncConnection,
    source: str,
    to: int | None,
    *,
    by: str,
    why: str,
    over: int | None = None,
    check: Check = check_nothing,
) -> MapVersion:
    """Bring an earlier version into force again, as a new one; without `to` the one before.

    Raises Conflict where there is no such version, NewerVersion where `over` is not the newest, and what `check` does.
    """
    await connection.execute(_LOCK)
    known = await versions(connection, source)
    refuse_newer(known, over)
    found = to_bring_back(known, source, to)
    if found.content is not None:
        check(source, found.content)
    version = await _add(connection, source, found.content, by=by, why=why, copy_of=found.version)
    return next(one for one in await versions(connection, source) if one.version == version)


async def _add(
    connection: AsyncConnection, source: str, content: str | None, *, by: str, why: str, copy_of: int | None
) -> int:
    given = {"source": source, "content": content, "by": by, "why": why, "copy_of": copy_of}
    row = await (await connection.execute(_ADD, given)).fetchone()
    assert row is not None, "an INSERT gives its row"
    return int(row[0])


async def in_force(connection: AsyncConnection) -> Sequence[MapVersion]:
    """Give the newest version of each source, those taken off included."""
    async with connection.cursor(row_factory=class_row(MapVersion)) as cursor:
        return await (await cursor.execute(_IN_FORCE)).fetchall()


async def versions(connection: AsyncConnection, source: str = "") -> Sequence[MapVersion]:
    """Give the versions of a source, or of all, the newest first."""
    async with connection.cursor(row_factory=class_row(MapVersion)) as cursor:
        return await (await cursor.execute(_ALL, (source, source))).fetchall()


async def version(connection: AsyncConnection, source: str, number: int) -> MapVersion | None:
    """Give one version of a source, without a look at the others, of which each may be as long as a request."""
    async with connection.cursor(row_factory=class_row(MapVersion)) as cursor:
        return await (await cursor.execute(_ONE, (source, number))).fetchone()


async def count(connection: AsyncConnection) -> int:
    """Count all versions: rows are only added, so that a change is a change of this."""
    row = await (await connection.execute("SELECT count(*) FROM source_maps")).fetchone()
    return int(row[0]) if row else 0
