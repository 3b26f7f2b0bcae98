"""The rig that tests of stages stand on."""

from collections.abc import AsyncIterator

import pytest

from bus.local.stack import Urls
from tests.stage.rig import Rig, rig_on


@pytest.fixture
async def rig(parts: Urls) -> AsyncIterator[Rig]:
    """Give a database and a topic of the test's own."""
    async with rig_on(parts) as rig:
        yield rig
