"""Reconciling a source when somebody asks for it: by the command line, or over HTTP."""

from collections.abc import Callable
from dataclasses import replace

from bus.app import Core
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest
from bus.intake.disk_floor import DiskFloor
from bus.postgres.pool import in_transaction
from bus.programs.live_sources import live_sources
from bus.reconcile.asked import ReconcileAsked, Reconciled
from bus.reconcile.compare import ListWindow
from bus.reconcile.open_missing import OpenedTickets, open_missing
from bus.reconcile.reconciler import Ask, Reconciler
from bus.reconcile.source_list import ListingSource
from bus.reconcile.store import sources_seen


async def reconcile_asked(
    core: Core, asked: ReconcileAsked, progress: Callable[[int], None] = lambda _count: None
) -> Reconciled:
    """Compare, note it, and open what is missing if that is asked for. Idempotent.

    Raises MalformedInput with the field `source` or `since`, ListUnavailable, StoreUnavailable.
    """
    reconciler = Reconciler(pool=core.pool, store=core.store)
    window = ListWindow(since=asked.since, until=reconciler.settled(asked.until or reconciler.now()))
    if window.since >= window.until:
        at = f"{window.until:%Y-%m-%dT%H:%M:%SZ}"
        raise MalformedInput(
            "out_of_range", "since", f"没有可判断的时间段,最晚到 {at}", f"no time to judge before {at}"
        )
    ask = await _list_of(core, asked)
    by_file = asked.listed is not None
    report = await reconciler.reconcile(asked.source, ask, window, by_file=by_file, progress=progress)
    if not asked.ingest:
        return Reconciled(report, OpenedTickets())
    dispatcher = replace(core.dispatcher, admit=DiskFloor(pool=core.pool).admit)
    missing = report.found.missing_here
    opened = await open_missing(dispatcher, core.pool, asked.source, missing)
    new = await reconciler.differing(asked.source, [one for one in missing if one.number in opened.opened], window)
    return Reconciled(replace(report, different=[*report.different, *new]), opened)


async def _list_of(core: Core, asked: ReconcileAsked) -> Ask:
    """Give the list: the file's, or the source's own. Raises MalformedInput for a source without one."""
    configured = await live_sources(core)
    known = [*configured, *await in_transaction(core.pool, sources_seen)]
    if asked.source not in known:
        meant, name = did_you_mean(nearest(asked.source, known)), repr(asked.source)
        raise MalformedInput(
            "unknown_source", "source", f"没有来源 {name}{meant.zh}", f"there is no source {name}{meant.en}"
        )
    if asked.listed is not None:
        return asked.listed
    found = configured.get(asked.source)
    if not isinstance(found, ListingSource):
        raise MalformedInput(
            "no_list",
            "source",
            f"来源 {asked.source!r} 没有清单接口,请用 --file,或在来源文件中写 options.list",
            f"{asked.source!r} has no list to ask for: use --file, or set options.list in the sources file",
        )
    return found.listed
