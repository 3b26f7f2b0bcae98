"""Reconciling a target when somebody asks for it by the command line."""

from datetime import datetime

from bus.app import Core
from bus.delivery.document_list import ListingTarget
from bus.delivery.target_lists import note_target_report
from bus.delivery.target_reconciler import TargetReport
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest
from bus.postgres.pool import connected
from bus.programs.target_reconcile_watch import target_reconciler_of
from bus.programs.targets import targets_config_of, unserved_target


async def reconcile_target(core: Core, name: str, since: datetime, until: datetime) -> TargetReport:
    """Compare a target's documents with what was delivered to it, and note it where it covers the last comparison.

    Raises MalformedInput with the field `target` or `since`, DocumentsUnavailable, StoreUnavailable,
    ConfigFileInvalid, SettingsInvalid.
    """
    if since >= until:
        raise MalformedInput("out_of_range", "since", "开始时间不早于结束时间", "it is not before the end")
    config = targets_config_of(core.settings).targets
    if name not in config:
        meant = did_you_mean(nearest(name, config))
        raise MalformedInput(
            "unknown_target",
            "target",
            f"目标文件中没有 {name!r}{meant.zh}",
            f"the targets file has no {name!r}{meant.en}",
        )
    target = unserved_target(core.settings, name, config[name])
    try:
        if not isinstance(target, ListingTarget):
            raise MalformedInput(
                "no_list", "target", f"{name} 没有单据清单可读", f"{name} has no list of documents to ask for"
            )
        report = await target_reconciler_of(core).reconcile(name, target, since, until)
    finally:
        if target is not None:
            await target.close()
    async with connected(core.pool) as connection:
        await note_target_report(connection, report, by_hand=True)
    return report
