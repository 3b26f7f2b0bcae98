"""A disk at its floor: of a broker or the database it stops intake, of a target's host the deliveries to it."""

from itertools import count

import pytest
from structlog.testing import capture_logs

from bus.delivery import target_state
from bus.delivery.declarations import DeclaredTarget, declare
from bus.delivery.status import target_statuses
from bus.domain.errors import IntakeStopped
from bus.intake.disk_floor import FILES_ROLE, INTAKE_ROLES, LOOK_EVERY_S, DiskFloor
from bus.postgres.pool import Pool, connected, in_transaction
from deadletter.disk_store import disks_with_targets

_DISK = """
INSERT INTO disks (host, path, role, origin, read_at, seen_at, judged_at, total_bytes, used_bytes, inodes_total,
    inodes_free, read_only, mark, inode_mark, growth)
VALUES ('app-1', '/data', %s, 'watch', now(), now(), now(), 100, 95, 0, 0, false, %s, '', 0)
ON CONFLICT (host, path) DO UPDATE SET mark = excluded.mark, role = excluded.role"""


async def disk(pool: Pool, role: str, mark: str) -> None:
    """Judge a disk of app-1."""
    async with connected(pool) as connection:
        await connection.execute(_DISK, (role, mark))


@pytest.mark.parametrize(
    ("role", "mark", "stopped"),
    [("broker", "floor", True), ("database", "floor", True), ("consumer", "floor", False), ("broker", "high", False)],
)
async def test_disk_floor_stops_intake_for_brokers_and_the_database_alone(
    pool: Pool, role: str, mark: str, stopped: bool
) -> None:
    now = 0.0
    floor = DiskFloor(pool=pool, clock=lambda: now)
    await disk(pool, role, mark)
    if not stopped:
        await floor.admit()
        return
    with pytest.raises(IntakeStopped, match="app-1"):
        await floor.admit()
    with pytest.raises(IntakeStopped):
        floor.check()
    await disk(pool, role, "high")
    with pytest.raises(IntakeStopped):
        await floor.admit()  # nobody asks again so soon
    now = LOOK_EVERY_S
    await floor.admit()
    floor.check()


@pytest.mark.parametrize(("roles", "stopped"), [(INTAKE_ROLES, "intake"), ((*INTAKE_ROLES, FILES_ROLE), "uploads")])
async def test_disk_floor_logs_what_it_stops_and_resumes(pool: Pool, roles: tuple[str, ...], stopped: str) -> None:
    floor = DiskFloor(pool=pool, roles=roles, clock=count(step=LOOK_EVERY_S).__next__)
    with capture_logs() as logs:
        await disk(pool, "database", "floor")
        with pytest.raises(IntakeStopped):
            await floor.admit()
        await disk(pool, "database", "high")
        await floor.admit()
    assert [one["event"] for one in logs] == [f"{stopped}_stopped", f"{stopped}_resumed"]


async def test_disk_floor_pauses_the_targets_on_that_host_until_it_has_room(pool: Pool) -> None:
    await declare(pool, {"erp": DeclaredTarget(host="app-1"), "crm": DeclaredTarget(host="app-2")})
    await disk(pool, "consumer", "floor")

    async def paused() -> dict[str, bool]:
        async with connected(pool) as connection:
            read = {name: await target_state.read(connection, name, lock=True) for name in ("erp", "crm")}
        listed = {one.target: one.paused for one in await target_statuses(pool)}
        assert listed == {name: why for name, (why, *_) in read.items()}
        return {name: why is not None for name, why in listed.items()}

    assert await paused() == {"erp": True, "crm": False}
    (full,) = await in_transaction(pool, disks_with_targets)
    assert (full.targets, full.backlog) == (["erp"], 0)
    await disk(pool, "consumer", "high")
    assert await paused() == {"erp": False, "crm": False}
    await disk(pool, "consumer", "floor")
    await declare(pool, {"erp": DeclaredTarget(), "crm": DeclaredTarget(host="app-2")})
    assert await paused() == {"erp": False, "crm": False}, "it has moved elsewhere"
