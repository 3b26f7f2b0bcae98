"""A target on a host whose disk nobody reads is named, with the host that was meant."""

from bus.alerts.rule_names import RuleName
from bus.delivery.declarations import DeclaredTarget, declare
from bus.postgres.pool import Pool
from tests.alerts.test_more_state_rules import fired, run

DISK = """
INSERT INTO disks (host, path, role, origin, read_at, seen_at, judged_at, total_bytes, used_bytes, inodes_total,
    inodes_free, read_only, mark, inode_mark, growth)
VALUES (%s, '/data', 'consumer', 'watch', now(), now(), now(), 100, 1, 0, 0, false, 'empty', 'empty', 0)"""


async def test_unwatched_hosts_a_target_on_a_host_without_a_watch_is_named_until_one_reports(pool: Pool) -> None:
    await run(pool, "TRUNCATE delivery_targets, disks")
    await run(pool, DISK, "erp-host")
    targets = {"crm": DeclaredTarget(), "erp": DeclaredTarget(host="erp-hots"), "wms": DeclaredTarget(host="erp-host")}
    await declare(pool, targets)
    (alert,) = await fired(pool, RuleName.HOST_UNWATCHED)
    assert (alert.about, alert.facts["targets"]) == ("erp-hots", "erp")
    assert "did you mean erp-host?" in alert.en
    await run(pool, DISK, "erp-hots")
    assert await fired(pool, RuleName.HOST_UNWATCHED) == []
    await run(pool, "DELETE FROM disks")
    await run(pool, "UPDATE delivery_targets SET undeclared_at = now()")
    assert await fired(pool, RuleName.HOST_UNWATCHED) == []
