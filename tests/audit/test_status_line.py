"""`status` says how far the tree is, and that there is none without a key."""

from bus.app import Core
from bus.local.audit_state import state_line
from tests.audit.lives import AT, live, sealed
from tests.bus_under_test import Bus


async def test_status_line_says_what_waits_and_how_far_the_tree_is(bus: Bus, core: Core) -> None:
    await live(core, range(2))
    before = state_line(bus.database_url)
    assert ("TICKETBUS_AUDIT_KEY" in before, "6 events wait" in before) == (True, True)
    await sealed(core, AT)
    await live(core, range(2, 3))
    assert state_line(bus.database_url).endswith("6 个事件 / sealed to 2026-01-18 08:00:00, 3 events wait")
    assert state_line("postgresql://nobody@127.0.0.1:1/nothing") == ""
