"""A bus whose events are sealed, on the real parts."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bus.app import Core
from bus.local.stack import Urls
from tests.audit.keys import ORIGIN, made_up_key, pem_of
from tests.bus_under_test import Bus, bus_on


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Give a bus with an audit key."""
    with bus_on(parts, tmp_path) as made:
        made.environment |= {"TICKETBUS_AUDIT_KEY": pem_of(made_up_key()), "TICKETBUS_AUDIT_ORIGIN": ORIGIN}
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open it in this process."""
    async with bus.core() as opened:
        yield opened
        await opened.relay.close()
