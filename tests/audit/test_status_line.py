"""`status` says how far the tree is, whether a worker seals it, and why none is signed."""

from datetime import timedelta

import pytest

from bus.app import Core
from bus.audit.sealer import TreeForked
from bus.local.audit_state import state_line
from tests.audit.lives import AT, execute, live, sealed
from tests.bus_under_test import Bus

WORKER = (
    "INSERT INTO programs (instance, program, host, pid, ahead_s, parts) "
    "VALUES (gen_random_uuid(), 'worker', 'h', 1, 0, '{\"audit\": null}')"
)


async def test_status_line_says_what_waits_and_how_far_the_tree_is(bus: Bus, core: Core) -> None:
    await live(core, range(2))
    assert state_line(bus.database_url).endswith("TICKETBUS_AUDIT_KEY or _FILE; 6 events wait")
    await execute(core, WORKER)
    assert state_line(bus.database_url).endswith("a worker has the key, no checkpoint is signed yet; 6 events wait")
    await execute(core, "UPDATE programs SET beat_at = now() - interval '1 minute'")
    assert "no worker runs that has" in state_line(bus.database_url)
    await sealed(core, AT)
    await live(core, range(2, 3))
    assert state_line(bus.database_url).endswith("6 个事件 / sealed to 2026-01-18 08:00:00; 3 events wait")
    await execute(core, "TRUNCATE audit_leaves, audit_tiles, audit_checkpoints")
    with pytest.raises(TreeForked):
        await sealed(core, AT + timedelta(minutes=9))
    refused = state_line(bus.database_url)
    assert "nothing is sealed any more, no checkpoint is signed: the tree has 3 leaves" in refused
    assert refused.endswith("; 3 events wait")
    assert state_line("postgresql://nobody@127.0.0.1:1/nothing") == ""
