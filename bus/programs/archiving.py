"""What `ticketbus archive` does: months chosen and archived one by one, files verified, read and recalled."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Any

from bus.app import Core
from bus.archive.reader import (
    ArchivedFile,
    archived_files,
    archived_rows,
    digest_of,
    groups_of,
)
from bus.archive.recall import recall
from bus.archive.replacing import MonthChanged, NotArchived
from bus.archive.writing import ArchivedMonth, archive_month, is_past
from bus.domain.errors import ArchiveUnreadable
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.postgres.event_months import EventMonth, months
from bus.postgres.pool import connected, in_transaction
from bus.settings import archive_dir
from bus.wire.codec import event_json
from schemas.topics import LOG, physical

TRIES = 3  # of a month of which something was recorded meanwhile
Say = Callable[[str], None]


async def archive(
    core: Core,
    month: str = "",
    *,
    dry_run: bool = False,
    now: Callable[[], datetime] = utc_now,
    tell: Callable[[ArchivedMonth], None] = lambda _month: None,
    say: Say = lambda _step: None,
) -> list[ArchivedMonth]:
    """Archive each month that is past, or the one; each is told once it is done. Raises as `archive_month`."""
    await _look_at_directory(core)
    at = now()
    found = await in_transaction(core.pool, months)
    chosen = [_named(found, month)] if month else [one for one in found if is_past(one, at)]
    made = list[ArchivedMonth]()
    for one in chosen:
        made.append(await _archived(core, one, at, dry_run=dry_run, say=say))
        tell(made[-1])
    return made


async def _look_at_directory(core: Core) -> None:
    """Refuse a directory that is not there or lacks what was archived: not mounted, or misspelled. Raises NotArchived.

    Only the directory within the data is made by itself.
    """
    folder = archive_dir(core.settings)
    files = await in_transaction(core.pool, archived_files)
    if (files or core.settings.archive_dir) and not folder.is_dir():
        zh, en = "没有这个目录,请先挂载或新建", "there is no such directory: mount it, or make it"
        raise NotArchived(Text(f"{folder}:{zh}", f"TICKETBUS_ARCHIVE_DIR: {folder}: {en}"))
    if missing := [one.file for one in files if not (folder / one.file).is_file()]:
        zh, en = f"缺少 {len(missing)} 个归档文件", f"lacks {len(missing)} of the files archived before"
        raise NotArchived(
            Text(f"{folder} {zh},如 {missing[0]}:请检查挂载", f"{folder} {en}, such as {missing[0]}: is it mounted?")
        )


async def _archived(core: Core, month: EventMonth, now: datetime, *, dry_run: bool, say: Say) -> ArchivedMonth:
    records, before = physical(core.settings.namespace, LOG), now - timedelta(days=core.settings.archive_after_days)
    for left in range(TRIES - 1, -1, -1):
        try:
            return await archive_month(core.pool, month, before, records, now=now, dry_run=dry_run, say=say)
        except MonthChanged:
            if not left:
                raise
    raise AssertionError("the last try gives a result or raises")


def _named(found: list[EventMonth], month: str) -> EventMonth:
    """Find the partition that holds a month. Raises NotArchived."""
    first = f"T{month.replace('-', '')}"
    for one in found:
        if month == one.month or (len(first) == 7 and one.first <= first < one.end):
            return one
    names = ", ".join(one.month for one in found)
    raise NotArchived(Text(f"没有月份 {month!r};有 {names}", f"--month: there is no {month!r}; there are {names}"))


async def verified(core: Core) -> list[tuple[str, Text | None]]:
    """Compare each file with what was written; gives what is wrong with it, if something is."""
    found = list[tuple[str, Text | None]]()
    async with connected(core.pool) as connection:
        for file in await archived_files(connection):
            found.append((file.file, await _fault(connection, file)))
    return found


async def _fault(connection: Any, file: ArchivedFile) -> Text | None:
    try:
        digest = await digest_of(connection, file)
    except ArchiveUnreadable as error:
        return error.text
    return None if digest == file.sha256 else Text("内容已改变", "it is not what was written: its SHA-256 is another")


async def archived_events(core: Core, ticket: str, month: str) -> AsyncGenerator[dict[str, Any], None]:
    """Give archived events as JSON values, of a ticket or of a month. Raises ArchiveUnreadable."""
    async with connected(core.pool) as connection:
        if ticket:
            rows = (await archived_rows(connection, [ticket])).rows
            for event in await core.schemas.events([row.value for row in rows]):
                yield event_json(event)
            return
        for file in await archived_files(connection):
            if _is_of(file, month):
                async for group in groups_of(connection, file):
                    for event in await core.schemas.events([row.value for row in group]):
                        yield event_json(event)


async def recalled(core: Core, month: str) -> int:
    """Bring the files of a month back; gives how many events. Raises NotArchived where there is none."""
    files = [one for one in await in_transaction(core.pool, archived_files) if _is_of(one, month)]
    if not files:
        raise NotArchived(Text(f"归档中没有 {month!r}", f"--month: nothing of {month!r} is archived"))
    return sum([await recall(core.pool, one) for one in files])


def _is_of(file: ArchivedFile, month: str) -> bool:
    first = f"T{month.replace('-', '')}"
    return file.month == month or (len(first) == 7 and file.first_ticket[:7] <= first <= file.last_ticket[:7])
